"""semel try: a handler in a real host, without Kafka and Redis.  Needs no server."""
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, LONG, SEMEL, main, wait


class Try(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="st-")
        self.folder = self.temporary.name
        os.mkdir(self.path("tmp"))
        self.environment = dict(os.environ, TMPDIR=self.path("tmp"), NO_COLOR="1")

    def tearDown(self):
        # Whatever happened: nothing is left behind.
        left = os.listdir(self.path("tmp"))
        self.temporary.cleanup()
        self.assertEqual(left, [])

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def events(self, *events):
        return self.write("events.jsonl", "".join(json.dumps(e) + "\n" for e in events))

    @staticmethod
    def plugin(name):
        return os.path.join(BUILD, "plugins", name + ".so")

    @staticmethod
    def fixture(name):
        return os.path.join(BUILD, "tests", "plugins", name + ".so")

    def run_try(self, *words, seconds=120, stdin=None):
        return subprocess.run([SEMEL, "try", *map(str, words)], capture_output=True, text=True, check=False,
                              env=self.environment, timeout=seconds, input=stdin)

    def try_json(self, status, *words, **options):
        """The document; nothing may be said to be stuck, which only a hanging handler is."""
        done = self.run_try(*words, "--json", **options)
        self.assertEqual(done.returncode, status, done.stdout[-2000:] + done.stderr)
        self.assertNotIn("msg=stuck", done.stderr)
        return json.loads(done.stdout)

    def refused(self, status, text, *words):
        done = self.run_try(*words)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn(text, done.stderr)
        return done.stderr


def debug(words, id_, key="k", **more):
    return {"topic": "t", "key": key, "headers": {"event-id": id_, "debug": words}, "payload": {"id": id_}, **more}


