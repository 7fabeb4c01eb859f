"""A terminal for tests: a program on a pseudo-terminal, and what its screen shows.

Knows what ncurses sends to TERM=xterm-256color; a sequence that it does not know is an error, because on a real
terminal it could be anything.
"""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

SEQUENCE = re.compile(r"\x1b\[([?>]?)([\d;]*)([A-Za-z@`])|\x1b([()])(.)|\x1b([=>78M])|\x1b\](104|112)\x07")


def width(c):
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


class Screen:
    """Two screens, a cursor, and how each cell looks: a set of SGR numbers."""

    def __init__(self, columns, lines):
        self.alternate = False
        self.cursor = True
        self.saved = (0, 0)
        self.sizes = set()
        self.seen_colours = set()
        self.last = " "
        self.rest = ""
        self.size(columns, lines)

    def size(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.top, self.bottom = 0, lines - 1
        self.x = self.y = 0
        self.style = frozenset()
        self.cells = [self.empty() for _ in range(lines)]

    def empty(self):
        return [(" ", frozenset())] * self.columns

    def text(self):
        return "\n".join("".join(c for c, _ in line).rstrip() for line in self.cells)

    def styles(self, line, column):
        return self.cells[line][column][1]

    # ---- What comes

    def feed(self, text):
        text, self.rest, i = self.rest + text, "", 0
        while i < len(text):
            c = text[i]
            if c != "\x1b":
                self.put(c)
                i += 1
                continue
            m = SEQUENCE.match(text, i)
            if m is None:
                if len(text) - i < 16 and re.fullmatch(r"\x1b(\[[?>]?[\d;]*|[()]|\]\d*)?", text[i:]):
                    self.rest = text[i:]
                    return
                raise AssertionError(f"an unknown sequence: {text[i:i + 20]!r}")
            i = m.end()
            if m[3]:
                self.control(m[1], [int(n) if n else None for n in m[2].split(";")], m[3])
            elif m[6] == "M":
                self.scroll_down() if self.y == self.top else self.move(self.y - 1)
            elif m[6] == "7":
                self.saved = (self.y, self.x)
            elif m[6] == "8":
                self.y, self.x = self.saved

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.scroll_up() if self.y == self.bottom else self.move(self.y + 1)
        elif c == "\b":
            self.x = max(0, self.x - 1)
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)
        elif c == "\x0f" or c == "\x07":
            pass
        elif ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0:
            raise AssertionError(f"a control: {c!r}")
        else:
            self.character(c)

    def character(self, c):
        w = width(c)
        if w == 0:
            x = max(0, self.x - 1)
            self.cells[self.y][x] = (self.cells[self.y][x][0] + c, self.style)
            return
        if self.x + w > self.columns:
            self.x = 0
            self.put("\n")
        self.cells[self.y][self.x] = (c, self.style)
        for i in range(1, w):
            self.cells[self.y][self.x + i] = ("", self.style)
        self.x += w
        self.last = c

    def move(self, y=None, x=None):
        self.y = min(max(self.y if y is None else y, 0), self.lines - 1)
        self.x = min(max(self.x if x is None else x, 0), self.columns - 1)

    def scroll_up(self):
        del self.cells[self.top]
        self.cells.insert(self.bottom, self.empty())

    def scroll_down(self):
        del self.cells[self.bottom]
        self.cells.insert(self.top, self.empty())

    # ---- Sequences

    def control(self, mark, n, final):
        one = n[0] or 1
        if mark == "?":
            return self.mode(n, final == "h")
        if mark == ">" or final in "tlh":
            return None
        moves = {"A": (self.y - one, None), "B": (self.y + one, None), "C": (None, self.x + one), "D": (None, self.x - one),
                 "G": (None, one - 1), "`": (None, one - 1), "d": (one - 1, None),
                 "H": (one - 1, (n[1] if len(n) > 1 and n[1] else 1) - 1)}
        if final in moves:
            return self.move(*moves[final])
        line = self.cells[self.y]
        blank = (" ", self.style & {"7"} and self.style or frozenset())
        if final == "m":
            self.colour(n)
        elif final == "J":
            for y in range(self.y + 1 if not n[0] else 0, self.lines):
                self.cells[y] = self.empty()
            if not n[0]:
                line[self.x:] = [blank] * (self.columns - self.x)
        elif final == "K":
            if not n[0]:
                line[self.x:] = [blank] * (self.columns - self.x)
            else:
                line[:self.x + 1] = [blank] * (self.x + 1)
        elif final == "X":
            line[self.x:self.x + one] = [blank] * min(one, self.columns - self.x)
        elif final == "b":
            for _ in range(one):
                self.character(self.last)
        elif final == "P":
            line[self.x:] = (line[self.x + one:] + [blank] * one)[:self.columns - self.x]
        elif final == "@":
            line[self.x:] = ([blank] * one + line[self.x:])[:self.columns - self.x]
        elif final == "r":
            self.top, self.bottom = (n[0] or 1) - 1, (n[1] if len(n) > 1 and n[1] else self.lines) - 1
            self.x = self.y = 0
        elif final in "LM":
            for _ in range(one):
                at, out = (self.y, self.bottom) if final == "L" else (self.bottom, self.y)
                del self.cells[out]
                self.cells.insert(at, self.empty())
        elif final in "ST":
            for _ in range(one):
                self.scroll_up() if final == "S" else self.scroll_down()
        else:
            raise AssertionError(f"an unknown sequence: {mark}{n}{final}")
        return None

    def mode(self, n, on):
        for m in n:
            if m == 1049:
                self.alternate = on
                self.cells = [self.empty() for _ in range(self.lines)]
            elif m == 25:
                self.cursor = on

    def colour(self, n):
        style = set(self.style)
        i = 0
        while i < len(n):
            c = n[i] or 0
            if c == 0:
                style.clear()
            elif c in (22, 24, 27, 39, 49):
                gone = {22: ("1", "2"), 24: ("4",), 27: ("7",), 39: [s for s in style if len(s) > 1], 49: ()}[c]
                style -= set(gone)
            else:
                if c >= 30:
                    style -= {s for s in style if len(s) > 1}
                    self.seen_colours.add(c)
                style.add(str(c))
            i += 1
        self.style = frozenset(style)


