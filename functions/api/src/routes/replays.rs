use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use contract::jobs::{Job, JobMessage, ReplayStep};
use contract::ports::StoreError;
use domain::delivery::Status;
use domain::event::MAX_CHANNELS;
use domain::hook::MAX_PATTERNS;
use domain::ids::{Channel, EventType, HookId, ReplayId, TenantId, new_ulid};
use domain::key::KeyHash;
use domain::replay::{MAX_RATE, Progress, Replay, ReplayKind, ReplayStatus, USUAL_RATE};
use domain::settings::StatusRange;
use domain::strict::WrongFields;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use domain::whole;
use serde::{Deserialize, Serialize};
use services::replays::{self, KEPT};
use utoipa::ToSchema;

use super::hooks::find as find_hook;
use crate::Deps;
use crate::auth::{Actor, InPortal, MaySendAgain, NamedRequest};
use crate::input::{Body, PageQuery, Query, Segments, limit, refuse, segment};
use crate::listed::ListEntry;
use crate::problem::{FieldError, Problem};

/// When a replay starts whose first message was lost: once its record has
/// surely been written.
const SURE_START: Duration = Duration::from_secs(60);

/// What to send again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReplay {
    kind: ReplayKind,
    /// Only events accepted for fan-out at this time or later, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, RFC 3339; now when absent or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Of a range: only deliveries of this status. Without one, those that still
    /// have retries before them are left alone.
    only_status: Option<Status>,
    /// Of a range: only events of these types, up to 50.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 50, required = false)]
    event_types: BTreeSet<EventType>,
    /// Of a range: only events on all of these channels, up to 16.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 16, required = false)]
    channels: BTreeSet<Channel>,
    /// Of a range: only deliveries whose last answer had this status, exact (`503`) or a class (`5xx`).
    #[schema(value_type = Option<String>, pattern = "^[1-5](xx|[0-9]{2})$")]
    code: Option<StatusRange>,
    /// Counts what it would send, and sends nothing.
    #[serde(default)]
    dry_run: bool,
    /// Deliveries per second, 1 to 1,000; 10 by default.
    #[serde(default, deserialize_with = "whole::optional::<1, MAX_RATE, _>")]
    #[schema(minimum = 1, maximum = 1_000)]
    rate: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Replay)]
