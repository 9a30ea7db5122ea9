//! `hookline console-link`

use reqwest::Method;

use super::session::path;
use super::{Failure, Session};

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    session.refuse_csv()?;
    let answer = session.ask(Method::POST, &path(["keys"]), &[], Some(console::link_body().to_string())).await?;
    if session.json {
        return session.print(&answer);
    }
    let link = console::link(session.client().address(), answer.as_bytes());
    session.print(&link.map_err(|source| session.unreadable(source))?)?;
    session.note("it can be opened once, within ten minutes, by whoever has it")
}
