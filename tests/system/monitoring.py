"""Prometheus, Alertmanager and who is told, as etc/prometheus and etc/alertmanager have them, at a test's pace.

The files are the shipped ones.  What is changed of them is said here, and nothing is written anew: addresses; the two
intervals of Prometheus; and where a test cannot wait for minutes, each duration, divided by one number (faster).
"""
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

from harness import SOURCE, wait
from http_receiver import Receiver
from servers import free_port

UNITS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000, "w": 604800000}
DURATION = rf"\d+(?:{'|'.join(UNITS)})"


def shipped(*path):
    with open(os.path.join(SOURCE, "etc", *path), encoding="utf-8") as f:
        return yaml.safe_load(f)


def shorter(duration, by):
    number, unit = re.fullmatch(r"(\d+)(\w+)", duration).groups()
    return f"{max(1, int(number) * UNITS[unit] // by)}ms"


def faster(doc, by):
    """The rules, or Alertmanager's configuration, with each `for:`, range, offset, group_* and repeat_interval divided.
    Names, labels, texts, thresholds stay."""
    def expression(text):
        text = re.sub(rf"\[({DURATION})\]", lambda m: f"[{shorter(m[1], by)}]", text)
        return re.sub(rf"\boffset ({DURATION})", lambda m: f"offset {shorter(m[1], by)}", text)
    if isinstance(doc, list):
        return [faster(x, by) for x in doc]
    if not isinstance(doc, dict):
        return doc
    return {key: expression(value) if key == "expr"
            else shorter(value, by) if key in ("for", "group_wait", "group_interval", "repeat_interval")
            else faster(value, by) for key, value in doc.items()}


class Server:
    """A program that serves HTTP on a free port, with its files in `folder`; close() ends it."""

    def __init__(self, folder, ready):
        self.folder, self.process = folder, None
        os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(folder, "log")
        for _ in range(3):      # a port that was free may be taken by now
            self.port = free_port()
            self.address = f"127.0.0.1:{self.port}"
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=folder)
            wait(f"{self.command()[0]} to begin", lambda: self.process.poll() is not None or self.answers(ready), 30)
            if self.process.poll() is None:
                return
        with open(self.log, encoding="utf-8") as f:
            raise AssertionError(f.read()[-3000:])

    def command(self):
        raise NotImplementedError

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def write(self, name, doc):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            yaml.safe_dump(doc, f, sort_keys=False)
        return path

    def get(self, path, **parameters):
        """What its API answers, parsed; of an error what it says."""
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{parameters}: {e.read().decode(errors='replace')}") from e

    def close(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Prometheus(Server):
    """Scrapes `targets`, every `pace`; `by`: the rules are that much faster."""

    def __init__(self, folder, targets, alertmanager=None, pace="250ms", by=1):
        os.makedirs(folder, exist_ok=True)
        self.folder, rules, doc = folder, shipped("prometheus", "semel.rules.yml"), shipped("prometheus", "prometheus.yml")
        doc["global"] = {"scrape_interval": pace, "evaluation_interval": pace}
        doc["rule_files"] = [self.write("semel.rules.yml", faster(rules, by) if by > 1 else rules)]
        doc["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager.address] if alertmanager else []
        doc["scrape_configs"][0]["static_configs"][0]["targets"] = targets
        self.config = self.write("prometheus.yml", doc)
        super().__init__(folder, "/-/ready")

    def command(self):
        return ["prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={self.address}", "--log.level=warn"]

    def query(self, text, at=None):
        """[(labels, value)] of an instant query."""
        result = self.get("/api/v1/query", query=text, **({"time": at} if at else {}))["data"]["result"]
        return [(r["metric"], float(r["value"][1])) for r in result]

    def range(self, text, start, end, step):
        """[(labels, [value])] of a range query, as a graph asks."""
        result = self.get("/api/v1/query_range", query=text, start=start, end=end, step=step)["data"]["result"]
        return [(r["metric"], [float(v) for _, v in r["values"]]) for r in result]

    def label_values(self, query):
        """What Grafana's label_values(SELECTOR, LABEL) gives."""
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
        return self.get(f"/api/v1/label/{label}/values", **{"match[]": selector})["data"]

    def states(self):
        """{alert: inactive, pending or firing}"""
        groups = self.get("/api/v1/rules", type="alert")["data"]["groups"]
        return {r["name"]: r["state"] for g in groups for r in g["rules"]}


class Told(Receiver):
    """Who is told: the pages and tickets that came."""

    def notices(self):
        """[(time, path, alert)], each alert of each notice, in the order in which they came."""
        with self.lock:
            requests = list(self.requests)
        return [(r["at"], r["path"], alert) for r in requests for alert in json.loads(r["body"])["alerts"]]

    def wait_for(self, name, status, seconds=30, **labels):
        """The first notice of an alert: (time, path, alert)."""
        def found():
            return next((n for n in self.notices() if n[2]["labels"]["alertname"] == name and n[2]["status"] == status and
                         labels.items() <= n[2]["labels"].items()), None)
        return wait(f"{name} to be told as {status}", found, seconds, 0.02)


class Alertmanager(Server):
    """Tells `told` what the two example receivers would be told; `by`: its intervals are divided by that."""

    def __init__(self, folder, told, by=1):
        os.makedirs(folder, exist_ok=True)
        self.folder, doc = folder, faster(shipped("alertmanager", "semel.yml"), by)
        for receiver in doc["receivers"]:
            for hook in receiver["webhook_configs"]:
                hook["url"] = told.url(urllib.parse.urlsplit(hook["url"]).path)
        self.config = self.write("semel.yml", doc)
        super().__init__(folder, "/-/ready")

    def command(self):
        return ["prometheus-alertmanager", f"--config.file={self.config}", f"--storage.path={self.folder}/data",
                f"--web.listen-address={self.address}", "--cluster.listen-address=", "--log.level=warn"]

    def inhibited(self):
        """{alert: how many others hold it back} of those that are active and not told."""
        alerts = self.get("/api/v2/alerts", active="true", inhibited="true")
        return {a["labels"]["alertname"]: len(a["status"]["inhibitedBy"]) for a in alerts if a["status"]["inhibitedBy"]}


def listening(text, port):
    """A configuration of the harness with a port of which Prometheus can be told."""
    assert 'listen = "127.0.0.1:0"' in text
    return text.replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{port}"')