pub(crate) struct ReplayView {
    id: String,
    hook_id: String,
    kind: ReplayKind,
    since: Option<String>,
    until: String,
    /// The status asked for, of a range
    only_status: Option<Status>,
    /// The types asked for, of a range
    event_types: Vec<String>,
    /// The channels asked for, of a range
    channels: Vec<String>,
    /// The status of answers asked for, of a range
    #[schema(value_type = Option<String>)]
    code: Option<StatusRange>,
    dry_run: bool,
    rate: u32,
    /// `operator`, or a key's id
    started_by: String,
    status: ReplayStatus,
    /// Why it could not go on
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    progress: Progress,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayList {
    /// Oldest first
    #[schema(inline)]
    items: Vec<ListEntry<ReplayView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

impl From<&Replay> for ReplayView {
    fn from(replay: &Replay) -> Self {
        Self {
            id: replay.id.to_string(),
            hook_id: replay.hook.to_string(),
            kind: replay.kind,
            since: replay.since.map(|at| at.to_string()),
            until: replay.until.to_string(),
            only_status: replay.only,
            event_types: replay.event_types.iter().map(ToString::to_string).collect(),
            channels: replay.channels.iter().map(ToString::to_string).collect(),
            code: replay.codes,
            dry_run: replay.dry_run,
            rate: replay.rate,
            started_by: replay.started_by.clone(),
            status: replay.status,
            reason: replay.reason.clone(),
            progress: replay.progress(),
            created_at: replay.created_at.to_string(),
            updated_at: replay.updated_at.to_string(),
        }
    }
}

impl NewReplay {
    fn check(&self, wrong: WrongFields) -> Result<(), Problem> {
        let mut errors = Vec::new();
        whole::check("rate", self.rate.unwrap_or(1), 1, MAX_RATE, &mut errors);
        for (field, is_given) in [
            ("only_status", self.only_status.is_some()),
            ("event_types", !self.event_types.is_empty()),
            ("channels", !self.channels.is_empty()),
            ("code", self.code.is_some()),
        ] {
            if is_given && self.kind != ReplayKind::Range && !wrong.has("kind") {
                errors.push(FieldError::new(field, "goes with kind `range` only"));
            }
        }
        for (field, number, most) in
            [("event_types", self.event_types.len(), MAX_PATTERNS), ("channels", self.channels.len(), MAX_CHANNELS)]
        {
            if number > most {
                errors.push(FieldError::new(field, format!("expected at most {most} entries")));
            }
        }
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            errors.push(FieldError::new("until", "expected a time after since"));
        }
        refuse(wrong, errors)
    }
}

/// Send many deliveries of a hook again
///
/// It answers at once; the replay goes on by itself and can be followed and
/// cancelled. A delivery that fails again is retried on the hook's schedule,
/// unless it had succeeded or is still on an earlier schedule. One replay sends
/// each delivery once. A request that is sent again with its `Idempotency-Key` starts no other.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/replays", operation_id = "replays.create", tag = "replays",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body(content = NewReplay, examples(
        ("failed" = (summary = "What failed for good today", value = json!({ "kind": "failed", "since": "2026-01-31T00:00:00Z" }))),
        ("missing" = (summary = "What was published before the hook was made", value = json!({ "kind": "missing", "since": "2026-01-01T00:00:00Z", "rate": 50 }))),
        ("range" = (summary = "How much of one day was answered with 5xx", value = json!({
            "kind": "range", "since": "2026-01-30T00:00:00Z", "until": "2026-01-31T00:00:00Z", "only_status": "failed",
            "event_types": ["post.published"], "code": "5xx", "dry_run": true
        })))
    )), responses(
    (status = 202, body = ReplayView),
    (status = 409, description = "The hook is disabled, or limit reached: at most 100 running replays of a hook")
))]
pub(crate) async fn create(
    MaySendAgain(tenant): MaySendAgain,
    Actor(asker): Actor,
    NamedRequest { asked_with, key }: NamedRequest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    asked: Body<NewReplay>,
) -> Result<(StatusCode, Json<ReplayView>), Problem> {
    let (asked, wrong) = asked.open()?;
    asked.check(wrong)?;
    let hook = find_hook(&deps, &tenant, &params).await?;
    let request = key.as_deref().map(|key| asked_with.request(key));
    if let Some((key, request)) = key.as_ref().zip(request.as_ref()) {
        let known = deps.replays.list(&tenant, hook.id, KEPT, None).await?.items;
        let is_made = |replay: &Replay| {
            // Earlier builds noted the key alone.
            let is_former = |hash: &KeyHash| replay.started_by == asker && hash.matches(key);
            replay.made_with.as_ref().is_some_and(|hash| hash.matches(request) || is_former(hash))
        };
        // The same request, sent again.
        if let Some(known) = known.into_iter().flatten().find(is_made) {
            return Ok((StatusCode::ACCEPTED, Json(ReplayView::from(&known))));
        }
    }
    if hook.has_expired(deps.clock.now()) && !asked.dry_run {
        return Err(Problem::conflict("the hook has expired; give it another expires_at first"));
    }
    if !hook.enabled && !asked.dry_run {
        return Err(Problem::conflict("the hook is disabled; enable it first"));
    }
    make_room(&deps, &tenant, hook.id).await?;
    let now = deps.clock.now();
    let name = (tenant.clone(), hook.id, ReplayId::new(now, deps.random.as_ref()));
    let replay = Replay {
        made_with: request.as_deref().map(KeyHash::of),
        since: asked.since,
        until: asked.until.map_or(now, |until| until.min(now)),
        only: asked.only_status,
        event_types: asked.event_types,
        channels: asked.channels,
        codes: asked.code,
        dry_run: asked.dry_run,
        ..Replay::new(name, asked.kind, asked.rate.unwrap_or(USUAL_RATE), asker, now)
    };
    let start = |due| {
        let token = new_ulid(deps.clock.now(), deps.random.as_ref()).to_string();
        let job = Job::Replay(ReplayStep { hook: hook.id, replay: replay.id, step: 0, token, unknown: Unknown::NONE });
        JobMessage::new(&tenant, job).to_outgoing(due)
    };
    // Should this process die in between, no replay is left that never starts.
    deps.jobs.send_one(start(Some(now.saturating_add(SURE_START)))).await?;
    deps.replays.create(&replay).await?;
    deps.jobs.send_one(start(None)).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayView::from(&replay))))
}

