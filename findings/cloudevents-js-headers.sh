#!/usr/bin/env bash
# The CloudEvents SDK for JavaScript neither decodes nor encodes the values of ce- headers.
#
# Software: cloudevents 10.0.0 (npm), cloudevents 2.2.0 (PyPI) for comparison.
# Expected, by the HTTP binding 1.0.2 (section 3.1.3.2) and before the run: Euro%20%E2%82%AC is read as "Euro €", and "Euro €" is
# written so.
# Seen: JavaScript reads the header as it stands and writes "Euro €", which node:http refuses to send; Python does as expected.
#
# Needs node, npm, python3 and an index of packages. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"dependencies":{"cloudevents":"10.0.0"}}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts
cat >run.mjs <<'JS'
import { validateHeaderValue } from "node:http";
import { CloudEvent, HTTP } from "cloudevents";
const headers = { "content-type": "application/json", "ce-id": "1", "ce-specversion": "1.0", "ce-source": "/a", "ce-type": "a" };
console.log("read", HTTP.toEvent({ headers: { ...headers, "ce-subject": "Euro%20%E2%82%AC" }, body: "1" }).subject);
const written = HTTP.binary(new CloudEvent({ id: "1", source: "/a", type: "a", subject: "Euro €", data: 1 })).headers["ce-subject"];
console.log("written", written);
try {
  validateHeaderValue("ce-subject", written);
} catch (error) {
  console.log(error.code);
}
JS
cat >run.py <<'PY'
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent

headers = {"content-type": "application/json", "ce-id": "1", "ce-specversion": "1.0", "ce-source": "/a", "ce-type": "a"}
print("read", from_http_event(HTTPMessage(headers | {"ce-subject": "Euro%20%E2%82%AC"}, b"1")).get_subject())
event = CloudEvent({"id": "1", "source": "/a", "type": "a", "subject": "Euro €", "specversion": "1.0"}, 1)
print("written", to_binary_event(event).headers["ce-subject"])
PY
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check cloudevents==2.2.0
seen=$(node run.mjs; venv/bin/python run.py)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
read Euro%20%E2%82%AC
written Euro €
ERR_INVALID_CHAR
read Euro €
written Euro%20%E2%82%AC
SEEN
