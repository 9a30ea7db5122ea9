//! A whole catalogue as one document.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::event_type::{EventTypeEntry, Owner, StoredEventType};
use domain::ids::EventType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event_types::{check_all, examples};
use super::hooks::owner as tenant_of;
use crate::audited::note_event_type;
use crate::auth::{Anybody, InPortal, InTenant, Operator};
use crate::input::{Body, refuse};
use crate::problem::Problem;
use crate::schema::SchemaWarning;
use crate::{Deps, MAX_BODY_BYTES};

/// The entries of one catalogue.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Catalogue)]
pub(crate) struct CatalogueDocument {
    /// Up to 500, each name once.
    #[schema(max_items = 500)]
    event_types: Vec<EventTypeEntry>,
}

/// What an import did.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Imported {
    created: usize,
    changed: usize,
    unchanged: usize,
    deleted: usize,
    /// Where other validators of JSON Schema are known to differ about a schema; absent for none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<SchemaWarning>,
}

/// Export a tenant's own event types
///
/// The document is what an import takes.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/catalogue", operation_id = "catalogue.export", tag = "event types",
    params(("tenant" = String, Path)), responses(
    (status = 200, body = CatalogueDocument),
    (status = 409, description = "It is larger than 4 MiB")
))]
pub(crate) async fn export(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<CatalogueDocument>, Problem> {
    tenant_of(&deps, &tenant).await?;
    read(&deps, Owner::Tenant(&tenant)).await
}

/// Replace a tenant's own event types
///
/// All of the document is checked before anything is written. Then entries are
/// created, changed and at last deleted until the catalogue is the document;
/// if that breaks off, the same request takes it to its end.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/catalogue", operation_id = "catalogue.import", tag = "event types",
    params(("tenant" = String, Path)), request_body(content = CatalogueDocument, example = examples::catalogue), responses((status = 200, body = Imported)))]
pub(crate) async fn import(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    document: Body<CatalogueDocument>,
) -> Result<Json<Imported>, Problem> {
    tenant_of(&deps, &tenant).await?;
    replace(&deps, Owner::Tenant(&tenant), document).await
}

/// Export the event types of all tenants
#[utoipa::path(get, path = "/v1/catalogue", operation_id = "catalogue.export_shared", tag = "event types", responses(
    (status = 200, body = CatalogueDocument),
    (status = 409, description = "It is larger than 4 MiB")
))]
pub(crate) async fn export_shared(
    _: Anybody,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<CatalogueDocument>, Problem> {
    read(&deps, Owner::Operator).await
}

/// Replace the event types of all tenants
///
/// As the import of a tenant's.
#[utoipa::path(put, path = "/v1/catalogue", operation_id = "catalogue.import_shared", tag = "event types", request_body(content = CatalogueDocument, example = examples::catalogue), responses(
    (status = 200, body = Imported)
))]
pub(crate) async fn import_shared(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    document: Body<CatalogueDocument>,
) -> Result<Json<Imported>, Problem> {
    replace(&deps, Owner::Operator, document).await
}

async fn read(deps: &Deps, owner: Owner<'_>) -> Result<Json<CatalogueDocument>, Problem> {
    // A document that leaves out what cannot be read would delete it where it is imported.
    let stored = deps.catalogue.entries.all(owner).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
    let text = |json: &Option<domain::payload::Json>| json.as_ref().map_or(0, |json| json.get().len());
    let size: usize = stored.iter().map(|stored| text(&stored.entry.schema) + text(&stored.entry.example)).sum();
    if size > MAX_BODY_BYTES {
        return Err(Problem::conflict("the catalogue is too large for one document; list its event types in pages"));
    }
    Ok(Json(CatalogueDocument { event_types: stored.into_iter().map(|stored| stored.entry.shown()).collect() }))
}

async fn replace(deps: &Deps, owner: Owner<'_>, document: Body<CatalogueDocument>) -> Result<Json<Imported>, Problem> {
    let (document, wrong) = document.open()?;
    let mut errors = Vec::new();
    let warnings = check_all(&document.event_types, &deps.event_validation.validator, &wrong, &mut errors).await?;
    refuse(wrong, errors)?;
    let entries = &deps.catalogue.entries;
    let (mut imported, now) = (Imported { warnings, ..Imported::default() }, deps.clock.now());
    let mut stored: BTreeMap<EventType, StoredEventType> = BTreeMap::new();
    for row in entries.all(owner).await? {
        match row {
            Ok(row) => {
                stored.insert(row.entry.name.clone(), row);
            }
            // The document says what there is to be; this goes, and may come anew.
            Err(unreadable) => {
                let name: EventType = unreadable.id.parse().map_err(|_| Problem::from(unreadable.clone()))?;
                entries.delete(owner, &name).await?;
                imported.deleted += 1;
            }
        }
    }
    for entry in document.event_types {
        let before = stored.remove(&entry.name);
        let next = match before.clone() {
            Some(same) if same.entry.clone().shown() == entry => {
                imported.unchanged += 1;
                continue;
            }
            Some(old) => {
                imported.changed += 1;
                StoredEventType { entry, updated_at: now, version: old.version + 1, ..old }
            }
            None => {
                imported.created += 1;
                StoredEventType::new(entry, now)
            }
        };
        entries.put(owner, &next).await?;
        note_event_type(&deps.hook_health, owner, before.as_ref(), Some(&next)).await?;
    }
    for (name, before) in &stored {
        entries.delete(owner, name).await?;
        note_event_type(&deps.hook_health, owner, Some(before), None).await?;
        imported.deleted += 1;
    }
    Ok(Json(imported))
}
