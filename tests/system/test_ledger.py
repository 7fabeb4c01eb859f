"""The ledger in the ways Redis is run, lost, found again, and kept small."""
import json
import os
import signal
import subprocess
import threading
import time

from harness import LOAD, LONG, SEMEL, SystemTest, main, wait
from servers import Certificates, Cluster, Sentinel, Server

ROUNDS = 20 if LONG else 2


class Ledger(SystemTest):
    def hosts(self, ledger, names=("a", "b"), **options):
        """Daemons whose ledger is at `ledger`, a configuration text."""
        self.make_topics(8)
        out = []
        for name in names:
            text = self.configuration(name, None, ledger='lease = "2s"; ' + ledger, **options)
            out.append(self.daemon_of(name, text))
        wait("partitions", lambda: all(d.subscription() and len(d.subscription()["partitions"]) == 8 // len(names)
                                       for d in out), 60)
        return out

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def produce_at(self, count, rate):
        t = threading.Thread(target=self.load, args=("produce", "--count", count, "--rate", rate))
        t.start()
        return t

    def wait_end(self, hosts, count, seconds=90):
        names = [d.name for d in hosts]
        wait("the end", lambda: all(d.lag() == 0 for d in hosts) and self.verify(count, *names)["handled"] == count, seconds,
             0.3)
        v = self.verify(count, *names)
        print(v)
        return v

    # ---- Lost and found again

    def test_flushed_under_load_then_accepted(self):
        redis = self.redis()
        hosts = self.hosts(f'url = "unix:{redis.path}";')
        producer = self.produce_at(20000, 4000)
        self.wait_handled(4000, "a", "b")
        redis.cli("flushall")
        wait("both to see it", lambda: all(d.subscription()["ledger"]["state"] == "lost" for d in hosts))
        for d in hosts:
            code, text = d.get("/readyz")
            self.assertEqual(code, 503)
            self.assertIn("semel ledger accept-loss", text)
        seen = [len(self.lines(d.name)) for d in hosts]
        time.sleep(1.5)
        self.assertEqual([len(self.lines(d.name)) for d in hosts], seen)  # nothing starts
        producer.join()
        # One host accepts; the other remembers what was replaced and goes on by itself.
        done = hosts[0].semel("ledger", "accept-loss", "main", "--admin", hosts[0].socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        v = self.wait_end(hosts, 20000)
        self.assertEqual(v["lost"], 0)
        healed = sum(d.metric("semel_ledger_healed_total") for d in hosts)
        self.assertGreater(healed, 3000)
        # What ran at the moment may be repeated; what was recorded is not.
        self.assertLess(v["repeated"], 2000)
        done = hosts[0].semel("ledger", "accept-loss", "main", "--admin", hosts[0].socket)
        self.assertEqual(done.returncode, 1)

    def test_lost_while_the_host_was_down(self):
        redis = self.redis()
        d, = self.hosts(f'url = "unix:{redis.path}";', names=("a",))
        self.load("produce", "--count", 500)
        self.wait_handled(500, "a")
        wait("the commit", lambda: d.lag() == 0)
        d.stop()
        redis.cli("flushall")
        d.start()
        wait("lost", lambda: d.subscription() and d.subscription()["ledger"]["state"] == "lost")
        d.semel("ledger", "accept-loss", "--admin", d.socket)
        d.wait_state("running")

    def test_another_configuration_is_accepted_by_a_person(self):
        redis = self.redis()
        d, = self.hosts(f'url = "unix:{redis.path}";', names=("a",))
        self.load("produce", "--count", 100)
        self.wait_handled(100, "a")
        d.stop()
        d.rewrite(('[ "header:event-id" ]', '[ "header:event-id", "key" ]'))
        d.start()
        wait("the refusal", lambda: d.subscription() and "accept-config main" in d.subscription()["reason"])
        done = d.semel("ledger", "accept-config", "main", "-c", d.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        d.wait_state("running")
        self.assertEqual(d.semel("ledger", "upgrade", "-c", d.config).returncode, 0)

    # ---- No takeover of a live host's claims

    def test_away_for_two_leases_again_and_again(self):
        redis = self.redis(save=True, extra=("--appendfsync", "always"))
        hosts = self.hosts(f'url = "unix:{redis.path}";', handler='plugin = "debug.so";',
                           settings='do = "sleep:300";', workers=20)
        producer = subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic, "--count", "100000",
                                     "--rate", "60"], stdout=subprocess.DEVNULL)
        for i in range(2 * ROUNDS):
            time.sleep(1)
            if i % 2 == 0:
                redis.signal(signal.SIGSTOP)
                time.sleep(4)
                redis.signal(signal.SIGCONT)
            else:
                redis.kill()
                time.sleep(4)
                redis.start()
            wait("both to go on", lambda: all(d.state() == "running" for d in hosts), 30)
        producer.kill()
        producer.wait()
        self.assertEqual(sum(d.metric("semel_takeovers_total") for d in hosts), 0)

    # ---- Behind Sentinel

    def test_sentinel_fails_over_with_lost_writes(self):
        one = self.keep(Server(os.path.join(self.folder, "one"), "--repl-diskless-sync-delay", "0"))
        two = self.keep(Server(os.path.join(self.folder, "two"), "--replicaof", "127.0.0.1", str(one.port)))
        wait("the replica", lambda: two.info("master_link_status") == "up")
        sentinel = self.keep(Sentinel(os.path.join(self.folder, "sentinel"), one))
        wait("sentinel to know the replica", lambda: "slaves=1" in sentinel.cli("info", "sentinel"))
        hosts = self.hosts(f'url = "redis://127.0.0.1:{sentinel.port}"; mode = "sentinel"; master = "main";')
        producer = self.produce_at(30000, 4000)
        self.wait_handled(16000, "a", "b")
        # A fifth of what was written by then is acknowledged by the master and never reaches the replica.
        two.cli("replicaof", "127.0.0.1", "1")
        self.wait_handled(20000, "a", "b")
        one.kill()
        wait("the failover", lambda: sentinel.master_port() == two.port, 30)
        producer.join()
        v = self.wait_end(hosts, 30000)
        healed = sum(d.metric("semel_ledger_healed_total") for d in hosts)
        print("healed", healed, "takeovers", sum(d.metric("semel_takeovers_total") for d in hosts))
        self.assertEqual(v["lost"], 0)
        self.assertGreater(healed, 1000)
        # Only what was claimed and not yet recorded at that moment may run again.
        self.assertLessEqual(v["repeated"], 2 * 4000)
        self.assertIn("records that this host had read", hosts[0].text() + hosts[1].text())
        # The old master comes back as a master for a moment: nobody writes there.
        one.start()
        wait("the old master to be a replica", lambda: one.info("role") == "slave", 30)
        self.load("produce", "--count", 2000, "--prefix", "f")
        self.wait_handled(32000, "a", "b")

    def test_failed_over_again_and_again(self):
        servers = [self.keep(Server(os.path.join(self.folder, "one"), "--repl-diskless-sync-delay", "0"))]
        servers.append(self.keep(Server(os.path.join(self.folder, "two"), "--repl-diskless-sync-delay", "0", "--replicaof",
                                        "127.0.0.1", str(servers[0].port))))
        wait("the replica", lambda: servers[1].info("master_link_status") == "up")
        sentinel = self.keep(Sentinel(os.path.join(self.folder, "sentinel"), servers[0]))
        wait("sentinel to know the replica", lambda: "slaves=1" in sentinel.cli("info", "sentinel"))
        hosts = self.hosts(f'url = "redis://127.0.0.1:{sentinel.port}"; mode = "sentinel"; master = "main";',
                           handler='plugin = "debug.so";', settings='do = "sleep:300";', workers=20)
        producer = subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic, "--count", "100000",
                                     "--rate", "60"], stdout=subprocess.DEVNULL)
        for i in range(ROUNDS):
            master, replica = servers if sentinel.master_port() == servers[0].port else servers[::-1]
            wait("the replica", lambda r=replica: r.info("master_link_status") == "up", 60)
            time.sleep(1)
            master.kill()
            wait("the failover", lambda r=replica: sentinel.master_port() == r.port and r.info("role") == "master", 60)
            # As Sentinel has written it into its configuration by then.
            master.extra = ("--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", str(replica.port))
            master.start()
            wait("both to go on", lambda: all(d.state() == "running" for d in hosts), 60)
            # Or, where it was failed over once more meanwhile, the other.
            wait("one to be a replica of the other", lambda: any(s.info("role") == "slave" for s in servers), 120)
        producer.kill()
        producer.wait()
        self.assertEqual(sum(d.metric("semel_takeovers_total") for d in hosts), 0)

    # ---- As a Cluster

    def test_cluster_loses_a_master_and_moves_a_slot(self):
        cluster = self.keep(Cluster(os.path.join(self.folder, "cluster")))
        hosts = self.hosts(f'url = "redis://127.0.0.1:{cluster.nodes[0].port}"; servers = [ {cluster.address()} ]; '
                           'mode = "cluster";')
        producer = self.produce_at(40000, 3000)
        self.wait_handled(3000, "a", "b")
        slot, owner = cluster.owner("main")
        target = next(n for n in cluster.nodes if n is not owner and n.info("role") == "master")
        cluster.move(slot, owner, target)
        self.wait_handled(9000, "a", "b")
        # A replica that does not know yet what its master has got is not elected.
        wait("all nodes to know", lambda: all(cluster.owner("main", n)[1] is target for n in cluster.nodes), 30)
        time.sleep(2)
        target.kill()
        wait("another master", lambda: cluster.owner("main")[1] not in (None, target), 90, 0.2)
        producer.join()
        v = self.wait_end(hosts, 40000)
        self.assertEqual(v["lost"], 0)
        self.assertLessEqual(v["repeated"], 2 * 3000)

    # ---- TLS, ACL, IPv6, replicas

    def test_tls_with_client_certificate_and_acl_user(self):
        certificates = Certificates(self.folder)
        server = self.keep(Server(os.path.join(self.folder, "tls"), "--requirepass", "root", host="::1", tls=certificates,
                                  auth=("-a", "root", "--no-auth-warning")))
        rights = "-@all +@read +@write +@scripting +@connection -@dangerous +time +wait +info +memory|usage".split()
        server.cli("acl", "setuser", "semel", "on", ">secret", "~semel:*", *rights)
        with open(os.path.join(self.folder, "password"), "w", encoding="utf-8") as f:
            f.write("secret\n")
        os.chmod(os.path.join(self.folder, "password"), 0o600)
        tls = (f'tls = {{ ca_file = "{certificates.path("ca.crt")}"; cert_file = "{certificates.path("client.crt")}"; '
               f'key_file = "{certificates.path("client.key")}"; ')
        login = f'user = "semel"; password_file = "{self.folder}/password"; '
        url = f'url = "rediss://[::1]:{server.port}"; '
        d, = self.hosts(url + login + tls + "};", names=("a",))
        self.load("produce", "--count", 2000)
        self.wait_handled(2000, "a")
        wait("the certificate's end", lambda: d.metric("semel_tls_certificate_expiry_timestamp_seconds") > time.time(), 15)
        d.stop()
        for name, ledger, text in (
                ("b", url + login + tls + 'server_name = "elsewhere"; };', "mismatch"),
                ("c", url + login, "certificate"),
                ("d", url + tls + "};", "Authentication required")):
            e = self.daemon_of(name, self.configuration(name, None, ledger='lease = "2s"; ' + ledger))
            wait(text, lambda e=e, text=text: e.subscription() and text in e.subscription()["reason"], 20)

    def test_durability_waits_for_the_replica(self):
        one = self.keep(Server(os.path.join(self.folder, "one"), "--repl-diskless-sync-delay", "0"))
        two = self.keep(Server(os.path.join(self.folder, "two"), "--replicaof", "127.0.0.1", str(one.port)))
        wait("the replica", lambda: two.info("master_link_status") == "up")
        d, = self.hosts(f'url = "redis://127.0.0.1:{one.port}"; durability = "replicas:1"; ', names=("a",))
        self.load("produce", "--count", 1000)
        self.wait_handled(1000, "a")
        two.signal(signal.SIGSTOP)
        self.load("produce", "--count", 1000, "--prefix", "f")
        wait("the reason", lambda: "replicas" in d.subscription()["reason"], 20)
        time.sleep(1)
        self.assertEqual(len(self.lines("a")), 1000)
        two.signal(signal.SIGCONT)
        self.wait_handled(2000, "a")
        wait("the end", lambda: d.lag() == 0)

    def test_check_connect_asks_the_servers(self):
        redis = self.redis()
        self.load("topic", "--partitions", 1)
        d = self.daemon("a", redis, start=False)
        done = d.semel("check", "--connect", "-c", d.config)
        self.assertEqual(done.returncode, 0, done.stdout)
        for text in ("longer than ledger.retention", "dead-letter topic", "neither an append-only file nor a replica",
                     "no maxmemory"):
            self.assertIn(text, done.stdout)
        redis.kill()
        done = d.semel("check", "--connect", "-c", d.config)
        self.assertEqual(done.returncode, 78)
        self.assertIn("redis.sock", done.stdout)

    # ---- Kept small

    def test_a_full_generation_is_sealed_and_its_ids_are_known(self):
        redis = self.redis()
        # A generation has its 262,144 ids, and a thousandth of the retention: 3.6 s.
        d, = self.hosts(f'url = "unix:{redis.path}"; retention = "1h";', names=("a",))
        self.load("produce", "--count", 300000)
        self.wait_handled(300000, "a")

        def ledger():
            done = subprocess.run([SEMEL, "ledger", "status", "main", "--json", "-c", d.config], capture_output=True,
                                  text=True, check=False)
            return json.loads(done.stdout) if done.returncode == 0 else None

        wait("a segment", lambda: len(ledger()["segments"]) == 1, 30)
        self.assertGreater(ledger()["segment_ids"], 240000)  # the rest was open, and carried
        self.load("produce", "--count", 300000)
        wait("the end", lambda: d.lag() == 0, 60)
        v = self.verify(300000, "a")
        self.assertEqual((v["once"], v["repeated"]), (300000, 0))
        event = json.loads(d.semel("event", "main", "e-1", "--json", "--admin", d.socket).stdout)
        self.assertEqual((event["status"], event["generation"]), ("done", 1))


if __name__ == "__main__":
    main()
