"""Receives webhooks with Flask and verifies them over the raw body, with each of the secrets in turn. Answers with the
secrets that verify.

    python receiver.py SECRET…      prints its port; ends when standard input does
"""

import hashlib
import hmac
import os
import sys
import threading

from flask import Flask, request
from werkzeug.serving import make_server

HEADERS = {
    "github": ("X-Hub-Signature-256", "sha256="),
    "automrktr": ("X-Automrktr-Signature", "sha256="),
    "autosend": ("X-Webhook-Signature", ""),
    "oktopost": ("X-Oktopost-Signature", ""),
}

app = Flask(__name__)


@app.post("/<system>")
def receive(system):
    header, prefix = HEADERS[system]
    signature = request.headers.get(header, "")

    def verifies(secret):
        mac = hmac.new(secret.encode(), request.get_data(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(prefix + mac, signature)

    return " ".join(filter(verifies, sys.argv[1:]))


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
server = make_server("127.0.0.1", 0, app)
print(server.server_port, flush=True)
server.serve_forever()
