"""The status page in a real browser, over a host under load and in trouble."""
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import urllib.request

from browser import Browser
from four_states import four_states
from harness import LOAD, SEMEL, SystemTest, main, wait
from servers import free_port

# Each text that is seen, with its contrast to what is behind it (WCAG 2.2).
CONTRAST = """
const lum = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
	return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
const rgb = s => s.match(/[\\d.]+/g).map(Number);
const out = [];
for (const e of document.querySelectorAll('body *')) {
	if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest('.quiet, script, style')) continue;
	let b = e, back = [0, 0, 0, 0];
	while (b && (back = rgb(getComputedStyle(b).backgroundColor), back[3] === 0)) b = b.parentElement;
	const [x, y] = [lum(rgb(getComputedStyle(e).color)), lum(back)].sort((p, q) => q - p);
	out.push([(x + .05) / (y + .05), e.textContent.slice(0, 40)]);
}
return out;"""
# Section -> term or column -> text, as it is read.
VALUES = """
const out = {};
for (const s of document.querySelectorAll('section')) {
	const o = out[s.querySelector('h2').textContent] = { state: s.querySelector('.head .state')?.textContent, all: s.innerText };
	for (const d of s.querySelectorAll('dl > div')) o[d.firstChild.textContent] = d.lastChild.innerText.trim();
	o.tables = [...s.querySelectorAll('table')].map(t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText.trim())));
	o.typed = [...s.querySelectorAll('.notice code')].map(c => c.textContent);
}
return out;"""


def number(text):
    return float(re.search(r"[\d,.]+", text).group().replace(",", ""))


