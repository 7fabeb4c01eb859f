"""semel top on a pseudo-terminal, over a host under load, in trouble, and gone."""
import os
import re
import signal
import subprocess
import time

from four_states import four_states
from harness import LOAD, SEMEL, SEMELD, SystemTest, main, wait
from terminal import Terminal

# What a sender may put into an id: ends a line, clears a screen, turns text, is wide, is no text.
HOSTILE = "\x1b[2J\x1b[31m\u202e\u65e5\u672c\r\n\x07\x9b31m<b>"


def number(text):
    return float(text.replace(",", ""))


def row(text, name):
    """The cells of a row, by what two spaces or more part."""
    line = next((l for l in text.splitlines() if re.match(rf"[!~= ] {re.escape(name)}( |$)", l)), None)
    return re.split(r" {2,}", line[2:].strip()) if line else None


class Top(SystemTest):
    def begin(self):
        """A host with one subscription that runs, one that is stuck, one blocked, one paused."""
        redis = self.redis()
        for topic, n in (("orders", 4), ("mail", 1), ("search", 1), ("audit", 1)):
            self.load("topic", "--partitions", n, topic=f"{self.topic}-{topic}")
        self.load("topic", "--partitions", 1, topic=self.topic + ".dead")
        d = self.daemon_of("a", four_states(self, redis, "off", "1s"))
        d.wait_state("running")
        self.assertEqual(d.semel("pause", "audit", "--admin", d.socket).returncode, 0)
        self.produce("x", headers={"event-id": "order-17", "debug": "reject"}, topic=self.topic + "-orders")
        self.produce("x", headers={"event-id": HOSTILE, "debug": "hang"}, topic=self.topic + "-mail")
        wait("the states", lambda: self.states(d) == ["running", "stuck", "blocked", "paused"], 20)
        return d

    def states(self, d):
        status = d.status()
        return [s["state"] for s in status["subscriptions"]] if status else []

    def flow(self, rate=1500):
        load = subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic + "-orders", "--count", "100000",
                                 "--keys", "500", "--rate", str(rate)], stdout=subprocess.DEVNULL)
        self.addCleanup(load.wait)
        self.addCleanup(load.kill)

    def top(self, d, *words, columns=80, lines=24, **environment):
        t = Terminal([SEMEL, "top", "--admin", d.socket, "--interval", "500ms", *words], columns, lines, **environment)
        self.things.insert(0, t)
        return t

    def picture(self, t, name):
        folder = os.environ.get("SEMEL_PICTURES")
        if folder:
            with open(os.path.join(folder, f"top-{name}.txt"), "w", encoding="utf-8") as f:
                f.write(t.text() + "\n")

    def ends(self, t, how, status):
        """It ends so, and the terminal is as it was."""
        how()
        self.assertEqual(t.wait_exit(), status)
        self.assertIsNone(t.restored())

    # ----

    def test_shows_the_host_at_every_size(self):
        d = self.begin()
        self.flow()
        t = self.top(d)
        t.wait("the rates", lambda s: row(s, "billing") and re.search(r"1,[45]\d\d", row(s, "billing")[4]), 15)
        self.look_at_values(t, d)
        self.look_at_views(t, d)
        self.look_at_order(t)
        self.look_at_filter(t)
        self.look_at_pause(t)
        self.look_at_sizes(t)
        self.ends(t, lambda: t.type("q"), 0)

    def look_at_values(self, t, d):
        self.picture(t, "80x24")
        before, text, after = d.status(), None, None
        clock = re.search(r"\d\d:\d\d:\d\d UTC", t.text())[0]
        text = t.wait("a later answer", lambda s: s if clock not in s and "UTC" in s else None)
        after = d.status()
        self.assertRegex(text, r"^eos-1  ! stuck  semel \S+  up \d+ s  0 engine restarts +\d\d:\d\d:\d\d UTC\n")
        for sub, state in zip(after["subscriptions"], ("running", "stuck", "blocked", "paused")):
            self.assertEqual(row(text, sub["name"])[1], state)
        # What is worst stands first.
        names = [s["name"] for s in after["subscriptions"]]
        shown = [l[2:].split()[0] for l in text.splitlines() if l[2:3].isalpha() and l[2:].split()[0] in names]
        self.assertEqual(shown, ["mail", "search", "audit", "billing"])
        self.assertRegex(text, r"  1 dead letter\b")
        self.assertEqual(row(text, "billing")[7], "1")
        self.assertEqual(row(text, "mail")[2:4], ["1", "never"])
        # Rates are those of the counts: what /status says over the same time.
        began = before["time"]
        t.read(2)
        later, shown = d.status(), number(row(t.text(), "billing")[4])
        rate = (later["subscriptions"][0]["counts"]["consumed"] - before["subscriptions"][0]["counts"]["consumed"]) / (later["time"] - began) * 1000
        self.assertLess(abs(shown - rate), rate * .25, f"{shown} is shown, {rate} counted")
        # An id that a shell would act on is typed as base64.
        self.assertRegex(text, r"    semel dlq add mail --base64 [\w+/=]+\n? +to put it aside")
        self.assertRegex(text, r"    semel event mail --base64 [\w+/=]+\n? +to see")
        self.assertIn("\\x1b[2J\\x1b[31m\\u202e\u65e5\u672c\\r\\n\\x07", text.replace("\n  ", ""))
        # The colour of a state, and a mark beside it.
        text = t.text()
        y = next(i for i, l in enumerate(text.splitlines()) if l.startswith("! mail "))
        self.assertIn("31", t.screen.styles(y, text.splitlines()[y].index("stuck")))

    def look_at_views(self, t, d):
        t.type("2")
        text = t.wait("the partitions", lambda s: s if "[2 partitions 6]" in s else None)
        self.assertIn("LAG\u2193", text)
        for p in d.status()["subscriptions"][0]["partitions"]:
            # The name may be cut in its middle.
            self.assertRegex(text, rf"(?m)^  billing +\S+ +{p['partition']}  running ")
        self.picture(t, "partitions")
        t.type("\t")
        text = t.wait("the handlers", lambda s: s if "[3 handlers 4]" in s else None)
        self.assertEqual(row(text, "send")[1:4], ["stuck", "1 of 2", "1"])
        self.assertEqual(row(text, "index")[1], "missing")
        self.assertRegex(row(text, "charge")[5], r"^\d ms$")
        t.type("4")
        text = t.wait("what is wrong", lambda s: s if "[4 trouble 3]" in s and "semel resume audit" in s else None)
        self.assertIn("nowhere.so", text.replace("\n  ", ""))
        t.type("h")
        t.wait("the help", lambda s: "turn the order" in s)
        t.type("x1")
        t.wait("the first view", lambda s: "[1 subscriptions 4]" in s)

    def look_at_order(self, t):
        def first(text):
            lines = text.splitlines()
            return lines[next(i for i, l in enumerate(lines) if re.match("  NAME|  SUBSCRIPTION", l)) + 1][2:].split()[0]
        t.type("<")
        t.wait("the order of names", lambda s: "NAME\u2191" in s and first(s) == "audit")
        t.type("r")
        t.wait("the same turned", lambda s: "NAME\u2193" in s and first(s) == "search")
        t.type("\x1bOC\x1bOC")
        t.wait("the order of lag", lambda s: "LAG\u2193" in s and first(s) == "billing")
        t.type("<")
        t.wait("the order of states", lambda s: "STATE\u2193" in s and first(s) == "mail")

    def look_at_filter(self, t):
        t.type("/bill")
        text = t.wait("a filter", lambda s: s if re.search(r"^/bill +1 of 4  Enter", s.splitlines()[-1]) else None)
        self.assertIsNone(row(text, "mail"))
        # The trouble stays, whatever is filtered.
        self.assertIn("semel dlq add mail ", text)
        t.type("\r")
        t.wait("the keys again", lambda s: re.search(r"^q quit .* filter bill: 1 of 4 ", s.splitlines()[-1]))
        t.type("\x1b")
        t.wait("all again", lambda s: row(s, "mail") and "filter bill" not in s)

    def look_at_pause(self, t):
        t.type("p")
        t.wait("the pause", lambda s: "paused: p goes on" in s)
        t.read(.2)
        text = t.text()
        t.read(.8)
        self.assertEqual(t.text(), text)
        t.type("p+")
        t.wait("another interval", lambda s: "every 1 s" in s and s.splitlines()[0] != text.splitlines()[0])

    def look_at_sizes(self, t):
        for columns, lines in ((40, 12), (200, 50), (36, 20), (20, 4), (7, 2), (120, 30), (80, 24)):
            began = time.monotonic()
            t.resize(columns, lines)
            text = t.wait(f"{columns}x{lines}", lambda s: s if "stuck" in s and (lines < 12 or "q quit" in s.splitlines()[-1]) else None, 3)
            self.assertLess(time.monotonic() - began, 1, "at once, not with the next answer")
            t.read(.1)
            text = t.text()
            self.assertEqual(len(text.splitlines()), lines if lines > 2 else 1, text)
            self.picture(t, f"{columns}x{lines}")
            if lines >= 12:
                for name in ("billing", "mail", "search", "audit"):
                    self.assertRegex(text, rf"(?m)^[!~= ] {name} ", f"{columns}x{lines}")
                self.assertRegex(text, r"(?m)^! mail +stuck ")
        # With so much room there is the course of what was consumed.
        self.assertRegex(self.resized(t, 200, 50), "(?m)^  billing .* [\u2581-\u2588]{4,}$")

    def resized(self, t, columns, lines):
        t.resize(columns, lines)
        return t.wait("the new size", lambda s: s if "q quit" in s.splitlines()[-1] else None)

    # ----

    def test_outlives_the_host_and_gives_the_terminal_back(self):
        d = self.begin()
        self.other_terminals(d)
        self.look_at_text(d)
        self.look_at_options(d)
        self.assertNotIn("curses", subprocess.run(["readelf", "-d", SEMELD], check=True, capture_output=True, text=True).stdout)
        self.stop_and_go_on(d)
        t = self.top(d)
        t.wait("the states", lambda s: row(s, "mail"))
        d.kill()
        text = t.wait("the silence", lambda s: s if "! No answer for" in s else None, 10)
        self.assertIn("! silent", text.splitlines()[0])
        self.assertRegex(text.replace("\n", " "), r"What stands below is of \d\d:\d\d:\d\d UTC\.")
        self.assertEqual(row(text, "mail")[1], "stuck")
        self.picture(t, "silent")
        t.type("2")
        t.wait("keys go on", lambda s: "[2 partitions 6]" in s)
        t.type("1")
        d.start()
        t.wait("it is live again", lambda s: "No answer" not in s and "! silent" not in s and row(s, "billing") and row(s, "billing")[1] == "running", 20)
        self.silent_socket(t, d)
        self.ends(t, lambda: t.type("\x03"), -signal.SIGINT)
        for number, how in ((signal.SIGTERM, "kill"), (signal.SIGHUP, "kill"), (signal.SIGSEGV, "a crash")):
            with self.subTest(how, signal=number):
                t = self.top(d)
                t.wait("the picture", lambda s: row(s, "billing"))
                self.assertTrue(t.screen.alternate)
                self.assertFalse(t.screen.cursor)
                self.ends(t, lambda t=t, n=number: t.process.send_signal(n), -number)

    def silent_socket(self, t, d):
        """A daemon that takes a question and never answers: keys and q work all the same."""
        processes = [d.process.pid, d.status()["engine"]["pid"]]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            t.wait("that it hangs", lambda s: "it does not answer" in s.replace("\n", " "), 10)
            began = time.monotonic()
            t.type("3")
            t.wait("a key", lambda s: "[3 handlers 4]" in s)
            self.assertLess(time.monotonic() - began, 1)
            t.type("1")
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        t.wait("it answers again", lambda s: "No answer" not in s, 15)

    def stop_and_go_on(self, d):
        """Ctrl-Z, as a shell with jobs sees it, and fg after somebody wrote on the terminal."""
        t = Terminal(["bash", "--norc", "-c", 'set -m; "$@"; echo stopped $?; read -r x; fg >/dev/null; echo ended $?', "-",
                      SEMEL, "top", "--admin", d.socket])
        self.things.insert(0, t)
        t.wait("the picture", lambda s: row(s, "mail"))
        t.type("\x1a")
        t.wait("it to be stopped", lambda s: "stopped 148" in s)
        self.assertIsNone(t.restored())
        t.type("something else\r")
        t.wait("the picture again", lambda s: row(s, "mail") and t.screen.alternate)
        self.assertNotIn("something else", t.text())
        t.type("q")
        self.assertEqual(t.wait_exit(), 0)
        self.assertIn("ended 0", t.text())
        self.assertIsNone(t.restored())

    # ----

    def other_terminals(self, d):
        t = self.top(d, NO_COLOR="1")
        text = t.wait("the picture", lambda s: s if row(s, "mail") else None)
        self.assertEqual(t.screen.seen_colours & set(range(30, 38)), set())
        self.assertIn("! mail ", text)
        self.ends(t, lambda: t.type("q"), 0)
        # A locale that has no more than ASCII.
        t = self.top(d, LC_ALL="C", columns=120)
        text = t.wait("the picture", lambda s: s if row(s, "mail") else None)
        self.assertTrue(text.isascii(), text)
        self.ends(t, lambda: t.type("q"), 0)
        for environment, said in (({"TERM": "nonsense"}, "TERM=nonsense, is not known"), ({"TERM": None}, "TERM is not set"), ({"TERM": "dumb"}, "lines only")):
            t = self.top(d, **environment)
            self.assertEqual(t.wait_exit(), 64)
            self.assertIn(said, t.text().replace("\n", ""))
        done = d.semel("top", "--admin", d.socket)
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("--once", done.stderr)

    def look_at_text(self, d):
        done = d.semel("top", "--once", "--interval", "300ms", "--admin", d.socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotRegex(done.stdout, "[\x00-\x09\x0b-\x1f\x7f\u202e]")
        status = d.status()
        self.assertEqual(row(done.stdout, "mail")[1:4], ["stuck", "1", "never"])
        for name in ("send", "index", "charge", "note"):
            self.assertTrue(row(done.stdout, name), done.stdout)
        self.assertEqual(len(re.findall(r"(?m)^[!~= ] billing +\S+-orders +\d ", done.stdout)), 4)
        self.assertIn(status["subscriptions"][1]["reason"].split(":")[0], done.stdout)
        done = d.semel("top", "--batch", "3", "--interval", "250ms", "--view", "subscriptions", "--filter", "mail", "--admin", d.socket)
        self.assertEqual(len(re.findall(r"(?m)^eos-1 ", done.stdout)), 3)
        self.assertEqual(len(re.findall(r"(?m)^! mail +stuck", done.stdout)), 3)
        self.assertIsNone(row(done.stdout, "billing"))

    def look_at_options(self, d):
        for words, said in ((("--interval", "5"), "250ms"), (("--interval", "1ms"), "250ms"), (("--sort", "nonsense"), "there are: name state lag"),
                            (("--view", "x"), "partitions"), (("--batch", "0"), "number"), (("--batch", "2x"), "number"), (("x",), "unexpected"),
                            (("--json",), "semel status --json"), (("--filter", "x" * 100), "longer")):
            done = d.semel("top", "--admin", d.socket, *words)
            self.assertEqual(done.returncode, 64, words)
            self.assertIn(said, done.stderr)
        done = d.semel("top", "--once", "--admin", self.folder + "/nowhere.sock")
        self.assertEqual(done.returncode, 69)
        self.assertIn("is semeld running?", done.stderr)


if __name__ == "__main__":
    main()
