"""semel offsets: where a group stands, and moving it."""
import json
import time

from harness import SystemTest, main, wait


class Offsets(SystemTest):
    def setUp(self):
        super().setUp()
        redis = self.redis()
        self.make_topics(2)
        # Dynamic: a member leaves the group at once when it stops.
        self.d = self.daemon("a", redis, sub='membership = "dynamic";')
        self.d.wait_state("running")

    def produce_some(self, begin, end):
        for i in range(begin, end):
            self.produce(f"value {i}", key=f"k{i}", headers={"event-id": f"id-{i}"}, partition=i % 2)

    def offsets(self, *words):
        return self.d.semel("offsets", "main", *words, "-c", self.d.config)

    def listed(self, *words):
        r = self.offsets("--json", *words)
        self.assertEqual(r.returncode, 0, r.stderr)
        return json.loads(r.stdout)["partitions"]

    def test_show_move_and_what_the_ledger_makes_of_it(self):
        self.produce_some(0, 10)
        middle = int(time.time() * 1000) + 50
        wait("the clock", lambda: time.time() * 1000 > middle)
        self.produce_some(10, 20)
        self.wait_handled(20, "a")
        wait("commits", lambda: all(p["lag"] == 0 for p in self.listed()))
        self.assertEqual([(p["partition"], p["first"], p["committed"], p["end"]) for p in self.listed()],
                         [(0, 0, 10, 10), (1, 0, 10, 10)])
        self.assertIn("COMMITTED", self.offsets().stdout)
        busy = self.offsets("--to", "earliest")
        self.assertEqual(busy.returncode, 1)
        self.assertIn("stop all its hosts", busy.stderr)
        self.assertEqual(self.d.stop(), 0)

        dry = self.listed("--to", str(middle), "--dry-run")
        self.assertEqual([p["to"] for p in dry], [5, 5])
        self.assertEqual([p["committed"] for p in self.listed()], [10, 10])
        self.assertEqual(self.offsets("--to", "1=7").returncode, 0)
        self.assertEqual([p["committed"] for p in self.listed()], [10, 7])
        self.assertEqual(self.offsets("--to", "earliest").returncode, 0)
        self.assertEqual([p["committed"] for p in self.listed()], [0, 0])

        # All of it comes again, and nothing is handled again.
        self.d.start()
        self.d.wait_state("running")
        wait("duplicates", lambda: self.d.metric("semel_duplicates_total") == 20)
        self.assertEqual(len(self.lines("a")), 20)
        self.assertEqual(self.d.stop(), 0)

        # Forward: passed over.
        self.produce_some(20, 24)
        self.assertEqual(self.offsets("--to", "latest").returncode, 0)
        self.d.start()
        self.d.wait_state("running")
        self.produce_some(24, 26)
        self.wait_handled(22, "a")
        self.assertEqual(self.d.stop(), 0)

    def test_what_is_refused(self):
        for words, status, text in ((("--to", "9=1"), 64, "no such partition"), (("--to", "0=99"), 1, "has offsets 0 to 0"),
                                    (("--to", "yesterday"), 64, "expected earliest, latest"), (("--to", "0="), 64, "expected"),
                                    (("--topic", "other"), 1, "no such topic")):
            r = self.offsets(*words)
            self.assertEqual(r.returncode, status, words)
            self.assertIn(text, r.stderr)
        self.assertEqual(self.d.semel("offsets", "none", "-c", self.d.config).returncode, 1)
        self.assertEqual(self.d.stop(), 0)


if __name__ == "__main__":
    main()
