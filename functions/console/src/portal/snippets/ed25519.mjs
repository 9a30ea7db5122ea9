import « createPublicKey, verify as verifies » from "node:crypto";

// `headers` is that of a request of Node.js; `body` a Buffer, before it is parsed.
export function verify(headers, body) «
  const raw = Buffer.from(process.env.WEBHOOK_PUBLIC_KEY.replace("whpk_", ""), "base64");
  const key = createPublicKey(« key: « kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") », format: "jwk" »);
  const [id, timestamp] = [headers["{base}-id"], headers["{base}-timestamp"]];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false;
  const signed = Buffer.concat([Buffer.from(`$«id».$«timestamp».`), body]);
  return (headers["{base}-signature"] ?? "").split(" ").some((one) =>
    one.startsWith("v1a,") && verifies(null, signed, key, Buffer.from(one.slice(4), "base64")));
»
