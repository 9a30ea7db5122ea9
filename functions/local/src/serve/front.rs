//! What answers on the socket: the engine's router, or the reason why there is none.

use std::sync::{Arc, PoisonError, RwLock};

use api::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;

#[derive(Clone)]
pub(super) struct Front(Arc<RwLock<Result<Router, &'static str>>>);

impl Front {
    pub(super) fn new() -> Self {
        Self(Arc::new(RwLock::new(Err("the store is being opened"))))
    }

    pub(super) fn open(&self, router: Router) {
        self.set(Ok(router));
    }

    pub(super) fn close(&self, reason: &'static str) {
        self.set(Err(reason));
    }

    fn set(&self, state: Result<Router, &'static str>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let state = front.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    match state {
        Ok(router) => router.oneshot(request).await.into_response(),
        Err(reason) => Problem::unavailable(reason).into_response(),
    }
}
