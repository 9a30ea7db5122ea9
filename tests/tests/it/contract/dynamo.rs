use std::sync::Arc;

use shared::aws::dynamo::{
    DynamoDeliveryLog, DynamoEvents, DynamoHooks, DynamoKeys, DynamoSubscriptions, DynamoTenants,
};
use shared::ports::{Clock, ManualClock};
use tests::dynamo::{Dynamo, HOOKS_TABLE, LOGS_TABLE};

use super::{START, Stores};

pub(crate) async fn stores() -> Option<Stores> {
    let dynamo = Dynamo::start().await;
    Some(stores_on(dynamo.client.clone(), Box::new(dynamo)))
}

/// The stores over any client, such as one that counts.
pub(crate) fn stores_on(client: aws_sdk_dynamodb::Client, keep: Box<dyn std::any::Any + Send + Sync>) -> Stores {
    let manual = ManualClock::at(START);
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    Stores {
        clock: manual,
        tenants: Arc::new(DynamoTenants::new(client.clone(), HOOKS_TABLE)),
        keys: Arc::new(DynamoKeys::new(client.clone(), HOOKS_TABLE)),
        hooks: Arc::new(DynamoHooks::new(client.clone(), HOOKS_TABLE)),
        subscriptions: Arc::new(DynamoSubscriptions::new(client.clone(), HOOKS_TABLE)),
        events: Arc::new(DynamoEvents::new(client.clone(), LOGS_TABLE, Arc::clone(&clock))),
        deliveries: Arc::new(DynamoDeliveryLog::new(client, LOGS_TABLE, clock)),
        _keep: keep,
    }
}
