use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::TimeRange;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::walk::{Scope, Walk};
use super::{EntryFilter, parsed, refuse};
use crate::Deps;
use crate::auth::{InPortal, Operator};
use crate::input::{Query, limit, page_size};
use crate::listed::ListEntry;
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Only events of this type; a pattern such as `post.*` takes those below
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only events with this channel
    channel: Option<String>,
    /// Only ids that begin so
    id_prefix: Option<String>,
    /// `false` finds those that no hook wanted
    matched: Option<bool>,
    /// Only what was listed at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only what was listed before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// An event of a list. Reading it alone shows its data.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedEvent {
    /// Whose it is, where all tenants are listed
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    channels: Vec<String>,
    /// When it was accepted for fan-out
    accepted_at: String,
    /// Since when it is in this list: its first delivery was handled, or it went to no hook
    listed_at: String,
    /// Whether it went to a hook, or waits to be sent to one
    matched: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    #[schema(inline)]
    items: Vec<ListEntry<ListedEvent>>,
    /// Pass it as `cursor` to read on; null on the last page. A page may hold fewer than
    /// `limit` entries, also none, while there are more.
    next_cursor: Option<String>,
}

async fn list_of(deps: &Deps, scope: Scope, query: EventQuery) -> Result<Json<EventList>, Problem> {
    let limit = limit(query.limit)?;
    let mut errors = Vec::new();
    let filter = EntryFilter {
        event_type: parsed("type", query.event_type.as_ref(), &mut errors),
        channel: parsed("channel", query.channel.as_ref(), &mut errors),
        id_prefix: query.id_prefix,
        ..EntryFilter::default()
    };
    refuse(errors)?;
    let shows_tenant = matches!(scope, Scope::All);
    let times = TimeRange { since: query.since, until: query.until };
    let mut walk = Walk::new(deps, scope, "events", times, query.cursor.as_deref())?;
    let mut items = Vec::new();
    while items.len() < limit {
        let Some(found) = walk.next().await? else { break };
        let entry = match found.entry {
            Ok(entry) => entry,
            Err(unreadable) => {
                items.push(unreadable.into());
                continue;
            }
        };
        let is_asked_for = query.matched.is_none_or(|asked| entry.hook.is_some() == asked);
        if entry.lists_event && is_asked_for && filter.admits(&entry) {
            items.push(ListEntry::Read(ListedEvent {
                tenant: shows_tenant.then(|| found.tenant.to_string()),
                id: entry.event_id.to_string(),
                event_type: entry.event_type.to_string(),
                channels: entry.channels.iter().map(ToString::to_string).collect(),
                accepted_at: entry.event.at().to_string(),
                listed_at: found.at.to_string(),
                matched: entry.hook.is_some(),
            }));
        }
    }
    Ok(Json(EventList { items, next_cursor: walk.cursor() }))
}

/// The events of a tenant, newest first
///
/// An event is listed once its first delivery was handled, or once it went to no hook.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events", operation_id = "events.list", tag = "events",
    params(("tenant" = String, Path), EventQuery), responses((status = 200, body = EventList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventList>, Problem> {
    list_of(&deps, Scope::Tenant(tenant), query).await
}

/// The events of all tenants, newest first
///
/// Of the last 31 days, or since `since`. Where more than 100 tenants were active in an hour,
/// those are listed in groups of 100.
#[utoipa::path(get, path = "/v1/events", operation_id = "events.list_all", tag = "events", params(EventQuery),
    responses((status = 200, body = EventList)))]
pub(crate) async fn list_all(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventList>, Problem> {
    list_of(&deps, Scope::All, query).await
}
