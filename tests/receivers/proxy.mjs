// A reverse proxy as many are: it keeps the host, adds headers of its own, and writes names as it likes. It
// can be told to change the `body` or the `host`.
//
//     node proxy.mjs PORT CHANGE      prints its port; ends when standard input does

import { createServer, request as send } from "node:http";

const [port, change] = process.argv.slice(2);

const server = createServer((received, response) => {
  const own = { "X-Forwarded-For": received.socket.remoteAddress, "X-Forwarded-Proto": "https", Via: "1.1 proxy" };
  const headers = { ...own, ...Object.fromEntries(Object.entries(received.headers).reverse()), connection: "close" };
  if (change === "host") headers.host = "elsewhere.example.com";
  const chunks = [];
  received.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
    const body = Buffer.concat(chunks);
    if (change === "body") body[body.length - 1] ^= 1;
    const forwarded = send({ port, host: "127.0.0.1", method: received.method, path: received.url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    forwarded.end(body);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
