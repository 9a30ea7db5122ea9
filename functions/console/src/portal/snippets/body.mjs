import « createHmac, timingSafeEqual » from "node:crypto";

// `headers` is that of a request of Node.js; `body` a Buffer, before it is parsed.
export function verify(headers, body) «
  const secret = process.env.WEBHOOK_SECRET;
  const key = {key};
  const expected = Buffer.from("{prefix}" + createHmac("sha256", key).update(body).digest({encoded}));
  const given = Buffer.from(headers["{lower}"] ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
»