async fn make_room(deps: &Deps, tenant: &TenantId, hook: HookId) -> Result<(), Problem> {
    match replays::make_room(deps.replays.as_ref(), tenant, hook).await? {
        true => Ok(()),
        false => {
            Err(Problem::limit_reached(format!("limit reached: at most {KEPT} running replays of a hook; cancel some")))
        }
    }
}

/// List the replays of a hook, oldest first
///
/// The last 100 are remembered.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/replays", operation_id = "replays.list", tag = "replays",
    params(("tenant" = String, Path), ("hook" = String, Path), PageQuery), responses(
    (status = 200, body = ReplayList)
))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<PageQuery>,
) -> Result<Json<ReplayList>, Problem> {
    let limit = limit(query.limit)?;
    let hook = find_hook(&deps, &tenant, &params).await?;
    let page = deps.replays.list(&tenant, hook.id, limit, query.cursor.as_deref()).await?;
    Ok(Json(ReplayList {
        items: ListEntry::all(page.items, |replay| ReplayView::from(&replay)),
        next_cursor: page.next,
    }))
}

/// Read a replay and its progress
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/replays/{replay}", operation_id = "replays.get", tag = "replays",
    params(("tenant" = String, Path), ("hook" = String, Path), ("replay" = String, Path)), responses(
    (status = 200, body = ReplayView)
))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<ReplayView>, Problem> {
    Ok(Json(ReplayView::from(&find(&deps, &tenant, &params).await?)))
}

/// Cancel a replay
///
/// What was handed to the retry lane already, at most 100 deliveries, is still
/// sent. The replay stays on record, unless it cannot be read: then it is deleted.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/hooks/{hook}/replays/{replay}", operation_id = "replays.cancel", tag = "replays",
    params(("tenant" = String, Path), ("hook" = String, Path), ("replay" = String, Path)), responses(
    (status = 200, body = ReplayView),
    (status = 204, description = "It could not be read, and is deleted"),
    (status = 409, description = "It has ended already")
))]
pub(crate) async fn cancel(
    MaySendAgain(tenant): MaySendAgain,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Response, Problem> {
    let (hook, id) = (find_hook(&deps, &tenant, &params).await?, segment(&params, "replay", "replay")?);
    // Each step writes as well; a few tries outlast those that are under way.
    for _ in 0..CANCEL_TRIES {
        let replay = match deps.replays.get(&tenant, hook.id, id).await {
            Ok(found) => found.ok_or_else(|| Problem::not_found("replay"))?,
            Err(StoreError::Unreadable(_)) => {
                deps.replays.delete(&tenant, hook.id, id).await?;
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            Err(error) => return Err(error.into()),
        };
        if !replay.is_running() {
            return Err(Problem::conflict("the replay has ended already"));
        }
        let ended = replay.ended(ReplayStatus::Cancelled, None, deps.clock.now());
        match deps.replays.update(&ended).await {
            Ok(()) => return Ok(Json(ReplayView::from(&ended)).into_response()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

const CANCEL_TRIES: usize = 10;

async fn find(deps: &Deps, tenant: &TenantId, params: &Segments) -> Result<Replay, Problem> {
    let hook = find_hook(deps, tenant, params).await?;
    let id: ReplayId = segment(params, "replay", "replay")?;
    let found = deps.replays.get(tenant, hook.id, id).await?.ok_or_else(|| Problem::not_found("replay"))?;
    Ok(Replay::clone(&found))
}
