//! Writing the entries of one catalogue.

use std::collections::HashSet;
use std::sync::Arc;

use ::contract::ports::{PlacedDocument, StoreError};
use ::domain::event_type::{EventTypeEntry, MAX_EVENT_TYPES, Owner, Source, StoredEventType, json_schema};
use ::domain::ids::EventType;
use ::domain::payload::Json as RawJson;
use ::domain::strict::{MAX_FOUND, REPEATED, WrongFields, repeated_name};
use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::audited::note_event_type;
use crate::event_validation::{ValidationBudget, Validator};
use crate::input::{present, refuse};
use crate::problem::{FieldError, Problem};
use crate::routes::subscriptions::end_of_event_type;
use crate::schema::SchemaWarning;

const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// With it and its schema, a page of 100 entries stays within the 6 MB that
/// Lambda answers at most.
const MAX_EXAMPLE_BYTES: usize = 16 * 1024;

/// Fields that are absent stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTypeChange {
    description: Option<String>,
    /// `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = json_schema)]
    schema: Option<Option<RawJson>>,
    /// `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Value>)]
    example: Option<Option<RawJson>>,
    /// Whether data that violates the schema is refused.
    validate: Option<bool>,
    deprecated: Option<bool>,
    archived: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventType)]
pub(crate) struct EventTypeView {
    pub(super) name: String,
    description: String,
    /// What `data` has to look like; null for anything
    #[schema(schema_with = json_schema)]
    schema: Option<RawJson>,
    /// Whether data that violates the schema is refused
    validate: bool,
    #[schema(value_type = Option<Value>)]
    example: Option<RawJson>,
    pub(super) deprecated: bool,
    pub(super) archived: bool,
    /// Whose catalogue it is in
    pub(super) source: Source,
    /// Absent for those of profiles
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// When it was written: where other validators of JSON Schema are known to differ about the schema; absent for none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<SchemaWarning>,
}

