//! Holds what is published against the catalogue.

mod allowance;
mod inspector;

use std::sync::Arc;

use domain::ids::{EventType, TenantId};
use serde_json::value::RawValue;
use services::repositories::catalogue::Catalogue;

use crate::problem::{FieldError, Problem};

pub(crate) use allowance::Allowance;
pub(crate) use inspector::Inspector;

/// What a publisher must comply with. It is asked for every event, so the
/// catalogue may be a few seconds old; where there is none, nothing is read for
/// each type.
#[derive(Clone)]
pub struct Vetting {
    catalogue: Arc<Catalogue>,
    pub(crate) inspector: Inspector,
}

impl Vetting {
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, inspector: Inspector::default() }
    }

    /// Refuses archived types, unknown ones where the tenant is strict, and
    /// `data` that violates the type's schema.
    pub(crate) async fn check(
        &self,
        tenant: &TenantId,
        name: &EventType,
        data: &Arc<RawValue>,
        allowance: &mut Allowance,
    ) -> Result<(), Problem> {
        // A tenant that is being deleted has no rules any more.
        let Some(tenant) = self.catalogue.tenant(tenant).await? else { return Ok(()) };
        let refuse = |field: &str, message: &str| Err(Problem::bad_body(vec![FieldError::new(field, message)]));
        let Some(found) = self.catalogue.find(&tenant, name).await? else {
            return match tenant.strict_event_types {
                true => refuse("type", "is not in the catalogue, and this tenant publishes nothing else"),
                false => Ok(()),
            };
        };
        let entry = found.entry();
        if entry.archived {
            return refuse("type", "is archived and not published any more");
        }
        let Some(schema) = &entry.schema else { return Ok(()) };
        let schema = self.inspector.compiled(schema).await?.map_err(|error| {
            tracing::error!(tenant.id = %tenant.id, event.r#type = %name, error = error.message, "a stored schema cannot be used");
            Problem::internal()
        })?;
        self.inspector.comply(schema, "data", Arc::clone(data).into(), allowance).await
    }
}
