// Reads requests with the official SDK: a JSON document { headers, body } a line, and for each the
// list of its events.
//
// It has to lie where its package is found.

import { readFileSync } from "node:fs";

import { HTTP } from "cloudevents";

for (const line of readFileSync(0, "utf8").split("\n").filter((line) => line)) {
  const message = JSON.parse(line);
  const found = HTTP.toEvent(message);
  const events = (Array.isArray(found) ? found : [found]).map((event) => {
    event.validate();
    const plain = JSON.parse(JSON.stringify(event));
    // This SDK does not decode headers (findings/cloudevents-js-headers.sh).
    if (message.headers["ce-subject"]) plain.subject = decodeURIComponent(plain.subject);
    return plain;
  });
  console.log(JSON.stringify(events));
}
