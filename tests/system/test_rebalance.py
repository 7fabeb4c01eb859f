"""The group: partitions that move under load, hosts that come and go, the order of a key over all of it."""
import signal
import threading
import time

from harness import SystemTest, main, wait, LONG


class Rebalance(SystemTest):
    def host(self, name, redis, **options):
        options.setdefault("settings", f'path = "{self.witness(name)}"; json = true;')
        return self.daemon(name, redis, start=False, handler='plugin = "debug.so";', **options)

    def partitions(self, d):
        sub = d.subscription()
        return len([p for p in sub["partitions"] if p["topic"] == self.topic]) if sub else 0

    def check_moves(self, **options):
        """A second host comes, goes, and comes again while events flow."""
        count = 40000
        redis = self.redis()
        self.make_topics(8)
        a, b = self.host("a", redis, **options).start(), self.host("b", redis, **options)
        a.wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--count", count, "--keys", 1000, "--rate", 3000))
        producer.start()
        self.wait_handled(2000, "a")
        for _ in range(2):
            b.start()
            wait("b to have half", lambda: self.partitions(b) == 4, 60)
            self.assertEqual(b.stop(), 0)
            # A static member keeps its place until its session is over.
            wait("a to have all", lambda: self.partitions(a) == 8, 60)
        producer.join()
        wait("the end", lambda: self.partitions(a) == 8 and a.lag() == 0, 60)
        v = self.verify(count, "a", "b", keys=1000)
        self.assertEqual((v["once"], v["repeated"], v["lost"], v["broken"]), (count, 0, 0, 0))
        self.assertEqual(a.stop(), 0)

    def test_cooperative_assignor_dynamic_members(self):
        self.check_moves(sub='membership = "dynamic";')

    def test_eager_assignor_static_members(self):
        self.check_moves(kafka='partition_assignment_strategy = "range";')

    def test_one_to_five_hosts_and_back(self):
        count, rate = (200000, 4000) if LONG else (40000, 2500)
        redis = self.redis()
        self.make_topics(10)
        names = ["a", "b", "c", "d", "e"]
        hosts = {n: self.host(n, redis, workers=2, sub='membership = "dynamic";') for n in names}
        hosts["a"].start().wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--count", count, "--keys", 1000, "--rate", rate))
        begin = time.monotonic()
        producer.start()
        for n in names[1:]:
            hosts[n].start()
        wait("five to have two each", lambda: all(self.partitions(h) == 2 for h in hosts.values()), 60)
        out = time.monotonic() - begin
        for n in names[1:]:
            self.assertEqual(hosts[n].stop(), 0)
        wait("one to have all", lambda: self.partitions(hosts["a"]) == 10, 60)
        back = time.monotonic() - begin
        under_load = producer.is_alive()
        producer.join()
        wait("the end", lambda: hosts["a"].lag() == 0, 60)
        v = self.verify(count, *names, keys=1000)
        print(f"1 -> 5 hosts after {out:.1f} s, back to 1 after {back:.1f} s, load until then: {under_load}; {v}")
        self.assertEqual((v["once"], v["repeated"], v["lost"], v["broken"]), (count, 0, 0, 0))
        self.assertEqual(hosts["a"].stop(), 0)

    def test_order_of_a_key_over_two_hosts_and_retries(self):
        count, keys = (100000, 20) if LONG else (15000, 20)
        options = ["--count", count, "--keys", keys, "--flaky", 10]
        redis = self.redis()
        self.make_topics(8)
        hosts = [self.host(n, redis, sub='retry = { backoff = "2ms"; max_backoff = "10ms"; };').start() for n in ("a", "b")]
        wait("both to have partitions", lambda: all(self.partitions(h) == 4 for h in hosts), 60)
        producer = threading.Thread(target=self.load, args=("produce", "--rate", 1500, *options))
        producer.start()
        self.wait_handled(count // 3, "a", "b")
        self.assertEqual(hosts[1].stop(), 0)
        hosts[1].start()
        self.wait_handled(count * 2 // 3, "a", "b")
        hosts[1].kill()
        hosts[1].start()
        producer.join()
        wait("the end", lambda: sum(h.lag() or 0 for h in hosts) == 0 and
             self.verify(count, "a", "b", keys=keys)["handled"] == count, 90)
        effects = sorted((line["at_ms"], int(line["id"].split("-")[1]), line["redelivered"], line["attempt"])
                         for n in ("a", "b") for line in self.lines(n))
        last, seen, disorder, retried = {}, set(), 0, 0
        for _, number, redelivered, attempt in effects:
            retried += attempt > 1
            if number in seen:
                self.assertTrue(redelivered, number)
                continue
            seen.add(number)
            disorder += number < last.get(number % keys, -1)
            last[number % keys] = number
        print(f"{len(effects)} effects of {count} events on two hosts, {retried} after retries: {disorder} out of order")
        self.assertEqual((len(seen), disorder), (count, 0))
        self.assertGreater(retried, count // 20)
        for h in hosts:
            self.assertEqual(h.stop(), 0)

    def test_new_owner_waits_for_a_run_that_outlasts_the_drain(self):
        redis = self.redis()
        self.make_topics(2)
        a, b = (self.host(n, redis, workers=2, sub='membership = "dynamic";') for n in ("a", "b"))
        a.start().wait_state("running")
        for p in (0, 1):
            self.produce("x", key=f"k{p}", headers={"event-id": f"slow-{p}", "debug": "sleep:9000"}, partition=p)
        wait("both runs", lambda: a.status()["handlers"][0]["busy"] == 2)
        b.start()
        wait("b to have one", lambda: self.partitions(b) == 1, 60)
        wait("the effects", lambda: len(self.lines("a")) + len(self.lines("b")) >= 2, 60)
        wait("the commits", lambda: a.lag() == 0 and b.lag() == 0, 60)
        self.assertEqual(sorted(r["id"] for r in self.lines("a")), ["slow-0", "slow-1"])
        self.assertEqual(self.lines("b"), [])
        for h in (a, b):
            self.assertEqual(h.stop(), 0)

    def test_stop_past_its_time_leaves_the_claim_to_the_next(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.host("a", redis)
        d.rewrite(('stop_timeout = "20s"', 'stop_timeout = "1s"'))
        d.start().wait_state("running")
        self.produce("x", headers={"event-id": "long", "debug": "sleep:4000"})
        wait("the run", lambda: d.status()["handlers"][0]["busy"] == 1)
        begin = time.monotonic()
        self.assertEqual(d.stop(), 0)
        self.assertLess(time.monotonic() - begin, 4)
        self.assertIn("stop_timeout passed", d.text())
        d.start()
        self.wait_handled(1, "a", seconds=30)
        self.assertEqual([(r["id"], r["redelivered"]) for r in self.lines("a")], [("long", True)])
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
