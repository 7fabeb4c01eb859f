"""Each query of the dashboard, asked of a real Prometheus with the shipped rules, of two hosts to which everything happens."""
import math
import os
import re
import signal
import subprocess
import time

from harness import BUILD, LOAD, SOURCE, SystemTest, main, wait
from monitoring import Prometheus, shipped
from servers import Certificates, Server, free_port

PACE_MS = 500
# What may be 0 all the time: it takes 10,000 series; it takes a claim that was lost on its way.
QUIET = {"semel_series_dropped_total", "semel_ledger_orphans_total"}


class Load:
    """semel-load produce; it ends with the test."""

    def __init__(self, brokers, topic, *words):
        self.process = subprocess.Popen([LOAD, "produce", "--brokers", brokers, "--topic", topic, *map(str, words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.process.kill()
        self.process.communicate()


class Dashboard(SystemTest):
    def keep(self, thing):
        """The last made ends first: who asks before who is asked."""
        self.things.insert(0, thing)
        return thing

    # ---- Two hosts, a ledger behind TLS

    def text(self, name, port, redis, certificates):
        def sub(name, more):
            return (f'{name} = {{ group = "{self.topic}-{name}"; topics = [ "{self.topic}-{name}" ]; id = [ "header:event-id" ]; '
                    f'start = "earliest"; unrouted = "dead-letter"; dead_letter = {{ topic = "{self.topic}.dead"; }}; {more} }};\n')
        files = (("ca_file", "ca.crt"), ("cert_file", "client.crt"), ("key_file", "client.key"))
        tls = " ".join(f'{key} = "{certificates.path(file)}";' for key, file in files)
        return f'''
node = "{name}"; state_dir = "{self.folder}"; stop_timeout = "10s"; plugin_path = [ "{BUILD}/plugins" ];
kafka = {{ bootstrap_servers = "{self.brokers}"; session_timeout_ms = 6000; heartbeat_interval_ms = 500;
	producer = {{ message_max_bytes = 5000; }}; }};
ledger = {{ url = "rediss://127.0.0.1:{redis.port}"; tls = {{ {tls} }}; timeout = "1s"; lease = "2s"; retention = "1m"; }};
http = {{ listen = "127.0.0.1:{port}"; }}; admin = {{ socket = "{self.folder}/{name}.sock"; }}; log = {{ rate = 5; }};
subscriptions = {{
{sub("orders", f'retry = {{ mode = "topic"; topic = "{self.topic}.retry"; backoff = "200ms"; }}; max_crashes = 2;')}
{sub("mail", 'retry = { attempts = 2; backoff = "1s"; on_exhausted = "drop"; };')}
{sub("books", 'stall_timeout = "2s";')}
{sub("audit", 'retry = { attempts = 1; on_exhausted = "pause"; };')} }};
handlers = {{ charge = {{ plugin = "debug.so"; workers = 4; timeout = "1s"; }}; send = {{ plugin = "debug.so"; }};
	note = {{ plugin = "debug.so"; }}; }};
routes = {{ charge = {{ subscription = "orders"; handler = "charge"; when = ( {{ field = "header:other"; exists = false; }} ); }};
	send = {{ subscription = "mail"; handler = "send"; }}; note = {{ subscription = "audit"; handler = "note"; }};
	book = {{ subscription = "books"; handler = "note"; }}; }};
'''

    def partitions(self, d):
        return [p["partition"] for p in d.subscription()["partitions"] if p["topic"] == f"{self.topic}-orders"]

    def start(self, redis, certificates):
        """(one, the other that will die and has work to leave)"""
        for end, partitions in (("-orders", 4), (".retry", 4), ("-mail", 2), ("-books", 1), ("-audit", 1), (".dead", 1)):
            self.load("topic", "--partitions", partitions, topic=self.topic + end)
        ports = {"a": free_port(), "b": free_port()}
        hosts = [self.daemon_of(name, self.text(name, port, redis, certificates)) for name, port in ports.items()]
        self.instances = {f"127.0.0.1:{port}" for port in ports.values()}
        self.prometheus = self.keep(Prometheus(os.path.join(self.folder, "prometheus"), sorted(self.instances), pace=f"{PACE_MS}ms"))
        self.began = time.time()
        wait("each to have its half", lambda: all(d.state() == "running" and len(d.subscription()["partitions"]) == 4 for d in hosts), 60)
        wait("both to be scraped", lambda: len(self.prometheus.query("semel_engine_up == 1")) == 2)
        if not self.partitions(hosts[1]):
            hosts.reverse()
        one = self.instances & {f"127.0.0.1:{ports[hosts[0].name]}"}
        return (*hosts, one.pop())

    # ---- Everything happens

    def send(self, sub, id_, do="ok", text="x", partition=None, **more):
        self.produce(text, key=id_, headers={"event-id": id_, "debug": do, **more}, topic=f"{self.topic}-{sub}", partition=partition)

    def events(self, hosts):
        self.keep(Load(self.brokers, self.topic + "-orders", "--count", 1000000, "--rate", 100, "--keys", 200, "--duplicates", 5,
                       "--flaky", 5, "--poison", 1))
        # A transaction that stays open: the fetch stands still before it.
        transaction = self.keep(Load(self.brokers, self.topic + "-books", "--count", 10, "--transaction", self.topic))
        self.assertEqual(transaction.process.stdout.readline(), "open\n")
        self.send("orders", "liar", "outcome:77,ok")
        self.send("orders", "unrouted", other="yes")
        self.send("orders", "twice", text="this")
        self.send("mail", "dropped", "retry:500")
        self.send("audit", "stands", "retry:500")
        wait("a partition to stand still", lambda: any(d.metric("semel_standing_events") == 1 for d in hosts))
        self.send("orders", "twice", text="that")

    def deaths(self, a, b):
        """A host with a late run, whose work the other takes over; an engine by an event, and by somebody."""
        self.send("orders", "long", "sleep:4000", partition=self.partitions(b)[0])
        wait("a late run", lambda: self.prometheus.query("semel_handler_stuck == 1"))
        b.kill()
        self.assertNotIn("closed descriptors", b.text())     # it was no plugin
        wait("the takeover", lambda: a.metric("semel_takeovers_total") > 0, 40)
        self.send("orders", "poison", "segv")
        wait("its letter", lambda: any(headers["semel.dlq.reason"] == ["crashed"] for _, _, headers in self.letters()), 40)
        a.wait_state("running")
        engine = a.status()["engine"]
        os.kill(engine["pid"], signal.SIGKILL)
        wait("another engine", lambda: a.state() == "running" and a.status()["engine"]["pid"] != engine["pid"])

    def trouble(self, a, redis):
        """Redis stands still for longer than the lease, and then forgets; a record that is too large to be retried."""
        redis.signal(signal.SIGSTOP)
        wait("it to be seen", lambda: self.prometheus.query('semel_ledger_state{subscription="orders", state="unreachable"} == 1'))
        wait("the end of the lease", lambda: self.prometheus.query("max_over_time(semel_ledger_up[3s]) == 0"))
        redis.signal(signal.SIGCONT)
        wait("the ledger", lambda: a.metric("semel_ledger_up") == 4)
        redis.cli("flushall")
        # What is accepted is what is lost by then: each of them has to have seen it.
        wait("the loss", lambda: all(s["ledger"]["state"] == "lost" for s in a.status()["subscriptions"]))
        self.assertEqual(a.semel("ledger", "accept-loss", "--admin", a.socket).returncode, 0)
        wait("the ledger", lambda: a.metric("semel_ledger_up") == 4)
        self.send("orders", "large", "fail:1", text="x" * 6000)
        wait("the refusal", lambda: a.metric("semel_kafka_errors_total") > 0)
        wait("the standstill before the transaction", lambda: self.prometheus.query("semel_stuck == 1"), 10)

    # ---- What is asked

    def promql(self, text, instance=".*", subscription=".*"):
        for name, value in (("instance", instance), ("subscription", subscription), ("__rate_interval", f"{4 * PACE_MS}ms")):
            text = text.replace("$" + name, value)
        self.assertNotIn("$", text)
        return text

    def ask(self, target, **chosen):
        """[(labels, values)] as Grafana asks it: a stat for now, a graph over the time shown."""
        text = self.promql(target["expr"], **chosen)
        if target.get("instant"):
            return [(labels, [value]) for labels, value in self.prometheus.query(text)]
        return self.prometheus.range(text, self.began, time.time(), 1)

    def lacking(self, targets, zero=False, **chosen):
        """The queries that have no value; `zero`: or none but 0, which may be luck for those of QUIET."""
        out = []
        for title, target in targets:
            series = self.ask(target, **chosen)
            values = [v for _, vs in series for v in vs if not math.isnan(v)]
            for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
                self.assertTrue(all(label in labels for labels, _ in series), f"{title}: no label {label}")
            if not values or not (any(values) or not zero or any(name in target["expr"] for name in QUIET)):
                out.append(f"{title}: {target['expr']}")
        return out

    def test_every_query_has_data(self):
        certificates = Certificates(self.folder)
        redis = Server(os.path.join(self.folder, "redis"), "--maxmemory", "1gb", tls=certificates)
        self.things.append(redis)
        a, b, instance = self.start(redis, certificates)
        self.events((a, b))
        self.deaths(a, b)
        self.trouble(a, redis)
        doc = shipped("grafana", "semel.json")
        panels = [p for p in doc["panels"] if p["type"] != "row"]
        targets = [(p["title"], t) for p in panels for t in p["targets"]]
        targets += [(n["name"], n) for n in doc["annotations"]["list"]]
        lacking = []

        def all_have():
            lacking[:] = self.lacking(targets, zero=True)
            return not lacking
        try:
            wait("data", all_have, 20, 0.5)
        except AssertionError as e:
            raise AssertionError("no data, or nothing but 0:\n" + "\n".join(lacking)) from e
        # One host, one subscription, as Grafana writes a choice.
        chosen = {"instance": "(" + instance.replace(".", r"\\.") + ")", "subscription": "(orders|mail)"}
        self.assertEqual(self.lacking([t for t in targets if "topk" not in t[1]["expr"]], **chosen), [])
        self.variables(doc, instance)
        self.names(a)
        print(f"{len(panels)} panels, {len(targets)} queries, each with data, {time.time() - self.began:.0f} s")

    def variables(self, doc, instance):
        """Their own queries; what has gone is known for as long as the time shown."""
        found = {v["name"]: self.prometheus.label_values(v["definition"]) for v in doc["templating"]["list"] if v["type"] == "query"}
        self.assertEqual(set(found), {"instance", "subscription"})
        self.assertEqual(set(found["instance"]), self.instances)
        self.assertIn(instance, found["instance"])
        self.assertEqual(found["subscription"], ["audit", "books", "mail", "orders"])

    def names(self, d):
        """What docs/metrics.md lists is there, and nothing else."""
        with open(os.path.join(SOURCE, "docs", "metrics.md"), encoding="utf-8") as f:
            documented = set(re.findall(r"^\| `(semel_\w+)`", f.read(), re.M))
        exposed = set(re.findall(r"^# TYPE (semel_\w+)", d.get("/metrics")[1], re.M))
        self.assertEqual(documented ^ exposed, set())


if __name__ == "__main__":
    main()
