"""retry.mode = "topic", and what else the retry topic is for."""
import json

from harness import SystemTest, main, wait, LONG


class RetryTopic(SystemTest):
    def daemon_with_topic(self, name, redis, partitions=4, retry="", sub="", **options):
        self.load("topic", "--partitions", partitions, topic=self.topic + ".retry")
        options.setdefault("settings", f'path = "{self.witness(name)}"; json = true;')
        return self.daemon(name, redis, handler='plugin = "debug.so";',
                           sub=f'retry = {{ mode = "topic"; topic = "{self.topic}.retry"; backoff = "200ms"; {retry} }}; {sub}', **options)

    def retry_records(self):
        return self.letters(end=".retry")

    def test_key_goes_on_and_the_event_comes_again(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon_with_topic("a", redis)
        d.wait_state("running")
        self.produce("1", key="k", headers={"event-id": "first", "debug": "fail:2", "other": "kept"})
        for i in range(20):
            self.produce(str(i), key="k", headers={"event-id": f"n{i}"})
        self.wait_handled(21, "a")
        runs = {line["id"]: line for line in self.lines("a")}
        self.assertEqual(runs["first"]["attempt"], 3)
        self.assertEqual(len(runs), 21)
        # The key did not wait.
        self.assertEqual([line["id"] for line in self.lines("a")][:1], ["n0"])
        key, value, headers = self.retry_records()[0]
        self.assertEqual((key, value, headers["other"], headers["event-id"]), ("k", "1", ["kept"], ["first"]))
        self.assertEqual([r[2]["semel.retry.retries"][0] for r in self.retry_records()], ["1", "2"])
        self.assertEqual([r[2]["semel.retry.failed"][0] for r in self.retry_records()], ["1", "2"])
        self.assertEqual({r[2]["semel.retry.topic"][0] for r in self.retry_records()}, {self.topic})
        event = json.loads(d.semel("event", "main", "first", "--json", "--admin", d.socket).stdout)
        self.assertEqual(event["status"], "done")
        wait("the commit", lambda: d.lag() == 0)
        self.assertEqual(d.stop(), 0)

    def test_exhausted_goes_to_the_dead_letters(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon_with_topic("a", redis, retry="attempts = 3;")
        d.wait_state("running")
        self.produce("1", key="k", headers={"event-id": "bad", "debug": "retry:50"})
        wait("the letter", lambda: self.letters(), 30)
        _, value, headers = self.letters()[0]
        self.assertEqual((value, headers["semel.dlq.reason"], headers["semel.dlq.attempts"], headers["semel.dlq.retries"]), ("1", ["exhausted"], ["3"], ["2"]))
        self.assertEqual((headers["semel.dlq.topic"], headers["semel.dlq.offset"]), ([self.topic], ["0"]))
        self.assertFalse([h for h in headers if h.startswith("semel.retry.")])
        self.assertEqual(d.stop(), 0)

    def test_foreign_records_become_letters(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon_with_topic("a", redis)
        d.wait_state("running")
        good = {"semel.retry.due": "0", "semel.retry.event_id": "x", "semel.retry.retries": "1", "semel.retry.replays": "0",
                "semel.retry.failed": "1", "semel.retry.crashes": "0", "semel.retry.topic": "t", "semel.retry.partition": "0",
                "semel.retry.offset": "5", "semel.retry.timestamp": "0"}
        nasty = [{}, {"semel.retry.due": "soon"}, {"semel.retry.due": "-1"}, {"semel.retry.due": "9" * 18}, {"semel.retry.event_id": ""},
                 {"semel.retry.retries": "0"}, {"semel.retry.retries": "99999999999999999999"}, {"semel.retry.topic": ""},
                 {"semel.retry.topic": "t" * 300}, {"semel.retry.partition": "2147483648"}, {"semel.retry.offset": "1x"},
                 {"semel.retry.failed": "  "}]
        for change in nasty:
            self.produce("y", headers=dict(good, **change) if change else {"event-id": "z"}, topic=self.topic + ".retry")
        self.produce("y", headers=good, topic=self.topic + ".retry")     # of an event that nobody knows: it is run
        wait("the letters", lambda: len(self.letters()) == len(nasty), 60)
        self.assertEqual({h["semel.dlq.reason"][0] for _, _, h in self.letters()}, {"bad_id"})
        self.assertTrue(all("retry topic" in h["semel.dlq.detail"][0] or "the id is empty" in h["semel.dlq.detail"][0] for _, _, h in self.letters()))
        self.wait_handled(1, "a")
        self.assertEqual(self.lines("a")[0]["id"], "x")
        self.assertEqual(d.stop(), 0)

    def test_past_max_hold_to_the_topic(self):
        redis = self.redis()
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=self.topic + ".retry")
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.witness("a")}"; json = true;',
                        sub=f'max_hold = "1s"; retry = {{ topic = "{self.topic}.retry"; }};')
        d.wait_state("running")
        self.produce("1", key="k", headers={"event-id": "long", "debug": "delay:1500"})
        self.produce("2", key="k", headers={"event-id": "short", "debug": "delay:300"})
        self.wait_handled(2, "a")
        self.assertEqual([r["id"] for r in self.lines("a")], ["short", "long"])
        self.assertGreater(self.lines("a")[1]["due_ms"], 0)
        self.assertEqual(d.stop(), 0)

    def test_without_a_topic_the_partition_stands_and_goes_on(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.witness("a")}"; json = true;',
                        sub='max_hold = "1s"; retry = { attempts = 100; backoff = "0s"; };')
        d.wait_state("running")
        self.produce("1", headers={"event-id": "slow", "debug": "fail:4,retry:600"}, partition=0)
        # 600 ms at each attempt: past max_hold after the second.
        wait("the standstill", lambda: d.state() == "paused" and "stands still for offset 0" in d.subscription()["reason"])
        self.assertEqual({p["partition"]: p["state"] for p in d.subscription()["partitions"] if p["topic"] == self.topic}, {0: "paused", 1: "running"})
        self.produce("2", headers={"event-id": "other"}, partition=1)
        self.wait_handled(1, "a")
        self.assertEqual(d.semel("dlq", "add", "main", "slow", "--detail", "by hand", "--admin", d.socket).returncode, 0)
        wait("the letter", lambda: self.letters())
        wait("the end", lambda: d.state() == "running")
        _, _, headers = self.letters()[0]
        self.assertEqual((headers["semel.dlq.reason"], headers["semel.dlq.detail"]), (["operator"], ["by hand"]))
        self.assertEqual(d.stop(), 0)

    def test_exhausted_pauses_until_resume(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.witness("a")}"; json = true;',
                        sub='retry = { attempts = 2; backoff = "10ms"; on_exhausted = "pause"; };')
        d.wait_state("running")
        self.produce("1", key="k", headers={"event-id": "bad", "debug": "fail:4"}, partition=0)
        self.produce("2", key="k", headers={"event-id": "behind"}, partition=0)
        stands = lambda: d.state() == "paused" and "id bad, attempt 2" in d.subscription()["reason"]
        wait("the pause", stands)
        self.produce("3", headers={"event-id": "other"}, partition=1)
        self.wait_handled(1, "a")
        self.assertEqual(d.metric("semel_paused"), 1)
        # Over a restart it stands again, without another run.
        self.assertEqual(d.stop(), 0)
        d.start()
        wait("the pause, still", lambda: d.state() == "paused" and "id bad" in d.subscription()["reason"])
        self.assertEqual(d.semel("resume", "main", "--admin", d.socket).returncode, 0)
        wait("one more run", lambda: d.state() == "paused" and "attempt 3" in d.subscription()["reason"])
        self.assertEqual(d.semel("resume", "main", "--admin", d.socket).returncode, 0)
        wait("one more run", lambda: d.state() == "paused" and "attempt 4" in d.subscription()["reason"])
        d.semel("resume", "main", "--admin", d.socket)
        self.wait_handled(3, "a")
        self.assertEqual([r["id"] for r in self.lines("a")], ["other", "bad", "behind"])
        wait("running", lambda: d.state() == "running")
        self.assertEqual(d.stop(), 0)

    def test_delays_are_kept_over_restarts(self):
        count, longest = (100000, 60000) if LONG else (6000, 10000)
        redis = self.redis()
        self.make_topics(4)
        options = dict(workers=8)
        d = self.daemon_with_topic("a", redis, sub="max_in_flight_bytes = \"1GiB\";", **options)
        d.wait_state("running")
        self.load("produce", "--count", count, "--keys", 1000, "--delays", longest, "--rate", 2500)
        # Everything has been handed over, nothing is lost if it ends now.
        self.wait_handled(count // 4, "a", seconds=120)
        d.kill()
        d.start()
        self.wait_handled(count // 2, "a", seconds=120)
        self.assertEqual(d.stop(), 0)
        d.start()
        self.wait_handled(count, "a", seconds=180)
        wait("the end", lambda: d.lag() == 0)
        v = self.verify(count, "a", keys=1000)
        self.assertEqual((v["lost"], v["unmarked"], v["broken"]), (0, 0, 0))
        late = sorted(line["at_ms"] - line["due_ms"] for line in self.lines("a") if line["due_ms"])
        asked = [self.delay_of(int(line["id"].split("-")[1]), longest) for line in self.lines("a")]
        print(f"{count} delays of {min(asked)} to {max(asked)} ms over two restarts: late median {late[len(late) // 2]} ms, "
              f"p99 {late[len(late) * 99 // 100]} ms, worst {late[-1]} ms, earliest {late[0]} ms; repeated {v['repeated']}")
        self.assertGreater(len(late), count * 0.9)
        self.assertGreaterEqual(late[0], 0)
        # A restart takes time, and what came due meanwhile waits for it.
        self.assertLess(late[-1], max(1000, longest / 10) if LONG else 5000)
        self.assertEqual(d.stop(), 0)

    @staticmethod
    def delay_of(i, longest):
        return 100 + i * 7919 % (longest - 100)


if __name__ == "__main__":
    main()
