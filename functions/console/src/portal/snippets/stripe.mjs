import « createHmac, timingSafeEqual » from "node:crypto";

// `headers` is that of a request of Node.js; `body` a Buffer, before it is parsed.
export function verify(headers, body) «
  const secret = process.env.WEBHOOK_SECRET;
  const key = {key};
  const parts = (headers["{lower}"] ?? "").split(",").map((part) => part.split("="));
  const timestamp = parts.find(([name]) => name === "t")?.[1];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false;
  const expected = Buffer.from(createHmac("sha256", key).update(`$«timestamp».`).update(body).digest("hex"));
  const isSame = (one) => one.length === expected.length && timingSafeEqual(one, expected);
  return parts.some(([name, value]) => name === "v1" && isSame(Buffer.from(value ?? "")));
»
