"""Lanes, retries, dead letters, and odd records."""
import json
import subprocess
import time

from harness import SystemTest, main, wait


class Retry(SystemTest):
    def test_a_retrying_key_holds_back_only_itself(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.folder}/runs";', workers=2)
        d.wait_state("running")
        self.produce("x", key="slow", headers={"event-id": "slow-1", "debug": "fail:1,ok"}, partition=0)
        self.produce("x", key="held", headers={"event-id": "held-1", "debug": "retry:10000" }, partition=0)
        self.produce("x", key="held", headers={"event-id": "held-2"}, partition=0)
        begin = time.monotonic()
        self.load("produce", "--count", 500, "--keys", 50)
        wait("500 others", lambda: sum(1 for line in self.runs() if line[0].startswith("e-")) == 500, 9)
        self.assertLess(time.monotonic() - begin, 9)
        self.assertNotIn("held-2", [line[0] for line in self.runs()])
        wait("one waiting", lambda: d.subscription()["waiting"] == 1, 3)

    def runs(self):
        try:
            with open(self.folder + "/runs", encoding="utf-8") as f:
                return [line.split() for line in f]
        except FileNotFoundError:
            return []

    def test_order_of_a_key_under_retries(self):
        redis = self.redis()
        self.make_topics(4)
        self.load("produce", "--count", 2000, "--keys", 20, "--flaky", 10)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.folder}/runs";',
                        sub='retry = { backoff = "20ms"; max_backoff = "50ms"; };', workers=8)
        wait("all runs", lambda: len(self.runs()) == 2000, 60)
        last, retried = {}, 0
        for name, attempt, _ in self.runs():
            number = int(name.split("-")[1])
            self.assertLess(last.get(number % 20, -1), number)
            last[number % 20] = number
            retried += int(attempt) == 3
        self.assertGreater(retried, 100)
        self.assertEqual(d.metric("semel_reruns_total"), 2 * retried)

    def test_exhausted_and_rejected_become_dead_letters(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings='do = "ok";',
                        sub='retry = { attempts = 3; backoff = "10ms"; max_backoff = "20ms"; };')
        d.wait_state("running")
        self.produce("v1", key="k", headers={"event-id": "bad", "debug": "retry", "mine": "1", "semel.dlq.reason": "old"})
        self.produce("v2", key="k", headers={"event-id": "worse", "debug": "reject"})
        letters = wait("two letters", lambda: len(self.letters()) == 2 and self.letters())
        (key, value, h), (_, _, h2) = letters
        self.assertEqual((key, value, h["mine"], h["debug"]), ("k", "v1", ["1"], ["retry"]))
        self.assertEqual(h["semel.dlq.reason"], ["exhausted"])
        self.assertEqual(h["semel.dlq.attempts"], ["3"])
        self.assertEqual(h["semel.dlq.detail"], ["debug: retry"])
        self.assertEqual(h["semel.dlq.handler"], ["handler"])
        self.assertEqual(h["semel.dlq.handler_version"], ["1.0.0"])
        self.assertEqual(h["semel.dlq.event_id"], ["bad"])
        self.assertEqual(h["semel.dlq.topic"], [self.topic])
        self.assertEqual((h["semel.dlq.partition"], h["semel.dlq.offset"]), (["0"], ["0"]))
        self.assertEqual(h2["semel.dlq.reason"], ["rejected"])
        wait("the commit", lambda: d.lag() == 0)
        for name in ("bad", "worse"):
            done = d.semel("event", "main", name, "--json", "--admin", d.socket)
            self.assertEqual(json.loads(done.stdout)["status"], "dead")
        self.assertEqual(d.semel("event", "main", "nobody", "--admin", d.socket).returncode, 1)
        self.assertEqual(d.metric("semel_dead_letters_total"), 2)

    def test_odd_records(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.produce("no id")
        self.produce("empty id", headers={"event-id": ""})
        self.produce("long id", headers={"event-id": "x" * 100000})
        self.produce("last counts", headers={"event-id": ["first", "last"]})
        subprocess.run(["kcat", "-P", "-q", "-b", self.brokers, "-t", self.topic, "-Z", "-K:", "-H", "event-id=tombstone"],
                       input=b"k:\n", check=True)
        self.produce("x", headers={"event-id": "no key"})
        self.produce(b"\xff\x00\xfe", headers={"event-id": "binary"})
        words = []
        for i in range(10000):
            words += ["-H", f"h{i}=v{i}"]
        subprocess.run(["kcat", "-P", "-q", "-b", self.brokers, "-t", self.topic, "-H", "event-id=many", *words], input=b"x",
                       check=True)
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual([line["id"] for line in sorted(self.lines("a"), key=lambda x: x["offset"])],
                         ["last", "tombstone", "no key", "binary", "many"])
        self.assertEqual([h["semel.dlq.reason"][0] for _, _, h in self.letters()], ["no_id", "bad_id", "bad_id"])

    def test_bad_json_where_the_id_needs_it(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, id_='[ "json:/id" ]')
        d.wait_state("running")
        self.produce('{"id": "good"}')
        self.produce('{"id": ')
        self.produce('{"id": {"a": 1}}')
        self.produce('{"id": 17}')
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(sorted(line["id"] for line in self.lines("a")), ["17", "good"])
        letters = self.letters()
        self.assertEqual([h["semel.dlq.reason"][0] for _, _, h in letters], ["bad_id", "no_id"])
        self.assertIn("not JSON", letters[0][2]["semel.dlq.detail"][0])

    def test_same_id_other_payload(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.produce("one", headers={"event-id": "x"})
        self.produce("one", headers={"event-id": "x"})
        self.produce("two", headers={"event-id": "x"})
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(len(self.lines("a")), 1)
        self.assertEqual([h["semel.dlq.reason"][0] for _, _, h in self.letters()], ["id_conflict"])
        self.assertEqual(d.metric("semel_id_conflicts_total"), 1)

    def test_routes_and_unrouted(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, routes='''
            some = { subscription = "main"; handler = "handler";
                     when = ( { field = "header:type"; in = [ "A", "B" ]; }, { field = "json:/n"; exists = true; } ); };''')
        d.wait_state("running")
        self.produce('{"n":1}', headers={"event-id": "1", "type": "A"})
        self.produce('{"n":1}', headers={"event-id": "2", "type": "C"})
        self.produce('{}', headers={"event-id": "3", "type": "B"})
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual([line["id"] for line in self.lines("a")], ["1"])
        self.assertEqual([h["semel.dlq.reason"][0] for _, _, h in self.letters()], ["unrouted", "unrouted"])

    def test_outcomes_that_are_none(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.folder}/runs";',
                        sub='retry = { attempts = 2; backoff = "10ms"; max_backoff = "10ms"; };')
        d.wait_state("running")
        self.produce("x", headers={"event-id": "odd", "debug": "outcome:77"})
        self.produce("x", headers={"event-id": "large", "debug": "outcome:2000000000"})
        letters = wait("two letters", lambda: len(self.letters()) == 2 and self.letters())
        self.assertIn("77, which is no outcome", letters[0][2]["semel.dlq.detail"][0] + letters[1][2]["semel.dlq.detail"][0])
        self.assertEqual(d.metric("semel_plugin_faults_total"), 4)

    def test_timeout_tells_the_handler_to_give_up(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "300ms";', settings=f'path = "{self.folder}/runs";',
                        sub='retry = { attempts = 2; backoff = "10ms"; max_backoff = "10ms"; };')
        d.wait_state("running")
        self.produce("x", headers={"event-id": "slow", "debug": "wait:20000"})
        letters = wait("a letter", lambda: self.letters(), 15)
        self.assertEqual(letters[0][2]["semel.dlq.reason"], ["exhausted"])

    def test_dead_letter_topic_missing_holds_the_key(self):
        redis = self.redis()
        self.make_topics(1, dead=False)
        d = self.daemon("a", redis, kafka="topic_metadata_refresh_interval_ms = 1000;")
        d.wait_state("running")
        self.produce("x", key="k")
        self.produce("x", key="k", headers={"event-id": "after"})
        self.produce("x", key="other", headers={"event-id": "other"})
        wait("the other key", lambda: [line["id"] for line in self.lines("a")] == ["other"])
        wait("the trouble", lambda: "dead letter failed" in d.text(), 60)
        self.load("topic", "--partitions", 1, topic=self.topic + ".dead")
        wait("the end", lambda: d.lag() == 0, 60)
        self.assertEqual([line["id"] for line in self.lines("a")], ["other", "after"])
        self.assertEqual(len(self.letters()), 1)


if __name__ == "__main__":
    main()
