//! The checks themselves, tried on pipelines that break a promise.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{
    DeliveryLog, DeliveryLogLayer, Expected, HttpRequest, HttpResult, HttpSender, SendFault, StoreResult,
};
use domain::delivery::Delivery;

use super::scenario::Scenario;
use super::{FAILURE, event, ladder, verdict};

/// Says that it wrote, and did not.
struct ForgetfulLog(Arc<dyn DeliveryLog>);

#[async_trait]
impl DeliveryLogLayer for ForgetfulLog {
    fn below(&self) -> &dyn DeliveryLog {
        self.0.as_ref()
    }

    async fn record(&self, _: &Delivery, _: Expected) -> StoreResult<()> {
        Ok(())
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
