"""Handlers that come and go as packages: `semel handlers`, `semel check` and semeld say what clashes or is gone, where,
and what to do.  The packages are real ones, installed by dpkg and rpm with data bases of their own."""
import json
import os
import shutil
import subprocess
import sys
import unittest

from sdk import SdkTest, run

MAIN = '''
plugin_path = [ "%(handlers)s" ];
kafka = { bootstrap_servers = "127.0.0.1:1"; };
ledger = { url = "redis://127.0.0.1:1"; };
http = { listen = "off"; };
state_dir = "%(folder)s";
admin = { socket = "%(folder)s/admin.sock"; };
subscriptions = { main = { topics = [ "orders" ]; id = [ "key" ]; unrouted = "skip"; }; };
'''
ROUTE = 'routes = { all = { subscription = "main"; handler = "ship"; }; };\n'


class Handlers(SdkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("semel", "new", "ship", cwd=cls.folder, env=cls.env)
        ship = os.path.join(cls.folder, "ship")
        run("cmake", "-S", ".", "-B", "build", "-DBUILD_TESTING=OFF", cwd=ship, env=cls.env)
        run("cmake", "--build", "build", cwd=ship, env=cls.env)
        run("cpack", cwd=ship + "/build", env=cls.env)
        cls.deb = os.path.join(ship, "build", [n for n in os.listdir(ship + "/build") if n.endswith(".deb")][0])
        cls.handlers = os.path.dirname(subprocess.run(
            ["find", cls.prefix, "-name", "log.so"], check=True, capture_output=True, text=True).stdout.strip())
        cls.conf_d = cls.prefix + "/etc/semel/conf.d"

    def setUp(self):
        self.admin = os.path.join(self.folder, "dpkg-" + self.id().split(".")[-1])
        for name in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(self.admin, name))
        for name in ("status", "available"):
            self.write(os.path.join(self.admin, name), "")
        self.env = dict(self.env, DPKG_ADMINDIR=self.admin)
        os.makedirs(self.conf_d, exist_ok=True)
        self.conf = self.prefix + "/etc/semel/semel.conf"
        self.write(self.conf, MAIN % {"handlers": self.handlers, "folder": self.folder} + ROUTE)

    def tearDown(self):
        os.makedirs(self.conf_d, exist_ok=True)     # a purge takes it away
        for folder, keep in ((self.conf_d, ()), (self.handlers, ("log.so", "file.so", "debug.so"))):
            for name in os.listdir(folder):
                if name not in keep:
                    os.unlink(os.path.join(folder, name))

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def dpkg(self, *words):
        return self.here("dpkg", "--admindir=" + self.admin, "--log=/dev/null", "--force-not-root", "--force-depends",
                         "--force-bad-path", *words)

    def package(self, name, files):
        """Installs a package of these files."""
        root = os.path.join(self.folder, name)
        for path, source in files.items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            if os.path.isfile(source):
                shutil.copy(source, root + path)
            else:
                self.write(root + path, source)
        os.mkdir(root + "/DEBIAN")
        self.write(root + "/DEBIAN/control",
                   f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n")
        self.here("dpkg-deb", "--build", "--root-owner-group", root, name + ".deb")
        self.dpkg("-i", name + ".deb")

    def listed(self, status=0):
        done = subprocess.run(["semel", "handlers", "-c", self.conf, "--json"], env=self.env, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        return {row["handler"] or os.path.basename(row["file"]): row for row in answer["handlers"]}, answer["problems"]

    def each_says(self, text, where):
        """check, handlers and semeld: the same sentence at the same place; semeld does not start."""
        for words in (["semel", "check"], ["semel", "handlers"], ["semeld"]):
            done = subprocess.run(words + ["-c", self.conf], env=self.env, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 78, words)
            lines = [line for line in (done.stdout + done.stderr).splitlines() if text in line]
            self.assertTrue(any(line.startswith(where) for line in lines), f"{words}: {done.stdout}{done.stderr}")

    def test_installed_listed_removed(self):
        self.dpkg("-i", self.deb)
        rows, problems = self.listed()
        self.assertEqual(problems, [])
        self.assertEqual(rows["ship"], {
            "file": self.handlers + "/ship.so", "handler": "ship", "name": "ship", "version": "0.1.0", "abi": "1.0",
            "package": "semel-handler-ship", "refused": None, "hidden_by": None,
            "place": {"file": self.conf_d + "/ship.conf", "line": 4}, "routes": ["all"]})
        self.assertEqual((rows["log.so"]["package"], rows["log.so"]["name"], rows["log.so"]["routes"]), (None, "log", []))
        table = self.here("semel", "handlers", "-c", self.conf)
        self.assertRegex(table, r"ship +ship +0\.1\.0 +1\.0 +all +semel-handler-ship +/.*/ship\.so\n")

        # Removed, and its conffile stays, as dpkg has it: the plugin is named with the place in that file.
        self.dpkg("-r", "semel-handler-ship")
        gone = "No such file or directory: install the package that has it, or remove the handler and its routes"
        done = subprocess.run(["semel", "check", "-c", self.conf], env=self.env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{self.conf_d}/ship.conf:4: error: handler ship: {self.handlers}/ship.so: {gone}", done.stdout)
        rows, _ = self.listed()
        self.assertEqual((rows["ship"]["refused"], rows["ship"]["routes"]), (f"{self.handlers}/ship.so: {gone}", ["all"]))

        # Purged: the route is left over.
        self.dpkg("--purge", "semel-handler-ship")
        self.each_says("there is no handler named ship: install the package that has it, or remove the route", f"{self.conf}:9: error")

    def test_two_packages_with_one_handler(self):
        self.dpkg("-i", self.deb)
        second = 'handlers = { ship = { plugin = "log.so"; }; };\n'
        self.package("semel-handler-other", {self.conf_d + "/other.conf": second})
        self.each_says("handlers.ship is there already, at", f"{self.conf_d}/ship.conf:3: error")
        rows, problems = self.listed(78)
        self.assertEqual(rows["ship"]["name"], "log")
        self.assertEqual((problems[0]["file"], problems[0]["line"]), (self.conf_d + "/ship.conf", 3))
        self.assertIn(f"{self.conf_d}/other.conf:1: rename one of them, or remove", problems[0]["text"])

    def test_drop_in_that_clashes_with_another_file(self):
        self.dpkg("-i", self.deb)
        self.package("semel-handler-more", {self.conf_d + "/more.conf": "\n" + ROUTE})
        self.each_says(f"routes.all is there already, at {self.conf}:9: rename one of them", f"{self.conf_d}/more.conf:2: error")

    def test_a_file_that_hides_another(self):
        first = os.path.join(self.folder, "first")
        os.makedirs(first, exist_ok=True)
        shutil.copy(self.handlers + "/log.so", first)
        self.write(self.conf, self.read(self.conf).replace("plugin_path = [", f'plugin_path = [ "{first}",').replace(ROUTE, ""))
        rows = json.loads(self.here("semel", "handlers", "-c", self.conf, "--json"))["handlers"]
        hidden = [row for row in rows if row["hidden_by"]]
        self.assertEqual([(row["file"], row["hidden_by"]) for row in hidden], [(self.handlers + "/log.so", first + "/log.so")])

    def test_files_that_rpm_owns(self):
        if shutil.which("rpmbuild") is None:
            print("no rpmbuild: not tested", file=sys.stderr)
            return
        home = os.path.join(self.folder, "home")
        os.mkdir(home)
        self.write(home + "/.rpmmacros", f"%_dbpath {home}/db\n")
        self.env["HOME"] = home
        rpm = self.deb.rsplit("/", 1)[0]
        rpm = os.path.join(rpm, [n for n in os.listdir(rpm) if n.endswith(".rpm")][0])
        self.here("rpm", "-i", "--nodeps", "--force-debian", rpm)
        rows, _ = self.listed()
        self.assertEqual(rows["ship"]["package"], "semel-handler-ship")
        self.assertIsNone(rows["log.so"]["package"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
