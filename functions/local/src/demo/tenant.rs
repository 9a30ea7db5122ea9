//! The demo's tenant: hooks that go well, fail, rest and are paused, and deliveries of every kind.

use std::time::Duration;

use anyhow::Context as _;
use contract::ports::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::api::Api;
use super::{Endpoints, PATIENCE, SECRET, TENANT, say};

const POLL: Duration = Duration::from_millis(100);
/// Orders that each of the hooks gets but the first.
const ORDERS: u32 = 6;
/// When an order that is for later goes out.
const LATER: Duration = Duration::from_secs(3_600);
/// What there is of each once the demo can be looked at.
const KINDS: [&str; 6] = ["succeeded", "failed", "retrying", "waiting", "skipped", "pending"];

pub(super) async fn fill(api: &Api, endpoints: &Endpoints, posts: u32) -> anyhow::Result<()> {
    let portal = json!({ "name": "Demo webhooks", "texts": { "help": "This is a demo: change whatever you like." } });
    api.post("/v1/tenants", &json!({ "id": TENANT, "name": "Demo", "portal": portal })).await?;
    for kind in event_types() {
        api.post(&format!("/v1/tenants/{TENANT}/event-types"), &kind).await?;
    }
    let printing = hook(api, json!({
        "name": "The demo's receiver", "url": format!("http://{}/webhooks", endpoints.printing), "events": ["post.*"],
        "retry": { "delays": [1, 5], "jitter": 0 }
    }))
    .await?;
    say("A hook was created; its receiver fails once, so one retry will follow after a second.\n");
    for number in 1..=posts {
        let post = json!({ "post_id": number, "title": format!("Post {number}") });
        publish(api, &json!({ "type": "post.published", "data": post })).await?;
    }
    orders(api, endpoints).await?;
    let log = settled(api, &printing, posts).await?;
    say("The log of the hook, newest first:");
    for delivery in &log {
        say(&format!(
            "   {}  {}  {} attempt(s), last answer {}",
            delivery["event_id"].as_str().unwrap_or_default(),
            delivery["status"].as_str().unwrap_or_default(),
            delivery["attempt_count"],
            delivery["last_attempt"]["status_code"],
        ));
    }
    Ok(())
}

fn event_types() -> [Value; 4] {
    let order = json!({
        "type": "object",
        "required": ["order_id", "total", "currency"],
        "properties": {
            "order_id": { "type": "integer", "description": "Yours" },
            "total": { "type": "number", "minimum": 0 },
            "currency": { "type": "string", "enum": ["EUR", "USD"] }
        }
    });
    let example = json!({ "order_id": 1, "total": 19.5, "currency": "EUR" });
    let post = json!({
        "type": "object",
        "required": ["post_id"],
        "properties": { "post_id": { "type": "integer" }, "title": { "type": "string" } }
    });
    [
        json!({ "name": "post.published", "description": "A post went out", "schema": post,
            "example": { "post_id": 1, "title": "Hello" } }),
        json!({ "name": "order.created", "description": "A customer ordered", "schema": order, "example": example }),
        json!({ "name": "order.paid", "description": "An order was paid", "schema": order, "example": example }),
        json!({ "name": "order.closed", "description": "Use order.paid", "schema": order, "example": example,
            "deprecated": true }),
    ]
}

