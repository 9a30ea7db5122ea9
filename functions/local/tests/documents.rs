//! README and `docs/`: what they tell people to type does what they say.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "support/binary.rs"]
mod binary;
#[path = "documents/coverage.rs"]
mod coverage;
#[path = "documents/links.rs"]
mod links;
#[path = "documents/markdown.rs"]
mod markdown;
#[path = "documents/promise.rs"]
mod promise;
#[path = "documents/snippets.rs"]
mod snippets;
#[cfg(target_os = "linux")]
#[path = "documents/terminal.rs"]
mod terminal;
#[cfg(target_os = "linux")]
#[path = "documents/walk.rs"]
mod walk;
