// Verifies v1a signatures with the keys at an address, which is all it knows. Reads a request a line
// and answers with the keys that verified, or `none`.
//
//     node jwks.mjs ADDRESS      ends when standard input does
//
// It has to lie where its package is found.

import { KeyObject, verify } from "node:crypto";
import { createInterface } from "node:readline";

import { createRemoteJWKSet } from "jose";

// By itself it fetches again when a key is not known, but not twice in half a minute.
const keys = createRemoteJWKSet(new URL(process.argv[2]), { cooldownDuration: 0 });

for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body } = JSON.parse(line);
  const content = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((one) => one.startsWith("v1a,"));
  const verified = [];
  for (const [index, kid] of headers["webhook-key-id"].split(" ").entries()) {
    const key = await keys({ alg: "EdDSA", kid });
    const signature = Buffer.from(signatures[index].slice("v1a,".length), "base64");
    if (verify(null, content, KeyObject.from(key), signature)) verified.push(kid);
  }
  console.log(verified.join(" ") || "none");
}
