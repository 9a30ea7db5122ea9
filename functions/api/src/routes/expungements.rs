use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use contract::jobs::{ExpungeEvents, Job, JobMessage};
use contract::ports::StoreError;
use domain::expungement::{Expungement, ExpungementStatus};
use domain::ids::{ExpungementId, TenantId, new_ulid};
use domain::pattern::Pattern;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{Actor, InTenant};
use crate::input::{Body, PageQuery, Query, Segments, limit, refuse, segment};
use crate::listed::ListEntry;
use crate::problem::{FieldError, Problem};

/// Expungements of a tenant that are remembered; the oldest of those that have ended make room.
const KEPT: usize = 100;
/// When one starts whose first message was lost: once its record has surely been written.
const SURE_START: Duration = Duration::from_secs(60);
/// Each step writes as well; a few tries outlast those that are under way.
const CANCEL_TRIES: usize = 10;

/// Which events lose their payloads.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExpungement {
    /// Only events of this type; a pattern such as `post.*` takes those below.
    #[schema(value_type = Option<String>)]
    event_type: Option<Pattern>,
    /// Only events accepted for fan-out at this time or later, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, RFC 3339; now when absent or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Counts what it would remove, and removes nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Expungement)]
pub(crate) struct ExpungementView {
    id: String,
    event_type: Option<String>,
    since: Option<String>,
    until: String,
    dry_run: bool,
    /// `operator`, or a key's id
    started_by: String,
    status: ExpungementStatus,
    /// Events with a payload that it has come across
    found: u64,
    /// Those whose payload it removed
    expunged: u64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ExpungementList {
    /// Oldest first
    #[schema(inline)]
    items: Vec<ListEntry<ExpungementView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

impl From<&Expungement> for ExpungementView {
    fn from(expungement: &Expungement) -> Self {
        Self {
            id: expungement.id.to_string(),
            event_type: expungement.event_type.as_ref().map(|pattern| pattern.as_str().to_owned()),
            since: expungement.since.map(|at| at.to_string()),
            until: expungement.until.to_string(),
            dry_run: expungement.dry_run,
            started_by: expungement.started_by.clone(),
            status: expungement.status,
            found: expungement.found,
            expunged: expungement.expunged,
            created_at: expungement.created_at.to_string(),
            updated_at: expungement.updated_at.to_string(),
        }
    }
}

/// Remove the payloads of many events
///
/// It answers at once; the expungement goes on by itself and can be followed and cancelled. It
/// goes through the events that lists show; what was accepted and is still to be fanned out is
/// left to another one. What waits to be sent of an expunged event is settled as skipped.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/expungements", operation_id = "expungements.create", tag = "events",
    params(("tenant" = String, Path)), request_body(content = Option<NewExpungement>, examples(
        ("counted" = (summary = "How many payloads there are, of some types and of one month", value = json!({
            "event_type": "post.*", "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "dry_run": true
        }))),
        ("older" = (summary = "All that is older than a day", value = json!({ "until": "2026-01-30T00:00:00Z" })))
    )), responses(
    (status = 202, body = ExpungementView),
    (status = 409, description = "Limit reached: at most 100 running expungements of a tenant")
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    Actor(asker): Actor,
    State(deps): State<Arc<Deps>>,
    asked: Body<NewExpungement>,
) -> Result<(StatusCode, Json<ExpungementView>), Problem> {
    let (asked, wrong) = asked.open()?;
    let mut errors = Vec::new();
    if let (Some(since), Some(until)) = (asked.since, asked.until)
        && since >= until
    {
        errors.push(FieldError::new("until", "expected a time after since"));
    }
    refuse(wrong, errors)?;
    deps.tenants.get(&tenant).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    make_room(&deps, &tenant).await?;
    let now = deps.clock.now();
    let expungement = Expungement {
        tenant: tenant.clone(),
        id: ExpungementId::new(now, deps.random.as_ref()),
        event_type: asked.event_type,
        since: asked.since,
        until: asked.until.map_or(now, |until| until.min(now)),
        dry_run: asked.dry_run,
        started_by: asker,
        status: ExpungementStatus::Running,
        found: 0,
        expunged: 0,
        step: 0,
        token: String::new(),
        read_to: None,
        created_at: now,
        updated_at: now,
        version: 1,
        unknown: Unknown::NONE,
    };
    let start = |due| {
        let token = new_ulid(deps.clock.now(), deps.random.as_ref()).to_string();
        let job = ExpungeEvents { expungement: expungement.id, step: 0, token, unknown: Unknown::NONE };
        JobMessage::new(&tenant, Job::ExpungeEvents(job)).to_outgoing(due)
    };
    // Should this process die in between, none is left that never starts.
    deps.jobs.send_one(start(Some(now.saturating_add(SURE_START)))).await?;
    deps.expungements.create(&expungement).await?;
    deps.jobs.send_one(start(None)).await?;
    Ok((StatusCode::ACCEPTED, Json(ExpungementView::from(&expungement))))
}

async fn make_room(deps: &Deps, tenant: &TenantId) -> Result<(), Problem> {
    let known = deps.expungements.list(tenant, KEPT, None).await?.items;
    if known.len() < KEPT {
        return Ok(());
    }
    let oldest = known.iter().find_map(|row| match row {
        Ok(expungement) => (!expungement.is_running()).then_some(expungement.id),
        Err(unreadable) => unreadable.id.parse().ok(),
    });
    let Some(oldest) = oldest else {
        let detail = format!("limit reached: at most {KEPT} running expungements of a tenant; cancel some");
        return Err(Problem::limit_reached(detail));
    };
    deps.expungements.delete(tenant, oldest).await?;
    Ok(())
}

/// List the expungements of a tenant, oldest first
///
/// The last 100 are remembered.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/expungements", operation_id = "expungements.list", tag = "events",
    params(("tenant" = String, Path), PageQuery), responses((status = 200, body = ExpungementList)))]
