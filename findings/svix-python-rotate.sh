#!/usr/bin/env bash
# Svix's SDK 2.x for Python cannot rotate a secret on Svix's own open-source server.
#
# Software: svix 2.9.1 (PyPI), svix 1.99.1 for comparison; server/openapi.json of svix/svix-webhooks (4fc0cfb8b).
# Expected, by that document and before the run: POST .../secret/rotate is answered with 204, and both return without an error.
# Seen: 2.9.1 reads a new secret out of the answer, of which there is none, and raises a JSONDecodeError: the secret has been
# rotated, and the caller is told of a failure.
#
# Needs python3 and an index of packages. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >rotate.py <<'PY'
import http.server
import threading

import svix
from svix import models
from svix.api import Svix, SvixOptions


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        # As the document of the open-source server says.
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Svix("key", SvixOptions(server_url=f"http://127.0.0.1:{server.server_port}"))
try:
    client.endpoint.rotate_secret("app", "ep", models.EndpointSecretRotateIn())
    print(svix.__version__, "rotated")
except Exception as error:
    print(svix.__version__, type(error).__name__)
PY
seen=
for version in 1.99.1 2.9.1; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/python" -m pip install --quiet --disable-pip-version-check "svix==$version"
    seen+=$("venv-$version/bin/python" rotate.py)$'\n'
done
echo -n "$seen"
diff <(echo -n "$seen") - <<'SEEN'
1.99.1 rotated
2.9.1 JSONDecodeError
SEEN
