//! What a client notes with a tenant or a hook, for itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::invalid::FieldError;

/// The most of it, as JSON in bytes.
pub const MAX_METADATA_BYTES: usize = 4 * 1024;

/// Names and texts. Nothing here reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        let size = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if size > MAX_METADATA_BYTES {
            let message = format!("expected at most {MAX_METADATA_BYTES} bytes as JSON, got {size}");
            errors.push(FieldError::new(field, message));
        }
    }
}