/// Hooks that get orders, each faring in a way of its own.
async fn orders(api: &Api, endpoints: &Endpoints) -> anyhow::Result<()> {
    let taking = |path: &str| format!("http://{}{path}", endpoints.taking);
    let failing = |path: &str| format!("http://{}{path}", endpoints.failing);
    let all = json!(["order.*"]);
    hook(api, json!({ "name": "Billing", "url": taking("/billing"), "events": all })).await?;
    hook(
        api,
        json!({ "name": "Orders in dollars", "url": taking("/dollars"), "events": all,
        "filter": { "currency": ["USD"] } }),
    )
    .await?;
    let shop = hook(
        api,
        json!({ "name": "Shop", "url": failing("/shop"), "events": all, "retry": { "delays": [] },
        "circuit_breaker": { "failures": 0 } }),
    )
    .await?;
    hook(
        api,
        json!({ "name": "CRM", "url": failing("/crm"), "events": all, "retry": { "delays": [3_600, 7_200] },
        "circuit_breaker": { "failures": 3, "probe_after": 600 } }),
    )
    .await?;
    let warehouse = hook(api, json!({ "name": "Warehouse", "url": taking("/warehouse"), "events": all })).await?;
    let former = hook(
        api,
        json!({ "name": "Former warehouse", "url": taking("/former"), "events": all,
        "while_paused": { "deliveries": "skip" } }),
    )
    .await?;
    for paused in [warehouse, former] {
        api.patch(&format!("/v1/tenants/{TENANT}/hooks/{paused}"), &json!({ "enabled": false })).await?;
    }
    for number in 1..=ORDERS {
        let currency = if number % 3 == 0 { "USD" } else { "EUR" };
        let order = json!({ "order_id": number, "total": f64::from(number) * 9.5, "currency": currency });
        publish(api, &json!({ "id": format!("order-{number}"), "type": "order.paid", "data": order })).await?;
    }
    let later = SystemClock.now().saturating_add(LATER);
    let order = json!({ "order_id": ORDERS + 1, "total": 5, "currency": "EUR" });
    publish(api, &json!({ "type": "order.created", "data": order, "deliver_at": later.to_string() })).await?;
    propose(api, &shop).await?;
    for kind in KINDS {
        let path = format!("/v1/tenants/{TENANT}/deliveries?status={kind}&limit=1");
        until(async || Ok(api.get(&path).await?["items"].as_array().is_some_and(|items| !items.is_empty()))).await?;
    }
    Ok(())
}

/// A plan that waits for somebody to approve it.
async fn propose(api: &Api, shop: &str) -> anyhow::Result<()> {
    let plan = json!({
        "title": "Retry deliveries to “Shop” for an hour",
        "change": { "kind": "hook", "hook": shop, "patch": { "retry": { "delays": [60, 600, 3_000], "jitter": 0.1 } } },
        "evidence": [{ "name": "deliveries that failed at the first attempt", "value": ORDERS,
            "source": format!("/v1/tenants/{TENANT}/counts?hook={shop}&group_by=code") }],
        "impact": { "text": "Deliveries of a short outage arrive when it ends.",
            "numbers": [{ "name": "retries last", "before": 0, "after": 61, "unit": "min" }] },
        "proposed_by": "the demo",
    });
    api.post(&format!("/v1/tenants/{TENANT}/plans"), &plan).await.map(drop)
}

/// Makes a hook, and says its id.
async fn hook(api: &Api, mut hook: Value) -> anyhow::Result<String> {
    hook["secret"] = json!(SECRET);
    let hook = api.post(&format!("/v1/tenants/{TENANT}/hooks"), &hook).await?;
    Ok(hook["id"].as_str().context("the hook has no id")?.to_owned())
}

async fn publish(api: &Api, event: &Value) -> anyhow::Result<()> {
    api.post(&format!("/v1/tenants/{TENANT}/events"), event).await.map(drop)
}

async fn settled(api: &Api, hook: &str, events: u32) -> anyhow::Result<Vec<Value>> {
    let path = format!("/v1/tenants/{TENANT}/hooks/{hook}/deliveries?limit=100");
    let mut items = Vec::new();
    until(async || {
        items = api.get(&path).await?["items"].as_array().cloned().unwrap_or_default();
        let done = items.iter().filter(|delivery| delivery["status"] == "succeeded").count();
        Ok(done >= events.min(100) as usize)
    })
    .await?;
    Ok(items)
}

async fn until(mut condition: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let met = async {
        while !condition().await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, met).await.context("the deliveries did not arrive in time")?
}
