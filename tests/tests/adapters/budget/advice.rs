use std::sync::Arc;

use contract::jobs::{Advise, Job, JobMessage};
use contract::stage::Outcome;

use super::stages::{Stages, message};
use crate::suite::samples::tenant_id;

async fn advise(stages: &Stages) {
    let foundation = stages.stores.foundation().cached();
    let resolved = foundation.resolved(Arc::clone(&foundation.hooks), "standard".parse().unwrap());
    let queues = requeue::Queues {
        events: stages.deliveries.clone(),
        retries: stages.retries.clone(),
        redeliveries: stages.deliveries.clone(),
    };
    let deps = requeue::Deps::new(&foundation, Arc::new(resolved), Arc::new(foundation.circuits()), queues);
    let job = JobMessage::new(&tenant_id("acme"), Job::Advise(Advise::default()));
    assert!(matches!(requeue::handle(&deps, message("m", job.to_outgoing(None).body)).await, Outcome::Done));
}

#[tokio::test]
async fn the_daily_look_at_a_tenant_reads_counts_and_costs_the_same_however_much_was_sent() {
    let stages = Stages::new().await;
    let deps = stages.deliver(200);
    let mut costs = Vec::new();
    for round in 0..2 {
        for number in 0..10 * (1 + round * 5) {
            stages.fan_out(&format!("evt-{round}-{number}")).await;
        }
        for outgoing in stages.deliveries.take().1 {
            deliver::handle(&deps, message("m", outgoing.body)).await;
        }
        // What nobody has counted yet is counted by whoever asks first.
        stages.stores.clock.advance(std::time::Duration::from_secs(3_600));
        advise(&stages).await;
        stages.meter.reset();
        advise(&stages).await;
        let cost = stages.meter.reset();
        costs.push((cost.read_calls, cost.write_calls));
    }
    assert_eq!(costs, [(43, 0), (43, 0)], "a query for each of 31 days, and what is known of the tenant and its hooks");
}
