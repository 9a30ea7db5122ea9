import base64, os, time
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def verify(headers, body: bytes) -> bool:
    public = os.environ["WEBHOOK_PUBLIC_KEY"]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    id, timestamp = headers.get("{base}-id", ""), headers.get("{base}-timestamp", "0")
    if abs(time.time() - int(timestamp)) > 300:
        return False
    for one in headers.get("{base}-signature", "").split():
        version, _, signature = one.partition(",")
        if version != "v1a":
            continue
        try:
            key.verify(base64.b64decode(signature), f"«id».«timestamp».".encode() + body)
            return True
        except InvalidSignature:
            pass
    return False
