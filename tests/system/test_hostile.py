"""What senders, handlers and clients of the HTTP ports may throw at a host: shown and not obeyed, bounded, and the flow goes on."""
import base64
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
import unicodedata

from browser import Browser
from harness import SOURCE, SystemTest, main, wait, LONG

SLY = set(range(0x80, 0xa0)) | {0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0xfeff} | set(range(0x2028, 0x202f)) \
    | set(range(0x2060, 0x2070)) | set(range(0xfff9, 0xfffc)) | set(range(0xe0000, 0xe0080))
# Trace context that is valid, and its parts.
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def corpus():
    """(name, bytes) of tests/data/nasty.jsonl."""
    with open(os.path.join(SOURCE, "tests", "data", "nasty.jsonl"), encoding="utf-8") as f:
        for line in f:
            x = json.loads(line)
            yield x["name"], base64.b64decode(x["base64"]) if "base64" in x else (x.get("text") or x["repeat"] * x["times"]).encode()


class Hostile(SystemTest):
    def tame(self, text, what):
        """Lines of printable characters, and nothing that hides or turns them."""
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        bad = [(hex(ord(c)), text[max(0, i - 30):i + 10]) for i, c in enumerate(text)
               if c != "\n" and (unicodedata.category(c) == "Cc" or ord(c) in SLY)]
        self.assertEqual(bad[:3], [], what)

    def send(self, value, words, topic=None, number=0):
        """One record with the value as id, key, name of a header and payload, as far as kcat can be given it."""
        command = [b"kcat", b"-P", b"-q", b"-b", self.brokers.encode(), b"-t", (topic or self.topic).encode(), b"-H", b"debug=" + words.encode()]
        small = value[:1024]
        command += [b"-H", b"event-id=" + small, b"-H", b"n=%d" % number, b"-H", small.replace(b"=", b"_") + b"=x", b"-k", small]
        done = subprocess.run(command + [b"-D", b"\x01\x02end"], input=value, check=False, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def values(self):
        """Those that a command's arguments can carry: without a NUL (the rest is in the unit tests of the log)."""
        return [(name, value) for name, value in corpus() if b"\0" not in value]

    def test_shown_and_not_obeyed(self):
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings='do = "echo";', sub="max_crashes = 1; "
                        'retry = { attempts = 1; on_exhausted = "pause"; };')
        d.wait_state("running")
        values = self.values()
        self.assertGreater(len(values), 15)
        for i, (_, value) in enumerate(values):
            self.send(value, "echo", number=i)
        wait("the letters", lambda: d.metric("semel_dead_letters_total") == len(values))
        self.look_at_letters(d, values)
        html = dict(values)["html"]
        self.send(b"2" + html, "segv")
        wait("a crash", lambda: (d.status() or {"engine": {"restarts": 0}})["engine"]["restarts"] == 1)
        wait("its letter", lambda: d.metric("semel_dead_letters_total") >= 1)
        self.send(b"3" + html + dict(values)["terminal"] + dict(values)["bidi"], "echo:retry")
        wait("a partition to stand still", lambda: d.state() == "paused")
        self.look_at_status(d)
        self.look_at_page(d)
        log = d.text()
        self.tame(log, "the log")
        for line in log.splitlines():
            self.assertRegex(line, r"^time=\S+ level=\w+ msg=")
            self.assertLess(len(line), 30000)

    def look_at_letters(self, d, values):
        listed = d.semel("dlq", "list", "main", "-c", d.config, "--json")
        self.tame(listed.stdout.replace("\t", ""), "dlq list --json")
        letters = json.loads(listed.stdout)["letters"]
        got = {x.get("id", "").encode() if "id" in x else base64.b64decode(x["id_base64"]) for x in letters}
        self.assertEqual(got, {value[:1024] for _, value in values})
        self.tame(d.semel("dlq", "list", "main", "-c", d.config).stdout, "dlq list")
        for x in letters:
            self.tame(d.semel("dlq", "show", "main", f"{x['partition']}:{x['offset']}", "-c", d.config).stdout, "dlq show")
        for name, value in values:
            words = ("event", "main", "--admin", d.socket, "--base64", base64.b64encode(value[:1024]).decode().replace("+", "-").replace("/", "_"))
            out = d.semel(*words)
            self.assertEqual(out.returncode, 0, name + out.stderr)
            self.tame(out.stdout, "event " + name)
            self.tame(d.semel(*words, "--json").stdout, "event --json " + name)

    def look_at_status(self, d):
        status = d.get("/status")[1]
        self.tame(status, "/status")
        sub = json.loads(status)["subscriptions"][0]
        self.assertIn("stands still", sub["reason"])
        # What is to be typed holds none of a sender's words that a shell would act on.
        self.assertEqual(sub["remedies"][0]["type"], "semel dlq add main ID")
        out = d.semel("status", "--admin", d.socket)
        self.tame(out.stdout, "semel status")
        self.assertIn("semel dlq add main ID", out.stdout)
        self.assertIn("SIGSEGV", out.stdout)
        top = d.semel("top", "--once", "--interval", "250ms", "--admin", d.socket)
        self.tame(top.stdout, "semel top")
        self.assertIn("semel dlq add main ID", top.stdout)
        self.assertIn("stands still", top.stdout)
        self.tame(d.get("/readyz")[1], "/readyz")
        for line in d.get("/metrics")[1].splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) semel_\w+ [ -~]+|# (HELP|TYPE) process_\w+ .+|\w+(\{(\w+="([^"\\\n]|\\.)*",?)*\})? [-+.0-9eEna]+)$')

    def look_at_page(self, d):
        browser = Browser()
        self.things.insert(0, browser)
        browser.open(f"http://127.0.0.1:{self.port_of(d)}/")
        wait("the page", lambda: "stands still" in browser.run("return document.body.innerText"), 20)
        self.assertIn("<script>alert(1)</script>", browser.run("return document.body.innerText"))
        self.assertEqual(browser.run("return [document.images.length, document.scripts.length]"), [0, 1])
        self.tame(browser.run("return document.getElementById('main').innerText").replace("\t", " "), "the page")
        self.assertEqual(browser.log("browser"), [])
        browser.picture("hostile")

    def port_of(self, d):
        return int(re.search(r"msg=http .*port=(\d+)", d.text()).group(1))

    # ---- Traces

    def test_traces_are_logged_kept_and_passed_on(self):
        redis = self.redis()
        self.make_topics(1)
        self.load("topic", "--partitions", 1, topic=self.topic + ".out")
        self.load("topic", "--partitions", 1, topic=self.topic + ".retry")
        d = self.daemon("a", redis, handler=f'plugin = "debug.so"; timeout = "1s"; emits = [ "{self.topic}.out" ];', settings='do = "ok";',
                        sub=f'retry = {{ mode = "topic"; topic = "{self.topic}.retry"; attempts = 2; backoff = "10ms"; }};')
        d.wait_state("running")
        trace = {"traceparent": PARENT, "tracestate": "vendor=1"}
        for name, words, more in (("rejected", "log,reject", trace), ("late", "sleep:1500", trace), ("emits", f"emit:{self.topic}.out", trace),
                                  ("again", "retry", trace), ("wrong", f"emit:{self.topic}.out,log,reject", {"traceparent": PARENT[:-1]}),
                                  ("none", "reject", {})):
            self.produce("x", key=name, headers={"event-id": name, "debug": words, **more})
        wait("the letters", lambda: len(self.letters()) == 4)
        wait("the records", lambda: len(self.letters(end=".out")) == 1)
        letters = {headers["event-id"][0]: headers for _, _, headers in self.letters()}
        for name in ("rejected", "again"):
            self.assertEqual((letters[name]["traceparent"], letters[name]["tracestate"]), ([PARENT], ["vendor=1"]))
        self.assertEqual(self.letters(end=".retry")[0][2]["traceparent"], [PARENT])
        self.assertEqual(self.letters(end=".out")[0][2]["traceparent"], [PARENT])
        self.assertEqual(self.letters(end=".out")[0][2]["tracestate"], ["vendor=1"])
        lines = [line for line in d.text().splitlines() if "event_id=" in line]
        for name in ("rejected", "late", "again"):
            mine = [line for line in lines if f"event_id={name} " in line]
            self.assertTrue(mine, name)
            for line in mine:
                self.assertIn(f"trace_id={TRACE} span_id={SPAN}", line)
        for name in ("wrong", "none"):
            self.assertFalse([line for line in lines if f"event_id={name}" in line and "trace_id" in line])
        self.assertTrue([line for line in lines if "msg=debug" in line and TRACE in line], "a line of the handler's own")

    # ---- The ports

    def connect(self, d):
        """(name, a way to connect) of both ports."""
        port = self.port_of(d)

        def tcp():
            return socket.create_connection(("127.0.0.1", port), 5)

        def admin():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(5)
            try:
                s.connect(d.socket)
            except OSError:
                s.close()
                raise
            return s
        return tcp, admin

    def ask(self, connect, data, read=True):
        """The status code of an answer, None where the connection just ended."""
        with contextlib.closing(connect()) as s:
            s.settimeout(20)
            with contextlib.suppress(OSError):
                s.sendall(data)
            try:
                head = s.recv(4096) if read else b""
            except OSError:
                head = b""
            return int(head.split()[1]) if head.startswith(b"HTTP/") else None

    def test_oversized_and_wrong_requests(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, settings='path = "/dev/null";')
        d.wait_state("running")
        host = b"Host: semel\r\n\r\n"
        for connect in self.connect(d):
            end = b" HTTP/1.1\r\n" + host
            self.assertIn(self.ask(connect, b"GET /" + b"a" * (1 << 20) + end), (None, 400, 413, 414, 431))
            self.assertIn(self.ask(connect, b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20) + b"\r\n" + host), (None, 400, 413, 431))
            self.assertIn(self.ask(connect, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000 + host), (None, 400, 413, 431))
            for method in (b"DELETE", b"PUT", b"BREW", b"OPTIONS", b"CONNECT", b"a\x01b"):
                self.assertIn(self.ask(connect, method + b" /status" + end), (400, 404, 405), method)
            for path in (b"/..", b"/%2e%2e/etc/passwd", b"/status/", b"//status", b"/\xff\xfe", b"/\x1b[2J", b"/<script>", b"/v1/events/%00?id=%zz"):
                self.assertIn(self.ask(connect, b"GET " + path + end), (None, 400, 404), path)
            self.assertIn(self.ask(connect, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50 + b"\r\n\r\n"), (None, 400))
            self.assertEqual(self.ask(connect, b"GET /healthz" + end), 200)
        self.assertEqual(d.state(), "running")
        self.tame(d.text(), "the log")

    def resident(self, d):
        return d.metric("process_resident_memory_bytes")

    def handled(self, d):
        return sum(s["counts"]["handled"]["ok"] for s in d.status()["subscriptions"])

    def rate(self, d, seconds):
        """Of what is handled; the status is asked twice."""
        before, begin = wait("an answer", lambda: self.look(d), 30), time.monotonic()
        time.sleep(seconds)         # a length of time that is measured, nothing is waited for
        after = wait("an answer", lambda: self.look(d), 30)
        return (after - before) / (time.monotonic() - begin)

    def look(self, d):
        """What is handled; None while the port is too busy."""
        try:
            return self.handled(d) or None
        except (TypeError, OSError):
            return None

    def dribble(self, connect, stop, cut):
        """One connection after the other, each with a byte now and then, as long as the host lets it."""
        while not stop.is_set():
            try:
                with contextlib.closing(connect()) as s:
                    s.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nX-A: ")
                    while not stop.wait(.4):
                        s.sendall(b"a")
            except OSError:
                cut.append(time.monotonic())
                stop.wait(.1)

    def test_slow_and_many_clients_do_not_touch_the_flow(self):
        seconds = 20 if LONG else 4
        redis = self.redis()
        self.make_topics(2)
        d = self.daemon("a", redis, handler='plugin = "debug.so";', settings='do = "sleep:1";', workers=4)
        d.wait_state("running")
        self.load("produce", "--count", 3000 * 2 * (seconds + 6), "--keys", 2000)
        alone, memory = self.rate(d, seconds), self.resident(d)
        stop, cut, threads = threading.Event(), [], []
        for connect in self.connect(d):
            threads += [threading.Thread(target=self.dribble, args=(connect, stop, cut)) for _ in range(100)]
        try:
            for t in threads:
                t.start()
            wait("the first to be cut", lambda: len(cut) > 50, 30)
            attacked = self.rate(d, seconds)
            for connect in self.connect(d):
                begin = time.monotonic()
                wait("an answer", lambda c=connect: self.ask(c, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == 200, 30)
                print(f"/healthz answered after {time.monotonic() - begin:.1f} s under attack")
        finally:
            stop.set()
            for t in threads:
                t.join()
        grown = self.resident(d) - memory
        print(f"handled: {alone:.0f}/s alone, {attacked:.0f}/s with {len(threads)} slow clients, ratio {attacked / alone:.2f}; "
              f"{len(cut)} connections cut; memory grew by {grown / 1e6:.1f} MB")
        self.assertGreater(attacked, 0)
        self.assertLess(grown, 64e6)
        self.assertEqual(d.state(), "running")


if __name__ == "__main__":
    main()
