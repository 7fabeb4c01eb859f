"""Dead letters for people: list, show, replay, add."""
import json
import os
import signal
import subprocess
import threading

from harness import SEMEL, SystemTest, main, wait, LONG


class Dlq(SystemTest):
    def debug(self, name, redis, do="reject", **options):
        options.setdefault("settings", f'path = "{self.witness(name)}"; json = true; do = "{do}";')
        return self.daemon(name, redis, handler='plugin = "debug.so";',
                           sub=f'retry = {{ topic = "{self.topic}.retry"; }};', **options)

    def dlq(self, d, *words):
        return d.semel("dlq", *words, "-c", d.config)

    def test_list_show_and_their_selections(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.debug("a", redis)
        d.wait_state("running")
        self.assertIn("0 letters", self.dlq(d, "list", "main").stdout)
        nasty = "\x1b[31mred\x07\"quoted\""
        for i in range(20):
            self.produce(f"value {i}", key=f"k{i}", headers={"event-id": f"id-{i}"})
        self.produce("{}", headers={"event-id": nasty})
        self.produce("nothing", key="none")
        wait("the letters", lambda: len(self.letters()) == 22)
        out = self.dlq(d, "list", "main")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("22 letters in", out.stdout)
        self.assertIn("rejected 21", out.stdout)
        self.assertIn("no_id 1", out.stdout)
        self.assertNotIn("\x1b", out.stdout)
        listed = json.loads(self.dlq(d, "list", "main", "--json").stdout)
        self.assertEqual((listed["count"], listed["reasons"]), (22, {"rejected": 21, "no_id": 1}))
        self.assertEqual(len(json.loads(self.dlq(d, "list", "main", "--json", "--reason", "no_id").stdout)["letters"]), 1)
        one = json.loads(self.dlq(d, "list", "main", "--json", "--id", "id-7").stdout)["letters"]
        self.assertEqual([(x["id"], x["reason"], x["topic"], x["key"], x["attempts"]) for x in one], [("id-7", "rejected", self.topic, "k7", 1)])
        self.assertEqual(json.loads(self.dlq(d, "list", "main", "--json", "--since", "1h", "--limit", "3").stdout)["count"], 3)
        self.assertEqual(json.loads(self.dlq(d, "list", "main", "--json", "--until", "1h").stdout)["count"], 0)
        self.assertEqual(self.dlq(d, "list", "main", "--since", "yesterday").returncode, 64)
        self.assertEqual(self.dlq(d, "list", "none").returncode, 1)
        shown = self.dlq(d, "show", "main", "id-7").stdout
        self.assertIn("payload: \"value 7\"", shown)
        self.assertIn("semel.dlq.reason: rejected", shown)
        place = f"{one[0]['partition']}:{one[0]['offset']}"
        self.assertEqual(self.dlq(d, "show", "main", place, "--raw").stdout, "value 7")
        self.assertEqual(self.dlq(d, "show", "main", "id-none").returncode, 1)
        self.assertEqual(d.stop(), 0)

    def test_replay_interrupted_and_resumed_runs_each_once(self):
        count = 10000 if LONG else 3000
        redis = self.redis()
        self.make_topics(4)
        d = self.debug("a", redis, workers=8)
        d.wait_state("running")
        self.load("produce", "--count", count, "--keys", 500)
        wait("the letters", lambda: d.metric("semel_dead_letters_total") == count and d.lag() == 0, 120)
        missing = self.dlq(d, "replay", "main")
        self.assertEqual(missing.returncode, 1)
        self.assertIn(f"--create --topic {self.topic}.retry --partitions 4", missing.stderr)
        self.load("topic", "--partitions", 4, topic=self.topic + ".retry")
        # The handler is fixed.
        d.rewrite(('do = "reject"', 'do = "ok"'))
        self.assertEqual(d.semel("reload", "--admin", d.socket).returncode, 0)
        self.assertIn(f"{count} letters would be replayed", self.dlq(d, "replay", "main", "--dry-run").stdout)
        first = subprocess.Popen([SEMEL, "dlq", "replay", "main", "-c", d.config, "--rate", str(count // 4)],
                                 stdout=subprocess.PIPE, text=True)
        self.wait_handled(count // 4, "a", seconds=60)
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=40)
        self.assertEqual(first.returncode, 1, out)
        self.assertIn("go on with: semel dlq replay main", out)
        start = out.split("--from ")[1].split()[0]
        second = self.dlq(d, "replay", "main", "--from", start)
        self.assertEqual(second.returncode, 0, second.stderr)
        published = [int(text.split()[0]) for text in (out, second.stdout)]
        self.assertEqual(sum(published), count)
        self.wait_handled(count, "a", seconds=120)
        # Asked for twice, run once.
        self.assertEqual(self.dlq(d, "replay", "main").returncode, 0)
        wait("the duplicates", lambda: d.metric("semel_duplicates_total") >= count, 60)
        v = self.verify(count, "a", keys=500)
        self.assertEqual((v["handled"], v["once"], v["lost"], v["broken"]), (count, count, 0, 0))
        self.assertEqual(d.metric('semel_reruns_total{subscription="main",cause="replay"}'), count)
        event = json.loads(d.semel("event", "main", "e-5", "--json", "--admin", d.socket).stdout)
        self.assertEqual((event["status"], event["attempts"]), ("done", 1))
        print(f"{count} letters replayed: {published[0]}, interrupted, {published[1]}, once more; each handled once")
        self.assertEqual(d.stop(), 0)

    def test_replayed_again_after_another_rejection(self):
        redis = self.redis()
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=self.topic + ".retry")
        d = self.debug("a", redis)
        d.wait_state("running")
        self.produce("x", key="k", headers={"event-id": "bad", "mine": "kept"})
        for n in range(3):
            wait("the letter", lambda: len(self.letters()) == n + 1, 60)
            self.assertEqual(self.letters()[n][2]["semel.dlq.replays"], [str(n)])
            self.assertEqual(self.dlq(d, "replay", "main").returncode, 0)
        wait("the letter", lambda: len(self.letters()) == 4, 60)
        key, value, headers = self.letters()[3]
        self.assertEqual((key, value, headers["mine"], headers["semel.dlq.topic"], headers["semel.dlq.offset"]),
                         ("k", "x", ["kept"], [self.topic], ["0"]))
        self.assertFalse([h for h in headers if h.startswith("semel.retry.")])
        self.assertEqual(d.stop(), 0)

    def test_one_that_cannot_be_sent_holds_up_no_other(self):
        redis = self.redis()
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=self.topic + ".retry")
        d = self.debug("a", redis, kafka="producer = { message_max_bytes = 2000; };")
        d.wait_state("running")
        for i in range(3):
            self.produce("x", key="k", headers={"event-id": f"before-{i}"})
        self.produce("x" * 5000, key="k", headers={"event-id": "large"})
        for i in range(5):
            self.produce("x", key="k", headers={"event-id": f"after-{i}"})
        wait("the letters", lambda: len(self.letters()) == 9)
        self.assertEqual(self.letters()[3][2]["semel.dlq.reason"], ["oversize"])
        done = self.dlq(d, "replay", "main")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("8 letters replayed", done.stdout)
        self.assertIn("1 NOT SENT", done.stdout)
        self.assertIn("letter 0:3: Message too long", done.stderr)
        self.assertEqual(len(self.letters(end=".retry")), 8)
        self.assertEqual(d.stop(), 0)

    def test_a_letter_is_as_old_as_it_is_and_not_as_its_event(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis)
        d.wait_state("running")
        self.produce("x", headers={"event-id": "one", "debug": "sleep:1500,reject"})
        wait("the letter", lambda: self.letters())
        line = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.brokers, "-t", self.topic + ".dead", "-f", "%T"],
                              capture_output=True, text=True, check=True).stdout
        self.assertGreaterEqual(int(line), int(self.letters()[0][2]["semel.dlq.timestamp"][0]) + 1400)
        self.assertEqual(d.stop(), 0)

    def test_add_puts_aside_what_waits_and_what_hangs(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis, do="ok")
        d.wait_state("running")
        self.produce("1", key="a", headers={"event-id": "waits", "debug": "retry:3600000"})
        self.produce("2", key="a", headers={"event-id": "behind"})
        self.produce("3", key="b", headers={"event-id": "runs", "debug": "wait:60000"})
        wait("both", lambda: d.subscription()["waiting"] == 1 and d.status()["handlers"][0]["busy"] == 1)
        self.assertEqual(d.semel("dlq", "add", "main", "nobody", "--admin", d.socket).returncode, 1)
        for id_ in ("waits", "runs"):
            done = d.semel("dlq", "add", "main", id_, "--detail", f"ticket 17, {id_}", "--admin", d.socket)
            self.assertEqual(done.returncode, 0, done.stderr)
        wait("the letters", lambda: len(self.letters()) == 2)
        self.assertEqual({(h["semel.dlq.event_id"][0], h["semel.dlq.reason"][0], h["semel.dlq.detail"][0]) for _, _, h in self.letters()},
                         {("waits", "operator", "ticket 17, waits"), ("runs", "operator", "ticket 17, runs")})
        self.wait_handled(1, "a")
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual([r["id"] for r in self.lines("a")], ["behind"])
        event = json.loads(d.semel("event", "main", "waits", "--json", "--admin", d.socket).stdout)
        self.assertEqual(event["status"], "dead")
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
