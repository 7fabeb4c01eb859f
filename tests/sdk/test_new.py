"""semel new: what it makes is built, tested and packaged with nothing but the development package."""
import filecmp
import glob
import os
import shutil
import sys
import unittest

from sdk import BUILD, SdkTest, run

SEMEL = os.path.join(BUILD, "semel")


class New(SdkTest):
    def build(self, project):
        self.here("cmake", "-S", ".", "-B", "build", cwd=project)
        self.here("cmake", "--build", "build", cwd=project)
        self.here("ctest", "--test-dir", "build", "--output-on-failure", cwd=project)

    def test_c(self):
        made = self.here("semel", "new", "ship-it").splitlines()
        self.assertEqual(sorted(made), sorted(["ship-it/" + name for name in (
            ".gitignore", ".gitlab-ci.yml", "CMakeLists.txt", "README.md", "ci", "conf.d/ship-it.conf", "events.jsonl",
            "ship-it.c", "ship-it_test.c")]))
        for name in made:
            self.assertNotRegex(self.read(name), "@[A-Z_]+@", name)
        self.assertTrue(os.access(os.path.join(self.folder, "ship-it/ci"), os.X_OK))
        self.build("ship-it")
        self.check_package("ship-it")
        self.check_reproducible("ship-it")

    def test_cxx_from_the_build_folder(self):
        self.here(SEMEL, "new", "parcel", "--lang", "c++")
        self.build("parcel")
        exported = self.here("nm", "-D", "--defined-only", "parcel/build/parcel.so").split()
        self.assertEqual(exported[2:], ["semel_handler"])
        self.check_settings(os.path.join(self.folder, "parcel/build/parcel.so"))

    def check_settings(self, so):
        """semel check reads the table of settings in the file, of C++ as of C."""
        with open(os.path.join(self.folder, "wrong.conf"), "w", encoding="utf-8") as f:
            f.write('kafka = { bootstrap_servers = "k:1"; };\nledger = { url = "redis://r:1"; };\n'
                    'subscriptions = { main = { topics = [ "t" ]; id = [ "key" ]; }; };\n'
                    f'handlers = {{ h = {{ plugin = "{so}"; settings = {{ foldr = "/"; }}; }}; }};\n'
                    'routes = { all = { subscription = "main"; handler = "h"; }; };\n')
        self.assertIn("wrong.conf:4: error: plugin parcel has no setting foldr; did you mean folder?",
                      self.here("semel", "check", "-c", "wrong.conf", fails=True))

    def check_package(self, project):
        self.here("cpack", "-G", "DEB", cwd=project + "/build")
        deb = os.path.basename(glob.glob(os.path.join(self.folder, project, "build/*.deb"))[0])
        self.assertRegex(deb, r"^semel-handler-ship-it_0\.1\.0_[a-z0-9]+\.deb$")
        info = self.here("dpkg-deb", "-f", deb, "Depends", "Package", cwd=project + "/build")
        self.assertRegex(info, r"Depends: semel-abi-1 \(>= 1\.0\), libc6 ")
        conf = self.prefix + "/etc/semel/conf.d/ship-it.conf"
        self.assertEqual(self.here("dpkg-deb", "-I", deb, "conffiles", cwd=project + "/build"), conf + "\n")
        for script in ("preinst", "postinst", "prerm", "postrm"):
            self.here("dpkg-deb", "-I", deb, script, cwd=project + "/build", fails=True)
        files = self.here("dpkg-deb", "-c", deb, cwd=project + "/build")
        self.assertIn(f" .{self.handlers}/ship-it.so\n", files)
        self.assertIn(f" .{conf}\n", files)
        self.assertNotIn("/usr/local", files)
        self.check_rpm(project)

    @property
    def handlers(self):
        return self.here("pkg-config", "--variable=handlerdir", self.pc).strip()

    @property
    def pc(self):
        return glob.glob(self.prefix + "/lib*/**/semel.pc", recursive=True)[0]

    def check_rpm(self, project):
        if shutil.which("rpmbuild") is None:
            print("no rpmbuild: the rpm was not made", file=sys.stderr)
            return
        self.here("cpack", "-G", "RPM", cwd=project + "/build")
        rpm = os.path.basename(glob.glob(os.path.join(self.folder, project, "build/*.rpm"))[0])
        needs = self.here("rpm", "-qp", "--requires", rpm, cwd=project + "/build")
        self.assertIn("(semel-abi >= 1.0 with semel-abi < 2)\n", needs)
        listed = self.here("rpm", "-qpl", rpm, cwd=project + "/build").split()
        conf = self.prefix + "/etc/semel/conf.d/ship-it.conf"
        self.assertEqual(sorted(listed), sorted([self.handlers + "/ship-it.so", conf]))     # and no folder
        self.assertEqual(self.here("rpm", "-qpc", rpm, cwd=project + "/build").split(), [conf])
        self.assertEqual(self.here("rpm", "-qp", "--scripts", rpm, cwd=project + "/build"), "")

    def check_reproducible(self, project):
        """The same sources elsewhere, later: the same bytes."""
        again = os.path.join(self.folder, "elsewhere/deeper")
        shutil.copytree(os.path.join(self.folder, project), again, ignore=shutil.ignore_patterns("build"))
        self.here("cmake", "-S", ".", "-B", "build", "-DBUILD_TESTING=OFF", cwd=again)
        self.here("cmake", "--build", "build", cwd=again)
        self.here("cpack", cwd=again + "/build")
        first = os.path.join(self.folder, project, "build")
        packages = [os.path.basename(p) for p in glob.glob(first + "/*.deb") + glob.glob(first + "/*.rpm")]
        same, differ, missing = filecmp.cmpfiles(first, again + "/build", packages, shallow=False)
        self.assertEqual((differ, missing), ([], []))
        self.assertTrue(same)

    def test_names_and_folders_that_are_refused(self):
        for name in ("Ship", "9ship", "ship_it", "x" * 64, "../ship", ""):
            self.assertIn("is no name for a handler: [a-z][a-z0-9-]{0,62}", self.here("semel", "new", name, fails=True))
        self.assertIn("--lang rust: c or c++", self.here("semel", "new", "a", "--lang", "rust", fails=True))
        self.assertIn("expected one name", self.here("semel", "new", fails=True))
        os.mkdir(os.path.join(self.folder, "there"))
        self.assertIn("there: is there already; nothing was changed", self.here("semel", "new", "there", fails=True))
        self.assertEqual(os.listdir(os.path.join(self.folder, "there")), [])
        self.assertFalse(os.path.exists(os.path.join(self.folder, "Ship")))

    def test_without_the_development_package(self):
        alone = os.path.join(self.folder, "alone")
        run("cmake", "--install", BUILD, "--prefix", alone, "--component", "runtime")
        self.assertIn("install semel-dev", self.here(alone + "/bin/semel", "new", "lonely", fails=True))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "lonely")))

    def test_pkg_config(self):
        """Without CMake: what semel.pc says is enough."""
        self.here("semel", "new", "plain")
        env = ["env", "PKG_CONFIG_PATH=" + os.path.dirname(self.pc)]
        flags = self.here(*env, "pkg-config", "--cflags", "semel").split()
        self.assertEqual(self.here(*env, "pkg-config", "--variable=abi", "semel"), "1.0\n")
        handlers = self.here(*env, "pkg-config", "--variable=handlerdir", "semel").strip()
        self.assertTrue(os.path.exists(handlers + "/log.so"))
        self.assertTrue(os.path.exists(handlers + "/debug.so"))
        self.here("cc", "-std=c11", "-Wall", "-Werror", "-pedantic", "-fPIC", "-shared", *flags, "plain/plain.c", "-o", "plain.so")
        self.here("cc", "-std=c11", *flags, "plain/plain.c", "plain/plain_test.c", "-o", "plain_test",
                  "-L" + os.path.dirname(os.path.dirname(self.pc)), "-lsemel-testkit", "-pthread")
        self.here("./plain_test")


if __name__ == "__main__":
    unittest.main(verbosity=2)
