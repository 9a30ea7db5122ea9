//! Pages: a portal for customers, a console for operators.
//!
//! - **In:** requests of browsers, with a cookie that holds what the API gave: a portal
//!   session's token, or an operator's key that was made for the visit.
//! - **Out:** calls of the API in this process with just that token; HTML.
//! - **Promise:** a page shows and does what the API lets its visitor see and do. There is no
//!   store here, no secret, and no other way in.

mod api;
mod assets;
mod components;
mod cookies;
mod failure;
mod headers;
mod operators;
mod page;
mod portal;
mod query;
mod reader;
mod same_origin;
mod statistics;
mod table;
mod texts;
mod visit;

use std::sync::Arc;

use api_client::ApiClient;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, get};
use http::{HeaderMap, Request, header};
use jiff::Timestamp;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

pub use failure::unavailable;
pub use operators::{LINK_NAME, link, link_body};
pub use table::{Kind, PageRoute};

/// What pages need beside the API.
#[derive(Clone)]
pub struct Settings {
    /// The time, in milliseconds of Unix time: how long ago something was is told by it.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

pub(crate) struct App {
    api: ApiClient,
    settings: Settings,
    /// Answers whatever is no page.
    beside: Router,
}

impl App {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond((self.settings.now)()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

type Shared = Arc<App>;

/// The API, and whatever is served with it, with pages beside it.
pub fn beside(api: Router, settings: Settings) -> Router {
    let app = Arc::new(App { api: ApiClient::new(api.clone()), settings, beside: api.clone() });
    let pages = table::pages()
        .into_router()
        .route("/portal/{*rest}", any(failure::no_such_page))
        .route("/console/{*rest}", any(failure::no_such_page))
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(from_fn_with_state(Arc::clone(&app), page::finish))
        .route("/assets/{name}", get(assets::serve))
        .route("/", any(root))
        .with_state(app);
    Router::new().merge(pages).fallback_service(api)
}

/// Every page, and everything that can be sent from one.
pub fn routes() -> Vec<PageRoute> {
    table::pages().into_routes()
}

/// Browsers are led to the pages; programs get the API's answer.
async fn root(State(app): State<Shared>, request: Request<Body>) -> Response {
    if wants_page(request.headers()) {
        return Redirect::to("/console").into_response();
    }
    let Ok(response) = app.beside.clone().oneshot(request).await;
    response
}

/// Whether a browser is asking, and not a program.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().split(';').next() == Some("text/html"))
}
