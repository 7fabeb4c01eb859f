"""The example for Kubernetes: its configuration is accepted, and semeld as PID 1 of a namespace of its own drains and reaps."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["SEMEL_BUILD"]
POD = {"POD_NAME": "semel-0", "KAFKA_BOOTSTRAP": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}


class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="semel-examples-")
        self.addCleanup(shutil.rmtree, self.folder)
        with open(SOURCE + "/etc/kubernetes/semel.conf", encoding="utf-8") as f:
            self.conf = f.read()

    def write(self, more, text=None):
        path = self.folder + "/semel.conf"
        with open(path, "w", encoding="utf-8") as f:
            f.write((text or self.conf) + f'plugin_path = [ "{BUILD}/plugins" ];\n' + more)
        return path

    def test_configuration(self):
        done = subprocess.run([BUILD + "/semel", "check", "-c", self.write("")], capture_output=True, text=True, check=False,
                              env={**os.environ, **POD})
        self.assertEqual((done.returncode, done.stdout.strip().rpartition(": ")[2]), (0, "ok"), done.stdout)
        with open(SOURCE + "/etc/kubernetes/semel.yml", encoding="utf-8") as f:
            pod = f.read()
        # What the configuration takes from the environment is there, and the grace is longer than the drain.
        self.assertEqual(set(re.findall(r"\$\{(\w+)\}", self.conf)), set(re.findall(r"- \{ name: ([A-Z_]+),", pod)))
        stop = int(re.search(r'stop_timeout = "(\d+)s"', self.conf).group(1))
        self.assertGreater(int(re.search(r"terminationGracePeriodSeconds: (\d+)", pod).group(1)), stop)

    @unittest.skipUnless(os.geteuid() == 0, "a namespace of process ids takes root")
    def test_pid_1_drains_and_reaps(self):
        socket = self.folder + "/admin.sock"
        text = self.conf.replace("0.0.0.0:9464", "127.0.0.1:0")
        path = self.write(f'state_dir = "{self.folder}";\nadmin = {{ socket = "{socket}"; }};\n', text)
        # The shell becomes semeld; what it had started before is an orphan then, and its end is to be seen by PID 1.
        with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                               f"sleep 0.3 & exec {BUILD}/semeld -c {path}"], env={**os.environ, **POD}, stderr=subprocess.PIPE,
                              text=True) as p:
            until = time.monotonic() + 20
            while not os.path.exists(socket):
                self.assertIsNone(p.poll())
                self.assertLess(time.monotonic(), until)
                time.sleep(0.05)
            with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
                manager = int(f.read().split()[0])

            def zombies():
                with open(f"/proc/{manager}/task/{manager}/children", encoding="ascii") as f:
                    for pid in f.read().split():
                        try:
                            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                                name, state = re.search(r"\((.*)\) (\S)", stat.read()).groups()
                        except FileNotFoundError:
                            continue
                        if name == "sleep" or state == "Z":
                            return True
                return False
            while zombies():
                self.assertLess(time.monotonic(), until)
                time.sleep(0.05)
            os.kill(manager, signal.SIGTERM)
            _, log = p.communicate(timeout=40)
            self.assertEqual(p.returncode, 0, log)
            self.assertIn('"msg":"stopped"', log)


if __name__ == "__main__":
    unittest.main(verbosity=2)
