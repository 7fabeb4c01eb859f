"""A receiver of webhooks: a real HTTP server with threads, that does what each request's X-Do asks for."""
import email.utils
import http.server
import socket
import ssl
import struct
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.opened(self.connection)
        self.nth = 0

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def note(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.nth += 1
        request = {"method": self.command, "path": self.path, "headers": self.headers, "body": body, "at": time.time(),
                   "nth": self.nth, "lines": self.headers.items()}
        self.server.note(request)
        return request

    def any(self):
        request = self.note()
        # one word an attempt, the last for all that follow
        words = (self.headers.get("X-Do") or self.server.default).split(",")
        word = words[min(int(self.headers.get("Semel-Attempt", "1")), len(words)) - 1]
        verb, _, value = word.partition(":")
        getattr(self, "do_" + verb, lambda v: self.answer(int(verb), retry_after=v))(value)
        self.server.ended(request)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET = any

    def answer(self, status, body=b"said the server\n", retry_after="", location=None):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        if location:
            self.send_header("Location", location)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def do_date(self, value):
        self.answer(503, retry_after=email.utils.formatdate(time.time() + float(value), usegmt=True))

    def do_slow(self, value):
        time.sleep(float(value))
        self.answer(200)

    def do_hang(self, _):
        self.server.released.wait(60)
        self.close_connection = True

    def do_half(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first half")
        self.close_connection = True

    def do_close(self, _):
        self.close_connection = True

    def do_reset(self, _):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_garbage(self, _):
        self.wfile.write(b"this is no HTTP\r\n\r\n")
        self.close_connection = True

    def do_redirect(self, value):
        self.answer(302, location=value or "/elsewhere")

    def do_big(self, value):
        try:
            self.answer(int(value), body=b"\xc3\xa4" * 2000000)
        except OSError:  # it does not want so much
            self.close_connection = True


class Receiver(http.server.ThreadingHTTPServer):
    """`tls`: harness Certificates; `client`: a client has to show one of theirs."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, tls=None, client=False, default="200"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.lock, self.default = [], threading.Lock(), default
        self.released, self.connections, self.busy, self.max_busy = threading.Event(), 0, 0, 0
        self.scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.path("server.crt"), tls.path("server.key"))
            if client:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(tls.path("ca.crt"))
            self.scheme = "https"
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def url(self, path="/events"):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def opened(self, _):
        with self.lock:
            self.connections += 1

    def note(self, request):
        with self.lock:
            self.requests.append(request)
            self.busy += 1
            self.max_busy = max(self.max_busy, self.busy)

    def ended(self, _):
        with self.lock:
            self.busy -= 1

    def of(self, key):
        """The requests with that Idempotency-Key, in order."""
        with self.lock:
            return [r for r in self.requests if r["headers"]["Idempotency-Key"] == key]

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()
        self.thread.join()