class Page(SystemTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"

    def fetch(self, path):
        with urllib.request.urlopen(self.base + path, timeout=5) as answer:
            return answer.headers, answer.read().decode()

    def status(self):
        return json.loads(self.fetch("/status")[1])

    def begin(self):
        redis = self.redis(extra=("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"))
        for topic, n in (("orders", 4), ("mail", 2), ("search", 2), ("audit", 1)):
            self.load("topic", "--partitions", n, topic=f"{self.topic}-{topic}")
        self.load("topic", "--partitions", 1, topic=self.topic + ".dead")
        d = self.daemon_of("a", four_states(self, redis, f"127.0.0.1:{self.port}", "5s", 'max_crashes = 1; order = "none";'))
        d.wait_state("running")
        browser = Browser()
        self.things.insert(0, browser)
        return d, browser

    def crash(self, d):
        """One event that ends the engine, while no other runs that could have; the next engine's counts begin anew."""
        self.produce("x", headers={"event-id": "poison-1", "debug": "segv"}, topic=self.topic + "-mail")
        wait("a crash", lambda: d.status()["engine"]["restarts"] >= 1)
        wait("its letter", lambda: (d.subscription(1) or {}).get("counts", {}).get("dead_letters", {}).get("crashed") == 1)

    def trouble(self, d):
        """One event that is rejected, one that hangs; one subscription paused."""
        self.produce("x", headers={"event-id": "order-17<b>", "debug": "reject"}, topic=self.topic + "-orders")
        wait("the other one", lambda: d.subscription()["counts"]["dead_letters"]["rejected"] == 1)
        self.assertEqual(d.semel("pause", "audit", "--admin", d.socket).returncode, 0)
        self.produce("x", headers={"event-id": "letter-4711", "debug": "hang"}, topic=self.topic + "-mail")

    def pictures(self, browser, name):
        for dark in (False, True):
            browser.dark(dark)
            browser.size(1200)
            browser.picture(f"{name}-{'dark' if dark else 'light'}")
            contrast = browser.run(CONTRAST)
            self.assertGreater(len(contrast), 40)
            self.assertEqual([c for c in contrast if c[0] < 4.5], [], "dark" if dark else "light")
        browser.dark(False)
        browser.size(360, 800, mobile=True)
        width = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
        browser.picture(f"{name}-phone")
        self.assertEqual(width, [360, 360])
        browser.size(1200)

    def test_shows_what_the_host_does_and_outlives_it(self):
        d, browser = self.begin()
        browser.open(self.base + "/")
        self.crash(d)
        load = subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic + "-orders", "--count", "60000",
                                 "--keys", "500", "--rate", "2000"], stdout=subprocess.DEVNULL)
        try:
            self.trouble(d)
            wait("the states", lambda: [s["state"] for s in self.status()["subscriptions"]] == ["running", "stuck", "blocked", "paused"], 40)
            page = wait("the page", lambda: self.shown(browser), 30)
            wait("the rate", lambda: number(browser.run(VALUES)["billing"]["Consumed"]) > 500, 30)
            self.compare(page, browser)
            self.pictures(browser, "trouble")
            self.look_at_table(d)
        finally:
            load.kill()
            load.wait()
        self.restart(d, browser)
        asked = [u for u in browser.requests() if not u.startswith("data:")]
        self.assertGreater(len(asked), 3)
        self.assertEqual([u for u in asked if not u.startswith(self.base + "/")], [])

    def shown(self, browser):
        v = browser.run(VALUES)
        return v if v.get("mail", {}).get("state") == "stuck" and v["audit"]["state"] == "paused" else None

    def compare(self, page, browser):
        status = self.status()
        self.assertEqual([page[s["name"]]["state"].replace(" for ", "-") for s in status["subscriptions"]],
                         [s["state"] for s in status["subscriptions"]])
        self.assertEqual(page["mail"]["typed"], ["semel event mail letter-4711", "semel dlq add mail letter-4711"])
        self.assertIn("offset", page["mail"]["all"])
        self.assertEqual(page["search"]["typed"], ["semel handlers"])
        self.assertIn("nowhere.so", page["search"]["all"])
        self.assertEqual(page["audit"]["typed"], ["semel resume audit"])
        self.assertEqual(page["billing"]["tables"][1], [["rejected", "1 letter"]])
        self.assertEqual([row[0] for row in page["billing"]["tables"][0]], [self.topic + "-orders", "0", "1", "2", "3"])
        self.assertIn("letter-4711", page["mail"]["Oldest unfinished"])
        self.assertRegex(page["billing"]["Memory of its server"], r"MiB\s+of 64.MiB")
        self.assertEqual(page["Engine"]["Restarts"].split("\n")[0], "1 restart")
        self.assertIn("SIGSEGV", page["Engine"]["all"])
        self.assertIn("poison-1", page["Engine"]["all"])
        self.assertEqual(page["Handlers"]["tables"][0][1][1], "1 of 2 workers")
        # No value without its unit; of an offset, the head of its column says what it is.
        for cell in browser.run("return [...document.querySelectorAll('dd, td.n')].filter(c => c.checkVisibility() && !(c.closest('table')?.rows[0].cells[c.cellIndex].textContent.endsWith('offset'))).map(c => c.innerText)"):
            if re.match(r"^[\d,.]+\s*$", cell):
                self.fail(f"a number without a unit: {cell!r}")
        # Counters that the load moves are caught between two looks.
        low = self.status()["subscriptions"][0]
        value = number(browser.run(VALUES)["billing"]["Consumed"].split("\n")[-1])
        wait("a fresh answer", lambda: number(browser.run(VALUES)["billing"]["Consumed"].split("\n")[-1]) > value, 10)
        high = self.status()["subscriptions"][0]
        self.assertLessEqual(value, high["counts"]["consumed"])
        self.assertGreaterEqual(number(browser.run(VALUES)["billing"]["Consumed"].split("\n")[-1]), low["counts"]["consumed"] * .5)
        rate = number(browser.run(VALUES)["billing"]["Consumed"])
        self.assertTrue(1000 < rate < 4000, rate)
        self.assertEqual(browser.log("browser"), [])

    def look_at_table(self, d):
        """The same in a shell: colours on a terminal alone, and never a colour without its word."""
        plain = d.semel("status", "--admin", d.socket).stdout
        self.assertNotIn("\x1b", plain)
        self.assertRegex(plain, r"node eos-1, semel \S+, pid \d+, up \d+ s: stuck\n")
        self.assertRegex(plain, r"SUBSCRIPTION +STATE +IN FLIGHT .*\nbilling +running +\d+ ")
        self.assertIn("mail: stuck: no progress for", plain)
        self.assertIn("    semel dlq add mail letter-4711    to put it aside", plain)
        self.assertRegex(plain, r"send +debug 1.0.0 +1 of 2 +1 .* stuck\n")
        self.assertIn("crashed: handler send,", plain)
        # The columns stand below their titles.
        head, *rows = plain.split("\n\n")[1].splitlines()
        self.assertEqual({row.index(row.split()[1]) for row in rows}, {head.index("STATE")})
        master, slave = pty.openpty()
        subprocess.run([SEMEL, "status", "--admin", d.socket], stdout=slave, check=True)
        os.close(slave)
        coloured = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 65536):
                coloured += chunk
        os.close(master)
        self.assertIn(b"\x1b[32mrunning\x1b[0m", coloured)
        self.assertIn(b"\x1b[1;31mstuck\x1b[0m", coloured)
        picture = os.environ.get("SEMEL_PICTURES")
        if picture:
            with open(os.path.join(picture, "status.txt"), "w", encoding="utf-8") as f:
                f.write(plain)

    def restart(self, d, browser):
        self.assertEqual(browser.run("return document.getElementById('away').hidden"), True)
        d.kill()
        wait("the page to say so", lambda: "does not answer since" in browser.run("return document.body.innerText"), 15)
        self.assertEqual(browser.run("return document.getElementById('state').textContent"), "silent")
        self.pictures(browser, "silent")
        d.start()
        wait("the page to come back", lambda: browser.run("return document.getElementById('away').hidden"), 30)
        d.wait_state("running")
        wait("its states", lambda: browser.run(VALUES)["billing"]["state"] == "running", 20)
        # The browser itself notes requests that had no answer; nothing else may be there.
        self.assertEqual([e for e in browser.log("browser") if "ERR_CONNECTION_REFUSED" not in e["message"]], [])

    def kill_engine(self):
        """True once the next one is some seconds away."""
        try:
            engine = self.status()["engine"]
        except OSError:
            return False
        if engine["pid"]:
            try:
                os.kill(engine["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        return engine.get("next_start_ms", 0) > 1500

    def test_the_manager_alone_has_the_page_too(self):
        d, browser = self.begin()
        wait("the back-off", self.kill_engine, 60, 0.01)
        browser.open(self.base + "/")
        page = wait("the page", lambda: browser.run(VALUES) or None, 10)
        self.assertIn("no engine answers", browser.run("return document.getElementById('facts').innerText"))
        self.assertIn("No engine runs", browser.run("return document.getElementById('away').innerText"))
        self.assertIn("next start in", page["Engine"]["Process"])
        self.assertIn("SIGKILL", page["Engine"]["all"])
        self.assertEqual(page["billing"]["state"], "starting")
        browser.picture("alone-light")
        d.wait_state("running", 60)
        wait("its states", lambda: browser.run(VALUES)["billing"]["state"] == "running", 30)
        # A request that met the change of hands is noted by the browser; nothing else may be there.
        self.assertEqual([e for e in browser.log("browser") if "net::ERR_" not in e["message"]], [])
        self.look_at_headers()

    def look_at_headers(self):
        headers, page = self.fetch("/")
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("connect-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertNotRegex(page, r"(src|href)=[\"']?(https?:)?//|innerHTML|@import")
        self.assertIn("default-src 'none'", self.fetch("/status")[0]["Content-Security-Policy"])


if __name__ == "__main__":
    main()