pub(crate) async fn list(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ExpungementList>, Problem> {
    let page = deps.expungements.list(&tenant, limit(query.limit)?, query.cursor.as_deref()).await?;
    Ok(Json(ExpungementList {
        items: ListEntry::all(page.items, |expungement| ExpungementView::from(&expungement)),
        next_cursor: page.next,
    }))
}

/// Read an expungement and its progress
#[utoipa::path(get, path = "/v1/tenants/{tenant}/expungements/{expungement}", operation_id = "expungements.get", tag = "events",
    params(("tenant" = String, Path), ("expungement" = String, Path)), responses(
    (status = 200, body = ExpungementView)
))]
pub(crate) async fn get(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<ExpungementView>, Problem> {
    let id = segment(&params, "expungement", "expungement")?;
    let found = deps.expungements.get(&tenant, id).await?.ok_or_else(|| Problem::not_found("expungement"))?;
    Ok(Json(ExpungementView::from(&*found)))
}

/// Cancel an expungement
///
/// What was removed stays removed. It stays on record, unless it cannot be read: then it is
/// deleted.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/expungements/{expungement}", operation_id = "expungements.cancel", tag = "events",
    params(("tenant" = String, Path), ("expungement" = String, Path)), responses(
    (status = 200, body = ExpungementView),
    (status = 204, description = "It could not be read, and is deleted"),
    (status = 409, description = "It has ended already")
))]
pub(crate) async fn cancel(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Response, Problem> {
    let id = segment(&params, "expungement", "expungement")?;
    for _ in 0..CANCEL_TRIES {
        let stored = match deps.expungements.get(&tenant, id).await {
            Ok(found) => found.ok_or_else(|| Problem::not_found("expungement"))?,
            Err(StoreError::Unreadable(_)) => {
                deps.expungements.delete(&tenant, id).await?;
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            Err(error) => return Err(error.into()),
        };
        if !stored.is_running() {
            return Err(Problem::conflict("the expungement has ended already"));
        }
        let (status, updated_at) = (ExpungementStatus::Cancelled, deps.clock.now());
        let ended = Expungement { status, updated_at, version: stored.version + 1, ..Expungement::clone(&stored) };
        match deps.expungements.update(&ended).await {
            Ok(()) => return Ok(Json(ExpungementView::from(&ended)).into_response()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
