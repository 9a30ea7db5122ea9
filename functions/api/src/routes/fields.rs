//! What mappings, templates and filters can take from events.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::event_type::EventTypeEntry;
use domain::fields::{self, Field};
use domain::pattern::Pattern;
use domain::tenant::Tenant;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hooks::{find, owner};
use crate::Deps;
use crate::auth::InPortal;
use crate::input::{PageQuery, Query, Segments, limit, page_size};
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FieldsQuery {
    /// Only of these types: one (`post.published`), a prefix (`post.*`), or `*`, as by default
    event_type: Option<String>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A field, and of which events it is one.
#[derive(Serialize, ToSchema)]
pub(crate) struct FieldView {
    /// Null: of every event
    event_type: Option<String>,
    #[serde(flatten)]
    field: Field,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FieldList {
    #[schema(inline)]
    items: Vec<FieldView>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

/// List what can be taken from events
///
/// First what every event tells, with the tenant's attributes, then the paths into
/// `data` of each event type, as its schema and its example have them; 500 of each type at most.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/fields", operation_id = "fields.list", tag = "event types",
    params(("tenant" = String, Path), FieldsQuery), responses((status = 200, body = FieldList)))]
pub(crate) async fn of_tenant(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<FieldsQuery>,
) -> Result<Json<FieldList>, Problem> {
    let wanted = query.event_type.as_deref().unwrap_or("*").parse::<Pattern>();
    let wanted = wanted.map_err(|error| Problem::bad_parameter("event_type", error.to_string()))?;
    let tenant = owner(&deps, &tenant).await?;
    let known = known(&deps, &tenant, &[]).await?;
    page(&tenant, &known, &[wanted], limit(query.limit)?, query.cursor.as_deref())
}

/// List what can be taken from the events of a hook
///
/// The same of the types that it asks for, those of its own profile included.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/fields", operation_id = "hooks.list_fields", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), PageQuery), responses((status = 200, body = FieldList)))]
pub(crate) async fn of_hook(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<PageQuery>,
) -> Result<Json<FieldList>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    let tenant = owner(&deps, &tenant).await?;
    let profile = deps.resolved.profile(hook.profile.as_ref(), &tenant).await?;
    let known = known(&deps, &tenant, &profile.event_types).await?;
    let wanted: Vec<Pattern> = hook.events.iter().cloned().collect();
    page(&tenant, &known, &wanted, limit(query.limit)?, query.cursor.as_deref())
}

/// The types of the tenant's catalogue by name, and those of `others` that it does not have.
async fn known(
    deps: &Deps,
    tenant: &Tenant,
    others: &[EventTypeEntry],
) -> Result<BTreeMap<String, EventTypeEntry>, Problem> {
    let mut known: BTreeMap<String, EventTypeEntry> =
        others.iter().map(|entry| (entry.name.to_string(), entry.clone())).collect();
    // One that cannot be read tells of no fields.
    for row in deps.catalogue.all(tenant).await?.into_iter().flatten() {
        known.insert(row.entry.name.to_string(), row.entry);
    }
    known.retain(|_, entry| !entry.archived);
    Ok(known)
}

/// A cursor names the type and the place of the last field of its page.
fn page(
    tenant: &Tenant,
    known: &BTreeMap<String, EventTypeEntry>,
    wanted: &[Pattern],
    limit: usize,
    cursor: Option<&str>,
) -> Result<Json<FieldList>, Problem> {
    let after = cursor.map(read_cursor).transpose()?;
    let is_wanted = |entry: &EventTypeEntry| wanted.iter().any(|pattern| pattern.matches(&entry.name));
    let types = known.iter().filter(|(_, entry)| is_wanted(entry));
    // Those of every event come first, under a name that no type has.
    let sources = [(None, None)].into_iter().chain(types.map(|(name, entry)| (Some(name), Some(entry))));
    let mut items = Vec::new();
    let mut places = Vec::new();
    for (name, entry) in sources {
        let named = name.cloned().unwrap_or_default();
        let from = match &after {
            Some((last, _)) if named < *last => continue,
            Some((last, place)) if named == *last => place + 1,
            _ => 0,
        };
        let fields = entry.map_or_else(|| fields::of_tenant(tenant), fields::of_event_type);
        for (place, field) in fields.into_iter().enumerate().skip(from) {
            items.push(FieldView { event_type: name.cloned(), field });
            places.push(format!("{place} {named}"));
        }
        if items.len() > limit {
            break;
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = places.get(limit - 1).filter(|_| more).map(|place| URL_SAFE_NO_PAD.encode(place));
    Ok(Json(FieldList { items, next_cursor }))
}

fn read_cursor(text: &str) -> Result<(String, usize), Problem> {
    let text = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = text.as_deref().and_then(|text| text.split_once(' '));
    let read = parts.and_then(|(place, name)| Some((name.to_owned(), place.parse().ok()?)));
    read.ok_or_else(|| Problem::bad_parameter("cursor", "expected the next_cursor of an earlier answer"))
}
