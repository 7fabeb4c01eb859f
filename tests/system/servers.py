"""Redis in the ways it is run: TCP, TLS with ACL users, behind Sentinel, as a Cluster."""
import os
import socket
import subprocess

from harness import wait


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One redis-server on a port of 127.0.0.1; `extra` are further arguments."""

    def __init__(self, folder, *extra, host="127.0.0.1", port=None, tls=None, auth=()):
        self.folder, self.host, self.port, self.extra, self.tls, self.auth = folder, host, port or free_port(), extra, tls, auth
        os.makedirs(folder, exist_ok=True)
        self.process = None
        self.start()

    def start(self):
        port = ["--port", "0", "--tls-port", str(self.port), *self.tls.server()] if self.tls else ["--port", str(self.port)]
        self.process = subprocess.Popen(
            ["redis-server", "--bind", self.host, *port, "--dir", self.folder, "--save", "", *self.extra],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait("redis", lambda: self.cli("ping", check=False) in ("PONG", "NOAUTH Authentication required."))

    def cli(self, *words, check=True):
        tls = self.tls.client() if self.tls else []
        done = subprocess.run(["redis-cli", "-h", self.host, "-p", str(self.port), *tls, *self.auth, *words],
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout.strip()

    def info(self, name):
        for line in self.cli("info").splitlines():
            if line.startswith(name + ":"):
                return line.split(":", 1)[1]
        return None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    close = kill


class Sentinel(Server):
    """One redis-sentinel; it watches `master` as "main" and fails over after a second."""

    def __init__(self, folder, master):
        os.makedirs(folder, exist_ok=True)
        self.config, self.master = os.path.join(folder, "sentinel.conf"), master
        super().__init__(folder)

    def start(self):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                    f"sentinel monitor main 127.0.0.1 {self.master.port} 1\n"
                    "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n")
        self.process = subprocess.Popen(["redis-server", self.config, "--sentinel"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait("sentinel", lambda: self.cli("ping", check=False) == "PONG")

    def master_port(self):
        return int(self.cli("sentinel", "get-master-addr-by-name", "main").split()[1])


class Cluster:
    """Three masters, three replicas."""

    def __init__(self, folder):
        self.nodes = [Server(os.path.join(folder, str(i)), "--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port", str(free_port()),
                             "--appendonly", "no") for i in range(6)]
        addresses = [f"127.0.0.1:{n.port}" for n in self.nodes]
        subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"],
                       check=True, capture_output=True)
        wait("the cluster", lambda: all("cluster_state:ok" in n.cli("cluster", "info") for n in self.nodes))

    def address(self):
        return ", ".join(f'"127.0.0.1:{n.port}"' for n in self.nodes)

    def alive(self):
        return [n for n in self.nodes if n.process is not None]

    def owner(self, tag, node=None):
        """The master of a tag's slot, as a node has it."""
        node = node or self.alive()[0]
        slot = int(node.cli("cluster", "keyslot", "{" + tag + "}"))
        for line in node.cli("cluster", "nodes").splitlines():
            words = line.split()
            if "master" not in words[2] or "fail" in words[2]:
                continue
            for r in words[8:]:
                low, _, high = r.partition("-")
                if not r.startswith("[") and int(low) <= slot <= int(high or low):
                    port = int(words[1].split("@")[0].rsplit(":", 1)[1])
                    return slot, next(n for n in self.nodes if n.port == port)
        return slot, None

    def move(self, slot, source, target):
        """As redis-cli --cluster reshard does, a key at a time."""
        ids = {n: n.cli("cluster", "myid") for n in (source, target)}
        target.cli("cluster", "setslot", str(slot), "importing", ids[source])
        source.cli("cluster", "setslot", str(slot), "migrating", ids[target])
        while keys := source.cli("cluster", "getkeysinslot", str(slot), "1").split():
            source.cli("migrate", "127.0.0.1", str(target.port), keys[0], "0", "5000")
        for n in (target, source):
            n.cli("cluster", "setslot", str(slot), "node", ids[target])

    def close(self):
        for n in self.nodes:
            n.kill()


class Certificates:
    """An authority, a server's and a client's certificate."""

    def __init__(self, folder, names="IP:127.0.0.1,IP:::1,DNS:localhost"):
        self.folder = folder
        run = lambda *w: subprocess.run(["openssl", *w], check=True, capture_output=True, cwd=folder)
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test ca",
            "-keyout", "ca.key", "-out", "ca.crt")
        for who in ("server", "client"):
            run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={who}", "-keyout",
                f"{who}.key", "-out", f"{who}.csr")
            with open(os.path.join(folder, who + ".ext"), "w", encoding="utf-8") as f:
                f.write(f"subjectAltName={names}\n")
            run("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", f"{who}.ext", "-out", f"{who}.crt")

    def path(self, name):
        return os.path.join(self.folder, name)

    def server(self):
        return ["--tls-cert-file", self.path("server.crt"), "--tls-key-file", self.path("server.key"), "--tls-ca-cert-file",
                self.path("ca.crt"), "--tls-auth-clients", "yes"]

    def client(self):
        return ["--tls", "--cert", self.path("client.crt"), "--key", self.path("client.key"), "--cacert", self.path("ca.crt")]
