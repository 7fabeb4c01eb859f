"""Reload: judged first, then a new engine under the same membership."""
import datetime
import os
import shutil
import signal
import threading

from harness import BUILD, SystemTest, main, wait, LONG


class Reload(SystemTest):
    def refused(self, d, *pairs):
        """The text of a reload that changes nothing."""
        with open(d.config, encoding="utf-8") as f:
            before = f.read()
        d.rewrite(*pairs)
        pid = d.status()["engine"]["pid"]
        done = d.semel("reload", "--admin", d.socket)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertEqual(d.status()["engine"]["pid"], pid)
        self.assertEqual(d.metric("semel_config_last_reload_successful"), 0)
        with open(d.config, "w", encoding="utf-8") as f:
            f.write(before)
        return done.stderr

    def test_new_settings_are_taken_and_bad_ones_are_not(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        self.load("produce", "--count", 500)
        self.wait_handled(500, "a")
        pid = d.status()["engine"]["pid"]
        path = self.witness("a")

        text = self.refused(d, ("workers = 4", "wrokers = 4"))
        self.assertIn("unknown key wrokers; did you mean workers?", text)
        self.assertIn("a.conf:", text)
        self.assertIn("none.so", self.refused(d, ('"file.so"', '"none.so"')))
        self.assertIn("open failed", self.refused(d, (path, "/nowhere/at/all")))
        self.assertIn("node has changed", self.refused(d, ('node = "a"', 'node = "z"')))
        self.assertIn("http.listen has changed", self.refused(d, ("127.0.0.1:0", "127.0.0.1:1")))
        bad = os.path.join(self.folder, "bad.so")
        with open(bad, "w", encoding="utf-8") as f:
            f.write("no ELF")
        self.assertIn("bad.so", self.refused(d, ('"file.so"', f'"{bad}"')))

        d.rewrite((path, self.witness("b")))
        done = d.semel("reload", "--admin", d.socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("reloaded in", done.stdout)
        self.assertNotEqual(d.status()["engine"]["pid"], pid)
        self.load("produce", "--count", 500, "--prefix", "f")
        self.wait_handled(500, "b")
        self.assertEqual(len(self.lines("a")), 500)
        self.assertEqual(d.metric("semel_config_last_reload_successful"), 1)
        self.assertEqual(d.metric('semel_engine_restarts_total{cause="reload"}'), 1)
        self.assertEqual(d.status()["engine"]["last_exit"]["cause"], "reload")
        self.assertEqual(d.stop(), 0)

    def test_sighup_under_load_loses_and_repeats_nothing(self):
        redis = self.redis()
        self.make_topics(8)
        count, rate, reloads = (400000, 20000, 10) if LONG else (120000, 20000, 3)
        d = self.daemon("a", redis)
        d.wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--count", count, "--keys", 1000, "--rate", rate))
        producer.start()
        asked, over = [], threading.Event()
        # Whoever asks meanwhile is answered, by one engine, by the manager or by the next.
        asker = threading.Thread(target=lambda: [asked.append(d.status()) for _ in iter(over.is_set, True)])
        asker.start()
        for i in range(reloads):
            self.wait_handled((i + 1) * count // (reloads + 2), "a")
            pid = d.status()["engine"]["pid"]
            d.process.send_signal(signal.SIGHUP)
            wait("the next engine", lambda: d.status()["engine"]["pid"] not in (0, pid))
        over.set()
        asker.join()
        self.assertNotIn(None, asked)
        producer.join()
        wait("the end", lambda: d.lag() == 0, 60)
        v = self.verify(count, "a", keys=1000)
        self.assertEqual((v["once"], v["repeated"], v["lost"], v["disorder"]), (count, 0, 0, 0))
        times = sorted(datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() for line in self.lines("a"))
        gaps = sorted((b - a for a, b in zip(times, times[1:])), reverse=True)
        print(f"{reloads} reloads at {rate}/s: longest gaps {[round(g, 3) for g in gaps[:reloads]]} s")
        self.assertEqual(d.stop(), 0)

    def test_replaced_plugin_is_picked_up(self):
        redis = self.redis()
        self.make_topics()
        plugin = os.path.join(self.folder, "own.so")
        shutil.copy(os.path.join(BUILD, "plugins", "file.so"), plugin)
        d = self.daemon("a", redis, handler=f'plugin = "{plugin}";')
        d.wait_state("running")
        self.load("produce", "--count", 200)
        self.wait_handled(200, "a")
        self.assertEqual(d.status()["handlers"][0]["plugin"], "file")
        # As a package does it: another file under the name.
        shutil.copy(os.path.join(BUILD, "plugins", "log.so"), plugin + ".new")
        os.rename(plugin + ".new", plugin)
        self.load("produce", "--count", 200, "--prefix", "f")
        self.wait_handled(400, "a")
        d.rewrite((f'path = "{self.witness("a")}";', ""))
        self.assertEqual(d.semel("reload", "--admin", d.socket).returncode, 0)
        wait("the new one", lambda: d.status()["handlers"][0]["plugin"] == "log")
        self.load("produce", "--count", 200, "--prefix", "g")
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(len(self.lines("a")), 400)
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
