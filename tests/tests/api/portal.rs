//! How customers get into a portal, and out of it.

mod branding;
mod entering;
mod sessions;

use serde_json::{Value, json};
use tests::world::{Reply, World};

const LINKS: &str = "/v1/tenants/acme/portal-links";
const SESSIONS: &str = "/v1/tenants/acme/portal-sessions";
const OWN: &str = "/v1/portal/session";

async fn link(world: &World, asked: Value) -> Value {
    world.post(LINKS, asked).await.expect(201).json()
}

async fn exchange(world: &World, code: &str) -> Reply {
    world.call("POST", "/v1/portal/sessions", None, json!({ "code": code }).to_string()).await
}

/// A session of a link, as it was answered.
async fn session(world: &World, asked: Value) -> Value {
    let link = link(world, asked).await;
    exchange(world, link["code"].as_str().unwrap()).await.expect(201).json()
}

fn token(session: &Value) -> Option<&str> {
    session["token"].as_str()
}
