"""semel doctor: servers that are set up to lose things, and one that is well."""
import json

from harness import SystemTest, main, wait


class Doctor(SystemTest):
    def doctor(self, d, *words):
        r = d.semel("doctor", "-c", d.config, "--json", *words)
        self.assertIn(r.returncode, (0, 1), r.stderr)
        return json.loads(r.stdout)["findings"]

    def find(self, findings, area, text):
        """The one finding that says so."""
        found = [x for x in findings if x["area"] == area and text in x["text"]]
        self.assertEqual(len(found), 1, f"{text}: {json.dumps(findings, indent=1)}")
        self.assertTrue(found[0]["remedy"])
        return found[0]

    def test_a_redis_that_forgets_and_a_topic_that_remembers(self):
        redis = self.redis(extra=("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"))
        self.make_topics(1, dead=False)
        d = self.daemon("a", redis, start=False)
        findings = self.doctor(d)
        self.assertEqual(self.find(findings, "redis", "maxmemory-policy is allkeys-lru")["severity"], "error")
        self.find(findings, "redis", "neither an append-only file nor a replica")
        self.find(findings, "kafka", "longer than ledger.retention")
        self.find(findings, "kafka", "dead-letter topic")
        self.find(findings, "daemon", "a.sock")
        text = d.semel("doctor", "-c", d.config)
        self.assertEqual(text.returncode, 1)
        self.assertIn("do: appendonly yes", text.stdout)
        print("\n" + text.stdout)

    def test_one_that_is_well(self):
        redis = self.redis(save=True, extra=("--maxmemory", "100mb"))
        self.make_topics(1)
        d = self.daemon("a", redis, ledger='retention = "8d";')
        d.wait_state("running")
        findings = self.doctor(d)
        # Clock, memory and open files are the machine's; dead letters stay in Kafka for its seven days.
        self.assertEqual([x for x in findings if x["area"] != "machine"], [])
        redis.kill()
        wait("not ready", lambda: d.get("/readyz")[0] == 503)
        findings = self.doctor(d)
        self.find(findings, "daemon", "not ready: main: waiting-ledger")
        self.find(findings, "redis", "ledger:")

    def test_configuration_and_topics_of_ones_own(self):
        redis = self.redis(save=True, extra=("--maxmemory", "100mb"))
        self.make_topics(1)
        d = self.daemon("a", redis, start=False, sub='retry = { mode = "topic"; };')
        self.find(self.doctor(d), "kafka", "the retry topic main.retry does not exist")
        d.rewrite(("file.so", "none.so"))
        self.find(self.doctor(d), "configuration", "none.so")
        d.rewrite(("node =", "nod ="))
        self.find(self.doctor(d), "configuration", "nod")


if __name__ == "__main__":
    main()
