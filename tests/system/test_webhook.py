"""The handler webhook against real HTTP servers: outcomes, what a request holds, TLS, HTTP/2, kill -9."""
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import time

from harness import SystemTest, main, wait, LONG
from http_receiver import Receiver
from servers import Certificates, free_port

SECRETS = ("0123456789abcdef0123456789abcdef", "another secret of 32 bytes ......")


def verify(header, body, secrets, tolerance=300):
    """As docs/handlers/webhook.md tells receivers to; nothing of the plugin's is used."""
    pairs = [p.split("=", 1) for p in header.split(",")]
    t = next(v for k, v in pairs if k == "t")
    if abs(time.time() - int(t)) > tolerance:
        return False
    for secret in secrets:
        want = hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest()
        if any(k == "v1" and hmac.compare_digest(v, want) for k, v in pairs):
            return True
    return False


class Webhook(SystemTest):
    def receiver(self, **options):
        server = Receiver(**options)
        self.things.append(server)
        return server

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def webhook(self, redis, handlers, sub="", workers=4):
        """One daemon; `handlers` is name -> (settings, more), and the event's header x-handler chooses; the first takes the rest."""
        names = list(handlers)
        parts = [f'{n} = {{ plugin = "webhook.so"; workers = {workers}; {handlers[n][1]} settings = {{ {handlers[n][0]} }}; }};' for n in names]
        routes = [f'{n} = {{ subscription = "main"; handler = "{n}"; when = ( {{ field = "header:x-handler"; equals = "{n}"; }} ); }};'
                  for n in names[1:]]
        routes.append(f'rest = {{ subscription = "main"; handler = "{names[0]}"; }};')
        text = self.configuration("a", redis, sub=sub, routes=" ".join(routes))
        head, _, tail = text.partition("handlers = {")
        _, _, tail = tail.partition("\nroutes = {")
        d = self.daemon_of("a", head + "handlers = { " + " ".join(parts) + " };\nroutes = {" + tail)
        done = d.semel("check", "-c", d.config)
        self.assertEqual(done.returncode, 0, done.stdout)
        d.wait_state("running")
        return d

    def of_plugin(self, d, name):
        return d.metric("semel_plugin_webhook_" + name)

    # name: (handler, x-do, what becomes of it, runs, part of the reason)
    CASES = {
        "200": ("main", "200", "done", 1, None),
        "201": ("main", "201", "done", 1, None),
        "204": ("main", "204", "done", 1, None),
        "400": ("main", "400", "rejected", 1, "HTTP 400: said the server"),
        "401": ("main", "401,200", "done", 2, None),
        "404": ("main", "404", "exhausted", 2, "HTTP 404: said the server"),
        "409-configured-ok": ("main", "409", "done", 1, None),
        "422": ("main", "422", "rejected", 1, "HTTP 422"),
        "429-retry-after-1": ("main", "429:1,200", "done", 2, None),
        "503-retry-after-date": ("main", "date:3,200", "done", 2, None),
        "503-retry-after-hour-capped": ("main", "503:3600,200", "done", 2, None),
        "500": ("main", "500", "exhausted", 2, "HTTP 500: said the server"),
        "500-then-200": ("main", "500,200", "done", 2, None),
        "hangs": ("main", "hang", "exhausted", 2, "timeout: "),
        "hangs-past-the-handler's-timeout": ("slow", "hang,200", "done", 2, None),
        "half-an-answer": ("main", "half", "exhausted", 2, "broken off after HTTP 200: "),
        "closes": ("main", "close", "exhausted", 2, "broken off: "),
        "resets": ("main", "reset", "exhausted", 2, "broken off: "),
        "no-http": ("main", "garbage", "exhausted", 2, "request: "),
        "redirect": ("main", "redirect", "exhausted", 2, "HTTP 302 to http://127.0.0.1"),
        "redirect-followed": ("follow", "redirect:/elsewhere", "exhausted", 2, "request after HTTP 302: Maximum (2) redirects"),
        "answer-of-4MB": ("main", "big:200", "done", 1, None),
        "reason-of-4MB": ("main", "big:400", "rejected", 1, "HTTP 400: " + "\xe4" * 127),
        "refused": ("refused", "-", "exhausted", 2, "connect: "),
        "no-such-host": ("nohost", "-", "exhausted", 2, "name look-up: "),
        "tls-unknown-authority": ("untrusted", "-", "exhausted", 2, "TLS: "),
        "tls-to-plain-http": ("plain", "-", "exhausted", 2, "TLS: "),
        "tombstone-rejected": ("picky", "-", "rejected", 1, "it has no payload"),
    }

    def test_outcomes(self):
        redis = self.redis()
        server, secure = self.receiver(), self.receiver(tls=Certificates(self.folder))
        self.make_topics(4)
        common = 'pass_headers = [ "x-*" ]; timeout = "1500ms";'
        d = self.webhook(redis, {
            "main": (f'url = "{server.url()}"; {common} status = {{ ok = [ "2xx", "409" ]; }}; max_retry_after = "2s";', ""),
            "slow": (f'url = "{server.url()}"; pass_headers = [ "x-*" ]; timeout = "50s";', 'timeout = "1s"; max_run = "1m";'),
            "follow": (f'url = "{server.url()}"; redirects = 2; {common}', ""),
            "refused": (f'url = "http://127.0.0.1:{free_port()}/"; {common}', ""),
            "nohost": (f'url = "http://nowhere.invalid/"; {common}', ""),
            "untrusted": (f'url = "{secure.url()}"; {common}', ""),
            "plain": (f'url = "{server.url().replace("http", "https")}"; {common}', ""),
            "picky": (f'url = "{server.url()}"; tombstone = "reject"; {common}', ""),
        }, sub='retry = { attempts = 2; backoff = "10ms"; max_backoff = "20ms"; };')
        for name, (handler, do, *_) in self.CASES.items():
            self.produce("x", key=name, null=handler == "picky",
                         headers={"event-id": name, "x-handler": handler, "x-do": do})
        wait("the end", lambda: d.lag() == 0, 90)
        letters = {h["semel.dlq.event_id"][0]: h for _, _, h in self.letters()}
        print(f"\n{'the receiver':34} {'outcome':10} runs  reason")
        for name, (handler, _, outcome, runs, reason) in self.CASES.items():
            h = letters.get(name)
            seen = server.of(name.replace("'", "%27"))
            found = h["semel.dlq.reason"][0] if h else "done"
            attempts = int(h["semel.dlq.attempts"][0]) if h else len(seen)
            detail = h["semel.dlq.detail"][0] if h else ""
            print(f"{name:34} {found:10} {attempts:4}  {detail[:90].encode('ascii', 'backslashreplace').decode()}")
            with self.subTest(name):
                self.assertEqual((found, attempts), (outcome, runs))
                self.assertIn(reason or "", detail)
                if handler in ("main", "slow"):
                    self.assertEqual([int(r["headers"]["Semel-Attempt"]) for r in seen], list(range(1, runs + 1)))

        def gap(name):
            first, second = server.of(name)
            return second["at"] - first["at"]
        self.assertGreaterEqual(gap("429-retry-after-1"), 0.95)
        self.assertGreaterEqual(gap("503-retry-after-date"), 1.0)    # seconds are cut in a date
        self.assertGreaterEqual(gap("503-retry-after-hour-capped"), 1.95)
        self.assertLess(gap("503-retry-after-hour-capped"), 30)
        # a redirect takes the method along, and is the same run
        self.assertEqual([(r["method"], r["path"]) for r in server.of("redirect-followed")][:3],
                         [("POST", "/events"), ("POST", "/elsewhere"), ("POST", "/elsewhere")])
        self.assertEqual({r["path"] for r in server.of("redirect")}, {"/events"})
        self.assertEqual(d.metric('semel_handled_total{subscription="main",handler="slow",outcome="cancelled"}'), 1)
        self.assertEqual(d.metric("semel_plugin_faults_total"), 0)
        self.assertEqual(self.of_plugin(d, "retry_after_total"), 3)
        self.assertEqual(self.of_plugin(d, "cancelled_total"), 1)
        self.assertGreaterEqual(self.of_plugin(d, "failures_total"), 10)
        self.assertEqual(self.of_plugin(d, "answers_5xx_total"), 5)
        self.assertEqual(d.stop(), 0)

    def test_requests(self):
        redis, server = self.redis(), self.receiver()
        self.make_topics(1)
        secret = self.file("secret", "\n".join(SECRETS) + "\n")
        token = self.file("token", "Bearer geheim\n")
        standard = self.file("standard", "whsec_" + base64.b64encode(b"k" * 24).decode() + "\n")
        common = f'url = "{server.url("/{topic}/{key}?id={id}")}"; content_type = "text/plain"; timeout = "5s";'
        d = self.webhook(redis, {
            "main": (common + f'secret_file = "{secret}"; authorization_file = "{token}"; pass_headers = [ "x-*", "traceparent" ]; '
                     'headers = { X-Team = "billing"; X-Empty = ""; };', ""),
            "standard": (f'url = "{server.url()}"; secret_file = "{standard}"; signature = "standard"; metadata = false;', ""),
            "delete": (common + 'method = "PUT"; tombstone = "delete";', ""),
            "skip": (common + 'tombstone = "skip";', ""),
            "send": (f'url = "{server.url()}"; pass_headers = [ "x-*" ];', ""),
        }, workers=1, sub='retry = { attempts = 3; backoff = "10ms"; };')
        traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        injected = "a\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1"
        self.produce('{"a":1}', key="k/../1", headers={
            "event-id": "one", "x-team": "evil", "x-twice": ["1", "2"], "x-evil": injected, "x-bad name": "1", "traceparent": traced, "y-secret": "no",
            "content-type": "application/json", "semel-attempt": "77", "content-length": "1", "x-uml": "m\xfcll%er "})
        self.produce("x", key=injected, headers={"event-id": "odd \r\nid: \xe4%"})
        self.produce("x", headers={"event-id": "no-key"})
        self.produce("x", key="..", headers={"event-id": "dots"})
        self.produce("x", key="k", headers={"event-id": "msg.1", "x-handler": "standard"})
        self.produce("x", key="k", headers={"event-id": "put", "x-handler": "delete"})
        self.produce("", key="k", null=True, headers={"event-id": "delete", "x-handler": "delete"})
        self.produce("", key="k", null=True, headers={"event-id": "skip", "x-handler": "skip"})
        self.produce("", null=True, headers={"event-id": "send", "x-handler": "send"})
        self.produce("L" * 900000, key="k", headers={"event-id": "large", "x-handler": "send"})
        # On a connection that was used before, where curl by itself would send it again.
        self.produce("x", key="k", headers={"event-id": "again", "x-handler": "send", "x-do": "close,200"})
        self.produce("", key="k", null=True, headers={"event-id": "again-empty", "x-handler": "send", "x-do": "close,200"})
        wait("the end", lambda: d.lag() == 0, 60)

        one, = server.of("one")
        h = one["headers"]
        self.assertEqual((one["method"], one["path"], one["body"]), ("POST", f"/{self.topic}/k%2F..%2F1?id=one", b'{"a":1}'))
        self.assertEqual([h["X-Team"], h["X-Empty"], h["Authorization"], h["Content-Type"], h["traceparent"]],
                         ["billing", "", "Bearer geheim", "application/json", traced])
        self.assertEqual(h.get_all("X-Twice"), ["1", "2"])
        self.assertEqual(h["X-Evil"], "a%0D%0AX-Injected: 1%0D%0A%0D%0AGET / HTTP/1.1")
        self.assertEqual(h["X-Uml"], "m%C3%BCll%25er%20")
        self.assertEqual([h["Semel-Topic"], h["Semel-Partition"], h["Semel-Offset"], h["Semel-Key"], h["Semel-Attempt"], h["Semel-Redelivered"]],
                         [self.topic, "0", "0", "k%2F..%2F1", "1", "false"])
        self.assertLess(abs(int(h["Semel-Timestamp"]) / 1000 - time.time()), 120)
        self.assertGreater(int(h["Semel-Fence"]), 0)
        for name in ("X-Injected", "Y-Secret", "Semel-Tombstone", "x-bad name"):
            self.assertIsNone(h[name], name)
        self.assertEqual(h.get_all("Content-Length"), ["7"])
        self.assertEqual(self.of_plugin(d, "headers_left_out_total"), 1)

        # the signature, with each secret, and with nothing else
        for i, secret in enumerate(SECRETS):
            self.assertTrue(verify(h["Semel-Signature"], one["body"], [secret]), i)
        self.assertFalse(verify(h["Semel-Signature"], one["body"] + b" ", SECRETS))
        self.assertFalse(verify(h["Semel-Signature"], one["body"], ["0" * 32]))
        self.assertFalse(verify(h["Semel-Signature"].replace("t=1", "t=2"), one["body"], SECRETS, 10 ** 12))
        # Standard Webhooks: id.timestamp.body under the decoded secret
        s = server.of("msg.1")[0]["headers"]
        want = hmac.new(b"k" * 24, f'{s["webhook-id"]}.{s["webhook-timestamp"]}.x'.encode(), hashlib.sha256).digest()
        self.assertEqual((s["webhook-id"], s["webhook-signature"], s["Semel-Topic"]), ("msg%2E1", "v1," + base64.b64encode(want).decode(), None))

        odd, = server.of("odd%20%0D%0Aid%3A%20%C3%A4%25")
        self.assertTrue(odd["path"].startswith(f"/{self.topic}/a%0D%0AX-Injected%3A%201%0D%0A"))
        self.assertIsNone(odd["headers"]["X-Injected"])
        details = {h["semel.dlq.event_id"][0]: (h["semel.dlq.reason"][0], h["semel.dlq.detail"][0]) for _, _, h in self.letters()}
        self.assertEqual(details, {"no-key": ("rejected", "its url needs a key, and the event has none"),
                                   "dots": ("rejected", "its url would hold . or .. as a part of the path")})
        self.assertEqual([(server.of(i)[0]["method"], server.of(i)[0]["body"]) for i in ("put", "delete")], [("PUT", b"x"), ("DELETE", b"")])
        self.assertEqual(server.of("skip"), [])
        send, = server.of("send")
        self.assertEqual((send["method"], send["body"], send["headers"]["Semel-Tombstone"], send["headers"]["Content-Type"],
                          send["headers"]["Semel-Key"]), ("POST", b"", "true", None, None))
        large, = server.of("large")
        self.assertEqual((large["body"], large["headers"]["Expect"]), (b"L" * 900000, None))
        for name in ("again", "again-empty"):
            runs = server.of(name)
            self.assertEqual([r["headers"]["Semel-Attempt"] for r in runs], ["1", "2"], name)
        self.assertGreater(server.of("again")[0]["nth"], 1, "the connection was to be one that was used before")
        # one a worker; and for each of the two that were closed, the one for a second sending, which was not used, and the next
        self.assertEqual(server.connections, 4 + 2 * 2)
        self.assertEqual(self.of_plugin(d, "connections_total"), server.connections)
        self.assertNotIn("geheim", d.text())
        self.assertEqual(d.stop(), 0)

    def test_cloudevents(self):
        redis, server = self.redis(), self.receiver()
        self.make_topics(1)
        d = self.webhook(redis, {
            "binary": (f'url = "{server.url()}"; mode = "binary"; cloudevents = {{ source = "/shop"; }};', ""),
            "structured": (f'url = "{server.url()}"; mode = "structured";', ""),
        })
        own = {"ce_specversion": "1.0", "ce_id": "A-1", "ce_source": "/mine", "ce_type": "order placed \xe4", "ce_custom": "7"}
        for mode in ("binary", "structured"):
            for name, text, key, headers in (
                    ("bare", "text", "k", {}), ("json", '{"a": 1.10}', "k", {"content-type": "application/json"}),
                    ("broken", "{", "k", {"content-type": "application/vnd.x+json; charset=utf-8"}), ("own", "x", None, own),
                    ("inside", '{"specversion":"1.0"}', "k", {"content-type": "application/cloudevents+json"}),
                    ("bytes", b"\xff\xfe", "k", {}), ("null", None, "k", {})):
                self.produce(text or "", key=key, null=text is None,
                             headers={"event-id": f"{mode}-{name}", "x-handler": mode, **headers})
        wait("the end", lambda: d.lag() == 0, 60)
        self.assertEqual(self.letters(), [])

        def binary(name):
            r, = server.of("binary-" + name)
            return r, {k[3:].lower(): v for k, v in r["lines"] if k.lower().startswith("ce-")}

        r, ce = binary("bare")
        self.assertRegex(ce.pop("time"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(ce, {"specversion": "1.0", "id": "binary-bare", "source": "/shop", "type": "semel.event", "partitionkey": "k"})
        self.assertEqual((r["headers"]["Content-Type"], r["body"]), ("application/octet-stream", b"text"))
        r, ce = binary("own")
        ce.pop("time")
        self.assertEqual(ce, {"specversion": "1.0", "id": "A-1", "source": "/mine", "type": "order%20placed%20%C3%A4", "custom": "7"})
        r, ce = binary("inside")
        self.assertEqual((r["headers"]["Content-Type"], ce), ("application/cloudevents+json", {}))

        def structured(name):
            r, = server.of("structured-" + name)
            self.assertTrue(r["headers"]["Content-Type"].startswith("application/cloudevents+json"), name)
            return r, json.loads(r["body"])

        _, e = structured("bare")
        e.pop("time")
        self.assertEqual(e, {"specversion": "1.0", "id": "structured-bare", "source": f"/main/{self.topic}", "type": "semel.event",
                             "partitionkey": "k", "datacontenttype": "application/octet-stream", "data": "text"})
        r, e = structured("json")
        self.assertEqual((e["datacontenttype"], e["data"]), ("application/json", {"a": 1.1}))
        self.assertIn(b'"data":{"a": 1.10}', r["body"])
        self.assertEqual(structured("broken")[1]["data_base64"], base64.b64encode(b"{").decode())
        self.assertEqual(structured("bytes")[1]["data_base64"], base64.b64encode(b"\xff\xfe").decode())
        self.assertEqual([structured("own")[1][k] for k in ("id", "type", "custom")], ["A-1", "order placed \xe4", "7"])
        self.assertNotIn("data", structured("null")[1])
        self.assertEqual(structured("inside")[0]["body"], b'{"specversion":"1.0"}')
        self.assertEqual(d.stop(), 0)

    def nginx(self, certificates, port, behind):
        """A server that speaks HTTP/2, before a receiver that does not."""
        temporary = os.path.join(self.folder, "nginx")    # nginx gives it to nobody
        os.mkdir(temporary)
        paths = " ".join(f"{what}_temp_path {temporary};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.file("nginx.conf", f'''
daemon off; master_process off; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log; 
events {{}}
http {{
	{paths}
	access_log off;
	server {{
		listen 127.0.0.1:{port} ssl http2; client_max_body_size 10m;
		ssl_certificate {certificates.path("server.crt")}; ssl_certificate_key {certificates.path("server.key")};
		location / {{ proxy_pass {behind}; proxy_set_header X-Protocol $server_protocol; }}
	}}
}}
''')
        return subprocess.Popen(["/usr/sbin/nginx", "-e", os.path.join(self.folder, "nginx.log"), "-c", config])

    def test_tls_and_http2(self):
        redis = self.redis()
        certificates = Certificates(self.folder)
        server, port = self.receiver(tls=certificates, client=True), free_port()
        behind = self.receiver()
        nginx = self.nginx(certificates, port, behind.url(""))
        self.addCleanup(lambda: (nginx.kill(), nginx.wait()))
        self.make_topics(1)
        ca = f'ca_file = "{certificates.path("ca.crt")}";'
        cert = f'cert_file = "{certificates.path("client.crt")}"; key_file = "{certificates.path("client.key")}";'
        h2 = f"https://localhost:{port}/"
        d = self.webhook(redis, {
            "mutual": (f'url = "{server.url()}"; tls = {{ {ca} {cert} }};', ""),
            "anonymous": (f'url = "{server.url()}"; tls = {{ {ca} }};', ""),
            "unverified": (f'url = "{server.url()}"; tls = {{ verify = false; {cert} }};', ""),
            "h2": (f'url = "{h2}"; tls = {{ {ca} }};', ""),
            "h1": (f'url = "{h2}"; http2 = false; tls = {{ {ca} }};', ""),
        }, sub='retry = { attempts = 2; backoff = "10ms"; };', workers=1)
        names = ("mutual", "anonymous", "unverified", "h2", "h1")
        for name in names:
            self.produce("x", key=name, headers={"event-id": name, "x-handler": name})
        self.produce("L" * 900000, key="h2", headers={"event-id": "h2-large", "x-handler": "h2"})
        wait("the end", lambda: d.lag() == 0, 60)
        letters = {h["semel.dlq.event_id"][0]: h["semel.dlq.detail"][0] for _, _, h in self.letters()}
        self.assertEqual(list(letters), ["anonymous"])
        print("without a client's certificate:", letters["anonymous"])
        self.assertEqual([len(server.of(n)) for n in names[:3]], [1, 0, 1])

        seen = {n: (r["headers"]["X-Protocol"], len(r["body"])) for n in ("h1", "h2", "h2-large") for r in behind.of(n)}
        self.assertEqual(seen, {"h1": ("HTTP/1.1", 1), "h2": ("HTTP/2.0", 1), "h2-large": ("HTTP/2.0", 900000)})
        self.assertIn("tls.verify is false", d.text())
        self.assertEqual(d.stop(), 0)

    def test_kill_9_repeats_nothing_unmarked(self):
        count, kills = (20000, 10) if LONG else (2000, 3)
        redis, server = self.redis(), self.receiver(default="slow:0.01")
        self.make_topics(4)
        d = self.webhook(redis, {"main": (f'url = "{server.url()}";', "")}, workers=8,
                         sub='retry = { attempts = 50; backoff = "10ms"; };')
        self.load("produce", "--count", count, "--keys", 500)
        for i in range(kills):
            wait("some requests", lambda i=i: len(server.requests) > (i + 1) * count // (kills + 2), 90)
            os.kill(wait("the engine", lambda: (d.status() or {}).get("engine", {}).get("pid")), signal.SIGKILL)
        wait("the end", lambda: d.lag() == 0, 120)
        runs = {}
        for r in server.requests:
            runs.setdefault(r["headers"]["Idempotency-Key"], []).append(r["headers"])
        repeated = {k: v for k, v in runs.items() if len(v) > 1}
        unmarked = [k for k, v in repeated.items()
                    for before, h in zip(v, v[1:]) if h["Semel-Redelivered"] != "true" or int(h["Semel-Attempt"]) <= int(before["Semel-Attempt"])]
        print(f"{count} events, {kills} kill -9 of the engine: {len(server.requests)} requests, {len(repeated)} ids repeated, "
              f"{len(unmarked)} of them unmarked; {server.max_busy} at a time over {server.connections} connections")
        self.assertEqual(len(runs), count)
        self.assertEqual(unmarked, [])
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
