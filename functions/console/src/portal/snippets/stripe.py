import base64, hashlib, hmac, os, time

def verify(headers, body: bytes) -> bool:
    secret = os.environ["WEBHOOK_SECRET"]
    key = {key}
    parts = [part.partition("=") for part in headers.get("{header}", "").split(",")]
    timestamp = next((value for name, _, value in parts if name == "t"), "0")
    if abs(time.time() - int(timestamp)) > 300:
        return False
    expected = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    return any(hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1")
