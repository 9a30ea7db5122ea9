import base64, hashlib, hmac, os

def verify(headers, body: bytes) -> bool:
    secret = os.environ["WEBHOOK_SECRET"]
    key = {key}
    mac = hmac.new(key, body, hashlib.sha256).digest()
    expected = "{prefix}" + {encoded}
    return hmac.compare_digest(expected.encode(), headers.get("{header}", "").encode())
