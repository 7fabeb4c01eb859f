"""The debs: built, judged, installed into clean roots of Debian, used under the unit's restrictions, upgraded while events flow, purged.

SEMEL_LONG=1: Debian 13, too, with debs built there; reproducible builds; a handler from `semel new` to its package.
"""
import glob
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

from harness import LOAD, LONG, SystemTest, main, wait  # noqa: E402
from roots import Root, run  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(HERE))
COUNT = 10000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def build(out, *words):
    run([os.path.join(SOURCE, "packaging", "build"), "deb", "--out", out, *words])
    return {os.path.basename(f).split("_")[0]: f for f in glob.glob(out + "/*.deb")}


class Deb(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.out = tempfile.mkdtemp(prefix="semel-debs-")
        cls.debs = build(cls.out + "/a")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)
        super().tearDownClass()

    def script(self, name):
        return run(["sh", "-c", f"dpkg-deb --ctrl-tarfile {self.debs['semel']} | tar -xO ./{name}"])

    def abi_of(self, name, handler):
        """MAJOR.MINOR in the bytes of the plugin's semel_handler."""
        folder = tempfile.mkdtemp(dir=self.out)
        run(["dpkg-deb", "-x", self.debs[name], folder])
        plugin, = glob.glob(f"{folder}/usr/lib/*/semel/handlers/{handler}.so")
        at = int(re.search(r"([0-9a-f]+) \w semel_handler\n", run(["nm", "-D", plugin])).group(1), 16) + 8
        dump = run(["objdump", "-s", f"--start-address={at}", f"--stop-address={at + 4}", plugin])
        return "%d.%d" % struct.unpack("<HH", bytes.fromhex(re.search(r"^ [0-9a-f]+ ([0-9a-f]{8}) ", dump, re.M).group(1)))

    def test_scripts_restart_once_and_what_runs(self):
        self.assertEqual(self.script("postinst").count("try-restart"), 1)
        self.assertNotIn("deb-systemd-invoke start", self.script("postinst"))
        self.assertEqual(self.script("prerm").count("stop semel.service"), 1)
        self.assertIn("deb-systemd-helper purge", self.script("postrm"))
        self.assertNotIn("preinst", run(["dpkg-deb", "-I", self.debs["semel"]]))
        self.assertEqual(run(["dpkg-deb", "-I", self.debs["semel"], "conffiles"]).split(), ["/etc/default/semel", "/etc/semel/semel.conf"])

    def test_contents_abi_and_lintian(self):
        def field(name, what):
            return run(["dpkg-deb", "-f", self.debs[name], what]).strip()
        self.assertEqual(field("semel", "Provides"), "semel-abi-1 (= 1.0)")
        handlers = {os.path.basename(os.path.dirname(f)) for f in glob.glob(SOURCE + "/plugins/*/CMakeLists.txt")} - {"debug"}
        for h in handlers:
            name = "semel-handler-" + h
            abi = self.abi_of(name, h)
            self.assertIn(f"semel-abi-{abi.split('.', maxsplit=1)[0]} (>= {abi})", field(name, "Depends"))
            listed = run(["dpkg-deb", "-c", self.debs[name]])
            self.assertIn(f"/semel/handlers/{h}.so", listed)
            self.assertEqual(run(["dpkg-deb", "-I", self.debs[name], "conffiles"]).strip(), f"/etc/semel/conf.d/{h}.conf")
            self.assertIn(name + "-dbgsym", self.debs)
            control = run(["sh", "-c", f"dpkg-deb --ctrl-tarfile {self.debs[name]} | tar -t"])
            for script in ("preinst", "postinst", "prerm", "postrm"):
                self.assertNotIn(script, control)
        listed = run(["dpkg-deb", "-c", self.debs["semel"]])
        for path in ("/usr/bin/semeld", "/usr/lib/systemd/system/semel.service", "/usr/share/man/man8/semeld.8.gz",
                     "/usr/share/man/man1/semel.1.gz", "/usr/share/man/man5/semel.conf.5.gz", "/etc/semel/semel.conf",
                     "/usr/share/bash-completion/completions/semel", "/usr/lib/sysusers.d/semel.conf"):
            self.assertIn("." + path, listed.replace("./lib/systemd", "./usr/lib/systemd"))
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "warning", *self.debs.values()], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_minor_is_the_plugins_own(self):
        plugin = self.folder + "/x.so"
        text = "const struct { unsigned long long magic; unsigned short major, minor; } semel_handler = { 1, 1, %s };"
        for minor in ("0", "7", "300"):
            run(["gcc", "-shared", "-x", "c", "-o", plugin, "-"], input=text % minor)
            for kind, said in (("deb", f"semel-abi-1 (>= 1.{minor})"), ("rpm", f"(semel-abi >= 1.{minor} with semel-abi < 2)")):
                self.assertEqual(run(["cmake", "-D", "KIND=" + kind, "-D", "FILE=" + plugin, "-P", SOURCE + "/sdk/cmake/SemelAbi.cmake"]),
                                 said + "\n")

    def test_the_unit_is_tight(self):
        with open(SOURCE + "/packaging/systemd/semel.service", encoding="utf-8") as f:
            text = f.read().replace("/usr/bin/semeld -c /etc/semel/semel.conf", "/usr/bin/true").replace("/usr/bin/semel ", "/usr/bin/true ")
        unit = self.folder + "/semel.service"
        with open(unit, "w", encoding="utf-8") as f:
            f.write("\n".join(line for line in text.split("\n") if not line.startswith("Documentation")))
        run(["systemd-analyze", "verify", "--recursive-errors=no", unit])    # else an unknown key is said, and the exit is 0
        out = run(["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=12", unit])
        print("\n" + out.strip().split("\n")[-1])

    @unittest.skipUnless(LONG, "SEMEL_LONG")
    def test_two_builds_have_the_same_bytes(self):
        again = build(self.out + "/b")
        for name, f in self.debs.items():
            with open(f, "rb") as x, open(again[name], "rb") as y:
                self.assertTrue(x.read() == y.read(), name)

    # ---- In a clean root

    def configure(self, root, redis):
        root.put("/etc/semel/semel.conf", f'''
node = "root"; kafka = {{ bootstrap_servers = "{self.brokers}"; session_timeout_ms = 6000; }};
ledger = {{ url = "redis://127.0.0.1:{redis}"; lease = "3s"; }};
http = {{ listen = "127.0.0.1:0"; }}; admin = {{ socket = "/run/semel/elsewhere.sock"; }};
subscriptions = {{ main = {{ group = "{self.topic}"; topics = [ "{self.topic}" ]; id = [ "header:event-id" ]; start = "earliest";
	dead_letter = {{ topic = "{self.topic}.dead"; }}; }}; }};
handlers = {{ effects = {{ plugin = "file.so"; settings = {{ path = "/var/log/semel/effects.jsonl"; }}; }}; }};
routes = {{ all = {{ subscription = "main"; handler = "effects"; }}; }};
''')
        root.run("chown", "root:semel", "/etc/semel/semel.conf")

    def confined(self, root, *program, drop_in=None):
        """What the installed unit allows, as far as that goes without systemd."""
        units = root.path + "/lib/systemd/system/semel.service" + ("" if drop_in is None else "," + drop_in)
        return ["unshare", "--mount", "--ipc", "--propagation", "private", sys.executable, HERE + "/confine.py", root.path, units, *program]

    def start(self, root):
        daemon = subprocess.Popen(self.confined(root, "/usr/bin/semeld"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, daemon)
        return daemon

    def end(self, daemon):
        if daemon.poll() is None:
            daemon.terminate()
            daemon.wait(60)
        return daemon.returncode

    def effects(self, root):
        try:
            with open(root.path + "/var/log/semel/effects.jsonl", encoding="utf-8") as f:
                return [json.loads(line)["id"] for line in f]
        except FileNotFoundError:
            return []

    def the_unit_holds(self, root):
        """What follows would prove nothing if the restrictions were not in force; and the drop-in of exec lifts its part."""
        root.put("/opt/team/program", "#!/bin/sh\necho the program ran\n")
        os.chmod(root.path + "/opt/team/program", 0o755)
        tried = r'''
id -un
grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status
echo x >/etc/semel/x
echo x >/var/log/semel/probe && rm /var/log/semel/probe && echo logs are written
ls /root
head -c 9 /proc/meminfo
/opt/team/program
perl -MSocket -e 'socket(S, 16, 3, 0) or print "netlink: $!\n"; socket(S, 2, 1, 0) and print "inet works\n";
syscall(9, 0, 4096, 7, 0x22, -1, 0) > 0 and print "writable code\n"; syscall(165, 0, 0, 0, 0, 0) == 0 or print "mount: $!\n";
syscall(272, 0x10000000) == 0 or print "unshare: $!\n"; syscall(141, 0, 0, 19) == 0 and print "priorities\n"'
exit 0'''
        held, lifted = (subprocess.run(self.confined(root, "/bin/sh", "-c", tried, drop_in=d), capture_output=True, text=True, check=True)
                        for d in (None, SOURCE + "/packaging/systemd/exec.conf"))
        for done in (held, lifted):
            for said in ("semel\n", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "logs are written", "inet works",
                         "netlink: Address family not supported", "mount: Operation not permitted", "unshare: Operation not permitted"):
                self.assertIn(said, done.stdout)
            self.assertIn("/etc/semel/x: Read-only file system", done.stderr)
            self.assertRegex(done.stderr, "/root.*Permission denied")
        for said in ("the program ran", "writable code", "priorities", "MemTotal"):
            self.assertNotIn(said, held.stdout)
            self.assertIn(said, lifted.stdout)

    def in_a_root(self, release, debs, newer):
        root = Root(release)
        self.addCleanup(root.close)
        port = free_port()
        redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder],
                                 stdout=subprocess.DEVNULL)
        self.addCleanup(redis.wait)
        self.addCleanup(redis.kill)
        self.make_topics(4)
        begin = time.monotonic()
        root.apt("install", *root.bring([debs["semel"], debs["semel-handler-file"], debs["semel-handler-log"]]))
        print(f"\n{release}: installed in {time.monotonic() - begin:.1f} s")
        root.run("semel", "check")
        self.the_unit_holds(root)
        self.configure(root, port)
        daemon = self.start(root)
        wait("running", lambda: '"state":"running"' in subprocess.run(root.words("semel", "status", "--json"), capture_output=True, text=True,
                                                                       check=False).stdout, 60)
        for pid in (daemon.pid, json.loads(root.run("semel", "status", "--json"))["engine"]["pid"]):
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                self.assertIn("Seccomp:\t2", f.read())
        produce = subprocess.Popen([LOAD, "produce", "--brokers", self.brokers, "--topic", self.topic, "--count", str(COUNT),
                                    "--keys", "50", "--rate", "2000"], stdout=subprocess.DEVNULL)
        self.addCleanup(produce.wait)
        wait("some effects", lambda: len(self.effects(root)) > 100)
        self.handlers_change_under_load(root, root.bring([newer["semel-handler-file"]])[0])
        wait("all effects", lambda: len(set(self.effects(root))) >= COUNT, 120)
        self.assertEqual(len(self.effects(root)), COUNT)
        self.upgrade_keeps_what_was_changed(root, root.bring([newer["semel"]]))
        self.assertEqual(self.end(daemon), 0)
        self.removed_and_purged(root)

    def handlers_change_under_load(self, root, deb):
        """dpkg's trigger: RELOAD_ON_INSTALL, a default file that is no shell, a configuration with an error."""
        def engine(*words):
            return json.loads(root.run("semel", "status", "--json", *words))["engine"]["pid"]
        blanks = "SEMEL_BROKERS=a:9092, b:9092\nSEMEL_OTHER=$(touch /etc/executed)\n"
        first = engine()
        root.put("/etc/default/semel", blanks + "RELOAD_ON_INSTALL=no\n")
        root.run("dpkg", "-i", deb)
        self.assertEqual(engine(), first)
        root.put("/etc/default/semel", blanks + 'RELOAD_ON_INSTALL="yes"\n')
        print(root.run("dpkg", "-i", deb).strip())
        second = engine()
        self.assertNotEqual(second, first, "the trigger did not reload")
        self.assertFalse(os.path.exists(root.path + "/etc/executed"))
        for text, said in (('handlers = { nothing = { plugin = "missing.so"; }; };', "the old engine goes on"),
                           ("routes = {", "the configuration has errors")):
            root.put("/etc/semel/conf.d/broken.conf", text + "\n")
            done = subprocess.run(root.words("dpkg", "-i", deb), capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(said, done.stderr)
            self.assertEqual(engine("--admin", "/run/semel/elsewhere.sock"), second)
        os.remove(root.path + "/etc/semel/conf.d/broken.conf")

    def upgrade_keeps_what_was_changed(self, root, debs):
        changed = ("/etc/semel/semel.conf", "/etc/default/semel")
        before = [root.run("cat", f) for f in changed]
        root.run("dpkg", "-i", *debs)
        self.assertEqual([root.run("cat", f) for f in changed], before)
        self.assertIn("install ok installed", root.run("dpkg-query", "-W", "-f", "${Status}", "semel"))

    def removed_and_purged(self, root):
        link = root.path + "/etc/systemd/system/multi-user.target.wants/semel.service"  # systemctl enable
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink("/lib/systemd/system/semel.service", link)
        root.put("/etc/semel/conf.d/ours.conf", "# the operator's own\n")
        with open(root.path + "/etc/semel/conf.d/file.conf", "a", encoding="utf-8") as f:
            f.write("# changed by the operator\n")
        root.apt("remove", "semel-handler-file", "semel-handler-log", "semel")
        for path in ("semel.conf", "conf.d/file.conf", "conf.d/ours.conf"):
            self.assertTrue(os.path.exists(root.path + "/etc/semel/" + path), path)
        disk = root.path + "/var/log/semel"     # a file system of its own
        shutil.rmtree(disk)
        os.mkdir(disk)
        run(["mount", "-t", "tmpfs", "tmpfs", disk])
        self.addCleanup(subprocess.run, ["umount", disk], check=False, capture_output=True)
        root.put("/var/log/semel/effects.jsonl", "{}\n")
        # What a handler package still has there is not semel's to purge.
        root.run("dpkg", "--purge", "semel")
        self.assertEqual(os.listdir(disk), [])
        run(["umount", disk])
        os.rmdir(disk)
        self.assertEqual(sorted(os.listdir(root.path + "/etc/semel/conf.d")), ["file.conf", "log.conf"])
        self.assertFalse(os.path.islink(link))
        root.run("dpkg", "--purge", "semel-handler-file", "semel-handler-log")
        self.assertEqual(sorted(f for f in root.files() if "semel" in f), [])

    def test_debian_12_used_upgraded_purged(self):
        self.in_a_root("bookworm", self.debs, build(self.out + "/newer", "--version", "0.1.1"))

    @unittest.skipUnless(LONG, "SEMEL_LONG")
    def test_from_nothing_to_an_installed_handler(self):
        """Only semel-dev and a compiler: a project, its test, a try, its package, installed."""
        root = Root("bookworm")
        self.addCleanup(root.close)
        root.apt("install", "gcc", "g++", "cmake", "make", "file", *root.bring([self.debs["semel"], self.debs["semel-dev"]]))
        begin = time.monotonic()
        for line in ("semel new ship", "cmake -S ship -B ship/build", "cmake --build ship/build", "ctest --test-dir ship/build",
                     "semel try ship/build/ship.so --events ship/events.jsonl --duplicates 20% --crash-after 5",
                     "cd ship/build && cpack -G DEB", "dpkg -i ship/build/*.deb", "semel check", "semel handlers"):
            start = time.monotonic()
            out = root.run("sh", "-c", "cd /root && " + line)
            print(f"\n$ {line}    # {time.monotonic() - start:.1f} s\n" + "\n".join(out.strip().split("\n")[-8:]))
        print(f"all commands: {time.monotonic() - begin:.1f} s")

    @unittest.skipUnless(LONG, "SEMEL_LONG")
    def test_debian_13_built_there_used_upgraded_purged(self):
        maker = Root("trixie")
        self.addCleanup(maker.close)
        maker.bring([SOURCE + "/packaging/install-needs"], "/src/packaging")
        maker.apt("install", "git", "file", "xz-utils")
        maker.run("/src/packaging/install-needs", "packages")
        shutil.rmtree(maker.path + "/src")
        run(["git", "-c", "safe.directory=*", "clone", "-q", SOURCE, maker.path + "/src"])
        for out, words in (("/out", ()), ("/newer", ("--version", "0.1.1"))):
            maker.run("sh", "-c", f"git config --global safe.directory '*'; /src/packaging/build deb --out {out} {' '.join(words)}")
        debs, newer = ({os.path.basename(f).split("_")[0]: f for f in glob.glob(maker.path + out + "/*.deb")} for out in ("/out", "/newer"))
        self.in_a_root("trixie", debs, newer)


if __name__ == "__main__":
    main()
