"""Reads requests with the official SDK: a JSON document {"headers", "body"} a line, and for each the list of its events."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event

BATCH = "application/cloudevents-batch+json"

for line in sys.stdin:
    message = json.loads(line)
    headers, body = message["headers"], message["body"]
    if headers["content-type"] == BATCH:
        # This SDK has no batched mode: its structured mode reads each event of the array.
        headers = {"content-type": "application/cloudevents+json"}
        bodies = [json.dumps(one) for one in json.loads(body)]
    else:
        bodies = [body]
    events = [from_http_event(HTTPMessage(headers, body.encode("utf-8", "surrogatepass"))) for body in bodies]
    found = [event.get_attributes() | {"time": event.get_time().isoformat(), "data": event.get_data()} for event in events]
    print(json.dumps(found))
