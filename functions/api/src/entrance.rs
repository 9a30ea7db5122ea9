//! What every request passes before a route is chosen for it. It is one service: each layer of a
//! router costs every request a copy of all that is below it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use contract::runner::panic_text;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tower::{Layer, Service};

use crate::problem::Problem;
use crate::{MAX_BODY_BYTES, audited, path_check, request_check};

type Routes = <DefaultBodyLimit as Layer<Router>>::Service;

/// The API, and what is served beside it.
#[derive(Clone)]
pub struct Entrance {
    routes: Routes,
    others: Option<Router>,
}

impl Entrance {
    pub(crate) fn new(routes: Router) -> Self {
        Self { routes: DefaultBodyLimit::max(MAX_BODY_BYTES).layer(routes), others: None }
    }

    /// With others, which get what is none of the API's. They have the API among them.
    #[must_use]
    pub fn beside(self, others: Router) -> Self {
        Self { others: Some(others), ..self }
    }

    pub fn into_router(self) -> Router {
        Router::new().fallback_service(self)
    }
}

impl Service<Request> for Entrance {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    /// Routers are always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Nobody else has a route there, and most requests publish.
        let is_surely_ours = request.uri().path().starts_with("/v1/tenants/");
        match &mut self.others {
            Some(others) if !is_surely_ours => Box::pin(others.call(request)),
            _ => {
                let routes = self.routes.clone();
                Box::pin(async move { Ok(answer(routes, request).await) })
            }
        }
    }
}

async fn answer(mut routes: Routes, mut request: Request) -> Response {
    path_check::write_plainly(&mut request);
    if !path_check::could_be_a_route(request.uri().path()) {
        return Problem::not_found("route").into_response();
    }
    let repeated = request_check::repeated_headers(request.headers());
    if !repeated.is_empty() {
        return Problem::invalid(StatusCode::BAD_REQUEST, repeated).into_response();
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let routed = AssertUnwindSafe(async { routes.call(request).await });
    match audited::scope(routed.catch_unwind()).await {
        Ok(Ok(response)) => response,
        Err(cause) => {
            // Without its query, which may hold what nobody should read.
            let (path, error) = (uri.path(), panic_text(cause.as_ref()));
            tracing::error!(
                %method, path, error,
                "{method} {path} is answered with 500, for an error in the program: {error}"
            );
            Problem::internal().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(service: &Entrance, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let Ok(response) = service.clone().oneshot(request).await;
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().into()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_costs_its_request_and_tells_nothing() {
        let broken = get(async || -> &'static str { panic!("about the inside") });
        let entrance = Entrance::new(Router::new().route("/broken", broken).route("/whole", get(async || "whole")));
        let (status, body) = asked(&entrance, "/broken").await;
        assert!(status == 500 && !body.contains("inside"), "{body}");
        assert!(body.contains(r#""code":"internal""#), "{body}");
        assert_eq!(asked(&entrance, "/who%6ce").await, (200, "whole".to_owned()));
        assert_eq!(asked(&entrance, "/a/../whole").await.0, 404);
    }

    #[tokio::test]
    async fn what_is_below_the_tenants_is_the_apis_and_all_else_goes_by_the_others() {
        let api = Entrance::new(Router::new().fallback(async || "api"));
        let others = Router::new().route("/page", get(async || "page")).fallback_service(api.clone());
        let served = api.beside(others);
        for (path, answer) in
            [("/page", "page"), ("/v1/tenants/acme/events", "api"), ("/v1/tenants", "api"), ("/v1/audit", "api")]
        {
            assert_eq!(asked(&served, path).await, (200, answer.to_owned()), "{path}");
        }
    }
}
