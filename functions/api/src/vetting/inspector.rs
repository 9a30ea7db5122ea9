//! Checks against JSON Schemas, those that take long aside from everything else.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use axum::http::StatusCode;
use domain::payload::Json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Allowance;
use crate::problem::{FieldError, Problem};
use crate::schema::{Schema, Schemas};

#[derive(Clone)]
pub(crate) struct Inspector {
    schemas: Arc<Schemas>,
    /// For checks that take long: whoever asks for much waits for its own kind
    /// only, and leaves processors to all others.
    benches: Arc<Semaphore>,
    /// For schemas that are not known yet, which takes less, and once.
    compiler: Arc<Semaphore>,
}

impl Default for Inspector {
    fn default() -> Self {
        let benches = available_parallelism().map_or(1, NonZero::get).div_ceil(2);
        Self {
            schemas: Arc::default(),
            benches: Arc::new(Semaphore::new(benches)),
            compiler: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Inspector {
    /// The schema with this text, or what is wrong with it.
    pub(crate) async fn compiled(&self, text: &Json) -> Result<Result<Arc<Schema>, FieldError>, Problem> {
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
        allowance: &mut Allowance,
    ) -> Result<(), Problem> {
        let wrong = |error: FieldError| Problem::bad_body(vec![error]);
        let weighed = if allowance.grants_at_once(data.get().len() as u64) {
            schema.weigh(field, data.get())
        } else {
            let schema = Arc::clone(&schema);
            aside(&self.benches, move || schema.weigh(field, data.get())).await?
        };
        let weighed = weighed.map_err(wrong)?;
        if !allowance.grants(weighed.steps) {
            let message = "takes more work to check than is left to this request; send it in another request";
            return Err(Problem::invalid(StatusCode::PAYLOAD_TOO_LARGE, vec![FieldError::new(field, message)]));
        }
        let judged = if allowance.grants_at_once(weighed.steps) {
            schema.judge(field, &weighed)
        } else {
            aside(&self.benches, move || schema.judge(field, &weighed)).await?
        };
        judged.map_err(wrong)
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
        let inspector = Inspector::default();
        assert_ne!(aside(&inspector.benches, || thread::current().id()).await.unwrap(), thread::current().id());
    }

    #[tokio::test]
    async fn a_check_that_takes_long_waits_for_its_own_kind_and_a_cheap_one_does_not() {
        let inspector = Inspector::default();
        let (nasty, usual) = (json(NASTY), json(r#"{"type":"object","required":["id"]}"#));
        let [nasty, usual] =
            [inspector.compiled(&nasty).await, inspector.compiled(&usual).await].map(|schema| schema.unwrap().unwrap());
        let mut allowances = [(); 3].map(|()| Allowance::default());
        let [first, second, third] = &mut allowances;
        let benches = occupied(&inspector.benches);
        let mut long = [
            Box::pin(inspector.comply(nasty, "data", text(4_000), first)),
            Box::pin(inspector.comply(Arc::clone(&usual), "data", text(60_000), second)),
        ];
        for check in &mut long {
            assert!(check.as_mut().now_or_never().is_none(), "it is done on the spot");
        }
        let cheap = inspector.comply(Arc::clone(&usual), "data", json(r#"{"id":1}"#), third);
        assert!(cheap.now_or_never().unwrap().is_ok());
        let unknown = json(r#"{"type":"array"}"#);
        assert!(inspector.compiled(&unknown).await.unwrap().is_ok(), "nor does one whose schema is new");
        drop(benches);
        let [nasty, large] = long;
        assert!(nasty.await.is_ok());
        assert_eq!(large.await.unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn many_cheap_checks_of_one_request_make_way_for_others() {
        let inspector = Inspector::default();
        let usual = inspector.compiled(&json(r#"{"type":"string"}"#)).await.unwrap().unwrap();
        let _benches = occupied(&inspector.benches);
        let batch = async {
            let mut allowance = Allowance::default();
            for _ in 0..100 {
                inspector.comply(Arc::clone(&usual), "data", text(2_000), &mut allowance).await.unwrap();
            }
        };
        assert!(Box::pin(batch).as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_schema_is_compiled_aside() {
        let inspector = Inspector::default();
        let benches = occupied(&inspector.compiler);
        let schema = json(NASTY);
        assert!(inspector.compiled(&schema).now_or_never().is_none());
        drop(benches);
        assert!(inspector.compiled(&schema).await.unwrap().is_ok());
        assert!(inspector.compiled(&schema).now_or_never().is_some(), "it is known now");
    }

    #[tokio::test]
    async fn all_checks_of_a_request_share_one_allowance_and_the_next_request_has_its_own() {
        let inspector = Inspector::default();
        let nasty = inspector.compiled(&json(NASTY)).await.unwrap().unwrap();
        let check = async |allowance: &mut Allowance| {
            inspector.comply(Arc::clone(&nasty), "data", text(60_000), allowance).await
        };
        let (mut allowance, mut taken) = (Allowance::default(), 0);
        let refused = loop {
            match check(&mut allowance).await {
                Ok(()) => taken += 1,
                Err(problem) => break problem,
            }
            assert!(taken < 100, "a batch has a hundred events");
        };
        assert!(taken > 1);
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(refused.detail().contains("another request"), "{}", refused.detail());
        assert!(check(&mut Allowance::default()).await.is_ok());
    }
}
