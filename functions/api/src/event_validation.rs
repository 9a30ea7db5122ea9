//! Holds what is published against the catalogue.

mod budget;
mod validator;

use std::sync::Arc;

use domain::ids::{EventType, TenantId};
use serde_json::value::RawValue;
use services::repositories::catalogue::Catalogue;

use crate::problem::{FieldError, Problem};

pub(crate) use budget::ValidationBudget;
pub(crate) use validator::Validator;

/// What a publisher must comply with. It is asked for every event, so the
/// catalogue may be a few seconds old; where there is none, nothing is read for
/// each type.
#[derive(Clone)]
pub struct EventValidation {
    catalogue: Arc<Catalogue>,
    pub(crate) validator: Validator,
}

impl EventValidation {
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, validator: Validator::default() }
    }

    /// Refuses archived types, unknown ones where the tenant is strict, and
    /// `data` that violates the type's schema.
    pub(crate) async fn check(
        &self,
        tenant: &TenantId,
        name: &EventType,
        data: &Arc<RawValue>,
        budget: &mut ValidationBudget,
    ) -> Result<(), Problem> {
        // A tenant that is being deleted has no rules any more.
        let Some(tenant) = self.catalogue.tenant(tenant).await? else { return Ok(()) };
        let refuse = |field: &str, message: &str| Err(Problem::bad_body(vec![FieldError::new(field, message)]));
        let Some(found) = self.catalogue.find(&tenant, name).await? else {
            return match self.catalogue.is_strict(&tenant).await? {
                true => refuse("type", "is not in the catalogue, and this tenant publishes nothing else"),
                false => Ok(()),
            };
        };
        let entry = found.entry();
        if entry.archived {
            return refuse("type", "is archived and not published any more");
        }
        let Some(schema) = entry.schema.as_ref().filter(|_| entry.validate) else { return Ok(()) };
        let schema = self.validator.compiled(schema).await?.map_err(|errors| {
            let error = errors.first().map(|error| &error.message);
            tracing::error!(tenant.id = %tenant.id, event.r#type = %name, error, "the stored schema of an event type cannot be used");
            Problem::internal()
        })?;
        self.validator.comply(schema, "data", Arc::clone(data).into(), budget).await
    }
}
