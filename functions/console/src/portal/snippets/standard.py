import base64, hashlib, hmac, os, time

def verify(headers, body: bytes) -> bool:
    secret = os.environ["WEBHOOK_SECRET"]
    key = {key}
    id, timestamp = headers.get("{base}-id", ""), headers.get("{base}-timestamp", "0")
    if abs(time.time() - int(timestamp)) > 300:
        return False
    mac = hmac.new(key, f"«id».«timestamp».".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(mac)
    return any(hmac.compare_digest(expected, one.encode()) for one in headers.get("{base}-signature", "").split())
