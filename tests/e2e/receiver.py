"""A customer's endpoint: keeps what arrives, and fails when told to."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook


class Arrival:
    def __init__(self, headers, body):
        self.at = time.time()
        self.headers = headers
        self.body = body

    @property
    def id(self):
        return self.headers["webhook-id"]

    def verified(self, secret):
        """The parsed body; raises when the signature or its time is wrong."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    def __init__(self):
        self.lock = threading.Lock()
        self.kept = {}
        self.scripts = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                arrival = Arrival({name.lower(): value for name, value in self.headers.items()}, body)
                with receiver.lock:
                    receiver.kept.setdefault(self.path, []).append(arrival)
                    script = receiver.scripts.get(self.path)
                    status, meanwhile = script.pop(0) if script else (200, None)
                if meanwhile:
                    meanwhile()
                answer = b"thank you" if status == 200 else b"not now"
                # Who waited for it may be gone.
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fail(self, path, times):
        """The next `times` requests to `path` get 503."""
        with self.lock:
            self.scripts[path] = [(503, None)] * times

    def answer(self, path, status=200, meanwhile=None):
        """One request to `path`, after those of which something is said already, gets this status once `meanwhile` is done."""
        with self.lock:
            self.scripts.setdefault(path, []).append((status, meanwhile))

    def arrivals(self, path):
        with self.lock:
            return list(self.kept.get(path, []))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
