//! Checks against JSON Schemas, those that take long aside from everything else.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use axum::http::StatusCode;
use domain::payload::Json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::ValidationBudget;
use crate::problem::{FieldError, Problem};
use crate::schema::{Schema, Schemas};

#[derive(Clone)]
pub(crate) struct Validator {
    schemas: Arc<Schemas>,
    /// For checks that take long: whoever asks for much waits for its own kind
    /// only, and leaves processors to all others.
    benches: Arc<Semaphore>,
    /// For schemas that are not known yet, which takes less, and once.
    compiler: Arc<Semaphore>,
}

impl Default for Validator {
    fn default() -> Self {
        let benches = available_parallelism().map_or(1, NonZero::get).div_ceil(2);
        Self {
            schemas: Arc::default(),
            benches: Arc::new(Semaphore::new(benches)),
            compiler: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Validator {
    /// The schema with this text, or what is wrong with it.
    pub(crate) async fn compiled(&self, text: &Json) -> Result<Result<Arc<Schema>, Vec<FieldError>>, Problem> {
        if let Some(known) = self.schemas.known(text.get()) {
            return Ok(Ok(known));
        }
        let (schemas, text) = (Arc::clone(&self.schemas), text.clone());
        aside(&self.compiler, move || schemas.get(text.get())).await
    }

    /// Refuses data that violates the schema, and data that takes more work to
    /// be checked than is left.
    pub(crate) async fn comply(
        &self,
        schema: Arc<Schema>,
        field: &'static str,
        data: Json,
        budget: &mut ValidationBudget,
    ) -> Result<(), Problem> {
        let wrong = |error: FieldError| Problem::bad_body(vec![error]);
        let weighed = if budget.grants_at_once(data.get().len() as u64) {
            schema.weigh(field, data.get())
        } else {
            let schema = Arc::clone(&schema);
            aside(&self.benches, move || schema.weigh(field, data.get())).await?
        };
        let weighed = weighed.map_err(wrong)?;
        if !budget.grants(weighed.steps) {
            let message = "takes more work to check than is left to this request; send it in another request";
            return Err(Problem::invalid(StatusCode::PAYLOAD_TOO_LARGE, vec![FieldError::new(field, message)]));
        }
        let judged = if budget.grants_at_once(weighed.steps) {
            schema.judge(field, &weighed)
        } else {
            aside(&self.benches, move || schema.judge(field, &weighed)).await?
        };
        judged.map_err(Problem::bad_body)
    }
}

/// Does what takes long where nobody else waits for it.
async fn aside<T: Send + 'static>(
    benches: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let bench = Arc::clone(benches).acquire_owned().await.expect("the benches are never closed");
    let work = move || {
        // Kept until it is done, even when the request is given up.
        let _bench = bench;
        work()
    };
    spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a check against a schema did not end");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use futures::FutureExt as _;

    use super::*;

    /// A check that may take millions of steps by its bound, and few in truth.
    const NASTY: &str = r#"{"anyOf":[true,{"pattern":"^(ab){500}$"},{"pattern":"^(cd){500}$"}]}"#;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    fn text(length: usize) -> Json {
        json(&format!(r#""{}""#, "x".repeat(length)))
    }

    fn occupied(benches: &Arc<Semaphore>) -> impl Drop {
        let all = u32::try_from(benches.available_permits()).unwrap();
        Arc::clone(benches).try_acquire_many_owned(all).unwrap()
    }

    #[tokio::test]
    async fn what_takes_long_leaves_the_thread_of_its_request() {
        let validator = Validator::default();
        assert_ne!(aside(&validator.benches, || thread::current().id()).await.unwrap(), thread::current().id());
    }

    #[tokio::test]
    async fn a_check_that_takes_long_waits_for_its_own_kind_and_a_cheap_one_does_not() {
        let validator = Validator::default();
        let (nasty, usual) = (json(NASTY), json(r#"{"type":"object","required":["id"]}"#));
        let [nasty, usual] =
            [validator.compiled(&nasty).await, validator.compiled(&usual).await].map(|schema| schema.unwrap().unwrap());
        let mut allowances = [(); 3].map(|()| ValidationBudget::default());
        let [first, second, third] = &mut allowances;
        let benches = occupied(&validator.benches);
        let mut long = [
            Box::pin(validator.comply(nasty, "data", text(4_000), first)),
            Box::pin(validator.comply(Arc::clone(&usual), "data", text(60_000), second)),
        ];
        for check in &mut long {
            assert!(check.as_mut().now_or_never().is_none(), "it is done on the spot");
        }
        let cheap = validator.comply(Arc::clone(&usual), "data", json(r#"{"id":1}"#), third);
        assert!(cheap.now_or_never().unwrap().is_ok());
        let unknown = json(r#"{"type":"array"}"#);
        assert!(validator.compiled(&unknown).await.unwrap().is_ok(), "nor does one whose schema is new");
        drop(benches);
        let [nasty, large] = long;
        assert!(nasty.await.is_ok());
        assert_eq!(large.await.unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn many_cheap_checks_of_one_request_make_way_for_others() {
        let validator = Validator::default();
        let usual = validator.compiled(&json(r#"{"type":"string"}"#)).await.unwrap().unwrap();
        let _benches = occupied(&validator.benches);
        let batch = async {
            let mut budget = ValidationBudget::default();
            for _ in 0..100 {
                validator.comply(Arc::clone(&usual), "data", text(2_000), &mut budget).await.unwrap();
            }
        };
        assert!(Box::pin(batch).as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_schema_is_compiled_aside() {
        let validator = Validator::default();
        let benches = occupied(&validator.compiler);
        let schema = json(NASTY);
        assert!(validator.compiled(&schema).now_or_never().is_none());
        drop(benches);
        assert!(validator.compiled(&schema).await.unwrap().is_ok());
        assert!(validator.compiled(&schema).now_or_never().is_some(), "it is known now");
    }

    #[tokio::test]
    async fn all_checks_of_a_request_share_one_allowance_and_the_next_request_has_its_own() {
        let validator = Validator::default();
        let nasty = validator.compiled(&json(NASTY)).await.unwrap().unwrap();
        let check = async |budget: &mut ValidationBudget| {
            validator.comply(Arc::clone(&nasty), "data", text(60_000), budget).await
        };
        let (mut budget, mut taken) = (ValidationBudget::default(), 0);
        let refused = loop {
            match check(&mut budget).await {
                Ok(()) => taken += 1,
                Err(problem) => break problem,
            }
            assert!(taken < 100, "a batch has a hundred events");
        };
        assert!(taken > 1);
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(refused.detail().contains("another request"), "{}", refused.detail());
        assert!(check(&mut ValidationBudget::default()).await.is_ok());
    }
}
