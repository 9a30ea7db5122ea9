//! The form of a hook: what was typed, what the API is asked for, and how it is shown again.

mod model;
mod payload;
mod view;

pub(crate) use model::HookForm;
pub(crate) use view::view;
