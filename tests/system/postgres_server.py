"""A private PostgreSQL on a free port of 127.0.0.1; it ends with who made it.

PostgreSQL refuses to run as root: then it runs as `nobody`, in a folder of its own.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness import wait
from servers import free_port

PASSWORD = "it's \\ \"secret\""


def programs():
    """The folder of the newest installed version."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise AssertionError("no PostgreSQL: apt-get install postgresql")
    return os.path.dirname(found[-1])


class Postgres:
    def __init__(self):
        self.bin, self.port, self.process = programs(), free_port(), None
        self.folder = tempfile.mkdtemp(prefix="semel-postgres-")
        self.data = os.path.join(self.folder, "data")
        self.password_file = os.path.join(self.folder, "password")
        with open(self.password_file, "w", encoding="utf-8") as f:
            f.write(PASSWORD + "\n")
        os.chmod(self.password_file, 0o644)
        self.as_other = []
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            os.chmod(self.folder, 0o755)
            self.as_other = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        subprocess.run([*self.as_other, self.bin + "/initdb", "-D", self.data, "-U", "semel", "--auth=scram-sha-256",
                        "--pwfile=" + self.password_file, "--encoding=UTF8", "--no-sync"],
                       check=True, capture_output=True, cwd="/")
        self.secret = self.folder + ".secret"
        with open(os.open(self.secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write(PASSWORD + "\n")
        self.start()

    def start(self):
        """After a kill -9 its children may hold the shared memory for a moment: tried until it is up."""
        def up():
            if self.process is None or self.process.poll() is not None:
                with open(os.path.join(self.folder, "log"), "ab") as log:
                    self.process = subprocess.Popen(
                        [*self.as_other, self.bin + "/postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder,
                         "-h", "127.0.0.1", "-c", "max_connections=50"], stdout=log, stderr=log, cwd="/", start_new_session=True)
            return self.psql("select 1", check=False) == "1"
        wait("PostgreSQL", up, 60, 0.1)

    def psql(self, text, check=True, database="postgres"):
        done = subprocess.run([self.bin + "/psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "semel", "-v", "ON_ERROR_STOP=1",
                               "-d", database, "-c", text], env={**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"},
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def conninfo(self, database="postgres", more=""):
        return f"host=127.0.0.1 port={self.port} user=semel dbname={database} {more}"

    def signal(self, number):
        """To all of its processes: a session of its own each has, so by their parent."""
        for pid in self.children() + [self.process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    def kill(self):
        """kill -9 of the postmaster; its children see that it is gone."""
        self.process.kill()
        self.process.wait()

    def kill_process(self, pid):
        """kill -9 of one of its children; what is no child of it is left alone."""
        assert pid in self.children()
        os.kill(pid, signal.SIGKILL)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def close(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.unlink(self.secret)
