//! Texts that are written from templates, each of which becomes one string of the body.
//!
//! Only who makes requests or checks settings has the engine (the feature
//! `templates`); elsewhere a template is a text that is stored.

#[cfg(feature = "templates")]
mod engine;
#[cfg(feature = "templates")]
mod filters;
#[cfg(feature = "templates")]
mod values;

#[cfg(feature = "templates")]
pub(super) use engine::{Session, Templates};
#[cfg(not(feature = "templates"))]
pub(super) use without_engine::{Session, Templates};

/// The longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 8 * 1024;
/// The longest text that one may write, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Why a template wrote no text of an event; fit to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template of {field} failed: {reason}")]
pub struct TemplateFailure {
    /// The field of the body that it is for.
    pub field: String,
    pub reason: String,
}

/// What became of one template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It prints something that is not there, so that a default may stand in.
    #[cfg_attr(not(feature = "templates"), expect(dead_code, reason = "only the engine knows of it"))]
    Missing(String),
    Failed(String),
}

#[cfg(not(feature = "templates"))]
mod without_engine {
    use std::marker::PhantomData;

    use super::Fault;
    use crate::payload::Source;

    #[derive(Default)]
    pub(in crate::payload) struct Templates;

    pub(in crate::payload) struct Session<'a>(PhantomData<&'a Source<'a>>);

    impl Templates {
        pub(in crate::payload) fn add(&mut self, _: &str) -> Result<usize, String> {
            Ok(0)
        }

        pub(in crate::payload) fn session<'a>(&'a self, _: &'a Source<'a>) -> Session<'a> {
            Session(PhantomData)
        }
    }

    impl Session<'_> {
        pub(in crate::payload) fn render(&mut self, _: usize) -> Result<String, Fault> {
            Err(Fault::Failed("this process writes no texts from templates".to_owned()))
        }
    }
}

#[cfg(test)]
#[cfg(feature = "templates")]
mod tests;
