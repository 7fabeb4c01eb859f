"""docs/handlers.md, line by line.

    ```console           each line `$ COMMAND` is run, in one shell; what follows is what it prints: `...` alone stands for
                         any lines, `...` within a line for any text; nothing: the output is not looked at
    ```console needs=C   the same, if `semel help C` knows the command; else skipped, and said
    ```LANG file=F       F is written
    ```LANG in=F         the text is in F, word for word
"""
import os
import re
import subprocess
import sys
import unittest

from sdk import SdkTest

PAGE = os.path.join(os.environ["SEMEL_SOURCE"], "docs/handlers.md")
TIMEOUT = 120


def blocks(text):
    """(line number, info string, lines) of each fenced block."""
    inside = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            if inside is None:
                inside = (number, line[3:].split(), [])
            else:
                yield inside
                inside = None
        elif inside is not None:
            inside[2].append(line)


def commands(first, lines):
    """(line number, command, expected lines) of a console block."""
    for number, line in enumerate(lines, first + 1):
        if line.startswith("$ "):
            if number > first + 1:
                yield at, command, expected
            at, command, expected = number, line[2:], []
        else:
            expected.append(line)
    yield at, command, expected


def fits(expected, found):
    """True if the printed lines are the expected ones."""
    if not expected:
        return not found
    if expected[0] == "...":
        return any(fits(expected[1:], found[i:]) for i in range(len(found) + 1))
    if not found:
        return False
    pattern = ".*".join(re.escape(part) for part in " ".join(expected[0].split()).split("..."))
    return re.fullmatch(pattern, " ".join(found[0].split())) is not None and fits(expected[1:], found[1:])


class Shell:
    """One bash, as a reader has one."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(["timeout", str(TIMEOUT), "bash", "--noprofile", "--norc"], cwd=folder, env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        """(exit status, lines)"""
        self.process.stdin.write(command + "\nprintf '\\n@end@ %d\\n' $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith("@end@ "):
                while lines and lines[-1] == "":
                    lines.pop()
                return int(line.split()[1]), lines
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended in: {command}\n" + "\n".join(lines))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Tutorial(SdkTest):
    def test_page(self):
        with open(PAGE, encoding="utf-8") as f:
            page = list(blocks(f.read()))
        work = os.path.join(self.folder, "work")
        os.mkdir(work)
        shell = Shell(work, self.env)
        try:
            ran = [self.block(shell, work, *block) for block in page]
        finally:
            shell.close()
        self.assertGreater(sum(ran), 15)

    def block(self, shell, work, number, info, lines):
        """How many commands were run."""
        options = dict(word.split("=", 1) for word in info[1:])
        if "file" in options:
            with open(os.path.join(work, options["file"]), "w", encoding="utf-8") as f:
                f.write("\n".join(lines) + "\n")
        elif "in" in options:
            self.assertIn("\n".join(lines), self.read("work", options["in"]), f"handlers.md:{number}")
        elif info[:1] == ["console"]:
            needs = options.get("needs")
            if needs and subprocess.run(["semel", "help", needs], env=self.env, capture_output=True, check=False).returncode:
                print(f"handlers.md:{number}: SKIPPED: there is no `semel {needs}` yet", file=sys.stderr)
                return 0
            done = list(commands(number, lines))
            for at, command, expected in done:
                self.command(shell, at, command, expected)
            return len(done)
        return 0

    def command(self, shell, at, command, expected):
        status, found = shell.run(command)
        said = f"docs/handlers.md:{at}: $ {command}\n" + "\n".join(found)
        self.assertEqual(status, 0, said)
        self.assertTrue(not expected or fits(expected, found), said + "\n---- expected:\n" + "\n".join(expected))

    def test_comparison_can_fail(self):
        self.assertTrue(fits(["a", "...", "b ... d"], ["a", "x", "y", "b c   d"]))
        self.assertFalse(fits(["a", "b"], ["a", "b", "c"]))
        self.assertFalse(fits(["a", "..."], ["b"]))
        self.assertFalse(fits(["a ... c"], ["a b"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
