//! What can go wrong, as the caller is told.

use std::path::PathBuf;
use std::{fmt, io};

use serde::Deserialize;

use super::table::shown;

/// Of an answer that is no problem document, such as a proxy's page.
const MAX_CHARS: usize = 500;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(Problem),
    #[error(
        "nothing answers at {address}; start a server with `hookline serve`, or say where one is with --api: {cause}"
    )]
    Unreachable { address: String, cause: String },
    #[error("the API did not answer as it should")]
    Http(#[source] reqwest::Error),
    #[error("the API's answer cannot be read; is {address} the address of a Hookline API?")]
    Answer { address: String, source: serde_json::Error },
    #[error("cannot write")]
    Output(#[from] io::Error),
    #[error("{flag} {}: cannot be written", path.display())]
    Unwritable { flag: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot read {name}")]
    Input { name: String, source: io::Error },
    /// The answer has been shown; it is what was asked for, but not a success.
    #[error("{0}")]
    Shown(String),
}

impl Failure {
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }

    /// Whoever read the output has gone, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The API's problem document.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Debug, Deserialize)]
struct Wrong {
    #[serde(default)]
    field: String,
    #[serde(default)]
    message: String,
}

impl Problem {
    /// Gateways in front of the API answer in forms of their own.
    pub(crate) fn read(status: u16, text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Self { detail, errors, .. }) if !detail.is_empty() => Self { status, detail, errors },
            _ if text.trim().is_empty() => {
                Self { status, detail: "refused without a reason".to_owned(), errors: Vec::new() }
            }
            _ => Self { status, detail: text.trim().chars().take(MAX_CHARS).collect(), errors: Vec::new() },
        }
    }
}

impl Problem {
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Those that are wrong.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().map(|wrong| wrong.field.as_str())
    }

    pub(super) fn is_of_tenant(&self) -> bool {
        self.detail == "no such tenant"
    }

    pub(super) fn is_of_what_tenants_have(&self) -> bool {
        const THEIRS: [&str; 8] =
            ["hook", "delivery", "event", "event type", "replay", "expungement", "plan", "adjustment"];
        self.detail.strip_prefix("no such ").is_some_and(|what| THEIRS.contains(&what))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", shown(&self.detail), self.status)?;
        // A single mistake is in the detail already.
        let mut others = self.errors.iter().filter(|wrong| !self.detail.contains(&wrong.message));
        others.try_for_each(|Wrong { field, message }| write!(f, "\n  {}: {}", shown(field), shown(message)))
    }
}