impl EventTypeView {
    pub(crate) fn of(entry: EventTypeEntry, source: Source) -> Self {
        let EventTypeEntry { name, description, schema, validate, example, deprecated, archived, .. } = entry;
        Self {
            name: name.to_string(),
            description,
            schema,
            validate,
            example,
            deprecated,
            archived,
            source,
            created_at: None,
            updated_at: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn stored(stored: StoredEventType, source: Source) -> Self {
        let times = [stored.created_at, stored.updated_at].map(|at| Some(at.to_string()));
        let [created_at, updated_at] = times;
        Self { created_at, updated_at, ..Self::of(stored.entry, source) }
    }

    fn warned(self, warnings: Vec<SchemaWarning>) -> Json<Self> {
        Json(Self { warnings, ..self })
    }
}

/// Complains about all that is wrong with an entry, and answers what other
/// validators may see otherwise. `prefix` is put before the names of fields.
async fn check(
    entry: &EventTypeEntry,
    validator: &Validator,
    prefix: &str,
    errors: &mut Vec<FieldError>,
) -> Result<Vec<SchemaWarning>, Problem> {
    let mut complain =
        |error: FieldError| errors.push(FieldError::new(format!("{prefix}{}", error.field), error.message));
    if entry.description.chars().count() > MAX_DESCRIPTION_CHARS {
        complain(FieldError::new("description", format!("expected at most {MAX_DESCRIPTION_CHARS} characters")));
    }
    let size = entry.example.as_ref().map_or(0, |example| example.get().len());
    if size > MAX_EXAMPLE_BYTES {
        complain(FieldError::new("example", format!("expected at most {MAX_EXAMPLE_BYTES} bytes, got {size}")));
    }
    for (field, json) in [("schema", &entry.schema), ("example", &entry.example)] {
        if let Some(name) = json.as_ref().and_then(|json| repeated_name(field, json.get())) {
            complain(FieldError::new(name, REPEATED));
        }
    }
    let Some(schema) = &entry.schema else { return Ok(Vec::new()) };
    let compiled = validator.compiled(schema).await?;
    let warnings = compiled.as_ref().map(|schema| schema.warnings.clone()).unwrap_or_default();
    match (compiled, &entry.example) {
        (Err(errors), _) => errors.into_iter().for_each(complain),
        (Ok(schema), Some(example)) if size <= MAX_EXAMPLE_BYTES => {
            // Each entry has its own, or a catalogue might not be imported as it was exported.
            let mut budget = ValidationBudget::default();
            if let Err(problem) = validator.comply(schema, "example", example.clone(), &mut budget).await {
                if problem.status().is_server_error() {
                    return Err(problem);
                }
                problem.into_errors().into_iter().for_each(complain);
            }
        }
        _ => {}
    }
    let named = |one: SchemaWarning| SchemaWarning { field: format!("{prefix}{}", one.field), ..one };
    Ok(warnings.into_iter().map(named).collect())
}

/// The same of the entries of a whole catalogue, which is the field
/// `event_types` of a document.
pub(crate) async fn check_all(
    entries: &[EventTypeEntry],
    validator: &Validator,
    wrong: &WrongFields,
    errors: &mut Vec<FieldError>,
) -> Result<Vec<SchemaWarning>, Problem> {
    if entries.len() > MAX_EVENT_TYPES {
        errors.push(FieldError::new("event_types", format!("expected at most {MAX_EVENT_TYPES} entries")));
        return Ok(Vec::new());
    }
    let mut names = HashSet::new();
    let mut warnings = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let prefix = format!("event_types[{index}].");
        let field = format!("{prefix}name");
        if !wrong.has(&field) && !names.insert(&entry.name) {
            errors.push(FieldError::new(field, "is the name of an earlier entry as well"));
        }
        warnings.extend(check(entry, validator, &prefix, errors).await?);
    }
    warnings.truncate(MAX_FOUND);
    Ok(warnings)
}

async fn checked(deps: &Deps, entry: &EventTypeEntry, wrong: WrongFields) -> Result<Vec<SchemaWarning>, Problem> {
    let mut errors = Vec::new();
    let warnings = check(entry, &deps.event_validation.validator, "", &mut errors).await?;
    refuse(wrong, errors)?;
    Ok(warnings)
}

pub(super) async fn add(
    deps: &Deps,
    owner: Owner<'_>,
    entry: EventTypeEntry,
    wrong: WrongFields,
) -> Result<(StatusCode, Json<EventTypeView>), Problem> {
    let warnings = checked(deps, &entry, wrong).await?;
    if deps.catalogue.entries.all(owner).await?.len() >= MAX_EVENT_TYPES {
        return Err(Problem::limit_reached(format!(
            "limit reached: at most {MAX_EVENT_TYPES} event types; delete one first"
        )));
    }
    let now = deps.clock.now();
    let stored = StoredEventType::new(entry, now);
    match deps.catalogue.entries.put(owner, &stored).await {
        Ok(()) => {
            note_event_type(&deps.hook_health, owner, None, Some(&stored)).await?;
            Ok((StatusCode::CREATED, EventTypeView::stored(stored, owner.source()).warned(warnings)))
        }
        Err(StoreError::Conflict) => Err(Problem::conflict(format!("event type {} exists already", stored.entry.name))),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn change(
    deps: &Deps,
    owner: Owner<'_>,
    name: &EventType,
    fields: EventTypeChange,
    wrong: WrongFields,
) -> Result<Json<EventTypeView>, Problem> {
    let (before, stored, warnings) = changed(deps, owner, name, fields, wrong).await?;
    commit(deps, owner, &before, &stored, &[]).await?;
    Ok(EventTypeView::stored(stored, owner.source()).warned(warnings))
}

/// Writes a change, and `beside` in the same transaction.
pub(crate) async fn commit(
    deps: &Deps,
    owner: Owner<'_>,
    before: &StoredEventType,
    stored: &StoredEventType,
    beside: &[PlacedDocument],
) -> Result<(), Problem> {
    if stored.entry.archived && !before.entry.archived {
        end_of_event_type(deps, owner, &stored.entry.name).await?;
    }
    deps.catalogue.entries.put_with(owner, stored, beside).await?;
    Ok(note_event_type(&deps.hook_health, owner, Some(before), Some(stored)).await?)
}

/// An entry as it is, and as a change would leave it.
pub(crate) async fn changed(
    deps: &Deps,
    owner: Owner<'_>,
    name: &EventType,
    fields: EventTypeChange,
    mut wrong: WrongFields,
) -> Result<(Arc<StoredEventType>, StoredEventType, Vec<SchemaWarning>), Problem> {
    wrong.cannot_change("name");
    let stored = deps.catalogue.entries.find(owner, name).await?;
    let before = stored.ok_or_else(|| Problem::not_found("event type"))?;
    let mut stored = StoredEventType::clone(&before);
    let entry = &mut stored.entry;
    if let Some(description) = fields.description {
        entry.description = description;
    }
    if let Some(schema) = fields.schema {
        entry.schema = schema;
    }
    if let Some(example) = fields.example {
        entry.example = example;
    }
    entry.validate = fields.validate.unwrap_or(entry.validate);
    entry.deprecated = fields.deprecated.unwrap_or(entry.deprecated);
    entry.archived = fields.archived.unwrap_or(entry.archived);
    let warnings = checked(deps, entry, wrong).await?;
    stored.updated_at = deps.clock.now();
    stored.version += 1;
    Ok((before, stored, warnings))
}

pub(super) async fn remove(deps: &Deps, owner: Owner<'_>, name: &EventType) -> Result<StatusCode, Problem> {
    // One that cannot be read is deleted all the same.
    let found = deps.catalogue.entries.find(owner, name).await;
    if !matches!(found, Ok(None)) {
        end_of_event_type(deps, owner, name).await?;
    }
    let before = found.ok().flatten();
    match deps.catalogue.entries.delete(owner, name).await? {
        true => {
            note_event_type(&deps.hook_health, owner, before.as_deref(), None).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(Problem::not_found("event type")),
    }
}
