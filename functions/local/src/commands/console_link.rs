//! `hookline console-link`

use reqwest::Method;
use serde_json::json;

use super::session::path;
use super::{Failure, Session};

/// Seconds in which the link can be used.
pub(crate) const LASTS: u64 = 600;

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let body = json!({ "name": console::LINK_NAME, "expires_in": LASTS }).to_string();
    let made = session.read(&session.ask(Method::POST, &path(["keys"]), &[], Some(body)).await?)?;
    let (address, code) = (session.client().address(), made.text("key").unwrap_or_default());
    session.print(&format!("{}/console/enter#{code}", address.trim_end_matches('/')))?;
    session.note("it can be opened once, within ten minutes, by whoever has it")
}
