"""From an event that gets stuck to the person who is told, and back; real Prometheus, real Alertmanager, the shipped files.

A minute of the rules is a second here, five of Alertmanager's, too; nothing else of them is changed (monitoring.py).
"""
import os
import re
import shlex
import subprocess
import time

from harness import BUILD, SOURCE, SystemTest, main, wait
from monitoring import Alertmanager, Prometheus, Told, listening
from servers import Server, free_port

SPEED = 60
SPEED_OF_TELLING = 300


class Alerts(SystemTest):
    def keep(self, thing):
        """The last made ends first: who asks before who is asked."""
        self.things.insert(0, thing)
        return thing

    def host(self, ledger, sub='stall_timeout = "2s";'):
        self.port = free_port()
        self.host_port = f"127.0.0.1:{self.port}"
        text = self.configuration("a", None, handler='plugin = "debug.so";', settings=f'path = "{self.witness("a")}"; json = true;',
                                  sub=sub, ledger=ledger)
        d = self.daemon_of("a", listening(text, self.port))
        d.wait_state("running")
        return d

    def pages(self):
        return [(alert["labels"]["alertname"], alert["status"]) for _, path, alert in self.told.notices() if path == "/page"]

    def watch(self):
        """From when it runs: a start is no part of what is watched."""
        self.told = self.keep(Told())
        self.alertmanager = self.keep(Alertmanager(os.path.join(self.folder, "alertmanager"), self.told, by=SPEED_OF_TELLING))
        self.prometheus = self.keep(Prometheus(os.path.join(self.folder, "prometheus"), [self.host_port], self.alertmanager, by=SPEED))
        wait("a scrape", lambda: self.prometheus.query("semel_engine_up == 1") and self.prometheus.query("semel:available"))

    def fires_for(self, name, seconds):
        return self.prometheus.query(f'time() - ALERTS_FOR_STATE{{alertname="{name}"}} > {seconds}')

    def test_one_trouble_one_page_and_when_it_is_over(self):
        self.make_topics(1)
        d = self.host(f'url = "unix:{self.redis().path}";')
        self.watch()
        self.produce("1", key="k", headers={"event-id": "before"})
        self.wait_handled(1, "a")
        self.produce("2", key="k", headers={"event-id": "bad", "debug": "wait:600000"})
        self.produce("3", key="k", headers={"event-id": "behind"})
        wait("the standstill", lambda: d.state() == "stuck", 20, 0.02)
        stuck = time.time()
        received, path, alert = self.told.wait_for("SemelStuckEvent", "firing")
        self.assertEqual(path, "/page")
        self.assertEqual(alert["labels"], {"alertname": "SemelStuckEvent", "job": "semel", "instance": self.host_port,
                                           "subscription": "main", "severity": "page"})
        notes = alert["annotations"]
        self.assertEqual(notes["summary"], f"main is stuck on {self.host_port}")
        self.assertIn(f"On {self.host_port} no event of main has made progress for stall_timeout", notes["description"])
        self.assertEqual((notes["runbook"], notes["runbook_url"]),
                         ("docs/runbook.md#stuck-event", "file:///usr/share/doc/semel/runbook.md#stuck-event"))
        # For as long as any that follows from it would wait.
        wait("what follows", lambda: self.fires_for("SemelStuckEvent", 6) and self.alertmanager.inhibited().get("SemelAvailabilitySlow") == 1)
        # What the runbook says: the event is named, and put aside.
        self.assertIn("bad", d.semel("status", "--admin", d.socket).stdout)
        self.assertEqual(d.semel("event", "main", "bad", "--admin", d.socket).returncode, 0)
        aside = time.time()
        done = d.semel("dlq", "add", "main", "bad", "--detail", "ticket 17", "--admin", d.socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        resolved, path, alert = self.told.wait_for("SemelStuckEvent", "resolved")
        self.assertEqual((path, alert["labels"]["instance"]), ("/page", self.host_port))
        print(f"stuck -> received {received - stuck:.2f} s, aside -> resolved {resolved - aside:.2f} s")
        self.wait_handled(2, "a")
        # The short window of availability is good again, the long ones remember: nobody is called for them.
        wait("a good window", lambda: self.prometheus.query("semel:unavailable:ratio5m == 0 and semel:unavailable:ratio30m > 0.006"))
        self.assertEqual(self.pages(), [("SemelStuckEvent", "firing"), ("SemelStuckEvent", "resolved")])
        self.assertEqual(d.stop(), 0)

        # No host at all: that is told, and no more, though each target is down for itself.
        path = self.told.wait_for("SemelAllDown", "firing")[1]
        self.assertEqual(path, "/page")
        wait("what follows", lambda: self.alertmanager.inhibited().get("SemelTargetDown") == 1)
        d.start()
        self.told.wait_for("SemelAllDown", "resolved")
        self.assertEqual(self.pages()[2:], [("SemelAllDown", "firing"), ("SemelAllDown", "resolved")])
        self.assertNotIn("SemelTargetDown", [a["labels"]["alertname"] for _, _, a in self.told.notices() if a["status"] == "firing"])
        self.assertEqual(d.stop(), 0)

    # ---- What the runbook types

    def runbook(self):
        """Its commands, those of systemd left out, each once, in their order."""
        with open(os.path.join(SOURCE, "docs", "runbook.md"), encoding="utf-8") as f:
            commands = re.findall(r"^    (\S.*)$", f.read(), re.M)
        return [c for c in dict.fromkeys(commands) if not c.startswith(("systemctl", "journalctl"))]

    def typed(self, d, redis, command):
        broker = self.brokers
        for name, value in (("HOST:PORT", self.host_port), ("REDIS", f"redis://127.0.0.1:{redis.port}"), ("BROKER", broker),
                            ("TOPIC", self.topic), ("SUB", "main"), ("ID", "dead")):
            command = re.sub(rf"\b{name}\b", value, command)
        words = shlex.split(command)
        if words[0] == "semel":
            words = [os.path.join(BUILD, "semel"), *words[1:], "-c", d.config]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    def test_what_the_runbook_types(self):
        redis = Server(os.path.join(self.folder, "redis"), "--appendonly", "yes")
        self.things.append(redis)
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=self.topic + ".retry")
        d = self.host(f'url = "redis://127.0.0.1:{redis.port}";', sub=f'retry = {{ topic = "{self.topic}.retry"; }};')
        self.produce("1", headers={"event-id": "dead", "debug": "reject"})
        wait("the letter", lambda: d.metric("semel_dead_letters_total") == 1)
        # Not so with what it is about: nothing is lost, nothing of this id waits.
        no = {"semel ledger accept-loss SUB": 1, 'semel dlq add SUB ID --detail "ticket 17"': 1}
        commands, slow = self.runbook(), []
        self.assertGreater(len(commands), 25)
        for command in commands:
            began = time.monotonic()
            done = self.typed(d, redis, command)
            slow.append((time.monotonic() - began, command))
            self.assertEqual(done.returncode, no.get(command, 0), f"{command}\n{done.stdout}{done.stderr}")
        self.assertEqual(set(no) - set(commands), set())
        print(f"{len(commands)} commands; the slowest: {max(slow)[1]}, {max(slow)[0]:.1f} s")
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
