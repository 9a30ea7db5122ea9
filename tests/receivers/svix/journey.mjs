// Every operation of Svix's SDK for JavaScript (1.x and 2.x) against a server at argv[2], with the operator's key argv[3];
// what endpoints get is verified by the SDK's own Webhook. Prints `done` at its end.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import * as sdk from "svix";

const { Svix, Webhook } = sdk.Svix ? sdk : sdk.default;
const [serverUrl, key] = process.argv.slice(2);
const svix = new Svix(key, { serverUrl });
const second = "upsert" in svix.endpoint;
const types = second ? "eventTypes" : "filterTypes";
const put = (resource, ...args) => (second ? resource.upsert(...args) : resource.update(...args));

const got = new Map();
const answers = new Map();
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  got.set(request.url, [...(got.get(request.url) ?? []), { headers: request.headers, body }]);
  response.statusCode = answers.get(request.url)?.shift() ?? 200;
  response.end("thanks");
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const home = `http://127.0.0.1:${receiver.address().port}`;

async function until(what, condition) {
  for (let n = 0; n < 600; n++) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited in vain until ${what}`);
}

async function refused(code, promise) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.code, code, JSON.stringify(error.body));
    return error.body;
  }
  assert.fail(`expected ${code}`);
}

async function all(read) {
  const items = [];
  for (let iterator; ; ) {
    const page = await read(iterator);
    items.push(...page.data);
    if (page.done) return items;
    iterator = page.iterator;
  }
}

const hour = 3_600_000;
const since = new Date(Date.now() - hour);

await svix.health.get();

const uid = `customer.${randomUUID().replaceAll("-", "")}`;
const given = { name: "Acme", uid, metadata: { plan: "gold" }, throttleRate: 500 };
const app = await svix.application.create(given, { idempotencyKey: "js-app-1" });
assert.ok(app.id.startsWith("app_") && app.uid === uid && app.metadata.plan === "gold" && app.throttleRate === 500);
assert.ok(app.createdAt instanceof Date);
assert.deepEqual(await svix.application.create(given, { idempotencyKey: "js-app-1" }), app);
assert.equal((await refused(409, svix.application.create({ name: "Other", uid }))).code, "conflict");
assert.deepEqual(await svix.application.getOrCreate({ name: "Other", uid }), app);
assert.deepEqual(await svix.application.get(app.id), app);
assert.equal((await put(svix.application, uid, { name: "Acme 2", uid })).name, "Acme 2");
assert.equal((await svix.application.patch(uid, { name: "Acme 3" })).name, "Acme 3");
const apps = await all((iterator) => svix.application.list({ limit: 1, iterator, order: "ascending" }));
assert.ok(apps.some((one) => one.uid === uid));
assert.deepEqual((await refused(422, svix.application.create({ name: "" }))).detail[0].loc, ["body", "name"]);
await refused(404, svix.application.get("nobody"));

const schemas = { 1: { type: "object", title: "Paid" } };
await svix.eventType.create({ name: "js.paid", description: "Paid", schemas });
await svix.eventType.create({ name: "js.failed", description: "Failed" });
assert.equal((await refused(409, svix.eventType.create({ name: "js.paid", description: "x" }))).code, "event_type_exists");
assert.deepEqual((await svix.eventType.get("js.paid")).schemas, schemas);
assert.ok((await svix.eventType.list({ withContent: true, includeArchived: true })).data.length >= 2);
assert.equal((await put(svix.eventType, "js.failed", { description: "It failed" })).description, "It failed");
assert.equal((await svix.eventType.patch("js.failed", { deprecated: true })).deprecated, true);
await put(svix.eventType, "js.old", { description: "Old" });
await svix.eventType.delete("js.old");
assert.equal((await svix.eventType.get("js.old")).archived, true);
await svix.eventType.delete("js.old", { expunge: true });
await refused(404, svix.eventType.get("js.old"));

const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const first = await svix.endpoint.create(uid, {
  url: `${home}/first`, uid: "first", description: "The first", secret, channels: ["red"], metadata: { team: "a" },
  throttleRate: 50, headers: { "x-env": "test", authorization: "hush" }, [types]: ["js.paid"],
});
assert.ok(first.id.startsWith("ep_") && first.uid === "first");
assert.deepEqual([first[types], first.channels, first.metadata], [["js.paid"], ["red"], { team: "a" }]);
const other = await svix.endpoint.create(uid, { url: `${home}/second` });
assert.equal((await refused(409, svix.endpoint.create(uid, { url: `${home}/x`, uid: "first" }))).code, "conflict");
assert.deepEqual(await svix.endpoint.get(uid, "first"), first);
assert.equal((await all((iterator) => svix.endpoint.list(uid, { limit: 1, iterator, order: "descending" }))).length, 2);
const third = await put(svix.endpoint, uid, "third", { url: `${home}/third`, uid: "third", disabled: true });
assert.equal(third.disabled, true);
assert.equal((await svix.endpoint.patch(uid, "third", { description: "3", metadata: { a: "b" } })).description, "3");
await svix.endpoint.delete(uid, "third");
await refused(404, svix.endpoint.get(uid, "third"));
let headers = await svix.endpoint.getHeaders(uid, "first");
assert.deepEqual([headers.headers, headers.sensitive], [{ "x-env": "test" }, ["authorization"]]);
await (second ? svix.endpoint.setHeaders(uid, "first", { headers: { "x-only": "1" } }) : svix.endpoint.headersUpdate(uid, "first", { headers: { "x-only": "1" } }));
await svix.endpoint.patchHeaders(uid, "first", { headers: { "x-more": "2" } });
headers = await svix.endpoint.getHeaders(uid, "first");
assert.deepEqual(headers.headers, { "x-only": "1", "x-more": "2" });

const payload = { total: 1.5, name: "Jürgen" };
const said = { eventType: "js.paid", eventId: "order-1", payload, channels: ["red"], tags: ["vip"] };
const message = await svix.message.create(uid, said, { idempotencyKey: "js-msg-1", withContent: true });
assert.ok(message.id.startsWith("msg_") && message.eventId === "order-1" && message.timestamp instanceof Date);
assert.deepEqual(message.payload, payload);
assert.equal((await svix.message.create(uid, said, { idempotencyKey: "js-msg-1" })).id, message.id);
assert.equal((await refused(409, svix.message.create(uid, said))).code, "conflict");
for (const [path, id] of [["/first", first.id], ["/second", other.id]]) {
  const { headers, body } = (await until(`${path} has it`, () => got.get(path)))[0];
  const webhook = new Webhook((await svix.endpoint.getSecret(uid, id)).key);
  webhook.verify(body, headers);
  assert.deepEqual(JSON.parse(body), payload);
  assert.equal(headers["svix-id"], message.id);
  assert.equal(headers["webhook-id"], message.id);
  assert.throws(() => webhook.verify(`${body} `, headers));
}
const listing = { tag: "vip", channel: "red", eventTypes: ["js.paid"], withContent: true, after: since, before: new Date(Date.now() + hour) };
const listed = await until("it is listed", async () => (await svix.message.list(uid, listing)).data[0]);
assert.deepEqual(listed, message);
assert.deepEqual(await svix.message.get(uid, "order-1", { withContent: true }), message);
assert.equal((await svix.message.precheck(uid, { eventType: "js.paid" })).active, true);

answers.set("/second", [500]);
const failing = await svix.message.create(uid, { eventType: "js.failed", payload: { n: 9 } });
const [attempt] = await until("it is logged", async () => {
  const { data } = await svix.messageAttempt.listByMsg(uid, failing.id, { withContent: true, statusCodeClass: 500 });
  return data.length > 0 && data;
});
assert.deepEqual([attempt.responseStatusCode, attempt.response, attempt.status, attempt.statusText], [500, "thanks", 2, "fail"]);
assert.deepEqual(await svix.messageAttempt.get(uid, failing.id, attempt.id), attempt);
assert.equal((await all((iterator) => svix.messageAttempt.listByEndpoint(uid, other.id, { limit: 1, iterator }))).length, 2);
const stands = await svix.messageAttempt.listAttemptedMessages(uid, other.id, { status: 3 });
assert.deepEqual(stands.data.map((one) => one.id), [failing.id]);
assert.equal((await svix.messageAttempt.listAttemptedDestinations(uid, message.id)).data.length, 2);
await svix.messageAttempt.resend(uid, failing.id, other.id);
await until("it was sent again", async () => (await svix.messageAttempt.listByMsg(uid, failing.id, { status: 0 })).data.length);
await refused(501, svix.messageAttempt.expungeContent(uid, failing.id, attempt.id));

await svix.endpoint.rotateSecret(uid, other.id, { gracePeriodSeconds: 60 });
await svix.endpoint.rotateSecret(uid, other.id, { key: secret });
assert.equal((await svix.endpoint.getSecret(uid, other.id)).key, secret);
const task = await svix.endpoint.recover(uid, other.id, { since });
await until("it has ended", async () => (await svix.backgroundTask.get(task.id)).status === "finished");
assert.equal(task.task, "endpoint.recover");
const late = await svix.endpoint.create(uid, { url: `${home}/late`, [types]: ["js.paid"] });
assert.equal((await svix.endpoint.replayMissing(uid, late.id, { since, until: new Date(Date.now() + hour) })).task, "endpoint.replay");
await until("what it missed came", () => got.get("/late"));
const bulk = { since, eventTypes: ["js.paid"], tag: "vip", status: 0, statusCodeClass: 200 };
assert.equal((await svix.endpoint.bulkReplay(uid, late.id, bulk)).task, "endpoint.bulk-replay");
await until("it came once more", () => got.get("/late").length === 2);
assert.ok((await svix.backgroundTask.list()).data.length >= 3);
assert.ok((await svix.endpoint.getStats(uid, other.id, { since })).success >= 1);
const example = await svix.endpoint.sendExample(uid, late.id, { eventType: "js.paid" });
assert.equal(got.get("/late").at(-1).headers["svix-id"], example.id);

await svix.message.expungeContent(uid, message.id);
assert.deepEqual((await svix.message.get(uid, message.id, { withContent: true })).payload, { expired: true });
const portal = await svix.authentication.appPortalAccess(uid, { capabilities: ["ViewBase"], expiry: 3600 });
const customer = new Svix(portal.token, { serverUrl });
assert.equal((await customer.endpoint.list(uid)).data.length, 3);
await refused(403, customer.endpoint.create(uid, { url: `${home}/x` }));
await refused(403, customer.application.list());
await customer.authentication.logout();
await refused(401, customer.endpoint.list(uid));
await svix.authentication.expireAll(uid, {});
await svix.application.delete(uid);
await refused(404, svix.endpoint.list(uid));
console.log("done");
process.exit(0);
