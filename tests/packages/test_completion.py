"""The bash completion, held to the table of commands in the sources."""
import os
import re
import subprocess
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["SEMEL_BUILD"]


def complete(*words):
    """What bash offers for the last word."""
    script = f'source {SOURCE}/packaging/completion/semel; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _semel; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", script, "-", "semel", *words], capture_output=True, text=True, check=True,
                          env={"PATH": BUILD + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    return set(done.stdout.split())


def table():
    """{command: its line of usage}, from the sources."""
    with open(SOURCE + "/host/cli/commands.c", encoding="utf-8") as f:
        text = f.read()
    # The usage: every string literal up to the comma.
    return {name: "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', usage))
            for name, usage in re.findall(r'^\t\{ "([a-z]+)",\s*((?:"(?:[^"\\]|\\.)*"\s*|NULL)+),', text, re.M)}


class Completion(unittest.TestCase):
    def test_each_command_and_no_other(self):
        self.assertGreater(len(table()), 15)
        self.assertEqual(complete(""), set(table()) | {"help", "--version"})
        self.assertEqual(complete("help", ""), set(table()))
        self.assertEqual(complete("stat"), {"status"})

    def test_each_option_of_each_command(self):
        for command, usage in table().items():
            with self.subTest(command):
                options = set(re.findall(r"--[a-z][a-z-]+", usage))
                self.assertLessEqual(options, complete(command, "--"), usage)

    def test_verbs(self):
        for command in ("dlq", "ledger", "bench"):
            with self.subTest(command):
                offered = complete(command, "")
                self.assertTrue(offered)
                for verb in offered:
                    self.assertRegex(table()[command], rf"\b{verb}\b")
        self.assertLessEqual({"lag", "oldest", "name"}, complete("top", "--sort", ""))
        self.assertEqual(complete("top", "--view", "p"), {"partitions"})
        self.assertEqual(complete("log", ""), {"debug", "info", "warning", "error"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
