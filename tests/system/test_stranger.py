"""A stranger's task: which event is blocking partition 3 of orders, why, and put it aside; with what the commands print."""
import json
import os
import re
import subprocess
import time

from harness import BUILD, SystemTest, main, wait


class Stranger(SystemTest):
    def shell(self, d, command):
        """A command as it was printed; where the socket and the configuration are is all that is added."""
        self.assertTrue(command.startswith("semel "), command)
        self.commands.append(command)
        done = subprocess.run(["sh", "-c", f"{command} --admin {d.socket} -c {d.config}"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": BUILD + ":" + os.environ["PATH"]})
        print(f"\n$ {command}\n{done.stdout}{done.stderr}", end="")
        return done

    def blocked(self, d, partition):
        """What `semel status` says of the event that a partition waits for: (text, commands)."""
        text = self.shell(d, "semel status").stdout
        found = re.search(rf"^{self.topic}/{partition} (?:[^\n]*)\n(?:    semel[^\n]*\n)+", text, re.M)
        self.assertIsNotNone(found, text)
        return found.group(0), [re.split(r"    ", line.strip())[0].strip() for line in found.group(0).splitlines()[1:]]

    def flows_again(self, d, partition):
        def past():
            parts = {p["partition"]: p for p in d.subscription()["partitions"] if p["topic"] == self.topic}
            return parts[partition]["lag"] == 0
        wait("the partition to flow again", past, 30)

    def start(self, **options):
        redis = self.redis()
        self.make_topics(6)
        self.commands = []
        d = self.daemon("a", redis, handler='plugin = "debug.so"; timeout = "1m"; max_run = "5m";', workers=8,
                        settings=f'path = "{self.witness("a")}"; json = true;', **options)
        d.wait_state("running")
        return d

    def late(self, d, partition):
        """Until the event is late enough to be told of."""
        def is_late():
            sub = d.subscription()
            return any(p["partition"] == partition and p.get("oldest") and "remedies" in p["oldest"] for p in sub["partitions"])
        wait("the event to be late", is_late, 30)

    def put_aside(self, d, partition, event_id, why, shown=None):
        begin = time.monotonic()
        text, commands = self.blocked(d, partition)
        self.assertIn(shown or event_id, text)
        story = self.shell(d, commands[0])
        self.assertEqual(story.returncode, 0, story.stderr)
        for part in why:
            self.assertIn(part, story.stdout)
        self.assertIn(f"{self.topic}/{partition} offset", story.stdout)
        aside = [line.strip() for line in story.stdout.splitlines() if line.strip().startswith("semel dlq add")]
        self.assertEqual(len(aside), 1, story.stdout)
        done = self.shell(d, re.split(r"    ", aside[0])[0])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.flows_again(d, partition)
        self.assertLessEqual(len(self.commands), 3)
        print(f"partition {partition} flows again {time.monotonic() - begin:.1f} s after the first of {len(self.commands)} commands")
        letters = [h for _, _, h in self.letters() if h["semel.dlq.reason"] == ["operator"]]
        self.assertEqual(len(letters), 1)

    def test_one_that_hangs(self):
        d = self.start()
        for i in range(60):
            self.produce("x", key=f"k{i}", headers={"event-id": f"order-{i}"}, partition=i % 6)
        self.produce("x", key="slow", headers={"event-id": "order-4711", "debug": "wait:600000"}, partition=3)
        self.produce("x", key="slow", headers={"event-id": "order-4712"}, partition=3)
        self.late(d, 3)
        self.put_aside(d, 3, "order-4711", ["is inside its handler (handler handler, attempt 1)", "status         claimed", "owner          a"])
        self.assertEqual(len(self.lines("a")), 61)

    def test_one_that_is_retried_for_ever(self):
        d = self.start(sub='retry = { attempts = 1000; backoff = "20s"; max_backoff = "20s"; };')
        odd = "it's \"odd\" $(id) é"
        self.produce("{\"amount\":1}", key="k", headers={"event-id": odd, "debug": "echo:retry"}, partition=3)
        self.produce("x", key="k", headers={"event-id": "behind"}, partition=3)
        self.late(d, 3)
        self.put_aside(d, 3, odd, ["waits for its next attempt", "status         waiting", "last error", "amount"], shown="$(id)")
        self.assertEqual([line["id"] for line in self.lines("a")], ["behind"])
        # Afterwards the story has its letter, and says how to have it handled again.
        story = d.semel("event", "main", odd, "--admin", d.socket, "-c", d.config)
        self.assertEqual(story.returncode, 0, story.stderr)
        for part in ("status         dead", "operator", "semel dlq show main --base64 ", "semel dlq replay main --id --base64 "):
            self.assertIn(part, story.stdout)
        document = json.loads(d.semel("event", "main", odd, "--json", "--admin", d.socket, "-c", d.config).stdout)
        self.assertEqual((document["status"], document["here"], document["dead_letter"]["reason"]), ("dead", None, "operator"))
        alone = json.loads(d.semel("event", "main", odd, "--json", "--ledger-only", "--admin", d.socket, "-c", d.config).stdout)
        self.assertIsNone(alone["dead_letter"])
        shown = d.semel("event", "main", "nobody", "--admin", d.socket, "-c", d.config)
        self.assertEqual(shown.returncode, 1)
        self.assertIn("does not know this id", shown.stderr)


if __name__ == "__main__":
    main()
