"""The example in Rust is built without a crate, exports one symbol, and runs in a real host: `semel dev`."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from sdk import SdkTest

SOURCE = os.path.join(os.environ["SEMEL_SOURCE"], "sdk/examples/rust")
CONF = '''
plugin_path = [ "%(handlers)s" ];
kafka  = { bootstrap_servers = "127.0.0.1:1"; };
ledger = { url = "redis://127.0.0.1:1"; };
subscriptions = {
	texts  = { topics = [ "texts" ]; id = [ "header:event-id" ]; };
	counts = { topics = [ "counts" ]; id = [ "header:event-id" ]; };
};
handlers = {
	count = { plugin = "%(so)s"; emits = [ "counts" ]; settings = { topic = "counts"; }; };
	note  = { plugin = "file.so"; settings = { path = "%(out)s"; payload = true; }; };
};
routes = {
	texts  = { subscription = "texts"; handler = "count"; };
	counts = { subscription = "counts"; handler = "note"; };
};
'''


def cargo_version():
    if shutil.which("cargo") is None:
        return None
    done = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"cargo (\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


class Rust(SdkTest):
    def test_example(self):
        version = cargo_version()
        if version is None or version < (1, 77):
            print(f"SKIPPED: the Rust example needs cargo 1.77, found {version}", file=sys.stderr)
            return
        self.here("cargo", "build", "--offline", "--release", "--manifest-path", SOURCE + "/Cargo.toml", "--target-dir",
                  self.folder + "/target")
        so, out = self.folder + "/target/release/libexample.so", self.folder + "/counts.jsonl"
        self.assertEqual(self.here("nm", "-D", "--defined-only", so).split()[2:], ["semel_handler"])
        handlers = os.path.dirname(self.here("find", self.prefix, "-name", "file.so").strip())
        self.write("semel.conf", CONF % {"handlers": handlers, "so": so, "out": out})
        self.assertEqual(self.here("semel", "check", "-c", "semel.conf"), "semel.conf: ok\n")
        self.write("wrong.conf", (CONF % {"handlers": handlers, "so": so, "out": out}).replace("topic =", "topik ="))
        self.assertIn("plugin word-count has no setting topik; did you mean topic?",
                      self.here("semel", "check", "-c", "wrong.conf", fails=True))
        listed = json.loads(self.here("semel", "handlers", "-c", "semel.conf", "--json"))["handlers"][0]
        self.assertEqual((listed["name"], listed["version"], listed["abi"]), ("word-count", "0.1.0", "1.0"))
        texts = ["once upon a time", "", "two words"]
        self.write("events.jsonl", "".join(json.dumps(
            {"topic": "texts", "key": f"k{i}", "headers": {"event-id": f"e{i}"}, "payload": text}) + "\n"
            for i, text in enumerate(texts)))
        lines = self.run_host(out, len(texts))
        self.assertEqual({line["key"]: str(line["payload"]) for line in lines}, {"k0": "4", "k1": "0", "k2": "2"})
        self.assertTrue(all(re.fullmatch("[0-9a-f]{32}", line["id"]) for line in lines))

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run_host(self, out, count):
        """What the handler `file` wrote."""
        with open(self.folder + "/dev.log", "w", encoding="utf-8") as log, subprocess.Popen(
                ["semel", "dev", "-c", "semel.conf", "--produce", "events.jsonl"], cwd=self.folder, env=self.env,
                stdout=log, stderr=log) as host:
            lines, until = [], time.monotonic() + 60
            while len(lines) < count and time.monotonic() < until and host.poll() is None:
                time.sleep(0.05)
                if os.path.exists(out):
                    with open(out, encoding="utf-8") as f:
                        lines = [line for line in f if line.endswith("\n")]
            host.send_signal(signal.SIGINT)
            host.wait(30)
        self.assertEqual(len(lines), count, self.read("dev.log"))
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    unittest.main(verbosity=2)
