"""What the system tests share: a broker, private Redis servers, daemons, witnesses.

The broker is shared by all tests of a run (SEMEL_TEST_BROKER names its folder, tests/kafka/broker made it);
a test that kills brokers starts its own.  Everything else belongs to one test and ends with it.
"""
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ["SEMEL_BUILD"]
LOAD = os.path.join(BUILD, "semel-load")
SEMEL = os.path.join(BUILD, "semel")
SEMELD = os.path.join(BUILD, "semeld")
BROKER = os.path.join(SOURCE, "tests", "kafka", "broker")
LONG = os.environ.get("SEMEL_LONG") == "1"


def wait(what, condition, seconds=30.0, step=0.05):
    """Until condition() is true; its value is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(step)


class Broker:
    """A broker of its own, for tests that kill it."""

    def __init__(self, folder):
        self.folder = folder

    def start(self):
        return subprocess.run([BROKER, "start", self.folder], check=True, capture_output=True, text=True).stdout.strip()

    def kill(self):
        subprocess.run([BROKER, "kill", self.folder], check=True)

    def stop(self):
        subprocess.run([BROKER, "stop", self.folder], check=True)


class Redis:
    """redis-server on a Unix socket; its data survive kill and start where `save` is set."""

    def __init__(self, folder, save=False, extra=()):
        self.folder, self.path = folder, os.path.join(folder, "redis.sock")
        self.arguments = ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", folder, "--save", "",
                          "--appendonly", "yes" if save else "no", "--appendfsync", "everysec", *extra]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait("redis", lambda: self.cli("ping", check=False) == "PONG")

    def cli(self, *words, check=True):
        done = subprocess.run(["redis-cli", "-s", self.path, *words], capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    close = kill


class Daemon:
    """A semeld with a configuration of its own."""

    def __init__(self, test, name, text, check=True):
        self.test, self.name = test, name
        self.config = os.path.join(test.folder, name + ".conf")
        self.log = os.path.join(test.folder, name + ".log")
        self.socket = os.path.join(test.folder, name + ".sock")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        self.process = None
        if check:
            done = self.semel("check", "-c", self.config)
            assert done.returncode == 0, done.stdout

    def rewrite(self, *pairs):
        """Change its configuration file; what it is to change must be there."""
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        for old, new in pairs:
            assert old in text, f"{self.config} has no {old}"
            text = text.replace(old, new)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([SEMELD, "-c", self.config], stdout=log, stderr=log)
        return self

    def semel(self, *words):
        return subprocess.run([SEMEL, *words], capture_output=True, text=True, check=False)

    def status(self):
        done = self.semel("status", "--json", "--admin", self.socket)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def subscription(self, index=0):
        status = self.status()
        return status["subscriptions"][index] if status else None

    def state(self, index=0):
        sub = self.subscription(index)
        return sub["state"] if sub else None

    def wait_state(self, state, seconds=30.0, index=0):
        return wait(f"{self.name} to be {state}", lambda: self.state(index) == state, seconds)

    def get(self, path):
        """(status, text) of a path on the admin socket."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
            s.settimeout(5)
            s.connect(self.socket)
            s.sendall(f"GET {path} HTTP/1.0\r\nHost: semel\r\n\r\n".encode())
            data = b""
            while chunk := s.recv(65536):
                data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def metric(self, name):
        """The sum over the series of a metric, or over those whose labels are given as `name{...}`."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + "{") or line.startswith(name + " ") or line.startswith(name + ","):
                total += float(line.rsplit(" ", 1)[1])
            elif "{" in name and line.startswith(name.rstrip("}")):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def lag(self):
        """Records of the test's topic that are not committed yet, on this host's partitions; None: not known."""
        sub = self.subscription()
        if not sub or not sub["partitions"]:
            return None
        ends = dict(map(int, line.split()) for line in self.test.load("ends").splitlines())
        mine = [p for p in sub["partitions"] if p["topic"] == self.test.topic]
        return sum(ends[p["partition"]] - max(p["committed"], 0) for p in mine)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, seconds=40):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def close(self):
        self.kill()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


class SystemTest(unittest.TestCase):
    """One test: a folder, a topic prefix, things that end with it."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="semel-test-")
        self.folder = self.temporary.name
        self.things = []
        self.topic = f"{self.id().split('.')[-1].replace('_', '-')[:60]}-{os.getpid()}"
        self.brokers = os.environ.get("SEMEL_TEST_ADDRESS") or self.shared_address()

    @staticmethod
    def shared_address():
        with open(os.path.join(os.environ["SEMEL_TEST_BROKER"], "address"), encoding="utf-8") as f:
            return f.read().strip()

    def tearDown(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        for thing in self.things:
            thing.close()
        if failed:
            for thing in self.things:
                if isinstance(thing, Daemon) and os.path.exists(thing.log):
                    print(f"---- log of {thing.name}\n" + thing.text()[-6000:], file=sys.stderr)
        self.temporary.cleanup()

    def redis(self, **options):
        folder = os.path.join(self.folder, f"redis{len(self.things)}")
        os.mkdir(folder)
        server = Redis(folder, **options)
        self.things.append(server)
        return server

    def load(self, verb, *words, topic=None):
        done = subprocess.run([LOAD, verb, "--brokers", self.brokers, "--topic", topic or self.topic, *map(str, words)],
                              capture_output=True, text=True, check=False)
        if verb != "verify" and done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout

    def make_topics(self, partitions=4, dead=True, topic=None):
        topic = topic or self.topic
        self.load("topic", "--partitions", partitions, topic=topic)
        if dead:
            self.load("topic", "--partitions", 1, topic=topic + ".dead")

    def produce(self, text, key=None, headers=None, topic=None, partition=None, null=False):
        """One record, by kcat; `null`: without a value."""
        words = ["kcat", "-P", "-q", "-b", self.brokers, "-t", topic or self.topic]
        for name, value in (headers or {}).items():
            for v in value if isinstance(value, list) else [value]:
                words += ["-H", f"{name}={v}"]
        if null:
            # kcat sends an empty value only behind a key; -Z makes what is empty null, the key, too.
            words += ["-Z", "-K", "\x01"]
            text = (key or "") + "\x01\n"
        elif key is not None:
            words += ["-k", key]
        if partition is not None:
            words += ["-p", str(partition)]
        subprocess.run(words, input=text if isinstance(text, bytes) else text.encode(), check=True)

    def letters(self, topic=None, end=".dead"):
        """The dead letters, or what lies in another topic: a list of (key, value, headers)."""
        done = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.brokers, "-t", (topic or self.topic) + end, "-J"],
                              capture_output=True, check=True)
        out = []
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            record = json.loads(line)
            pairs = record.get("headers", [])
            headers = {}
            for i in range(0, len(pairs), 2):
                headers.setdefault(pairs[i], []).append(pairs[i + 1])
            out.append((record.get("key"), record.get("payload"), headers))
        return out

    def configuration(self, name, redis, handler='plugin = "file.so";', settings=None, sub="", more="", ledger="",
                      topics=None, kafka="", workers=4, routes=None, id_='[ "header:event-id" ]'):
        settings = settings if settings is not None else f'path = "{self.witness(name)}";'
        topics = topics or f'[ "{self.topic}" ]'
        routes = routes or 'all = { subscription = "main"; handler = "handler"; };'
        return f'''
node = "{name}";
state_dir = "{self.folder}";
plugin_path = [ "{BUILD}/plugins" ];
stop_timeout = "20s";
kafka = {{ bootstrap_servers = "{self.brokers}"; session_timeout_ms = 6000; heartbeat_interval_ms = 500; {kafka} }};
ledger = {{ {f'url = "unix:{redis.path}"; ' if redis else ""}timeout = "1s"; {ledger if "lease" in ledger else 'lease = "3s"; ' + ledger} }};
http = {{ listen = "127.0.0.1:0"; }};
admin = {{ socket = "{self.folder}/{name}.sock"; }};
log = {{ rate = 100; }};
subscriptions = {{ main = {{ group = "{self.topic}"; topics = {topics}; id = {id_}; start = "earliest";
	unrouted = "dead-letter"; dead_letter = {{ topic = "{self.topic}.dead"; }}; {sub} }}; {more} }};
handlers = {{ handler = {{ {handler} workers = {workers}; settings = {{ {settings} }}; }}; }};
routes = {{ {routes} }};
'''

    def daemon(self, name, redis, start=True, check=True, **options):
        d = Daemon(self, name, self.configuration(name, redis, **options), check=check)
        self.things.insert(0, d)
        return d.start() if start else d

    def daemon_of(self, name, text):
        """One with a configuration of its own making."""
        d = Daemon(self, name, text, check=False)
        self.things.insert(0, d)
        return d.start()

    def witness(self, name):
        return os.path.join(self.folder, name + ".jsonl")

    def lines(self, name):
        """What the `file` handler wrote."""
        try:
            with open(self.witness(name), encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def verify(self, count, *names, dead=False, keys=100, options=()):
        """`options`: those of `produce`, where they decide what is to become of an event."""
        words = [*options, "--count", count, "--keys", keys, "--json"]
        if dead:
            words += ["--dead-topic", self.topic + ".dead"]
        return json.loads(self.load("verify", *words, *[self.witness(n) for n in names]))

    def wait_handled(self, count, *names, seconds=60.0):
        def enough():
            total = 0
            for n in names:
                try:
                    with open(self.witness(n), "rb") as f:
                        total += sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
                except FileNotFoundError:
                    pass
            return total >= count
        wait(f"{count} handled events", enough, seconds, 0.1)


def main():
    unittest.main(verbosity=2)
