//! What was changed automatically, with all there was before and after.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::Page;
use domain::adjustment::{Adjustment, AdjustmentCause};
use domain::audit::{Change, Target, TargetKind};
use domain::ids::{AdjustmentId, PlanId, TenantId};
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, MAX_TITLE_CHARS, Plan, PlanState, PlannedChange};
use domain::strict::known;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::plans::is_kept;
use utoipa::{IntoParams, ToSchema};

use super::hooks::owner;
use super::plans::views::PlanView;
use super::plans::{self, Proposed};
use crate::Deps;
use crate::auth::{Access, Actor, InPortal, MayApprove};
use crate::input::{Query, Segments, limit, page_size, segment};
use crate::listed::{ListEntry, wanted_rows};
use crate::problem::Problem;

/// Adjustments that one request looks at.
const LOOKED_AT: usize = 2_000;

#[derive(Serialize, ToSchema)]
#[schema(as = Adjustment)]
pub(crate) struct AdjustmentView {
    id: String,
    at: String,
    /// Why it was changed
    cause: AdjustmentCause,
    /// `hookline`, or who approved the plan
    by: String,
    /// What was changed
    target: Target,
    plan_id: Option<String>,
    /// In words
    reason: Option<String>,
    /// All there was to it, with secrets masked
    #[schema(value_type = Value)]
    before: RawJson,
    /// All there is to it since
    #[schema(value_type = Value)]
    after: RawJson,
    /// `before` and `after` hold only the fields that differ: together they are above 128 KiB
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    only_changes: bool,
    /// The fields that differ
    changes: Vec<Change>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AdjustmentList {
    /// The newest first
    #[schema(inline)]
    items: Vec<ListEntry<AdjustmentView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

impl From<&Adjustment> for AdjustmentView {
    fn from(of: &Adjustment) -> Self {
        Self {
            id: of.id.to_string(),
            at: of.at.to_string(),
            cause: of.cause,
            by: of.by.clone(),
            target: Target { unknown: Unknown::NONE, ..of.target.clone() },
            plan_id: of.plan.map(|id| id.to_string()),
            reason: of.reason.clone(),
            before: of.before.clone(),
            after: of.after.clone(),
            only_changes: of.only_changes,
            changes: of.changes(),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdjustmentQuery {
    /// Only changes of this kind of thing
    #[serde(default, deserialize_with = "known")]
    #[param(inline)]
    kind: Option<TargetKind>,
    /// Only changes of what has this id or name
    target: Option<String>,
    /// Only changes for this reason
    #[serde(default, deserialize_with = "known")]
    #[param(inline)]
    cause: Option<AdjustmentCause>,
    /// Only what this one did: `hookline`, or who approved a plan
    by: Option<String>,
    /// Only what was done at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only what was done before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

impl AdjustmentQuery {
    fn admits(&self, of: &Adjustment, access: Access, now: Timestamp) -> bool {
        is_kept(of.at, now)
            && may_see(of, access)
            && self.kind.is_none_or(|kind| of.target.kind == kind)
            && self.target.as_ref().is_none_or(|target| of.target.id == *target)
            && self.cause.is_none_or(|cause| of.cause == cause)
            && self.by.as_ref().is_none_or(|by| of.by == *by)
            && self.since.is_none_or(|since| of.at >= since)
            && self.until.is_none_or(|until| of.at < until)
    }
}

/// List what was changed automatically in a tenant, the newest change first
///
/// By plans that were approved, and by Hookline itself: hooks that were disabled because they
/// failed for long or because their endpoint is gone, secrets whose overlap has passed. Entries are
/// kept for 400 days. With a filter, a page may hold fewer than `limit`, also none, while
/// `next_cursor` says that there are more: one request looks at 2,000 entries at most.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/adjustments", operation_id = "adjustments.list", tag = "plans",
    params(("tenant" = String, Path), AdjustmentQuery), responses((status = 200, body = AdjustmentList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    access: Access,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<AdjustmentQuery>,
) -> Result<Json<AdjustmentList>, Problem> {
    let (limit, now) = (limit(query.limit)?, deps.clock.now());
    let (adjustments, tenant) = (&deps.plans.adjustments, &tenant);
    let is_past = |row: &Adjustment| query.since.is_some_and(|since| row.at < since);
    let read = |limit, cursor: Option<String>| async move {
        let page = adjustments.list(tenant, limit, cursor.as_deref()).await?;
        let is_over = page.items.iter().flatten().any(is_past);
        Ok(Page { next: page.next.filter(|_| !is_over), ..page })
    };
    let is_wanted = |of: &Adjustment| query.admits(of, access, now);
    let page = wanted_rows(limit, LOOKED_AT, query.cursor.clone(), read, is_wanted).await?;
    let items = ListEntry::all(page.items, |of| AdjustmentView::from(&of));
    Ok(Json(AdjustmentList { items, next_cursor: page.next }))
}

/// Of the tenant itself portals see nothing.
fn may_see(of: &Adjustment, access: Access) -> bool {
    access == Access::Full || of.target.kind != TargetKind::Tenant
}

async fn find(deps: &Deps, tenant: &TenantId, params: &Segments, access: Access) -> Result<Arc<Adjustment>, Problem> {
    let id: AdjustmentId = segment(params, "adjustment", "adjustment")?;
    let found = deps.plans.adjustments.get(tenant, id).await?;
    found
        .filter(|of| is_kept(of.at, deps.clock.now()) && may_see(of, access))
        .ok_or_else(|| Problem::not_found("adjustment"))
}

/// Read an adjustment
#[utoipa::path(get, path = "/v1/tenants/{tenant}/adjustments/{adjustment}", operation_id = "adjustments.get", tag = "plans",
    params(("tenant" = String, Path), ("adjustment" = String, Path)), responses((status = 200, body = AdjustmentView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    access: Access,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<AdjustmentView>, Problem> {
    Ok(Json(AdjustmentView::from(&*find(&deps, &tenant, &params, access).await?)))
}

/// What no request can set.
const NOT_SETTABLE: [&str; 7] =
    ["secrets", "verification_key", "disabled_reason", "disabled_at", "created_at", "created_with", "id"];

/// Propose to take an adjustment back
///
/// It makes a plan that is approved as any other; nothing changes before that.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/adjustments/{adjustment}/revert", operation_id = "adjustments.revert", tag = "plans",
    params(("tenant" = String, Path), ("adjustment" = String, Path)), responses(
    (status = 201, body = PlanView),
    (status = 409, description = "It cannot be taken back, or a plan that does is pending, or 200 plans are")
))]
pub(crate) async fn revert(
    MayApprove(tenant): MayApprove,
    access: Access,
    Actor(asker): Actor,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<(StatusCode, Json<PlanView>), Problem> {
    let of = find(&deps, &tenant, &params, access).await?;
    let tenant = owner(&deps, &tenant).await?;
    let now = deps.clock.now();
    let title = format!("Take back: {}", of.reason.as_deref().unwrap_or(of.cause.as_str()));
    let title = title.chars().take(MAX_TITLE_CHARS).collect();
    let id = PlanId::new(now, deps.random.as_ref());
    let plan = Plan { reverts: Some(of.id), ..Plan::new(&tenant.id, id, title, reverting(&of)?, &asker, now) };
    let is_same = |known: &&Plan| {
        known.reverts == Some(of.id) && matches!(known.state_at(now), PlanState::Pending | PlanState::Approved)
    };
    match plans::propose(&deps, &tenant, &plan, |known| known.iter().find(is_same)).await? {
        Proposed::Made(plan) => Ok((StatusCode::CREATED, Json(PlanView::of(&plan, now)))),
        Proposed::Known(same) => {
            Err(Problem::conflict(format!("{} proposes that already, and is not decided", same.id)))
        }
    }
}

/// The change that takes it back.
fn reverting(of: &Adjustment) -> Result<PlannedChange, Problem> {
    let kind = match of.target.kind {
        TargetKind::Hook => ChangeKind::Hook,
        TargetKind::Tenant => ChangeKind::Tenant,
        TargetKind::EventType => ChangeKind::EventType,
        TargetKind::External => ChangeKind::External,
        _ => return Err(Problem::conflict("this version of Hookline cannot take this adjustment back")),
    };
    if kind == ChangeKind::External {
        return Ok(PlannedChange {
            target: Some(of.target.id.clone()),
            before: Some(of.after.clone()),
            after: Some(of.before.clone()),
            ..PlannedChange::new(kind)
        });
    }
    let patch = of.reverting_patch(&NOT_SETTABLE);
    if patch.is_empty() {
        let detail = "nothing of this adjustment can be taken back: a secret that is gone does not come back";
        return Err(Problem::conflict(detail));
    }
    let raw = serde_json::to_string(&patch).and_then(RawValue::from_string).map_err(|_| Problem::internal())?;
    Ok(PlannedChange {
        hook: of.target.id.parse().ok().filter(|_| kind == ChangeKind::Hook),
        event_type: of.target.id.parse().ok().filter(|_| kind == ChangeKind::EventType),
        patch: Some(RawJson::from(Arc::<RawValue>::from(raw))),
        ..PlannedChange::new(kind)
    })
}
