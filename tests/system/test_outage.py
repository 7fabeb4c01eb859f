"""Redis and Kafka away, back, slow; nothing lost, nothing repeated by a takeover."""
import os
import signal
import threading
import time

from harness import LONG, Broker, SystemTest, main, wait


# In ./check the lease is 3 s; the long run has the default, and an outage of twice that.
LEASE = "10s" if LONG else "3s"
OUTAGE = 20 if LONG else 6


class RedisOutage(SystemTest):
    def under_load(self, hosts, count, rate, between):
        producer = threading.Thread(target=self.load, args=("produce", "--count", count, "--rate", rate))
        producer.start()
        self.wait_handled(rate, *[d.name for d in hosts])
        between()
        producer.join()
        wait("the end", lambda: all(d.lag() == 0 for d in hosts) and
             self.verify(count, *[d.name for d in hosts])["handled"] == count, 90)
        v = self.verify(count, *[d.name for d in hosts])
        print(v)
        return v

    def two_hosts(self, redis):
        self.make_topics(8)
        hosts = [self.daemon(name, redis, ledger=f'lease = "{LEASE}";') for name in ("a", "b")]
        wait("both to have partitions", lambda: all(
            d.subscription() and len(d.subscription()["partitions"]) == 4 for d in hosts), 60)
        return hosts

    def test_stopped_for_twice_the_lease(self):
        redis = self.redis()
        hosts = self.two_hosts(redis)

        def between():
            redis.signal(signal.SIGSTOP)
            wait("readiness to fail", lambda: all(d.get("/readyz")[0] == 503 for d in hosts), 20)
            time.sleep(OUTAGE)
            redis.signal(signal.SIGCONT)

        v = self.under_load(hosts, 60000 if LONG else 30000, 2000, between)
        self.assertEqual((v["handled"], v["repeated"], v["lost"]), (v["once"], 0, 0))
        self.assertEqual(sum(d.metric("semel_takeovers_total") for d in hosts), 0)
        self.assertEqual(hosts[0].get("/readyz")[0], 200)

    def test_killed_and_started_with_its_data(self):
        redis = self.redis(save=True, extra=("--appendfsync", "always"))
        hosts = self.two_hosts(redis)

        def between():
            redis.kill()
            wait("readiness to fail", lambda: all(d.get("/readyz")[0] == 503 for d in hosts), 20)
            time.sleep(8)
            redis.start()

        v = self.under_load(hosts, 30000, 2000, between)
        self.assertEqual((v["once"], v["repeated"], v["lost"]), (30000, 0, 0))

    def test_read_only_and_out_of_memory(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.load("produce", "--count", 500)
        self.wait_handled(500, "a")
        redis.cli("config", "set", "maxmemory", "1")
        self.load("produce", "--count", 500, "--prefix", "f")
        wait("the reason", lambda: d.state() == "waiting-ledger" and "maxmemory" in d.subscription()["reason"], 20)
        self.assertEqual(len(self.lines("a")), 500)
        redis.cli("config", "set", "maxmemory", "0")
        self.wait_handled(1000, "a")
        d.wait_state("running")
        redis.cli("replicaof", "127.0.0.1", "1")
        self.load("produce", "--count", 500, "--prefix", "g")
        wait("the reason", lambda: d.state() == "waiting-ledger" and "replica" in d.subscription()["reason"], 20)
        redis.cli("replicaof", "no", "one")
        self.wait_handled(1500, "a")
        wait("the end", lambda: d.lag() == 0)

    def test_eviction_policy_is_refused(self):
        redis = self.redis(extra=("--maxmemory-policy", "allkeys-lru"))
        self.make_topics()
        d = self.daemon("a", redis)
        wait("the reason", lambda: d.subscription() and "noeviction" in d.subscription()["reason"])
        redis.cli("config", "set", "maxmemory-policy", "noeviction")
        d.wait_state("running")

    def test_ledger_gone_stops_dispatch(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.load("produce", "--count", 500)
        self.wait_handled(500, "a")
        redis.cli("flushall")
        wait("lost", lambda: d.subscription()["ledger"]["state"] == "lost")
        self.load("produce", "--count", 500, "--prefix", "f")
        time.sleep(1)
        self.assertEqual(len(self.lines("a")), 500)
        self.assertEqual(d.get("/readyz")[0], 503)

    def test_scripts_flushed(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--count", 5000, "--rate", 2500))
        producer.start()
        for _ in range(20):
            redis.cli("script", "flush")
            time.sleep(0.1)
        producer.join()
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(self.verify(5000, "a")["once"], 5000)

    def test_paused_host_repeats_nothing_unmarked(self):
        redis = self.redis()
        hosts = self.two_hosts(redis)

        def between():
            hosts[0].process.send_signal(signal.SIGSTOP)
            time.sleep(12)
            hosts[0].process.send_signal(signal.SIGCONT)

        v = self.under_load(hosts, 40000, 2000, between)
        self.assertEqual((v["lost"], v["unmarked"]), (0, 0))


class BrokerOutage(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = Broker(os.path.join(self.folder, "broker"))
        self.brokers = self.broker.start()

    def tearDown(self):
        super().tearDown()

    def test_killed_and_started(self):
        try:
            redis = self.redis()
            self.make_topics(4)
            self.load("produce", "--count", 20000)
            hosts = [self.daemon(name, redis, sub="max_in_flight = 100;") for name in ("a", "b")]
            self.wait_handled(1000, "a", "b")
            self.broker.kill()
            time.sleep(10)
            self.broker.start()
            self.load("produce", "--count", 20000, "--prefix", "f")
            self.wait_handled(40000, "a", "b", seconds=120)
            wait("the end", lambda: all(d.lag() == 0 for d in hosts), 60)
            v = self.verify(20000, "a", "b")
            self.assertEqual((v["once"], v["repeated"], v["lost"]), (20000, 0, 0))
            self.assertEqual([d.stop() for d in hosts], [0, 0])
        finally:
            for thing in self.things:
                thing.close()
            self.broker.kill()


if __name__ == "__main__":
    main()
