use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

domain::choices! {
    /// How one thing stands.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub enum Condition {
        /// It is as it should be.
        Ok = "ok",
        /// It works, and somebody should look at it.
        Warning = "warning",
        /// It does not work.
        Failed = "failed",
    }
}

/// What was looked at, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    /// What was looked at, such as `queue.events`
    pub name: String,
    pub status: Condition,
    /// What was found
    pub detail: String,
    /// What to do; null where all is well
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), status: Condition::Ok, detail: detail.into(), fix: None }
    }

    pub fn warning(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Condition::Warning, fix: Some(fix.into()), ..Self::ok(name, detail) }
    }

    pub fn failed(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Condition::Failed, fix: Some(fix.into()), ..Self::ok(name, detail) }
    }
}

/// Looks at what a deployment stands on.
///
/// - Of a sound deployment, every check is ok.
/// - What is not ok comes with what to do.
/// - What is broken is told, and keeps nothing else from being looked at.
/// - Looking changes nothing: a second look finds the same.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// Each with a name of its own, the same every time, within 25 s.
    async fn examine(&self) -> Vec<Check>;
}
