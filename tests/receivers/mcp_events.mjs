// The events client of the AI SDK: it lists, subscribes, verifies what arrives with its own handler, refreshes
// and unsubscribes.
//
//     node mcp_events.mjs URL OPERATOR_KEY      prints `done`

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createMCPClient, experimental_createMCPEventWebhook as createWebhook } from "@ai-sdk/mcp";

const [base, operator] = process.argv.slice(2);
const rows = new Map();
const store = {
  set: async (row) => void rows.set(row.key, row),
  get: async (key) => rows.get(key),
  getById: async (id) => [...rows.values()].find((row) => row.id === id),
  update: async (key, change) => void rows.set(key, { ...rows.get(key), ...change }),
  delete: async (key) => void rows.delete(key),
};

const post = async (path, body) => {
  const headers = { authorization: `Bearer ${operator}` };
  const answer = await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert(answer.ok, `${path}: ${answer.status} ${answer.ok || (await answer.text())}`);
  return answer.json();
};

let arrived;
const event = new Promise((resolve) => (arrived = resolve));
const webhook = createWebhook({ store, onEvent: arrived, onError: (error) => console.error(error) });
const receiver = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = `http://${request.headers.host}${request.url}`;
  const { method, headers } = request;
  const answer = await webhook(new Request(url, { method, headers, body: Buffer.concat(chunks) }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));

await post("/v1/tenants", { id: "acme" });
const schema = { type: "object", properties: { ticket: { type: "string" } } };
await post("/v1/tenants/acme/event-types", { name: "ticket.updated", schema });
const { key } = await post("/v1/tenants/acme/keys", { scope: "tenant" });
const transport = { type: "http", url: `${base}/mcp/acme`, headers: { authorization: `Bearer ${key}` } };
const client = await createMCPClient({ transport, experimental_events: { store } });
const events = client.experimental_events;
assert.deepEqual((await events.list()).events.map((one) => one.name), ["ticket.updated"]);
const url = `http://127.0.0.1:${receiver.address().port}/in`;
const delivery = { mode: "webhook", url, allowInsecureLocalhost: true };
const made = await events.subscribe({ name: "ticket.updated", arguments: { ticket: "T-1" }, delivery });
assert.match(made.id, /^sub_[0-9a-f]{32}$/);
await post("/v1/tenants/acme/events", { id: "evt_1", type: "ticket.updated", data: { ticket: "T-1" } });
const got = await event;
assert.equal(got.event.eventId, "evt_1");
assert.deepEqual(got.event.data, { ticket: "T-1" });
const again = await events.refresh({ id: made.id });
assert.equal(again.id, made.id);
await events.unsubscribe({ id: made.id });
assert.equal(rows.size, 0);
assert("list_hooks" in (await client.tools()));
await client.close();
receiver.close();
console.log("done");
process.exit(0);
