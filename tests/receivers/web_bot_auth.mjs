// Verifies requests with Cloudflare's library and the keys of a directory, and answers with the key that
// verified or with why none did.
//
//     node web_bot_auth.mjs DIRECTORY      prints its port; ends when standard input does
//
// It has to lie where its package is found.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

import { verify } from "web-bot-auth";
import { verifierFromJWK } from "web-bot-auth/crypto";

async function check({ method, url, headers }, body) {
  const keyid = /keyid="([^"]*)"/.exec(headers["signature-input"])[1];
  const { keys } = await (await fetch(process.argv[2])).json();
  const jwk = keys.find((key) => key.kid === keyid);
  if (!jwk) throw new Error(`${keyid} is not in the directory`);
  // The library reads only this of a request; what the headers of a list are is for the caller to join.
  await verify({ method, url, protocol: "http", headers }, await verifierFromJWK(jwk));
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  if (headers["content-digest"] !== digest) throw new Error("the digest is of another body");
  return { verified: keyid, agent: JSON.parse(headers["signature-agent"]) };
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const answer = await check(request, Buffer.concat(chunks)).catch((error) => ({ error: error.message }));
  response.end(JSON.stringify(answer));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
