"""The handler exec with real children: outcomes, deaths, cancels, what goes through, kill -9, no process left."""
import base64
import json
import os
import signal
import sys

from harness import SystemTest, main, wait, LONG, SOURCE

CHILD = os.path.join(SOURCE, "tests", "system", "exec_child.py")
EXAMPLES = os.path.join(SOURCE, "sdk", "examples", "exec")


def is_alive(pid):
    """Zombies count: nobody may leave one."""
    return os.path.exists(f"/proc/{pid}")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        own = f.read().split()
    for task in os.listdir(f"/proc/{pid}/task"):
        if task != str(pid):
            with open(f"/proc/{pid}/task/{task}/children", encoding="utf-8") as f:
                own += f.read().split()
    return own


class Exec(SystemTest):
    def command(self, *words):
        return "command = [ " + ", ".join(f'"{w}"' for w in words) + " ];"

    def exec(self, redis, *words, more="", settings="", **options):
        return self.daemon("a", redis, handler=f'plugin = "exec.so"; timeout = "4s"; max_run = "1m"; {more}',
                           settings=self.command(*words) + settings, **options)

    def child(self, redis, *words, **options):
        return self.exec(redis, sys.executable, CHILD, self.witness("a"), *words, **options)

    def runs(self):
        return [line for line in self.lines("a") if "seq" in line]

    def engine(self, d):
        return wait("the engine", lambda: (d.status() or {}).get("engine", {}).get("pid"))

    def plugin_metric(self, d, name):
        return d.metric("semel_plugin_exec_" + name)

    # name: (do, what becomes of it, runs, part of the reason)
    CASES = {
        "ok": ("ok", "done", 1, None),
        "skip": ("skip", "done", 1, None),
        "reject": ("reject:no such account", "rejected", 1, "no such account"),
        "reject-without-why": ("reject", "rejected", 1, "the program gave no reason"),
        "retry": ("retry:busy", "exhausted", 2, "busy"),
        "retry-then-ok": ("retry:busy|ok", "done", 2, None),
        "retry-ms": ("later:1500|ok", "done", 2, None),
        "exit": ("exit:3", "exhausted", 2, "the program exited with status 3"),
        "exit-0": ("exit:0", "exhausted", 2, "the program exited with status 0"),
        "exit-then-ok": ("exit:3|ok", "done", 2, None),
        "killed": ("kill:9", "exhausted", 2, "the program was killed by signal 9 (SIGKILL)"),
        "segfault": ("kill:11|ok", "done", 2, None),
        "answers-and-exits": ("answer-and-exit", "done", 1, None),
        "garbage": ("write:hello world", "exhausted", 2, "the program's answer: no JSON ("),
        "no-object": ("write:[1]", "exhausted", 2, "the program's answer: JSON that is no object: [1]"),
        "no-outcome": ('write:{"seq":SEQ}', "exhausted", 2, "outcome is none of"),
        "no-seq": ('write:{"outcome":"ok"}', "exhausted", 2, "the program's answer: seq is not there"),
        "unknown-field": ('write:{"seq":SEQ,"outcome":"ok","retry":5}', "exhausted", 2, '"retry", which is no field'),
        "late-answer": ("late", "exhausted", 2, "the program's answer: seq is "),
        "too-long": ("long|ok", "done", 2, None),
        "too-long-twice": ("long", "exhausted", 2, "the program wrote a line longer than max_line"),
        "two-lines": ("two", "done", 1, None),
        "closes-its-output": ("close-out", "exhausted", 2, "the program closed its standard output"),
        "hangs": ("hang|ok", "done", 2, None),
        "ignores-sigterm": ("stubborn|ok", "done", 2, None),
        "leaves-a-process": ("leave|ok", "done", 2, None),
        "stderr": ("stderr", "done", 1, None),
        "emits-elsewhere": ("emit:nowhere", "exhausted", 2, "emit: topic nowhere is not in handlers.handler.emits"),
    }

    def test_outcomes(self):
        redis = self.redis()
        self.make_topics(4)
        d = self.child(redis, settings='grace = "300ms";', workers=8,
                       sub='retry = { attempts = 2; backoff = "10ms"; max_backoff = "20ms"; };')
        d.wait_state("running")
        for name, (do, *_) in self.CASES.items():
            self.produce("x", key=name, headers={"event-id": name, "do": do})
        wait("the end", lambda: d.lag() == 0, 60)
        letters = {h["semel.dlq.event_id"][0]: (h["semel.dlq.reason"][0], h["semel.dlq.detail"][0]) for _, _, h in self.letters()}
        runs = {}
        for r in self.runs():
            runs[r["id"]] = runs.get(r["id"], 0) + 1
        for name, (_, end, times, why) in self.CASES.items():
            with self.subTest(name):
                self.assertEqual(letters.get(name, ("done", ""))[0], end, letters.get(name))
                self.assertEqual(runs.get(name), times)
                if why:
                    print(f"{name}: {letters[name][1]}")
                    self.assertIn(why, letters[name][1])
        for line in self.lines("a"):
            if "left" in line:
                wait("the process left behind", lambda pid=line["left"]: not is_alive(pid), 10)
        # those that died between events are reaped, too
        engine = self.engine(d)
        for pid in children_of(engine):
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                self.assertNotEqual(f.read().rpartition(")")[2].split()[0], "Z")
        self.assertEqual(self.plugin_metric(d, "cancelled_total"), 2)
        self.assertGreaterEqual(self.plugin_metric(d, "deaths_total"), 9)
        alive = [r["pid"] for r in self.runs() if is_alive(r["pid"])]
        self.assertTrue(alive)
        self.assertEqual(d.stop(), 0)
        self.assertEqual([p for p in alive if is_alive(p)], [])
        text = d.text()
        for said in ("hello from the child", "y" * 2000 + " ...", "behind the long line", "the program wrote what nobody asked for"):
            self.assertIn(said, text)
        self.assertNotIn("y" * 2001, text)

    def test_what_goes_through(self):
        """Bytes, tombstones, null keys, repeated headers, both ways; and the largest value that the broker takes."""
        redis, out = self.redis(), self.topic + ".out"
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=out)
        d = self.child(redis, "emit:" + out, more=f'emits = [ "{out}" ];', workers=2)
        d.wait_state("running")
        binary, large = b"\xff\xfe\x01{", b"L" * 900000
        self.produce('say "hi"\\ \u00e4\u20ac', key="k1", headers={"event-id": "text", "x": ["1", "2", "1"]})
        self.produce(binary, key="k2", headers={"event-id": "binary"})
        self.produce("", key="k3", headers={"event-id": "tombstone"}, null=True)
        self.produce("no key", headers={"event-id": "no-key"})
        self.produce(large, key="k5", headers={"event-id": "large"})
        wait("the end", lambda: d.lag() == 0, 60)
        runs = {r["id"]: r for r in self.runs()}
        self.assertEqual(base64.b64decode(runs["binary"]["payload_base64"]), binary)
        for name, want in {"v": 1, "topic": self.topic, "partition": 0, "attempt": 1, "redelivered": False, "subscription": "main",
                           "handler": "handler", "key": "k1"}.items():
            self.assertEqual(runs["text"][name], want)
        self.assertGreater(runs["text"]["lease_ms"], 0)
        self.assertGreater(runs["text"]["fence"], 0)
        self.assertGreater(runs["text"]["timestamp"], 1600000000000)
        self.assertEqual([h["value"] for h in runs["text"]["headers"] if h["name"] == "x"], ["1", "2", "1"])
        self.assertEqual((runs["no-key"]["key"], runs["tombstone"]["payload"]), (None, None))
        records = {h["event-id"][0]: (k, v, h) for k, v, h in self.letters(end=".out")}
        self.assertEqual(set(records), {"text", "binary", "tombstone", "no-key", "large"})
        self.assertEqual(records["text"][1], 'say "hi"\\ \u00e4\u20ac')
        self.assertEqual(records["text"][2]["x"], ["1", "2", "1"])
        self.assertEqual(records["binary"][1].encode("utf-8", "replace").count(b"{"), 1)
        self.assertEqual((records["tombstone"][0], records["tombstone"][1]), ("k3", None))
        self.assertEqual((records["no-key"][0], records["no-key"][1]), (None, "no key"))
        self.assertEqual(records["large"][1].encode(), large)
        self.assertEqual(d.stop(), 0)

    def test_kill_9_leaves_no_child(self):
        count, kills = (20000, 10) if LONG else (1500, 2)
        redis = self.redis()
        self.make_topics(4)
        d = self.child(redis, "slow:0.004", sub='retry = { attempts = 50; backoff = "10ms"; };')
        self.load("produce", "--count", count, "--keys", 300)
        for i in range(kills):
            wait("some runs", lambda i=i: len(self.runs()) > (i + 1) * count // (kills + 2), 60)
            os.kill(self.runs()[-1]["pid"], signal.SIGKILL)
            engine = self.engine(d)
            children = children_of(engine)
            self.assertTrue(children)
            os.kill(engine, signal.SIGKILL)
            wait("its children to be gone", lambda children=children: not [p for p in children if is_alive(p)], 10)
        wait("the end", lambda: d.lag() == 0, 120)
        runs = {}
        for r in self.runs():
            runs.setdefault(r["id"], []).append(r)
        repeated = [v for v in runs.values() if len(v) > 1]
        unmarked = [r for v in repeated for r in v[1:] if r["attempt"] < 2]
        print(f"{count} events, {kills} kill -9 of a child and of the engine: {len(self.runs())} runs, {len(repeated)} ids repeated, "
              f"{len(unmarked)} of them unmarked")
        self.assertEqual(len(runs), count)
        self.assertEqual(unmarked, [])
        self.assertEqual(self.letters(), [])
        self.assertEqual(d.stop(), 0)

    def test_a_program_that_cannot_run(self):
        """No attempt is lost while it is not there; it is tried again, and not in a tight loop."""
        redis = self.redis()
        self.make_topics(1)
        program = os.path.join(self.folder, "program")
        d = self.exec(redis, program, self.witness("a"), check=False, sub='retry = { attempts = 50; backoff = "10ms"; };', workers=1)
        self.produce("x", key="k", headers={"event-id": "1"})
        wait("the reason", lambda: f"{program}: No such file or directory" in d.text(), 20)
        with open(program + ".new", "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nexec {sys.executable} {CHILD} $1 ${{2:-ok}}\n")
        os.chmod(program + ".new", 0o755)
        os.rename(program + ".new", program)
        wait("the event", lambda: d.lag() == 0, 40)
        self.assertEqual([r["attempt"] for r in self.runs()], [1])
        # from now on it ends at once
        with open(program + ".new", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexit 7\n")
        os.chmod(program + ".new", 0o755)
        os.rename(program + ".new", program)
        os.kill(self.runs()[0]["pid"], signal.SIGKILL)
        before = self.plugin_metric(d, "starts_total")
        for i in range(5):
            self.produce("x", key=f"k{i}", headers={"event-id": f"again-{i}"})
        wait("some deaths", lambda: self.plugin_metric(d, "deaths_total") >= 4, 20)
        starts = self.plugin_metric(d, "starts_total") - before
        self.assertLess(starts, 9)  # 0, 0.1, 0.2, 0.4, 0.8 ... s apart
        self.assertEqual(d.stop(), 0)

    def test_examples(self):
        redis, out = self.redis(), self.topic + ".bills"
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=out)
        spool = os.path.join(self.folder, "spool")
        os.mkdir(spool)
        text = self.configuration("a", redis, handler=f'plugin = "exec.so"; emits = [ "{out}" ];',
                                  settings=self.command("python3", EXAMPLES + "/orders.py", out),
                                  routes='s = { subscription = "main"; handler = "spool"; when = ( { field = "header:to"; equals = "spool"; } ); }; '
                                         'all = { subscription = "main"; handler = "handler"; };')
        text = text.replace("handlers = {", 'handlers = { spool = { plugin = "exec.so"; settings = { '
                            + self.command(EXAMPLES + "/spool.sh", spool) + " }; };")
        d = self.daemon_of("a", text)
        d.wait_state("running")
        self.produce('{"n": 3, "price": 5}', key="k", headers={"event-id": "1"})
        self.produce("no json", key="k", headers={"event-id": "2"})
        self.produce("", key="k", headers={"event-id": "3"}, null=True)
        self.produce('"offset":99', key='"topic":"x"', headers={"event-id": "4", "to": "spool"})
        wait("the end", lambda: d.lag() == 0, 30)
        (key, value, headers), = self.letters(end=".bills")
        self.assertEqual((key, json.loads(value), headers["content-type"]), ("k", {"total": 15}, ["application/json"]))
        (_, _, letter), = self.letters()
        self.assertIn("no order: JSONDecodeError", letter["semel.dlq.detail"][0])
        name, = os.listdir(spool)
        self.assertEqual(name, f"{self.topic}-0-3.json")
        with open(os.path.join(spool, name), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["payload"], '"offset":99')
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
