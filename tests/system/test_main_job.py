"""Kafka -> ledger -> handler -> settled -> committed."""
import signal
import threading
import time

from harness import SystemTest, main, wait, LONG


class MainJob(SystemTest):
    def test_consumes_and_commits(self):
        redis = self.redis()
        self.make_topics()
        self.load("produce", "--count", 2000)
        d = self.daemon("a", redis)
        self.wait_handled(2000, "a")
        wait("the commit", lambda: d.lag() == 0)
        self.assertEqual(d.get("/readyz")[0], 200)
        self.assertEqual(d.stop(), 0)
        v = self.verify(2000, "a")
        self.assertEqual((v["once"], v["lost"], v["disorder"], v["broken"]), (2000, 0, 0, 0))

    def test_duplicates_on_other_partitions_are_handled_once(self):
        redis = self.redis()
        self.make_topics(8)
        self.load("produce", "--count", 5000, "--duplicates", 50)
        d = self.daemon("a", redis)
        wait("the end", lambda: d.lag() == 0)
        v = self.verify(5000, "a")
        self.assertEqual((v["once"], v["repeated"], v["lost"]), (5000, 0, 0))
        self.assertGreater(d.metric("semel_duplicates_total"), 2000)

    def test_two_hosts_same_ids_at_the_same_time(self):
        redis = self.redis()
        self.make_topics(8)
        hosts = [self.daemon("a", redis), self.daemon("b", redis)]
        wait("both to have partitions", lambda: all(
            d.subscription() and len(d.subscription()["partitions"]) == 4 for d in hosts), 60)
        # Not faster than the slower to begin: the other would be through with every id before it.
        self.load("produce", "--count", 20000, "--duplicates", 100, "--rate", 10000)
        wait("the end", lambda: all(d.lag() == 0 for d in hosts) and
             self.verify(20000, "a", "b")["handled"] == 20000, 60)
        v = self.verify(20000, "a", "b")
        self.assertEqual((v["once"], v["repeated"], v["lost"]), (20000, 0, 0))
        self.assertGreater(min(len(self.lines("a")), len(self.lines("b"))), 0)

    def test_restart_goes_on_where_it_stopped(self):
        redis = self.redis()
        self.make_topics()
        self.load("produce", "--count", 3000)
        d = self.daemon("a", redis)
        self.wait_handled(500, "a")
        self.assertEqual(d.stop(), 0)
        d.start()
        wait("the end", lambda: d.lag() == 0)
        v = self.verify(3000, "a")
        self.assertEqual((v["once"], v["repeated"], v["lost"], v["disorder"]), (3000, 0, 0, 0))

    def test_kill_9_loses_nothing_and_marks_repeats(self):
        count, kills = (1000000, 4) if LONG else (200000, 4)
        redis = self.redis()
        self.make_topics(8)
        self.load("produce", "--count", count, "--keys", 10000, "--duplicates", 5)
        d = self.daemon("a", redis)
        for i in range(kills):
            self.wait_handled((i + 1) * count // (kills + 2), "a")
            d.kill()
            d.start()
        wait("the end", lambda: d.lag() == 0, 120)
        v = self.verify(count, "a", keys=10000)
        print(v)
        self.assertEqual((v["lost"], v["unmarked"], v["broken"]), (0, 0, 0))
        self.assertEqual(v["marked"], v["repeated"])
        # Only what was lent out at a kill can repeat: max_in_flight each.
        self.assertLess(v["repeated"], kills * 10000)

    def test_second_host_takes_its_share_and_gives_it_back(self):
        redis = self.redis()
        self.make_topics(8)
        a, b = self.daemon("a", redis), self.daemon("b", redis, start=False)
        a.wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--count", 30000, "--rate", 2000))
        producer.start()
        self.wait_handled(2000, "a")
        b.start()
        wait("b to have half", lambda: b.subscription() and len(b.subscription()["partitions"]) == 4, 40)
        self.wait_handled(100, "b")
        self.assertEqual(b.stop(), 0)
        producer.join()
        wait("the end", lambda: a.lag() == 0, 60)
        v = self.verify(30000, "a", "b")
        self.assertEqual((v["once"], v["repeated"], v["lost"]), (30000, 0, 0))

    def test_stop_waits_for_the_running_handler(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.folder}/runs"; do = "sleep:2000";')
        d.wait_state("running")
        self.produce("x", headers={"event-id": "one"})
        wait("the run", lambda: d.status()["handlers"][0]["busy"] == 1)
        self.assertEqual(d.stop(), 0)
        with open(self.folder + "/runs", encoding="utf-8") as f:
            self.assertEqual(f.read(), "one 1 0\n")
        d.start()
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(d.stop(), 0)
        with open(self.folder + "/runs", encoding="utf-8") as f:
            self.assertEqual(f.read(), "one 1 0\n")


if __name__ == "__main__":
    main()
