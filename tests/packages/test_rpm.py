"""The rpms, with Debian's rpm tools: built, listed, installed into a root, verified; a handler without its host is refused.

The system's libraries are not there as rpms: a stub says that they are.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from roots import Root, run  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(HERE))
STUB = """Name: stub
Version: 1
Release: 1
Summary: The system's libraries
License: none
BuildArch: noarch
AutoReqProv: no
{provides}
%description
They are there, and not as rpms.
%files
"""


class Rpm(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="semel-rpms-")
        self.addCleanup(shutil.rmtree, self.folder)

    def build(self, *words):
        out = tempfile.mkdtemp(dir=self.folder)
        run([SOURCE + "/packaging/build", "rpm", "--out", out, *words])
        return {os.path.basename(f).rsplit("-", 2)[0]: f for f in glob.glob(out + "/*.rpm")}

    def stub(self, rpms):
        """All that ours need and do not have themselves."""
        needed = set(run(["rpm", "-qp", "--requires", *rpms.values()]).split("\n")) - {""}
        needed = {n for n in needed if not n.startswith(("rpmlib(", "semel", "(semel", "config("))}
        spec = self.folder + "/stub.spec"
        with open(spec, "w", encoding="utf-8") as f:
            f.write(STUB.format(provides="\n".join(f"Provides: {n}" for n in sorted(needed | {"/bin/sh"}))))
        run(["rpmbuild", "-bb", "--define", f"_topdir {self.folder}/stub", spec])
        return glob.glob(self.folder + "/stub/RPMS/noarch/*.rpm")[0]

    def rpm(self, root, *words):
        done = subprocess.run(["rpm", "--root", root.path, *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def install(self, root, *files):
        status, text = self.rpm(root, "-i", *files)
        self.assertEqual(status, 0, text)

    def unpack(self, rpm):
        folder = tempfile.mkdtemp(dir=self.folder)
        run(["sh", "-c", f"cd {folder} && rpm2cpio {rpm} | cpio -id --quiet"])
        return folder

    def symbols_are_apart(self, rpms):
        def build_id(f):
            return re.search("Build ID: ([0-9a-f]+)", run(["readelf", "-n", f])).group(1)
        symbols = self.unpack(rpms["semel-debuginfo"])
        for name, path in (("semel", "/usr/bin/semeld"), ("semel-handler-file", "/usr/lib64/semel/handlers/file.so")):
            stripped = self.unpack(rpms[name]) + path
            self.assertNotIn(".debug_info", run(["readelf", "-SW", stripped]))
            found, = glob.glob(f"{symbols}/usr/lib/debug{path}-*.debug")
            self.assertIn(".debug_info", run(["readelf", "-SW", found]))
            self.assertEqual(build_id(stripped), build_id(found))

    def test_built_installed_verified(self):
        rpms = self.build()
        self.assertIn("semel-abi = 1.0", run(["rpm", "-qp", "--provides", rpms["semel"]]))
        print("\n" + run(["rpm", "-qpl", rpms["semel-handler-file"]]))
        self.assertIn("(semel-abi >= 1.0 with semel-abi < 2)", run(["rpm", "-qp", "--requires", rpms["semel-handler-file"]]))
        lint = subprocess.run(["rpmlint", "-c", SOURCE + "/packaging/rpmlint.toml", *rpms.values()], capture_output=True, text=True, check=False)
        self.assertIn(" 0 errors", lint.stdout, lint.stdout + lint.stderr)
        self.symbols_are_apart(rpms)
        root = Root("bookworm", update=False)
        self.addCleanup(root.close)
        os.makedirs(root.path + "/var/lib/rpm", exist_ok=True)
        self.install(root, self.stub(rpms))
        status, text = self.rpm(root, "-i", rpms["semel-handler-file"])
        self.assertNotEqual(status, 0)
        self.assertIn("semel-abi", text)
        self.install(root, rpms["semel"])
        self.install(root, rpms["semel-handler-file"], rpms["semel-devel"])
        for name in ("semel", "semel-handler-file", "semel-devel"):
            self.assertEqual(self.rpm(root, "-V", name), (0, ""))
        status, text = self.rpm(root, "-e", "semel-handler-file", "semel-devel", "semel")
        self.assertEqual(status, 0, text)
        left = [f for f in run(["find", root.path + "/usr", root.path + "/etc", "-name", "*semel*"]).split("\n") if f]
        self.assertEqual(left, [])

    @unittest.skipUnless(os.environ.get("SEMEL_LONG") == "1", "SEMEL_LONG")
    def test_two_builds_have_the_same_bytes(self):
        one, two = self.build(), self.build()
        for name, f in one.items():
            with open(f, "rb") as x, open(two[name], "rb") as y:
                self.assertTrue(x.read() == y.read(), name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
