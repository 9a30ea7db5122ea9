//! Counts what happened, so that whoever asks for counts finds most of it counted.
//!
//! Little at a time: while much is sent, counting must not slow it down, and catches up
//! afterwards or when somebody asks.

use std::time::Duration;

use contract::ports::{Clock as _, StoreResult};
use contract::stage::causes;
use domain::ids::TenantId;
use domain::time::Hour;

use crate::engine::Engine;

const EVERY: Duration = Duration::from_secs(10);
/// Rows that are counted each time, in thousands: of one tenant, and of all.
const STEPS_OF_TENANT: usize = 10;
const STEPS: usize = 50;
/// Tenants that are looked up at once.
const PAGE: usize = 100;

/// Counts as long as the engine runs.
pub async fn count(engine: Engine) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = round(&engine).await {
            tracing::warn!(error = %causes(&error), "deliveries were not counted; they are when somebody asks");
        }
    }
}

/// The tenants of this hour, and those of the last one, of which a rest may be left.
async fn round(engine: &Engine) -> StoreResult<()> {
    let now = engine.clock.now();
    let mut steps_left = STEPS;
    for hour in [Hour::of(now), Hour(Hour::of(now).0 - 1)] {
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = engine.api.activity.active_tenants(hour, PAGE, after.as_ref()).await?;
            for tenant in &tenants {
                for _ in 0..STEPS_OF_TENANT {
                    if engine.api.counts.settle(tenant, 1).await? {
                        break;
                    }
                    steps_left -= 1;
                    if steps_left == 0 {
                        return Ok(());
                    }
                    tokio::task::yield_now().await;
                }
            }
            if tenants.len() < PAGE {
                break;
            }
            after = tenants.last().cloned();
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
