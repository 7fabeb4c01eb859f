"""Starting: policies, plugins, configuration, group membership."""
import os
import subprocess

import time

from harness import SEMEL, SEMELD, SystemTest, main, wait


class Start(SystemTest):
    def test_new_group_needs_a_word(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis, sub='start = "error";', start=False, check=False)
        d.rewrite(('start = "earliest";', ""))
        self.load("produce", "--count", 100)
        d.start()
        d.wait_state("blocked")
        self.assertIn("has no committed offset", d.subscription()["reason"])
        self.assertEqual(self.lines("a"), [])
        self.assertIn("has no committed offset", d.get("/readyz")[1])

    def test_latest_skips_what_is_there(self):
        redis = self.redis()
        self.make_topics()
        self.load("produce", "--count", 100)
        d = self.daemon("a", redis, start=False)
        d.rewrite(('start = "earliest";', 'start = "latest";'))
        d.start()
        d.wait_state("running")
        self.load("produce", "--count", 50, "--prefix", "f")
        self.wait_handled(50, "a")
        wait("the end", lambda: d.lag() == 0)
        self.assertTrue(all(line["id"].startswith("f-") for line in self.lines("a")))

    def test_missing_plugin_blocks_only_its_subscription(self):
        redis = self.redis()
        self.make_topics()
        other = self.topic + "-2"
        self.make_topics(topic=other)
        d = self.daemon("a", redis, check=False, more=f'''other = {{ topics = [ "{other}" ]; id = [ "header:event-id" ];
            start = "earliest"; unrouted = "dead-letter"; }};''', routes='''
            all = { subscription = "main"; handler = "handler"; }; rest = { subscription = "other"; handler = "gone"; };''',
            handler='plugin = "file.so"; ')
        d.rewrite(("handlers = {", 'handlers = { gone = { plugin = "gone.so"; };'))
        d.kill()
        d.start()
        self.assertEqual(d.semel("check", "-c", d.config).returncode, 78)
        d.wait_state("running")
        self.load("produce", "--count", 100)
        self.wait_handled(100, "a")
        self.assertEqual(d.state(1), "blocked")
        said = "gone.so: No such file or directory: install the package that has it, or remove the handler and its routes"
        self.assertIn(said, d.subscription(1)["reason"])
        self.assertIn(said, d.text())
        self.assertIn("other: blocked", d.get("/readyz")[1])

    def test_missing_topic_is_said_and_found_when_made(self):
        redis = self.redis()
        d = self.daemon("a", redis, kafka="topic_metadata_refresh_interval_ms = 500;")
        wait("the reason", lambda: d.state() == "waiting-broker" and "UNKNOWN_TOPIC" in d.subscription()["reason"])
        self.make_topics()
        self.load("produce", "--count", 100)
        self.wait_handled(100, "a", seconds=60)

    def test_pattern_subscribes_to_several_topics(self):
        redis = self.redis()
        for end in ("x", "y"):
            self.make_topics(2, topic=f"{self.topic}.{end}", dead=False)
        self.load("topic", "--partitions", 1, topic=self.topic + ".dead")
        d = self.daemon("a", redis, topics=f'[ "^{self.topic}\\\\.[xy]$" ]')
        d.wait_state("running")
        for end in ("x", "y"):
            self.load("produce", "--count", 100, "--prefix", end, topic=f"{self.topic}.{end}")
        self.wait_handled(200, "a")
        self.assertEqual({line["topic"] for line in self.lines("a")}, {self.topic + ".x", self.topic + ".y"})

    def test_another_cluster_or_group_is_refused(self):
        redis = self.redis()
        self.make_topics()
        a = self.daemon("a", redis)
        a.wait_state("running")
        self.assertEqual(a.stop(), 0)
        b = self.daemon("b", redis, id_='[ "key" ]')
        wait("the reason", lambda: b.subscription() and b.subscription()["ledger"]["state"] == "refused")
        self.assertIn("id or missing_id", b.subscription()["reason"])

    def test_fenced_by_another_client_joins_again(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.load("produce", "--count", 500)
        self.wait_handled(500, "a")
        thief = subprocess.Popen(["kcat", "-G", self.topic, "-b", self.brokers, "-X", "group.instance.id=a.main", "-X", "session.timeout.ms=6000",
                                  "-X", "enable.auto.commit=false", "-X", "partition.assignment.strategy=cooperative-sticky", self.topic], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.load("produce", "--count", 500, "--prefix", "f")
        wait("the fence", lambda: "FENCED" in d.text() or "joined again" in d.text(), 40)
        thief.kill()
        thief.wait()
        self.wait_handled(1000, "a", seconds=60)
        wait("the commit", lambda: d.lag() == 0, 40)
        self.assertEqual(len({line["id"] for line in self.lines("a")}), 1000)
        self.assertEqual(d.state(), "running")
        self.assertEqual(d.stop(), 0)

    def test_bad_configuration_starts_nothing(self):
        path = os.path.join(self.folder, "bad.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write('kafka = { bootstrap_servers = "x"; };\nledgr = { };\n')
        done = subprocess.run([SEMELD, "-c", path], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{path}:2: error: unknown key ledgr; did you mean ledger?", done.stderr)

    def test_transactions_and_gaps_leave_no_lag(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis)
        d.wait_state("running")
        for i in range(5):
            subprocess.run(["kcat", "-P", "-q", "-b", self.brokers, "-t", self.topic, "-X", "transactional.id=" + self.topic,
                            "-H", f"event-id=t{i}"], input=b"x\n", check=True)
        self.wait_handled(5, "a")
        wait("no lag", lambda: d.lag() == 0)
        committed = d.subscription()["partitions"][0]["committed"]
        self.assertEqual(committed, 10)     # five records, five commit markers
        # What is left to fetch, too, or an idle partition would be stuck after stall_timeout.
        wait("nothing to fetch", lambda: d.metric("semel_fetch_lag") == 0, 10)

    def test_new_topic_without_leaders_is_asked_again(self):
        # So many that some have no leader yet when the host asks where to begin: it was blocked for good.
        redis = self.redis()
        self.make_topics(200)
        d = self.daemon("a", redis)
        d.wait_state("running", 60)
        self.load("produce", "--count", 1000)
        self.wait_handled(1000, "a")
        v = self.verify(1000, "a")
        self.assertEqual((v["once"], v["lost"]), (1000, 0))
        self.assertNotIn("state=blocked", d.text())
        self.assertEqual(d.stop(), 0)


class Hold(SystemTest):
    def test_what_waits_for_a_worker_does_not_begin_after_sigterm(self):
        # Workers went on with what was queued for them, one run after the other, until stop_timeout.
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', workers=1,
                        settings=f'path = "{self.witness("a")}"; json = true; do = "sleep:1000";')
        self.load("produce", "--count", 12, "--keys", 12)
        wait("a first run", lambda: d.metric("semel_workers_busy") == 1)
        begin = time.monotonic()
        self.assertEqual(d.stop(), 0)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertLess(len(self.lines("a")), 6)

    def test_pause_drain_resume_are_remembered(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings=f'path = "{self.witness("runs")}"; json = true; do = "sleep:20,ok";',
                        workers=2)
        d.wait_state("running")
        self.load("produce", "--count", 400)
        wait("some", lambda: len(self.lines("runs")) > 20)
        self.assertEqual(d.semel("pause", "main", "--admin", d.socket).returncode, 0)
        wait("paused", lambda: d.state() == "paused")
        self.assertEqual(d.get("/readyz")[0], 200)
        time.sleep(0.5)
        n = len(self.lines("runs"))
        time.sleep(0.5)
        self.assertEqual(len(self.lines("runs")), n)
        self.assertEqual(d.metric("semel_paused"), 1)
        self.assertEqual(d.stop(), 0)
        d.start()
        wait("paused, still", lambda: d.state() == "paused")
        self.assertEqual(len(self.lines("runs")), n)
        self.assertEqual(d.semel("resume", "--admin", d.socket).returncode, 0)
        wait("more", lambda: len(self.lines("runs")) > n + 20)
        self.assertEqual(d.semel("drain", "main", "--admin", d.socket).returncode, 0)
        wait("drained", lambda: d.subscription()["in_flight"] == 0 and "drained" in d.subscription()["reason"], 30)
        d.semel("resume", "--admin", d.socket)
        wait("the end", lambda: d.lag() == 0, 30)
        ids = [r["id"] for r in self.lines("runs")]
        self.assertEqual((len(ids), len(set(ids))), (400, 400))
        self.assertEqual(d.semel("pause", "none", "--admin", d.socket).returncode, 1)


if __name__ == "__main__":
    main()
