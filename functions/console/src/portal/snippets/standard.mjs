import « createHmac, timingSafeEqual » from "node:crypto";

// `headers` is that of a request of Node.js; `body` a Buffer, before it is parsed.
export function verify(headers, body) «
  const secret = process.env.WEBHOOK_SECRET;
  const key = {key};
  const [id, timestamp] = [headers["{base}-id"], headers["{base}-timestamp"]];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false;
  const mac = createHmac("sha256", key).update(`$«id».$«timestamp».`).update(body).digest("base64");
  const expected = Buffer.from(`v1,$«mac»`);
  const isSame = (one) => one.length === expected.length && timingSafeEqual(one, expected);
  return (headers["{base}-signature"] ?? "").split(" ").some((one) => isSame(Buffer.from(one)));
»
