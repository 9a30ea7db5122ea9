"""Verifies v1a signatures with the keys at an address, which is all it knows. Reads a request a line and answers with the keys
that verified, or `none`.

    python jwks.py ADDRESS      ends when standard input does
"""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature
from jwt import PyJWKClient

# By itself it fetches again when a key is not known, but not twice in half a minute.
keys = PyJWKClient(sys.argv[1], cooldown_duration=0)


def verifies(kid, signature, content):
    try:
        keys.get_signing_key(kid).key.verify(base64.b64decode(signature), content)
        return True
    except InvalidSignature:
        return False


for line in sys.stdin:
    request = json.loads(line)
    headers = request["headers"]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{request['body']}".encode()
    signatures = [one.removeprefix("v1a,") for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
    named = zip(headers["webhook-key-id"].split(" "), signatures, strict=True)
    verified = [kid for kid, signature in named if verifies(kid, signature, content)]
    print(" ".join(verified) or "none", flush=True)
