// What a program does with the client that @hey-api/openapi-ts makes: a tenant and its key as the operator, then a hook,
// an event and its delivery as the tenant, with Basic. Prints `done` at its end.

import { createClient, createConfig } from "./hey/client";
import { eventsListDeliveries, deliveriesGet, eventsPublish, hooksCreate, hooksList, keysCreate, tenantsCreate } from "./hey";

declare const process: { argv: string[] };
const [baseUrl, operator, url] = process.argv.slice(2) as [string, string, string];

export function check(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

async function main() {
  const tenant = "generated-ts";
  const boss = createClient(createConfig({ baseUrl, auth: (one) => (one.scheme === "bearer" ? operator : undefined) }));
  await tenantsCreate({ client: boss, body: { id: tenant }, throwOnError: true });
  const key = await keysCreate({ client: boss, path: { tenant }, body: { scope: "tenant" }, throwOnError: true });
  const basic = `${tenant}:${key.data.key}`;
  const client = createClient(createConfig({ baseUrl, auth: (one) => (one.scheme === "basic" ? basic : undefined) }));

  const refused = await hooksCreate({ client, path: { tenant }, body: { url: "nowhere", events: ["*"] } });
  check(refused.error?.status === 422, `a refusal is a problem: ${JSON.stringify(refused.error)}`);
  check(refused.error.errors?.some((one) => one.field === "url"), `it names the field: ${JSON.stringify(refused.error)}`);

  const hook = await hooksCreate({
    client,
    path: { tenant },
    headers: { "Idempotency-Key": "once" },
    body: { url, events: ["post.*"], auth: { type: "basic", username: "me", password: "secret" } },
    throwOnError: true,
  });
  check(hook.data.auth.type === "basic" && hook.data.auth.username === "me", "the kind of auth tells its fields");
  const { data: hooks } = await hooksList({ client, path: { tenant }, throwOnError: true });
  const [first] = hooks.items;
  check(hooks.total === 1 && first && "url" in first && first.url === url, "the hook is in the list");

  const body = { type: "post.published", data: { title: "Hello" } };
  const { data: event } = await eventsPublish({ client, path: { tenant }, body, throwOnError: true });
  for (let n = 0; n < 600; n++) {
    // The event is found once it has been fanned out; until then the answer is a refusal.
    const { data: deliveries } = await eventsListDeliveries({ client, path: { tenant, event: event.id } });
    const [listed] = deliveries?.items ?? [];
    if (listed && "status" in listed && listed.status === "succeeded") {
      const path = { tenant, delivery: listed.id };
      const { data: delivery } = await deliveriesGet({ client, path, throwOnError: true });
      const [attempt] = delivery.attempts;
      check(attempt && "at" in attempt && !Number.isNaN(Date.parse(attempt.at)), "the attempt says when it was");
      console.log("done");
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  check(false, "waited in vain for the delivery");
}

main();
