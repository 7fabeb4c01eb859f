"""Runs that end later, batches, flush."""
import signal

from harness import SystemTest, main, wait, LONG


class Outcomes(SystemTest):
    def debug(self, name, redis, do, more="", **options):
        options.setdefault("settings", f'path = "{self.witness(name)}"; json = true; do = "{do}";')
        return self.daemon(name, redis, handler=f'plugin = "debug.so"; {more}', **options)

    def run_all(self, do, count=20000, more="", workers=4, **options):
        redis = self.redis()
        self.make_topics(4)
        d = self.debug("a", redis, do, more=more, workers=workers, **options)
        d.wait_state("running")
        self.load("produce", "--count", count, "--keys", 500)
        wait("the end", lambda: d.lag() == 0, 60)
        v = self.verify(count, "a", keys=500)
        self.assertEqual((v["once"], v["repeated"], v["lost"], v["disorder"], v["broken"]), (count, 0, 0, 0, 0))
        self.assertEqual(d.metric("semel_plugin_faults_total"), 0)
        return d

    def test_async_in_any_order_keeps_the_order_of_keys(self):
        d = self.run_all("async:3")
        self.assertEqual(d.stop(), 0)

    def test_completed_before_handle_returns(self):
        d = self.run_all("early", count=5000)
        self.assertEqual(d.stop(), 0)

    def test_completed_twice_is_refused_once(self):
        d = self.run_all("twice:2", count=5000)
        self.assertEqual(d.stop(), 0)

    def test_batches(self):
        d = self.run_all("ok", more="batch = 64;")
        self.assertEqual(d.stop(), 0)

    def test_idle_pool_asks_for_what_is_held(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis, "async:3600000")
        d.wait_state("running")
        for i in range(5):
            self.produce("x", key=f"k{i}", headers={"event-id": f"e{i}"})
        self.wait_handled(5, "a", seconds=20)
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(d.stop(), 0)

    def test_never_completed_is_stuck_and_cancelled(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis, "ok", more='timeout = "1s";', sub='retry = { attempts = 2; backoff = "10ms"; };')
        d.wait_state("running")
        self.produce("x", key="k", headers={"event-id": "never", "debug": "async-never"})
        wait("the letter", lambda: self.letters(), 30)
        _, _, headers = self.letters()[0]
        self.assertEqual((headers["semel.dlq.reason"], headers["semel.dlq.attempts"]), (["exhausted"], ["2"]))
        self.assertEqual(d.metric('semel_handled_total{subscription="main",handler="handler",outcome="cancelled"}'), 2)
        self.assertEqual(d.stop(), 0)

    def test_killed_with_open_runs_marks_them(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.debug("a", redis, "async:500", workers=2, sub='max_in_flight = 200;')
        d.wait_state("running")
        self.load("produce", "--count", 2000, "--keys", 1000)
        self.wait_handled(300, "a")
        d.kill()
        d.start()
        wait("the end", lambda: d.lag() == 0, 60)
        v = self.verify(2000, "a", keys=1000)
        self.assertEqual((v["lost"], v["unmarked"], v["broken"]), (0, 0, 0))
        self.assertEqual(d.stop(), 0)

    def test_emitted_records_outlive_kills(self):
        count = 20000 if LONG else 5000
        redis = self.redis()
        self.make_topics(4)
        self.load("topic", "--partitions", 4, topic=self.topic + ".out")
        d = self.debug("a", redis, f"emit:{self.topic}.out,ok", more=f'emits = [ "{self.topic}.out" ];')
        d.wait_state("running")
        self.produce("x", key="k", headers={"event-id": "traced", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        self.load("produce", "--count", count, "--keys", 500, "--rate", 4000)
        self.wait_handled(count // 3, "a")
        d.kill()
        d.start()
        wait("the end", lambda: d.lag() == 0, 60)
        v = self.verify(count, "a", keys=500)
        self.assertEqual((v["lost"], v["unmarked"], v["broken"]), (0, 0, 0))
        out = self.letters(end=".out")
        ids = [h["event-id"][0] for _, _, h in out]
        print(f"{count} events, one kill -9: {len(out)} records emitted, {len(set(ids))} ids")
        self.assertEqual(len(set(ids)), count + 1)
        self.assertTrue(all(len(i) == 32 for i in ids))
        self.assertEqual([h["traceparent"] for _, _, h in out if "traceparent" in h][:1], [["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]])
        self.assertEqual(d.stop(), 0)

    def test_only_listed_topics_may_be_emitted_to(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis, "emit:elsewhere,ok")
        d.wait_state("running")
        self.produce("x", headers={"event-id": "one"})
        wait("the letter", lambda: self.letters(), 30)
        self.assertIn("emit: Permission denied", self.letters()[0][2]["semel.dlq.detail"][0])
        self.assertEqual(d.stop(), 0)

    def test_hostile_words_cost_at_most_their_own_event(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug("a", redis, "ok", workers=2)
        d.wait_state("running")
        for i, word in enumerate(("mask", "spawn", "leak:1000", "outcome:12345,ok", "_exit", "closefds")):
            self.produce("x", key=f"k{i}", headers={"event-id": word.split(",")[0], "debug": word})
            self.produce("x", key=f"k{i}", headers={"event-id": f"after-{i}"})
        wait("the others", lambda: {f"after-{i}" for i in range(6)} <= {r["id"] for r in self.lines("a")}, 90)
        wait("the letters", lambda: {h["semel.dlq.event_id"][0]: h["semel.dlq.reason"][0] for _, _, h in self.letters()}.get("_exit") == "crashed", 60)
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
