"""Manager and engine: crashes, kills, the black box, suspects; HTTP and the service manager meanwhile."""
import datetime
import os
import signal
import socket
import subprocess
import threading
import time

from harness import SEMELD, SystemTest, main, wait, LONG


def engine_of(d):
    status = d.status()
    return status["engine"]["pid"] if status else 0


class Crash(SystemTest):
    def debug_daemon(self, name, redis, **options):
        options.setdefault("settings", f'path = "{self.witness("runs")}"; json = true;')
        return self.daemon(name, redis, handler='plugin = "debug.so";', **options)

    def poison(self, how, partition=0, id_=None):
        self.produce("x", key="poison", headers={"event-id": id_ or how, "debug": how}, partition=partition)

    def check_poison(self, how, signal_text):
        redis = self.redis()
        self.make_topics()
        d = self.debug_daemon("a", redis, workers=8)
        d.wait_state("running")
        self.load("produce", "--count", 300)
        self.poison(how)
        self.load("produce", "--count", 300, "--prefix", "f")
        wait("the letter", lambda: self.letters(), 60)
        wait("the end", lambda: d.lag() == 0)
        key, _, headers = self.letters()[0]
        self.assertEqual((key, headers["semel.dlq.reason"]), ("poison", ["crashed"]))
        self.assertIn("died", headers["semel.dlq.detail"][0])
        status = d.status()
        # Once as one of several, three times alone.
        self.assertLessEqual(status["engine"]["restarts"], 4)
        self.assertGreaterEqual(status["engine"]["restarts"], 3)
        self.assertEqual(status["engine"]["last_exit"]["cause"], "crash")
        self.assertEqual(status["engine"]["last_exit"]["by"], signal_text)
        self.assertEqual([e["id"] for e in status["engine"]["last_exit"]["events"]], [how])
        self.assertEqual(len(self.letters()), 1)
        ids = [r["id"] for r in self.lines("runs")]
        self.assertEqual(set(ids), {f"{p}-{i}" for p in "ef" for i in range(300)})
        # Whoever ran beside it may have run twice, and was told so.
        last = {r["id"]: r for r in self.lines("runs")}
        for id_ in {i for i in ids if ids.count(i) > 1}:
            self.assertTrue(last[id_]["redelivered"], id_)
        event = d.semel("event", "main", how, "--json", "--admin", d.socket)
        self.assertIn('"status":"dead"', event.stdout.replace(" ", ""))
        self.assertEqual(d.stop(), 0)
        return d

    def test_segv_ends_in_a_letter_and_blames_nobody_else(self):
        d = self.check_poison("segv", "SIGSEGV")
        self.assertIn('msg="event inside a handler when the engine ended"', d.text())
        self.assertIn("debug.so", d.text())     # the backtrace

    def test_abort_ends_in_a_letter(self):
        self.check_poison("abort", "SIGABRT")

    def test_exit_ends_in_a_letter(self):
        self.check_poison("exit", "exit status 3")

    def test_hang_ends_in_a_letter_and_the_others_finish(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "1s"; max_run = "2s";', workers=4,
                        settings=f'path = "{self.witness("runs")}"; json = true;', sub="max_crashes = 2;")
        d.wait_state("running")
        self.poison("hang")
        wait("the late one", lambda: d.status()["handlers"][0]["stuck"] == 1)
        # One that needs longer than is left, and may have it.
        self.produce("x", key="slow", headers={"event-id": "slow", "debug": "sleep:900"})
        wait("the letter", lambda: self.letters(), 60)
        wait("the end", lambda: d.lag() == 0)
        key, _, headers = self.letters()[0]
        self.assertEqual((key, headers["semel.dlq.reason"]), ("poison", ["timeout"]))
        self.assertEqual([(r["id"], r["attempt"]) for r in self.lines("runs")], [("slow", 1)])
        status = d.status()
        self.assertEqual(status["engine"]["restarts"], 2)
        self.assertEqual(status["engine"]["last_exit"]["cause"], "timeout")
        self.assertEqual([(e["id"], e["blame"]) for e in status["engine"]["last_exit"]["events"]], [("hang", "timeout")])
        self.assertEqual(d.metric('semel_engine_restarts_total{cause="timeout"}'), 2)
        self.assertEqual(d.stop(), 0)

    def test_killed_engine_is_back_at_once(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        count, kills = (80000, 20) if LONG else (30000, 6)
        producer = threading.Thread(target=self.load, args=("produce", "--count", count, "--rate", 2000))
        producer.start()
        pauses = []
        for i in range(kills):
            self.wait_handled((i + 1) * count // (kills + 4), "a")
            wait("the engine", lambda: d.state() == "running")
            killed = time.time()
            os.kill(engine_of(d), signal.SIGKILL)
            wait("the next", lambda: self.last_time("a") > killed + 1, step=0.1)
            times = sorted(t for t in self.times("a") if t > killed - 0.2)
            pauses.append(max(b - a for a, b in zip(times, times[1:])))
        producer.join()
        wait("the end", lambda: d.lag() == 0)
        pauses.sort()
        print(f"engine killed to handled again: median {pauses[kills // 2]:.3f} s, max {pauses[-1]:.3f} s")
        v = self.verify(count, "a")
        self.assertEqual((v["lost"], v["unmarked"], v["broken"], v["disorder"]), (0, 0, 0, 0))
        self.assertLessEqual(v["repeated"], kills * 4)     # workers
        self.assertEqual(d.status()["engine"]["restarts"], kills)
        self.assertEqual(d.status()["engine"]["last_exit"]["cause"], "killed")
        self.assertEqual(d.metric("semel_engine_restarts_total{cause=\"killed\"}"), kills)
        self.assertEqual(d.stop(), 0)

    def times(self, name):
        return [datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() for line in self.lines(name)[-6000:]]

    def last_time(self, name):
        return max(self.times(name), default=0)

    def test_kill_9_of_all_needs_no_lease(self):
        redis = self.redis()
        self.make_topics()
        d = self.debug_daemon("a", redis, ledger='lease = "30s";', workers=4,
                              settings=f'path = "{self.witness("runs")}"; json = true; do = "sleep:5";')
        d.wait_state("running")
        self.load("produce", "--count", 2000)
        wait("some", lambda: len(self.lines("runs")) > 300)
        engine = engine_of(d)
        d.kill()
        wait("the engine to be gone", lambda: not os.path.exists(f"/proc/{engine}"), 10)
        d.start()
        wait("the end", lambda: d.lag() == 0, 25)
        ids = [r["id"] for r in self.lines("runs")]
        self.assertEqual(len(set(ids)), 2000)
        repeated = {i for i in ids if ids.count(i) > 1}
        # Only what was inside a handler can have run twice.
        self.assertLessEqual(len(repeated), 4)
        last = {r["id"]: r for r in self.lines("runs")}
        self.assertTrue(all(last[i]["redelivered"] for i in repeated))

    def test_same_name_is_refused(self):
        redis = self.redis()
        self.make_topics()
        a = self.daemon("a", redis)
        a.wait_state("running")
        text = self.configuration("a", redis).replace("a.sock", "b.sock")
        second = self.daemon_of("b", text)
        self.assertEqual(second.process.wait(20), 69)
        self.assertIn("another semeld", second.text())
        other = os.path.join(self.folder, "other")
        os.mkdir(other)
        third = self.daemon_of("c", text.replace(f'state_dir = "{self.folder}"', f'state_dir = "{other}"').replace("b.sock", "c.sock"))
        wait("the refusal", lambda: third.subscription() and "node name a" in third.subscription().get("reason", ""))
        self.assertEqual(third.subscription()["ledger"]["state"], "refused")
        # It takes over when the first has gone.
        self.assertEqual(a.stop(), 0)
        third.wait_state("running")

    def test_answers_while_no_engine_runs(self):
        redis = self.redis()
        self.make_topics()
        d = self.daemon("a", redis)
        d.wait_state("running")
        os.kill(d.process.pid, signal.SIGSTOP)      # no new engine meanwhile
        os.kill(engine_of(d), signal.SIGKILL)
        os.kill(d.process.pid, signal.SIGCONT)
        seen = set()

        def kill_and_look():
            pid = engine_of(d)
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            status, text = d.get("/readyz")
            seen.add((d.get("/healthz")[0], status))
            return status == 503 and "next one starts in" in text
        wait("the back-off", kill_and_look, 30, 0.01)
        self.assertEqual({h for h, _ in seen}, {200})
        status = d.status()
        self.assertEqual(status["subscriptions"][0]["name"], "main")
        self.assertIn("semel_engine_restarts_total", d.get("/metrics")[1])
        d.wait_state("running", 60)

    def test_second_signal_ends_at_once(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.debug_daemon("a", redis, settings='do = "sleep:60000";')
        d.wait_state("running")
        self.produce("x", headers={"event-id": "one"})
        wait("the run", lambda: d.status()["handlers"][0]["busy"] == 1)
        engine = engine_of(d)
        d.process.send_signal(signal.SIGTERM)
        wait("the drain", lambda: "stopping" in d.text())
        d.process.send_signal(signal.SIGTERM)
        self.assertEqual(d.process.wait(5), 0)
        self.assertFalse(os.path.exists(f"/proc/{engine}"))

    def test_service_manager_is_told(self):
        redis = self.redis()
        self.make_topics()
        path = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(20)
            d = self.daemon("a", redis, start=False)
            with open(d.log, "a", encoding="utf-8") as log:
                d.process = subprocess.Popen([SEMELD, "-c", d.config], stdout=log, stderr=log,
                                             env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="600000"))
            told = []

            def until(word):
                while not told or word not in told[-1]:
                    told.append(s.recv(4096).decode())
            until("READY=1")
            until("WATCHDOG=1")
            d.wait_state("running")
            d.process.send_signal(signal.SIGHUP)
            until("RELOADING=1")
            until("STATUS=running")
            d.wait_state("running")
            d.process.send_signal(signal.SIGTERM)
            until("STOPPING=1")
            self.assertIn("EXTEND_TIMEOUT_USEC", told[-1])
            self.assertEqual(d.process.wait(20), 0)


if __name__ == "__main__":
    main()
