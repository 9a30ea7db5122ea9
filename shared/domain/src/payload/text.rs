//! One text that is written from a template, for what is no body.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::template::{Fault, MAX_TEMPLATE_BYTES, Templates};
use super::{Source, TemplateFailure};

/// A template of one text, made ready when it is first written.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextTemplate {
    template: String,
    #[serde(skip)]
    compiled: OnceLock<Arc<Templates>>,
}

impl TextTemplate {
    /// What is wrong with it, and where.
    pub fn check(&self) -> Result<(), String> {
        Templates::default().add(&self.template).map(|_| ())
    }

    /// The text of one event. `field` is what it is for.
    pub fn render(&self, source: &Source<'_>, field: &str) -> Result<String, TemplateFailure> {
        let templates = self.compiled.get_or_init(|| {
            let mut templates = Templates::default();
            // What cannot be added is missing when it is written.
            let _ = templates.add(&self.template);
            Arc::new(templates)
        });
        templates.session(source).render(0).map_err(|fault| {
            let (Fault::Missing(reason) | Fault::Failed(reason)) = fault;
            TemplateFailure { field: field.to_owned(), reason }
        })
    }
}

impl From<&str> for TextTemplate {
    fn from(template: &str) -> Self {
        Self { template: template.to_owned(), compiled: OnceLock::new() }
    }
}

/// What is compiled follows from the text.
impl PartialEq for TextTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.template == other.template
    }
}

impl Eq for TextTemplate {}

impl fmt::Debug for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.template, f)
    }
}

impl PartialSchema for TextTemplate {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_TEMPLATE_BYTES)).into()
    }
}

impl ToSchema for TextTemplate {}
