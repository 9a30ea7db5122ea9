// Receives webhooks and verifies them as the documents of each system say, with
// each of the secrets in turn. Answers with the secrets that verify.
//
//     node receiver.mjs SECRET…      prints its port; ends when standard input does
//
// It has to lie where its package is found.

import { createHmac } from "node:crypto";
import { createServer } from "node:http";

import { verify } from "@octokit/webhooks-methods";

const hmac = (secret, text) => createHmac("sha256", secret).update(text).digest("hex");

const verifiers = {
  github: (secret, headers, body) => verify(secret, body, headers["x-hub-signature-256"]),
  automrktr: (secret, headers, body) => headers["x-automrktr-signature"] === `sha256=${hmac(secret, body)}`,
  autosend: (secret, headers, body) =>
    headers["x-webhook-signature"] === hmac(secret, JSON.stringify(JSON.parse(body))),
  oktopost: (secret, headers, body) =>
    headers["x-oktopost-signature"] === hmac(secret, JSON.stringify(JSON.parse(body))),
};

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const verified = [];
  for (const secret of process.argv.slice(2)) {
    if (await verifiers[request.url.slice(1)](secret, request.headers, body)) verified.push(secret);
  }
  response.end(verified.join(" "));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
