"""Clean Debian roots: made by debootstrap, kept as an archive in ~/.cache/semel, removed with all that was put there."""
import atexit
import ctypes
import functools
import glob
import os
import re
import shutil
import subprocess
import tempfile
import time

CACHE = os.path.expanduser("~/.cache/semel")


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


@functools.cache
def own_mounts():
    """What is mounted from here on is seen by this process and its children, and ends with them, however they end."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000) != 0:      # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare: roots need root")
    run(["mount", "--make-rprivate", "/"])


def sources():
    """Where apt of this machine gets Debian from: (URI, URI of security or None)."""
    text = ""
    for name in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*")]:
        if os.path.exists(name):
            with open(name, encoding="utf-8", errors="replace") as f:
                text += "".join(line for line in f if not line.lstrip().startswith("#"))
    found = re.findall(r"(?:^deb\s+(?:\[[^]]*\]\s+)?|^URIs:\s*)(\S+)", text, re.M)
    uris = [u for u in found if re.search(r"/debian/?$", u)]
    security = [u for u in found if u.rstrip("/").endswith("debian-security")]
    if not uris:
        raise AssertionError("no URI that ends in /debian in apt's sources: a root cannot be made")
    return uris[0], (security or [None])[0]


class Root:
    """One release of Debian, minimal.  close() leaves nothing."""

    def __init__(self, release, update=True):
        own_mounts()
        self.release = release
        self.folder = tempfile.mkdtemp(prefix="semel-root-")
        self.path = os.path.join(self.folder, "root")
        atexit.register(self.close)     # unittest runs no clean-up after Ctrl-C
        self.open(update)

    def open(self, update):
        archive = os.path.join(CACHE, f"debian-{self.release}.tar")
        os.makedirs(CACHE, exist_ok=True)
        if not os.path.exists(archive) or time.time() - os.path.getmtime(archive) > 7 * 86400:
            self.make(archive)
        os.makedirs(self.path, exist_ok=True)
        run(["tar", "-C", self.path, "--numeric-owner", "-xpf", archive])
        for name in ("resolv.conf", "hosts"):
            shutil.copy("/etc/" + name, self.path + "/etc/" + name)
        run(["mount", "-t", "proc", "proc", self.path + "/proc"])
        if update:
            self.apt("update")

    def make(self, archive):
        uri, security = sources()
        made = self.path + ".new"
        run(["debootstrap", "--variant=minbase", self.release, made, uri])
        with open(made + "/etc/apt/sources.list", "w", encoding="utf-8") as f:
            f.write(f"deb {uri} {self.release} main\n")
            if security is not None:
                f.write(f"deb {security} {self.release}-security main\n")
        with open(made + "/usr/sbin/policy-rc.d", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(made + "/usr/sbin/policy-rc.d", 0o755)
        with open(made + "/etc/apt/apt.conf.d/90test", "w", encoding="utf-8") as f:
            f.write('APT::Install-Recommends "false"; Dpkg::Use-Pty "0"; Acquire::Check-Valid-Until "false";\n')
        run(["tar", "-C", made, "--numeric-owner", "-cpf", archive + ".part", "."])
        os.rename(archive + ".part", archive)
        shutil.rmtree(made)

    def words(self, *words):
        return ["chroot", self.path, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *words]

    def run(self, *words):
        return run(self.words(*words))

    def apt(self, *words):
        return self.run("apt-get", "-qq", "-y", *words)

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.path + path), exist_ok=True)
        with open(self.path + path, "w", encoding="utf-8") as f:
            f.write(text)

    def bring(self, files, folder="/debs"):
        os.makedirs(self.path + folder, exist_ok=True)
        for f in files:
            shutil.copy(f, self.path + folder)
        return [f"{folder}/{os.path.basename(f)}" for f in files]

    def files(self):
        """What lies in it, without what apt and dpkg keep for themselves."""
        out = self.run("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/var/lib/dpkg", "-o", "-path", "/var/lib/apt",
                       "-o", "-path", "/var/cache", "-o", "-path", "/var/log", "-o", "-path", "/debs", "-o", "-path", "/tmp", ")",
                       "-prune", "-o", "-print")
        return set(out.split("\n")) | {x for x in self.run("ls", "/var/log").split("\n") if "semel" in x}

    def close(self):
        subprocess.run(["umount", self.path + "/proc"], check=False, capture_output=True)
        if not os.path.ismount(self.path + "/proc"):
            run(["rm", "-rf", "--one-file-system", self.folder])
