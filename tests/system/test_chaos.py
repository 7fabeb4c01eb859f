"""Everything at once: kill -9 of manager and engine, events that crash, hang, are rejected, fail."""
import os
import random
import signal
import threading

from harness import SystemTest, main, wait, LONG


class Chaos(SystemTest):
    def test_every_event_is_handled_or_put_aside_for_its_reason(self):
        self.chaos(*((1000000, 200, 50, 10) if LONG else (60000, 12, 3, 1)))

    def test_the_same_with_retries_in_a_topic(self):
        self.load("topic", "--partitions", 4, topic=self.topic + ".retry")
        self.chaos(*((300000, 60, 15, 3) if LONG else (40000, 12, 2, 0)), flaky=5,
                   retry=f'mode = "topic"; topic = "{self.topic}.retry";')

    def chaos(self, count, kills, crash, hang, flaky=0.5, retry=""):
        options = ["--count", count, "--keys", 10000, "--crash", crash, "--hang", hang, "--poison", 0.5, "--flaky", flaky,
                   "--duplicates", 2]
        redis = self.redis()
        self.make_topics(8)
        d = self.daemon("a", redis, workers=8, handler='plugin = "debug.so"; timeout = "1s"; max_run = "2s";',
                        settings=f'path = "{self.witness("a")}"; json = true;', sub=f'retry = {{ backoff = "50ms"; {retry} }};')
        d.wait_state("running")
        producer = threading.Thread(target=self.load, args=("produce", "--rate", 4000, *options))
        producer.start()
        chance = random.Random(7)
        killed = {"manager": 0, "engine": 0}
        for i in range(kills):
            self.wait_handled(count // (kills + 1) * (i + 1), "a", seconds=240)
            if chance.random() < 0.3:
                d.kill()
                d.start()
                killed["manager"] += 1
            else:
                engine = wait("an engine", lambda: (d.status() or {"engine": {"pid": 0}})["engine"]["pid"])
                try:
                    os.kill(engine, signal.SIGKILL)
                    killed["engine"] += 1
                except ProcessLookupError:
                    pass
        producer.join()
        wait("the end", lambda: d.lag() == 0, 240)
        v = self.verify(count, "a", dead=True, keys=10000, options=options)
        print(killed, d.status()["engine"]["restarts"], v)
        self.assertEqual((v["lost"], v["unmarked"], v["misjudged"], v["both"]), (0, 0, 0, 0))
        self.assertEqual(v["handled"] + v["dead"], count)
        # Only what was inside a handler can have been repeated.
        self.assertLessEqual(v["repeated"], 8 * (kills + 4 * (crash + hang)))
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
