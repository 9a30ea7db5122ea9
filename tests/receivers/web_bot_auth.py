"""Verifies requests with http-message-signatures and the keys of a directory whose own signatures it verifies as well. Answers
with the key that verified or with why none did, and takes no nonce twice.

    python web_bot_auth.py DIRECTORY ORIGIN      prints its port; ends when standard input does
"""

import base64
import json
import os
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import MappingKeyResolver

ADDRESS, ORIGIN = sys.argv[1:]
WELL_KNOWN = "/.well-known/http-message-signatures-directory"
nonces = set()


def verifier(keys):
    resolver = MappingKeyResolver(public_keys=keys, private_keys={})
    return HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=resolver)


def directory():
    with urllib.request.urlopen(ADDRESS) as response:
        body, headers = response.read(), response.headers
    assert headers["content-type"] == "application/http-message-signatures-directory+json"
    listed = json.loads(body)["keys"]
    keys = {key["kid"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=")) for key in listed}
    asked = SimpleNamespace(method="GET", url=ORIGIN + WELL_KNOWN, headers={})
    answered = SimpleNamespace(status_code=200, headers=headers, request=asked)
    tag = "http-message-signatures-directory"
    signed = verifier(keys).verify(answered, expect_tag=tag, require_components=('"@authority";req',), body=body)
    assert {one.parameters["keyid"] for one in signed} == set(keys), "each key signs the directory"
    return keys


def check(handler, body):
    request = SimpleNamespace(
        method=handler.command, url=f"http://{handler.headers['host']}{handler.path}", headers=handler.headers
    )
    covers_body = "content-digest" in handler.headers["signature-input"]
    [verified] = verifier(directory()).verify(
        request, expect_tag="web-bot-auth", require_components=("@authority",), body=body if covers_body else None
    )
    covered = [name for name in verified.covered_components if name.startswith('"signature-agent"')]
    assert covered and len(base64.b64decode(verified.nonce)) == 64
    assert verified.nonce not in nonces, "a nonce is there twice"
    nonces.add(verified.nonce)
    return {"verified": verified.parameters["keyid"], "agent": json.loads(verified.covered_components[covered[0]])}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            answer = check(self, body)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
