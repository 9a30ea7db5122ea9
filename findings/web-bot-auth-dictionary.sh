#!/usr/bin/env bash
# Cloudflare's verifier for Web Bot Auth does not verify what the present draft asks signers to send.
#
# Software: web-bot-auth 0.1.3 with http-message-sig 0.2.0 (npm), http-message-signatures 3.0.0 (PyPI) for comparison;
# draft-ietf-webbotauth-httpsig-protocol-01 (29 October 2026), section "Signature-Agent".
# Expected, by RFC 9421 (section 2.1.2) and before the run: of a Signature-Agent that is a dictionary, its member is covered as
# "signature-agent";key="sig1", and both verify the signature; as both do where it is a text, the form of earlier drafts.
# Seen: the verifier for JavaScript takes the whole header for the member, so the dictionary does not verify; the text does.
#
# Needs node, npm, python3 and an index of packages. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"dependencies":{"web-bot-auth":"0.1.3","http-message-sig":"0.2.0"}}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts
cat >run.mjs <<'JS'
import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { verify } from "web-bot-auth";
import { verifierFromJWK } from "web-bot-auth/crypto";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const jwk = publicKey.export({ format: "jwk" });
const now = Math.floor(Date.now() / 1000);
const requests = {};
for (const [form, header, component] of [
  ["text", '"https://a.example"', '"signature-agent"'],
  ["dictionary", 'sig1="https://a.example"', '"signature-agent";key="sig1"'],
]) {
  const input = `("@authority" ${component});created=${now};expires=${now + 300};keyid="k";alg="ed25519";tag="web-bot-auth"`;
  const base = `"@authority": b.example\n${component}: "https://a.example"\n"@signature-params": ${input}`;
  const signature = sign(null, Buffer.from(base), privateKey).toString("base64");
  const headers = { "signature-agent": header, "signature-input": `sig1=${input}`, signature: `sig1=:${signature}:` };
  requests[form] = headers;
  const verifier = await verifierFromJWK(jwk);
  const seen = await verify({ method: "POST", url: "https://b.example/", headers }, verifier).then(() => "verified", (error) => error.message);
  console.log("JavaScript", form, seen);
}
writeFileSync("requests.json", JSON.stringify({ x: jwk.x, requests }));
JS
cat >run.py <<'PY'
import base64
import json
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import MappingKeyResolver

made = json.load(open("requests.json"))
key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(made["x"] + "="))
verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={"k": key}, private_keys={}))
for form, headers in made["requests"].items():
    request = SimpleNamespace(method="POST", url="https://b.example/", headers=headers)
    verifier.verify(request, expect_tag="web-bot-auth")
    print("Python", form, "verified")
PY
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check http-message-signatures==3.0.0 cryptography==50.0.2
seen=$(node run.mjs; venv/bin/python run.py)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
JavaScript text verified
JavaScript dictionary invalid signature
Python text verified
Python dictionary verified
SEEN
