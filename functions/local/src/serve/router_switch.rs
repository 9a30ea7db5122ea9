//! What answers on the socket: all that the engine serves, or the reason why there is nothing.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use api::{Entrance, Problem};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::future::{BoxFuture, Either};
use tower::Service;

#[derive(Clone)]
pub(super) struct RouterSwitch(Arc<RwLock<Result<Entrance, &'static str>>>);

impl RouterSwitch {
    pub(super) fn new() -> Self {
        Self(Arc::new(RwLock::new(Err("the store is being opened"))))
    }

    pub(super) fn open(&self, served: Entrance) {
        self.set(Ok(served));
    }

    pub(super) fn close(&self, reason: &'static str) {
        self.set(Err(reason));
    }

    fn set(&self, state: Result<Entrance, &'static str>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Service<Request> for RouterSwitch {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<BoxFuture<'static, Result<Response, Infallible>>, Ready<Result<Response, Infallible>>>;

    /// What is served is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match state {
            Ok(mut served) => Either::Left(served.call(request)),
            Err(_) if console::wants_page(request.headers()) => Either::Right(ready(Ok(console::unavailable()))),
            Err(reason) => Either::Right(ready(Ok(Problem::unavailable(reason).into_response()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn browsers_get_a_page_and_programs_a_problem_where_there_is_no_store() {
        let switch = RouterSwitch::new();
        for (accept, kind) in [("text/html,*/*", "text/html; charset=utf-8"), ("*/*", "application/problem+json")] {
            let request = Request::get("/portal/hooks").header("accept", accept).body(Body::empty()).unwrap();
            let response = switch.clone().call(request).await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["content-type"], kind);
        }
    }
}
