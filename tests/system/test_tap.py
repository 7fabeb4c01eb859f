"""semel tap: what passes is shown, filtered, escaped; who does not read holds nothing up, and is told what was missed."""
import contextlib
import json
import signal
import socket
import subprocess

from harness import SEMEL, SystemTest, main, wait


class Tap(SystemTest):
    def start(self, **options):
        redis = self.redis()
        self.make_topics(2)
        options.setdefault("settings", f'path = "{self.witness("a")}"; json = true;')
        d = self.daemon("a", redis, handler='plugin = "debug.so";', sub='retry = { attempts = 2; backoff = "10ms"; max_backoff = "20ms"; };', **options)
        d.wait_state("running")
        return d

    @contextlib.contextmanager
    def tap(self, d, *words):
        """A semel tap that looks on."""
        with subprocess.Popen([SEMEL, "tap", "main", *words, "--admin", d.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as p:
            try:
                self.assertEqual(p.stderr.readline(), "semel tap: looking on at main\n")
                yield p
            finally:
                p.kill()

    def ask(self, d, query=""):
        """A connection that has asked for a tap, and has its head."""
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(5)
        s.connect(d.socket)
        s.sendall(f"GET /v1/tap/main{query} HTTP/1.1\r\nHost: semel\r\n\r\n".encode())
        return s, s.recv(200).decode()

    def free(self, d):
        """How many more taps there could be."""
        places = [self.ask(d) for _ in range(4)]
        for s, _ in places:
            s.close()
        return sum(head.startswith("HTTP/1.1 200") for _, head in places)

    def test_what_passes(self):
        d = self.start()
        nasty = "evil\x1b[31m\u202e"
        with self.tap(d, "--json", "--payload") as every, self.tap(d, "--dead") as dead, \
                self.tap(d, "--outcome", "reject", "--handler", "handler", "--count", "1") as rejected, self.tap(d, "--id", "e3", "--count", "1") as one:
            for i, do in enumerate(("ok", "retry", "reject", "skip")):
                self.produce(f"text {i}", key=f"k{i}", headers={"event-id": f"e{i}", "debug": do,
                                                                "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
            self.produce("again", key="k0", headers={"event-id": "e0"})
            self.produce("x", key=nasty, headers={"event-id": nasty, "debug": "reject"})
            self.assertEqual((rejected.wait(20), one.wait(20)), (0, 0))
            wait("the letters", lambda: d.metric("semel_dead_letters_total") == 4)
            lines = []
            while len(lines) < 11:
                lines.append(json.loads(every.stdout.readline()))
            every.send_signal(signal.SIGINT)
            self.assertEqual(every.wait(10), 0)
            seen = sorted(((x["what"], x["id"], x.get("outcome", x.get("reason"))) for x in lines), key=str)
            self.assertEqual(seen, sorted([
                ("handled", "e0", "ok"), ("handled", "e1", "retry"), ("handled", "e1", "retry"), ("handled", "e2", "reject"),
                ("handled", "e3", "skip"), ("conflict", "e0", None), ("handled", nasty, "reject"),
                ("dead", "e0", "id_conflict"), ("dead", "e1", "exhausted"), ("dead", "e2", "rejected"), ("dead", nasty, "rejected")],
                key=str))
            first = next(x for x in lines if x["id"] == "e0" and x["what"] == "handled")
            self.assertEqual((first["key"], first["payload"], first["topic"], first["route"], first["handler"], first["attempt"],
                              first["redelivered"], first["trace_id"]),
                             ("k0", "text 0", self.topic, "all", "handler", 1, False, "4bf92f3577b34da6a3ce929d0e0e4736"))
            self.assertIn("e2", rejected.stdout.read())
            self.assertIn("skip", one.stdout.read())
            text = "".join(dead.stdout.readline() for _ in range(5))
            self.assertIn("exhausted", text)
            self.assertIn("evil\\x1b[31m\\u202e", text)
            self.assertNotIn("\x1b", text)
        # The next engine is followed.
        with self.tap(d, "--json") as later:
            self.assertEqual(d.semel("reload", "--admin", d.socket).returncode, 0)
            self.assertIn("going on with the next one", later.stderr.readline())
            self.assertIn("looking on", later.stderr.readline())
            self.produce("x", headers={"event-id": "after"})
            self.assertEqual(json.loads(later.stdout.readline())["id"], "after")
        self.assertEqual(d.stop(), 0)

    def test_who_does_not_read_holds_nothing_up(self):
        d = self.start()
        stalled, head = self.ask(d, "?payload=1")
        self.assertTrue(head.startswith("HTTP/1.1 200"), head)
        self.load("produce", "--count", 30000, "--keys", 500, "--size", 300)
        wait("all to be handled", lambda: len(self.lines("a")) == 30000, 60)
        self.assertGreater(d.metric("semel_tap_dropped_total"), 1000)
        # It is cut, and its place is another's.
        wait("its place", lambda: self.free(d) == 4, 30, 3)
        with contextlib.suppress(ConnectionError):
            while stalled.recv(1 << 20):
                pass
        self.assertEqual(d.stop(), 0)

    def test_what_is_refused(self):
        d = self.start()
        for words, text in ((("none",), "no such subscription"), (("main", "--route", "none"), "no such route"),
                            (("main", "--handler", "none"), "no such handler"), (("main", "--outcome", "fine"), "no such outcome")):
            done = d.semel("tap", *words, "--admin", d.socket)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(text, done.stderr)
        self.assertEqual(d.semel("tap", "main", "--count", "0", "--admin", d.socket).returncode, 64)
        places = [self.ask(d) for _ in range(5)]
        self.assertEqual([head.split()[1] for _, head in places], ["200"] * 4 + ["503"])
        places[0][0].close()
        wait("its place", lambda: self.ask(d)[1].startswith("HTTP/1.1 200"), 10)
        # Not on the TCP port: keys and payloads are nobody else's business.
        self.assertEqual(d.stop(), 0)
        self.assertEqual(d.semel("tap", "main", "--admin", d.socket).returncode, 69)


if __name__ == "__main__":
    main()