class Terminal:
    """A program on a pseudo-terminal of its own session; close() ends it."""

    def __init__(self, words, columns=80, lines=24, **environment):
        self.screen = Screen(columns, lines)
        self.master, slave = pty.openpty()
        self.slave = slave              # kept, so that its settings can be looked at afterwards
        self.set_size(columns, lines)
        self.before = termios.tcgetattr(slave)
        env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
        env = {k: v for k, v in env.items() if v is not None and k not in ("LINES", "COLUMNS")}
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
        self.decoder = __import__("codecs").getincrementaldecoder("utf-8")("strict")
        self.bytes = 0

    def set_size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.read(0)
        self.screen.size(columns, lines)
        self.set_size(columns, lines)       # the kernel sends SIGWINCH

    def read(self, seconds=0.05):
        end = time.monotonic() + seconds
        while select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.bytes += len(data)
            self.screen.feed(self.decoder.decode(data))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def text(self):
        self.read(0)
        return self.screen.text()

    def wait(self, what, condition, seconds=10.0):
        """Until condition(text of the screen) is true; its value."""
        end = time.monotonic() + seconds
        while True:
            self.read(0.05)
            value = condition(self.screen.text())
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}; the screen:\n{self.screen.text()}")

    def wait_exit(self, seconds=5.0):
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read(0.05)
            if time.monotonic() > end:
                raise AssertionError("it does not end; the screen:\n" + self.screen.text())
        self.read(0)
        return self.process.returncode

    def restored(self):
        """None, or what is not as it was before."""
        if termios.tcgetattr(self.slave) != self.before:
            return "termios"
        if self.screen.alternate:
            return "the alternate screen"
        return None if self.screen.cursor else "the cursor"

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.slave)
            os.close(self.master)
