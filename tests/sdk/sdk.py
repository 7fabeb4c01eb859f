"""A private prefix that stands in for the packages semel and semel-dev, and commands run against it."""
import os
import subprocess
import tempfile
import unittest

BUILD = os.environ["SEMEL_BUILD"]


def run(*words, cwd=None, env=None, fails=False):
    """What it prints, both streams; an AssertionError with that text if its end is not as expected."""
    done = subprocess.run(list(words), cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if (done.returncode != 0) != fails:
        raise AssertionError(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


class SdkTest(unittest.TestCase):
    """A scratch folder with prefix/ in it, made once a class."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="semel-sdk-")
        cls.folder = os.path.realpath(cls.temporary.name)
        cls.prefix = os.path.join(cls.folder, "prefix")
        for component in ("runtime", "development", "handler-log", "handler-file"):
            run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", component)
        cls.env = dict(os.environ, CMAKE_PREFIX_PATH=cls.prefix, CMAKE_GENERATOR="Ninja", SOURCE_DATE_EPOCH="1700000000",
                       PATH=cls.prefix + "/bin:" + os.environ["PATH"])
        cls.env.pop("CMAKE_C_COMPILER_LAUNCHER", None)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def here(self, *words, cwd=".", fails=False):
        return run(*words, cwd=os.path.join(self.folder, cwd), env=self.env, fails=fails)

    def read(self, *parts):
        with open(os.path.join(self.folder, *parts), encoding="utf-8") as f:
            return f.read()
