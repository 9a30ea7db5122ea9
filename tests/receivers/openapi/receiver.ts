// What a receiver does with the types that openapi-typescript and @hey-api/openapi-ts make of the webhooks of a tenant,
// and of Hookline's own. It is compiled, and not run.

import type { webhooks as Own } from "./own";
import type { OrderPaid } from "./shop/types.gen";
import type { HookFailingEvent } from "./own/types.gen";
import type { components, webhooks } from "./shop.d";

type Paid = webhooks["order.paid"]["post"]["requestBody"]["content"]["application/json"];
type Failing = Own["hook.failing"]["post"]["requestBody"]["content"]["application/json"];
type Headers = webhooks["order.paid"]["post"]["parameters"]["header"];

export function received(body: Paid, headers: Headers): string {
  const type: "order.paid" = body.type;
  const line: components["schemas"]["OrderPaidDataLine"] | undefined = body.data.lines[0];
  // @ts-expect-error There is no such field.
  body.data.price;
  return `${type} ${body.data.id + 1} ${line?.sku} ${headers["webhook-signature"]}`;
}

export const same = (body: OrderPaid): string => body.data.lines[0]?.sku ?? body.timestamp;

export function failing(body: Failing & HookFailingEvent): number {
  return body.data.consecutive_failures;
}
