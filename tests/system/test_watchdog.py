"""Progress: events and fetches that stand still are seen, named, and seen to move again."""
import os
import signal
import subprocess

from harness import LOAD, SystemTest, main, wait


class Watchdog(SystemTest):
    def test_hanging_event_is_named_and_forgotten(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "1s";', settings=f'path = "{self.witness("a")}"; json = true;',
                        sub='stall_timeout = "2s";')
        d.wait_state("running")
        # A back-off is no standstill.
        self.produce("x", key="r", headers={"event-id": "retrying", "debug": "delay:4000"})
        self.produce("x", key="h", headers={"event-id": "slow\x07one", "debug": "sleep:6000"})
        d.wait_state("stuck", 20)
        code, text = d.get("/readyz")
        self.assertEqual(code, 503)
        self.assertIn("main: stuck: no progress for", text)
        self.assertIn("slow", text)
        self.assertIn("is inside its handler (handler handler)", text)
        self.assertNotIn("\x07", text)
        wait("the end", lambda: d.state() == "running" and d.lag() == 0, 30)
        self.assertEqual(d.get("/readyz")[0], 200)
        self.assertIn("no longer stuck", d.text())
        self.assertEqual(d.stop(), 0)

    def test_waiting_for_long_is_no_standstill(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.witness("a")}"; json = true;',
                        sub='stall_timeout = "1s";')
        d.wait_state("running")
        self.produce("x", key="r", headers={"event-id": "retrying", "debug": "delay:4000"})
        self.produce("x", key="r", headers={"event-id": "behind"})
        seen = set()
        wait("the end", lambda: seen.add(d.state()) or len(self.lines("a")) == 2, 30)
        self.assertEqual(seen - {None}, {"running"})
        self.assertEqual(d.stop(), 0)

    def test_open_transaction_is_named_and_an_ended_one_is_none(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, sub='stall_timeout = "2s";')
        d.wait_state("running")
        with subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic, "--count", "100", "--transaction", self.topic],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as open_one:
            self.assertEqual(open_one.stdout.readline(), "open\n")
            d.wait_state("stuck", 20)
            text = d.get("/readyz")[1]
            self.assertIn(f"main: stuck: the fetch of {self.topic}/0 stands still at offset 0, 100 before its end", text)
            self.assertIn("a producer's transaction is open there", text)
            self.assertEqual(d.metric("semel_stuck"), 1)
            open_one.stdin.close()
            self.wait_handled(100, "a")
        d.wait_state("running", 20)
        # Behind the last record lies the marker of the commit: nothing is left to be fetched, and nothing is stuck.
        wait("nothing to fetch", lambda: d.metric("semel_fetch_lag") == 0 and d.metric("semel_stuck") == 0 and d.lag() == 0, 10)
        self.assertEqual(d.stop(), 0)

    def test_suspect_that_hangs_is_why_the_others_wait(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "1s"; max_run = "6s";', sub="max_crashes = 2;",
                        settings=f'path = "{self.witness("a")}"; json = true;')
        d.wait_state("running")
        self.produce("x", key="h", headers={"event-id": "hangs", "debug": "hang"})
        wait("it to hang", lambda: d.metric("semel_workers_busy") == 1)
        os.kill(d.status()["engine"]["pid"], signal.SIGKILL)
        wait("the reason", lambda: "runs alone" in ((d.subscription() or {}).get("reason") or ""), 20)
        self.produce("x", key="o", headers={"event-id": "other"})
        self.wait_handled(1, "a")       # once that one is put aside, or has had its time
        wait("an end of it", lambda: d.subscription() and d.subscription()["reason"] == "", 40)
        self.assertEqual(d.stop(), 0)

    def test_lag_grows_while_nothing_is_fetched(self):
        # The ends came from fetches alone, and there is none while as much is in flight as may be.
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "1m"; max_run = "5m";', workers=1, sub="max_in_flight = 20;",
                        settings=f'path = "{self.witness("a")}"; json = true; do = "wait:600000";')
        d.wait_state("running")
        self.load("produce", "--count", 100)
        wait("as much as may be", lambda: d.metric("semel_in_flight") >= 20)
        self.load("produce", "--count", 5000, "--prefix", "later")
        wait("the lag", lambda: d.metric("semel_lag") >= 5000, 20)
        self.assertGreaterEqual(sum(p["lag"] for p in d.subscription()["partitions"]), 5000)


if __name__ == "__main__":
    main()