class Outcomes(Try):
    def test_every_outcome(self):
        file = self.events(
            debug("ok", "ok"), debug("skip", "skip", "k2"), debug("reject", "reject", "k3"), debug("fail:2", "fail", "k4"),
            debug("retry", "exhausted", "k5"), debug("async:20", "async", "k6"), debug("emit:out,emit:out", "emit", "k7"),
            debug("ok", "ok"), dict(debug("ok", "ok"), payload="other"), debug("twice:1", "twice", "k8"),
            debug("wait:5000", "late", "k9"), {"topic": "u", "payload": "no id"},
            {"topic": "u", "key_base64": "/w==", "headers": {"event-id": ""}, "payload_base64": "AAE="})
        doc = self.try_json(1, self.plugin("debug"), "--events", file, "--emits", "out", "--attempts", 3, "--timeout", "100ms",
                            "--order", "partition", "--batch", 1)
        by_line = {e["line"]: e for e in doc["events"]}
        runs = {n: [r["outcome"] for r in e["runs"]] for n, e in by_line.items()}
        self.assertEqual(runs, {
            1: ["ok"], 2: ["skip"], 3: ["reject"], 4: ["retry", "retry", "ok"], 5: ["retry"] * 3, 6: ["ok"], 7: ["ok"],
            8: [], 9: [], 10: ["ok"], 11: ["cancelled"] * 3, 12: ["ok"], 13: []})
        ends = {n: (e["end"], e.get("reason")) for n, e in by_line.items()}
        self.assertEqual({n: e for n, e in ends.items() if e != ("handled", None)}, {
            3: ("dead_letter", "rejected"), 5: ("dead_letter", "exhausted"), 8: ("duplicate", None),
            9: ("dead_letter", "id_conflict"), 11: ("dead_letter", "exhausted"), 13: ("dead_letter", "bad_id")})
        self.assertEqual([r["attempt"] for r in by_line[4]["runs"]], [1, 2, 3])
        self.assertTrue(all(r["timed_out"] for r in by_line[11]["runs"]))
        self.assertEqual(by_line[7]["emitted"], [{"topic": "out", "key": "k7", "payload": '{"id":"emit"}', "bytes": 13}] * 2)
        self.assertEqual(doc["verdict"]["faults"], ["2 events failed at every attempt"])
        self.assertEqual(doc["summary"]["again_asked"], 6)

    def test_batches(self):
        doc = self.try_json(0, self.plugin("debug"), "--batch", 8, "--count", 200, "--workers", 2)
        self.assertEqual((doc["summary"]["handled"], doc["summary"]["ids_once"]), (200, 200))
        doc = self.try_json(0, self.fixture("bad_batch_only"), "--count", 20)
        self.assertEqual(doc["summary"]["handled"], 20)

    def test_ids(self):
        file = self.events({"topic": "t", "headers": {"a": "1"}, "payload": {"b": "x"}},
                           {"topic": "t", "headers": {"a": "1"}, "payload": {"b": "y"}},
                           {"topic": "t", "headers": {"a": "1"}, "payload": {"b": "x"}},
                           {"topic": "t", "headers": {}, "payload": {"b": "x"}})
        doc = self.try_json(0, self.plugin("debug"), "--events", file, "--id", "header:a", "--id", "json:/b")
        self.assertEqual([(e["end"], e.get("reason")) for e in doc["events"]],
                         [("handled", None), ("handled", None), ("duplicate", None), ("dead_letter", "no_id")])
        text = self.run_try(self.plugin("debug"), "--events", file, "--id", "header:a", "--id", "json:/b").stdout
        self.assertIn("1|x", text)
        # Without an id each record is one of its own.
        doc = self.try_json(0, self.plugin("debug"), "--events", file)
        self.assertEqual([e["end"] for e in doc["events"]], ["handled"] * 4)

    def test_events_from_stdin(self):
        doc = self.try_json(0, self.plugin("debug"), "--events", "-", stdin=json.dumps(debug("ok", "x")) + "\n")
        self.assertEqual(doc["summary"]["handled"], 1)

    def test_text(self):
        file = self.events(debug("ok", "a"), debug("reject", "b\\\n"), debug("ok", "a"))
        done = self.run_try(self.plugin("debug"), "--events", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^t@0 +a +ok \d+\.\d ms$")
        self.assertRegex(lines[1], r'^t@1 +b\\x5c\\x0a +reject .* "debug: reject"; dead letter: rejected$')
        self.assertRegex(lines[2], r"^t@2 +a +duplicate of t@0$")
        self.assertIn("records   3: 1 handled, 1 duplicates, 1 dead letter (1 rejected)", lines)
        self.assertIn("--probe", done.stdout)

    def test_many(self):
        count = 600000 if LONG else 30000
        began = time.monotonic()
        doc = self.try_json(0, self.plugin("debug"), "--count", count, "--duplicates", "10%", "--crash-after", count // 2,
                            seconds=600)
        self.assertLess(time.monotonic() - began, 300 if LONG else 60)
        s = doc["summary"]
        self.assertEqual((s["handled"], s["unfinished"], s["again_unmarked"], s["processes"]), (count, 0, 0, 2))
        self.assertAlmostEqual(s["duplicates"] / count, 0.1, delta=0.02)
        # Only what is of interest is printed.
        text = self.run_try(self.plugin("debug"), "--count", 500, "--setting", "do=ok").stdout
        self.assertLess(len(text.splitlines()), 20)
        self.assertEqual(len(self.run_try(self.plugin("debug"), "--count", 500, "--verbose").stdout.splitlines()), 509)

    def test_seed(self):
        def again(seed):
            doc = self.try_json(0, self.plugin("debug"), "--count", 100, "--duplicates", "20%", "--seed", seed)
            return [(e["line"], e["offset"]) for e in doc["events"] if e["again"]]
        self.assertEqual(again(5), again(5))
        self.assertNotEqual(again(5), again(6))
        self.assertGreater(len(again(5)), 8)


class Effects(Try):
    """The same faults for a handler that repeats its effect, one that looks before it acts, one that cannot repeat it."""

    def effects(self, status, how, *words):
        path = self.path("effects")
        probe = f"sort {path}"
        if how == "exclusive":
            os.mkdir(path)
            probe = f"ls {path}"
        doc = self.try_json(status, self.fixture("once"), "--setting", f"how={how}", "--setting", f"path={path}",
                            "--probe", probe, *words)
        self.assertEqual(doc["summary"]["unfinished"], 0)
        self.assertEqual(doc["summary"]["again_unmarked"], 0)
        return doc

    CRASH = ("--count", 60, "--duplicates", "20%", "--crash-after", 5, "--seed", 3)

    def test_crash_repeats_effects(self):
        doc = self.effects(1, "append", *self.CRASH)
        killed = [e for e in doc["events"] if any(r["killed"] for r in e["runs"])]
        self.assertEqual(len(killed), 1)
        first, second = killed[0]["runs"][:2]
        self.assertEqual((first["outcome"], first["redelivered"], first["attempt"]), ("ok", False, 1))
        self.assertEqual((second["outcome"], second["redelivered"], second["attempt"]), ("ok", True, 2))
        self.assertEqual(killed[0]["effects"], 2)
        effects = doc["verdict"]["effects"]
        self.assertGreaterEqual(effects["repeated"], 1)
        self.assertEqual((effects["exact"] + effects["repeated"], effects["missing"]), (60, 0))
        self.assertIn(killed[0]["id"], doc["verdict"]["faults"][0])
        self.assertEqual(doc["summary"]["processes"], 2)
        self.assertGreater(doc["summary"]["duplicates"], 3)

    def test_file_repeats_them_too(self):
        path = self.path("out.jsonl")
        probe = f"sed 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/' {path}"
        doc = self.try_json(1, self.plugin("file"), "--setting", f"path={path}", "--probe", probe, *self.CRASH)
        self.assertGreaterEqual(doc["verdict"]["effects"]["repeated"], 1)
        self.assertEqual(doc["verdict"]["effects"]["missing"], 0)
        # What the handler was told is in its file.
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        marked = [(e["id"], r["attempt"]) for e in doc["events"] for r in e["runs"] if r["redelivered"]]
        self.assertEqual(sorted((line["id"], line["attempt"]) for line in lines if line["redelivered"]), sorted(marked))

    def test_crash_and_one_that_looks(self):
        doc = self.effects(0, "look", *self.CRASH)
        self.assertEqual(doc["verdict"]["effects"]["exact"], 60)

    def test_crash_and_one_that_cannot_repeat(self):
        doc = self.effects(0, "exclusive", *self.CRASH)
        self.assertEqual((doc["verdict"]["effects"]["exact"], doc["verdict"]["effects"]["repeated"]), (60, 0))

    def test_lost_lease_repeats_effects_late(self):
        """A look does not help against a host that wakes up after it."""
        doc = self.effects(1, "look", "--count", 20, "--lease-loss")
        paused = [e for e in doc["events"] if any(r["paused"] for r in e["runs"])]
        self.assertEqual(len(paused), 1)
        self.assertEqual([(r["paused"], r["redelivered"], r["outcome"]) for r in paused[0]["runs"]],
                         [(True, False, "ok"), (False, True, "ok")])
        self.assertEqual(paused[0]["effects"], 2)

    def test_lost_lease_and_one_that_cannot_repeat(self):
        doc = self.effects(0, "exclusive", "--count", 20, "--lease-loss", "--crash-after", 8, "--duplicates", "30%")
        self.assertEqual(doc["verdict"]["effects"]["exact"], 20)
        # The crash is the first host's, or the other's, which is then started again.
        self.assertIn(doc["summary"]["processes"], (2, 3))

    def test_probe_sees_what_is_missing(self):
        doc = self.try_json(1, self.plugin("debug"), "--count", 4, "--probe", "echo event-1; echo event-2; echo else")
        effects = doc["verdict"]["effects"]
        self.assertEqual((effects["exact"], effects["missing"], effects["unknown"]), (2, 2, 1))
        self.assertIn("event-3", doc["verdict"]["faults"][0])

    def test_probe_is_told_the_ids(self):
        file = self.events(debug("ok", "a"), debug("reject", "b"), debug("ok", "c\\d e"))
        self.try_json(0, self.plugin("debug"), "--events", file, "--probe", 'cat "$SEMEL_TRY_IDS"')

    def test_probe_that_fails(self):
        doc = self.try_json(1, self.plugin("debug"), "--count", 1, "--probe", "echo event-1; exit 3")
        self.assertEqual(doc["verdict"]["faults"], ["the probe failed: exit status 3"])

    def test_slow_ledger(self):
        doc = self.try_json(0, self.plugin("debug"), "--count", 30, "--slow-ledger", 20)
        self.assertGreater(doc["summary"]["seconds"], 0.2)
        self.assertEqual(doc["summary"]["ids_once"], 30)


class Deaths(Try):
    def test_a_handler_that_crashes(self):
        file = self.events(*[debug("ok", f"e{i}", f"k{i}") for i in range(30)], debug("segv", "poison", "p"),
                           *[debug("ok", f"f{i}", f"k{i}") for i in range(30)])
        doc = self.try_json(1, self.plugin("debug"), "--events", file)
        poison = next(e for e in doc["events"] if e["id"] == "poison")
        self.assertEqual((poison["end"], poison["reason"]), ("dead_letter", "crashed"))
        self.assertIn(len(poison["runs"]), (3, 4))
        self.assertEqual({r["outcome"] for r in poison["runs"]}, {"died"})
        self.assertEqual({r["why"] for r in poison["runs"]}, {"SIGSEGV"})
        self.assertEqual([r["redelivered"] for r in poison["runs"]], [False] + [True] * (len(poison["runs"]) - 1))
        self.assertEqual(doc["summary"]["handled"], 60)
        self.assertEqual(doc["verdict"]["faults"], ["1 event crashes the handler"])

    def test_exit_is_a_crash(self):
        doc = self.try_json(1, self.plugin("debug"), "--count", 1, "--setting", "do=exit")
        self.assertEqual({r["why"] for r in doc["events"][0]["runs"]}, {"exit status 3"})
        self.assertEqual(doc["summary"]["reasons"], {"crashed": 1})

    def test_a_handler_that_hangs(self):
        doc = self.try_json(1, self.plugin("debug"), "--count", 1, "--setting", "do=hang", "--timeout", "100ms", "--max-run",
                            "300ms")
        self.assertEqual(doc["summary"]["reasons"], {"timeout": 1})
        self.assertIn("max_run", doc["events"][0]["runs"][0]["why"])
        self.assertEqual(doc["verdict"]["faults"], ["1 event never ends: past max_run"])

    def test_within(self):
        began = time.monotonic()
        doc = self.try_json(1, self.plugin("debug"), "--count", 3, "--setting", "do=hang", "--within", "300ms")
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(doc["summary"]["unfinished"], 3)
        self.assertIn("--within", doc["verdict"]["faults"][0])

    def test_too_few_runs_for_a_crash(self):
        doc = self.try_json(1, self.plugin("debug"), "--count", 3, "--crash-after", 4)
        self.assertIn("--crash-after 4", doc["verdict"]["faults"][0])

    def start(self, *words):
        return subprocess.Popen([SEMEL, "try", *words], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    @staticmethod
    def children(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
                return [int(n) for n in f.read().split()]
        except FileNotFoundError:
            return []

    def hosts_of(self, p):
        """(manager, engine), once both are there; the judge of the plugin has no child."""
        def found():
            return [(m, e) for m in self.children(p.pid) for e in self.children(m)]
        return wait("the host", found)[0]

    def test_ctrl_c(self):
        p = self.start(self.plugin("debug"), "--setting", "do=hang")
        self.hosts_of(p)
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 1)
        self.assertIn("interrupted", out)

    def test_killed(self):
        """Its host goes with it; only the folder stays."""
        p = self.start(self.plugin("debug"), "--setting", "do=hang")
        pids = self.hosts_of(p)
        p.kill()
        p.communicate()
        wait("their end", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
        for name in os.listdir(self.path("tmp")):
            shutil.rmtree(self.path(os.path.join("tmp", name)))


class Refusals(Try):
    def test_usage(self):
        so = self.plugin("debug")
        for text, words in (
                ("FILE.so must be given", ()), ("unexpected argument x", (so, "x")),
                ("expected a share, 0% to 100%", (so, "--duplicates", "120%")),
                ("expected a share, 0% to 100%", (so, "--duplicates", "nan")),
                ("--crash-after 0: expected a whole number", (so, "--crash-after", "0")),
                ("--workers x: expected a whole number", (so, "--workers", "x")),
                ("workers: 5000 is out of range", (so, "--workers", "5000")),
                ('"3" is no duration', (so, "--timeout", "3")), ("expected a duration", (so, "--within", "x")),
                ("expected NAME=VALUE", (so, "--setting", "x")), ('"q" is none of', (so, "--order", "q")),
                ("none of header:NAME", (so, "--id", "x")), ("go together", (so, "-c", "x")),
                ("unknown option", (so, "--bogus"))):
            self.refused(64, text, *words)

    def test_events(self):
        so = self.plugin("debug")
        self.refused(1, "none.jsonl: No such file", so, "--events", self.path("none.jsonl"))
        self.refused(1, "no events", so, "--events", self.write("empty.jsonl", "\n"))
        file = self.write("bad.jsonl", '{"topic":"t"}\nnonsense\n{"topic":"a b"}\n{"key":"x"}\n')
        text = self.refused(1, "3 lines are no events: nothing was run", so, "--events", file)
        for line in (2, 3, 4):
            self.assertIn(f"{file}:{line}: error: ", text)

    def configuration(self, plugin, settings=""):
        return self.write("semel.conf", f'''
plugin_path = [ "{BUILD}/plugins", "{BUILD}/tests/plugins" ];
kafka = {{ bootstrap_servers = "nowhere:9092"; }};
ledger = {{ url = "redis://nowhere:1/0"; }};
subscriptions = {{ s = {{ topics = [ "t" ]; id = [ "key" ]; start = "earliest"; }}; }};
handlers = {{ h = {{ plugin = "{plugin}"; workers = 3; settings = {{ {settings} }}; }}; }};
routes = {{ r = {{ subscription = "s"; handler = "h"; }}; }};
''')

    def test_plugins(self):
        """With the words of semel check."""
        for name in ("no_symbol", "magic", "major", "minor", "small", "flags", "no_name", "no_version", "no_data"):
            file = self.fixture("bad_" + name)
            text = self.refused(78, file, file).strip()
            done = subprocess.run([SEMEL, "check", "-c", self.configuration(f"bad_{name}.so")], capture_output=True, text=True,
                                  check=False)
            self.assertIn(text, done.stdout)
        self.refused(78, "undefined symbol", self.fixture("bad_unresolved"))
        self.refused(78, "neither handle nor handle_batch", self.fixture("bad_no_handle"))
        self.refused(78, "No such file", self.path("none.so"))

    def test_settings(self):
        self.refused(78, "settings.path must be given", self.plugin("file"))
        self.refused(78, "plugin debug has no setting dox; did you mean do?", self.plugin("debug"), "--setting", "dox=1")
        self.refused(78, "expected true or false", self.plugin("debug"), "--setting", "json=1")
        self.refused(78, "none of append, look, exclusive", self.fixture("once"), "--setting", "how=x", "--setting", "path=y")
        self.refused(1, "cannot be opened now", self.plugin("file"), "--setting", f"path={self.path('no/such')}")

    def test_from_a_configuration(self):
        conf = self.configuration("debug.so", f'do = "fail:1"; path = "{self.path("runs")}"; json = true;')
        doc = self.try_json(0, "-c", conf, "--handler", "h", "--count", 5)
        self.assertEqual(doc["summary"]["outcomes"], {"ok": 5, "retry": 5})
        with open(self.path("runs"), encoding="utf-8") as f:
            self.assertEqual({json.loads(line)["attempt"] for line in f}, {2})
        # Another file of the plugin, and a setting instead.
        doc = self.try_json(0, self.plugin("debug"), "-c", conf, "--handler", "h", "--setting", "do=skip")
        self.assertEqual(doc["summary"]["outcomes"], {"skip": 10})
        self.refused(78, "has no handler x", "-c", conf, "--handler", "x")
        text = self.refused(78, "has no setting nope", "-c", self.configuration("debug.so", "nope = 1;"), "--handler", "h")
        self.assertRegex(text, r"semel.conf:\d+: error: plugin debug")

    def test_a_file_that_others_can_write(self):
        copy = self.path("copy.so")
        with open(self.plugin("debug"), "rb") as f, open(copy, "wb") as g:
            g.write(f.read())
        os.chmod(copy, 0o777)
        done = self.run_try(copy, "--count", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: ", done.stderr)
        self.assertIn("writable", done.stderr)
        self.assertTrue(os.stat(copy).st_mode & stat.S_IWOTH)

    def test_help(self):
        text = subprocess.run([SEMEL, "help", "try"], capture_output=True, text=True, check=True).stdout
        for option in ("--events", "--duplicates", "--crash-after", "--lease-loss", "--slow-ledger", "--probe", "--setting",
                       "SEMEL_TRY_IDS", "Exit status"):
            self.assertIn(option, text)


main()
