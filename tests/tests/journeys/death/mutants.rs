//! The checks themselves, tried on pipelines that break a promise.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{
    DeliveryLog, Expected, HttpRequest, HttpResult, HttpSender, Listed, LogFilter, Page, SendFault, StoreResult,
    TimeRange,
};
use domain::delivery::{Attempt, Delivery};
use domain::ids::{DeliveryId, EventSeq, HookId, TenantId};

use super::scenario::Scenario;
use super::{FAILURE, event, ladder, verdict};

/// Says that it wrote, and did not.
struct ForgetfulLog(Arc<dyn DeliveryLog>);

#[async_trait]
impl DeliveryLog for ForgetfulLog {
    async fn record(&self, _: &Delivery, _: Expected) -> StoreResult<()> {
        Ok(())
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.0.get(tenant, id).await
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        self.0.attempts(delivery).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        filter: &LogFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Delivery>>> {
        self.0.list(tenant, hook, filter, limit, cursor).await
    }

    async fn failed(
        &self,
        tenant: &TenantId,
        hook: HookId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        self.0.failed(tenant, hook, times, limit, cursor).await
    }

    async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()> {
        self.0.delete(deliveries).await
    }

    async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()> {
        self.0.delete_unreadable(tenant, id).await
    }
}

/// Sends everything twice.
struct StutteringSender(Arc<dyn HttpSender>);

#[async_trait]
impl HttpSender for StutteringSender {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        self.0.send(request.clone()).await?;
        self.0.send(request).await
    }
}

#[tokio::test]
async fn a_log_that_forgets_is_found_out() {
    let scenario = Scenario::new([ladder(&[])], [event()]);
    let run = scenario.run_with(|engine| engine.deliver.log = Arc::new(ForgetfulLog(Arc::clone(&engine.deliver.log))));
    let broken = verdict::check(&run.await, &scenario, 0).await.unwrap_err();
    assert!(broken.contains(r#"a delivery is "pending""#), "{broken}");
}

#[tokio::test]
async fn a_sender_that_sends_twice_is_found_out() {
    let scenario = Scenario::new([ladder(&[])], [event()]);
    let run = scenario
        .run_with(|engine| engine.deliver.sender = Arc::new(StutteringSender(Arc::clone(&engine.deliver.sender))));
    let broken = verdict::check(&run.await, &scenario, 0).await.unwrap_err();
    assert_eq!(broken, "1 requests are not in the log, 0 may be");
}

#[tokio::test]
async fn a_retry_before_its_time_is_found_out() {
    let mut scenario = Scenario::new([ladder(&[FAILURE])], [event()]);
    let run = scenario.run_with(|_| {}).await;
    scenario.plans[0].delays[0] += 1;
    let broken = verdict::check(&run, &scenario, 0).await.unwrap_err();
    assert!(broken.contains("due at"), "{broken}");
}

#[tokio::test]
async fn a_retry_beyond_the_schedule_is_found_out() {
    let mut scenario = Scenario::new([ladder(&vec![FAILURE; 10])], [event()]);
    let run = scenario.run_with(|_| {}).await;
    scenario.plans[0].delays.pop();
    let broken = verdict::check(&run, &scenario, 0).await.unwrap_err();
    assert_eq!(broken, "3 attempts where 2 are the most");
}
