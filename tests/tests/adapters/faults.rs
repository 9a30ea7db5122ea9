//! What the adapters make of a service that fails: the SDK's tries included,
//! between each client and its emulator stands a proxy that says how.

mod ambiguous;
mod bounds;
mod partial;
mod silence;
mod stages;

use tests::dynamo::{Dynamo, client_of};
use tests::faults::FaultyProxy;

use crate::suite::Stores;
use crate::suite::dynamo::stores_on;

/// Stores that reach their database through a proxy.
async fn faulty_stores() -> (FaultyProxy, Stores) {
    let dynamo = Dynamo::start().await;
    let proxy = FaultyProxy::start(&dynamo.endpoint).await;
    let stores = stores_on(client_of(&proxy.endpoint), Box::new(dynamo));
    (proxy, stores)
}
