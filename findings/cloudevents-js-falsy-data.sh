#!/usr/bin/env bash
# The CloudEvents SDK for JavaScript loses data that is false, 0, "" or null, in structured mode only.
#
# Software: cloudevents 10.0.0 (npm).
# Expected, by the JSON format 1.0.2 (section 3.1) and before the run: any JSON is data, and comes out as it went in.
# Seen: the event is read without an error and has no data. In a batch and in binary mode it has.
#
# Needs node and npm. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"dependencies":{"cloudevents":"10.0.0"}}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts
cat >run.mjs <<'JS'
import { HTTP } from "cloudevents";
for (const data of ["false", "0", '""', "null", '"x"']) {
  const event = `{"specversion":"1.0","id":"1","source":"/a","type":"a","datacontenttype":"application/json","data":${data}}`;
  const structured = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: event });
  const [batched] = HTTP.toEvent({ headers: { "content-type": "application/cloudevents-batch+json" }, body: `[${event}]` });
  console.log(data, JSON.stringify(structured.data), JSON.stringify(batched.data));
}
JS
seen=$(node run.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
false undefined false
0 undefined 0
"" undefined ""
null undefined null
"x" "x" "x"
SEEN
