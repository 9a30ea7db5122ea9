// What a program does with openapi-fetch and the types that openapi-typescript makes. Prints `done` at its end.

import createClient from "openapi-fetch";
import type { components, paths } from "./api";

declare const process: { argv: string[] };
const [baseUrl, operator, url] = process.argv.slice(2) as [string, string, string];
const { GET, POST } = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${operator}` } });

function need<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function main() {
  const tenant = "typed-ts";
  const params = { path: { tenant } };
  need(await POST("/v1/tenants", { body: { id: tenant } }));
  const settings: components["schemas"]["NewHook"] = { url, events: ["post.*"], headers: [{ name: "x-a", value: "b" }] };
  const hook = need(await POST("/v1/tenants/{tenant}/hooks", { params, body: settings }));
  const hooks = need(await GET("/v1/tenants/{tenant}/hooks", { params }));
  if (!hooks.items.some((one) => "url" in one && one.id === hook.id)) throw new Error("the hook is not in the list");
  const body = { type: "post.published", data: { title: "Hello" } };
  const event = need(await POST("/v1/tenants/{tenant}/events", { params, body }));
  for (let n = 0; n < 600; n++) {
    const of = { params: { path: { tenant, event: event.id } } };
    // The event is found once it has been fanned out; until then the answer is a refusal.
    const { data: deliveries } = await GET("/v1/tenants/{tenant}/events/{event}/deliveries", of);
    const [listed] = deliveries?.items ?? [];
    if (listed && "status" in listed && listed.status === "succeeded") {
      const one = { params: { path: { tenant, delivery: listed.id } } };
      const delivery = need(await GET("/v1/tenants/{tenant}/deliveries/{delivery}", one));
      if (delivery.attempts.length !== 1) throw new Error("there was one attempt");
      console.log("done");
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("waited in vain for the delivery");
}

main();
