//! Where the console is, told at the start. To who looks on, with a link that logs in once.

use std::io::{IsTerminal as _, stdout};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use domain::portal::PublicUrl;
use tower::ServiceExt as _;

const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// No link gets into a file or a journal, where it would be read by others.
pub(super) async fn announce(api: Router, public_url: &PublicUrl, operator_key: &str) {
    if !stdout().is_terminal() {
        tracing::info!("console: {public_url}/console; `hookline console-link` prints a link that logs in");
        return;
    }
    match link(api, public_url, operator_key).await {
        Ok(link) => say(&format!("console, for the next ten minutes and once: {link}")),
        Err(error) => tracing::warn!(%error, "no link to the console can be made: {error:#}"),
    }
}

async fn link(api: Router, public_url: &PublicUrl, operator_key: &str) -> anyhow::Result<String> {
    let request = Request::post("/v1/keys")
        .header(header::AUTHORIZATION, format!("Bearer {operator_key}"))
        .body(Body::from(console::link_body().to_string()))?;
    let Ok(response) = api.oneshot(request).await;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "the API answered {status}");
    let answer = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await?;
    Ok(console::link(&public_url.to_string(), &answer)?)
}

#[expect(clippy::print_stdout, reason = "the link is what the caller has to take note of, and no log may hold it")]
fn say(text: &str) {
    println!("{text}");
}
