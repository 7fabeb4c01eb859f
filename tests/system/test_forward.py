"""The handler forward: what arrives in the other topic, and kill -9."""
import os
import signal

from harness import SystemTest, main, wait, LONG


class Forward(SystemTest):
    def forward(self, redis, settings="", emits=None, **options):
        self.out = self.topic + ".out"
        return self.daemon("a", redis, handler=f'plugin = "forward.so"; emits = [ "{emits or self.out}" ];',
                           settings=f'topic = "{self.out}"; {settings}', **options)

    def make(self, partitions=1):
        self.make_topics(partitions)
        self.load("topic", "--partitions", partitions, topic=self.topic + ".out")

    def test_records(self):
        redis = self.redis()
        self.make()
        d = self.forward(redis, 'remove = [ "secret-*", "exactly" ]; rename = { old = "new"; }; add = { team = "billing"; set = "2"; };')
        d.wait_state("running")
        pairs = {"event-id": "one", "x": ["1", "2", "1"], "secret-a": "s", "secret": "kept", "exactly": "e", "exactly-not": "kept",
                 "old": ["o1", "o2"], "set": "1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        self.produce("value \u00e4", key="k", headers=pairs)
        self.produce("", key="k", headers={"event-id": "tombstone"}, null=True)
        self.produce("no key", headers={"event-id": "no-key"})
        self.produce(b"\xff\x00\xfe", key="k", headers={"event-id": "binary"})
        wait("the end", lambda: d.lag() == 0, 30)
        records = {h["semel.source_id"][0]: (k, v, h) for k, v, h in self.letters(end=".out")}
        key, value, headers = records["one"]
        self.assertEqual((key, value), ("k", "value \u00e4"))
        self.assertEqual(len({h["event-id"][0] for _, _, h in records.values()}), 4)
        ids = headers.pop("event-id")
        self.assertEqual((len(ids), len(ids[0])), (1, 32))
        self.assertEqual(headers, {"x": ["1", "2", "1"], "secret": ["kept"], "exactly-not": ["kept"], "new": ["o1", "o2"],
                                   "team": ["billing"], "set": ["2"], "semel.source_id": ["one"],
                                   "traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]})
        self.assertEqual(records["tombstone"][:2], ("k", None))
        self.assertEqual(records["no-key"][:2], (None, "no key"))
        self.assertEqual(records["binary"][0], "k")
        self.assertEqual(d.stop(), 0)

    def test_refusals(self):
        redis = self.redis()
        self.make()
        d = self.forward(redis, emits="other", sub='retry = { attempts = 2; backoff = "10ms"; };')
        self.produce("x", key="k", headers={"event-id": "1"})
        wait("the dead letter", lambda: d.state() == "running" and d.lag() == 0, 30)
        (_, _, letter), = self.letters()
        self.assertEqual(letter["semel.dlq.detail"], [f"topic {self.out} is not in handlers.handler.emits"])
        self.assertEqual(d.stop(), 0)
        wrong = {'add = { event-id = "1"; };': "settings.add: has event-id", 'remove = [ "" ];': "settings.remove: has an empty name",
                 'rename = { a = "event-id"; };': "settings.rename: has a new name that"}
        for i, (setting, said) in enumerate(wrong.items()):
            b = self.daemon(f"b{i}", redis, handler='plugin = "forward.so"; emits = [ "o" ];', settings='topic = "o"; ' + setting)
            wait(said, lambda b=b, said=said: said in b.text(), 20)
            b.kill()

    def test_kill_9(self):
        """Each id is there at least once, and once for whoever takes each derived id once."""
        count, kills = (100000, 10) if LONG else (20000, 3)
        redis = self.redis()
        self.make(4)
        self.load("produce", "--count", count, "--keys", 500)
        d = self.forward(redis, sub='retry = { attempts = 50; backoff = "10ms"; };', workers=8)

        def published():
            return sum(int(line.split()[1]) for line in self.load("ends", topic=self.out).splitlines())
        killed_at = []
        for i in range(kills):
            killed_at.append(wait("some records", lambda i=i: (n := published()) > i * count // (kills + 1) and n, 60, 0.01))
            os.kill(wait("the engine", lambda: (d.status() or {}).get("engine", {}).get("pid")), signal.SIGKILL)
        self.assertLess(killed_at[0], count)
        wait("the end", lambda: d.lag() == 0, 120)
        records = [(h["event-id"][0], h["semel.source_id"][0]) for _, _, h in self.letters(end=".out")]
        print(f"{count} events, kill -9 of the engine at {killed_at} records: {len(records)} records, {len(set(records))} derived ids")
        self.assertEqual(len({source for _, source in records}), count)
        self.assertEqual(len(set(records)), count)
        self.assertEqual(len({derived for derived, _ in records}), count)
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
