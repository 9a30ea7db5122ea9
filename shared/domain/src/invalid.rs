//! What is wrong with a setting, told so that it can be fixed.

use serde::Serialize;
use utoipa::ToSchema;

/// A field that is wrong, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The path of the field in the request, such as `retry.delays[2]`.
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What is expected where two fields exclude each other and one has to be there.
pub(crate) fn exactly_one_of([one, other]: [&str; 2]) -> String {
    format!("expected exactly one of `{one}` and `{other}`")
}

/// A path with one name more; names that are no plain words are quoted.
pub fn join(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(|c: char| ".[]\"".contains(c) || c.is_control());
    match (plain, path) {
        (true, "") => name.to_owned(),
        (true, _) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{}]", serde_json::Value::from(name)),
    }
}
