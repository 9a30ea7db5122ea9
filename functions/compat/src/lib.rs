//! Other systems' management APIs, for programs that were written for those.
//!
//! - **In:** requests as the other system documents them, with a key of ours.
//! - **Out:** calls of our own API in this process, with that key; answers as
//!   the other system gives them.
//! - **Promise:** what the API forbids a key, none of these can do for it.

mod hex;
mod mcp;
mod oktopost;
mod svix;

use api_client::ApiClient;
use axum::Router;

/// The API with the others beside it.
pub fn beside(api: Router) -> Router {
    let client = ApiClient::new(api.clone());
    Router::new()
        .merge(oktopost::router(client.clone()))
        .merge(svix::router(client.clone()))
        .merge(mcp::router(client))
        .fallback_service(api)
}
