//! What answers on the socket: the engine's router, or the reason why there is none.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use api::Problem;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::future::RouteFuture;
use futures::future::Either;
use tower::Service;

#[derive(Clone)]
pub(super) struct RouterSwitch(Arc<RwLock<Result<Router, &'static str>>>);

impl RouterSwitch {
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
}

impl Service<Request> for RouterSwitch {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Ready<Result<Response, Infallible>>>;

    /// A router is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match state {
            Ok(mut router) => Either::Left(router.call(request)),
            Err(reason) => Either::Right(ready(Ok(Problem::unavailable(reason).into_response()))),
        }
    }
}
