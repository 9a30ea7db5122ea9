//! Changes that are proposed, and wait for somebody to approve them.

pub(crate) mod change;
pub(crate) mod decide;
mod drift;
mod new_change;
pub(crate) mod views;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::{HookId, PlanId, TenantId};
use domain::key::KeyHash;
use domain::plan::{self, ChangeKind, Evidence, Impact, Plan, PlanState, PlannedChange};
use domain::strict::known;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use services::plans::{MAX_PENDING, Proposal, fields_now, is_kept};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::auth::{Access, Actor, InPortal, IsPlanner, MayPropose, NamedRequest};
use crate::input::{Body, Query, Segments, limit, page_size, refuse, segment};
use crate::listed::{ListEntry, wanted_rows};
use crate::problem::{FieldError, Problem};
use crate::routes::hooks::owner;
use change::Change;
use new_change::NewChange;
use views::{PlanList, PlanView};

/// Plans that are looked at for one request.
const LOOKED_AT: usize = 2_000;
const MAX_PROPOSER_CHARS: usize = 200;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    /// What is proposed, up to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    change: NewChange,
    /// The numbers that led to it, up to 50.
    #[serde(default)]
    #[schema(max_items = 50)]
    evidence: Vec<Evidence>,
    /// What is expected of it.
    impact: Option<Impact>,
    /// When it expires if nobody decides, RFC 3339, at most 400 days from now; in 30 days when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Who proposes it, for people, up to 200 characters; the key when absent.
    #[schema(max_length = 200)]
    proposed_by: Option<String>,
}

fn check_expiry(at: Timestamp, now: Timestamp, errors: &mut Vec<FieldError>) {
    let last = now.saturating_add(services::repositories::audit::KEPT_FOR);
    if at <= now || at > last {
        errors.push(FieldError::new("expires_at", format!("expected a time from now to {last}")));
    }
}

/// Propose a plan
///
/// The change is checked now and once more when the plan is approved. A request that is sent again
/// with its `Idempotency-Key` proposes nothing more.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/plans", operation_id = "plans.create", tag = "plans",
    params(("tenant" = String, Path)), request_body(content = NewPlan, examples(
        ("hook" = (summary = "A change of a hook", value = json!({
            "title": "Give the endpoint 20 s to answer, not 10",
            "change": { "kind": "hook", "hook": "hook_01M7YRY66B9CZNF4GV85GH11D0", "patch": { "timeout": { "total": 20 } } },
            "evidence": [{
                "name": "attempts that ran into the time-out", "value": 412, "since": "2026-01-01T00:00:00Z",
                "source": "/v1/tenants/acme/counts?group_by=outcome"
            }],
            "impact": {
                "text": "Late answers count as successes",
                "numbers": [{ "name": "time-out", "before": 10, "after": 20, "unit": "s" }]
            },
            "proposed_by": "growth model 7"
        }))),
        ("hook_secret" = (summary = "A new secret", value = json!({
            "title": "Rotate a secret that is older than a year",
            "change": { "kind": "hook_secret", "hook": "hook_01M7YRY66B9CZNF4GV85GH11D0", "overlap": 86_400 }
        }))),
        ("tenant" = (summary = "A change of the tenant", value = json!({
            "title": "Room for more hooks", "change": { "kind": "tenant", "patch": { "max_hooks": 200 } }
        }))),
        ("event_type" = (summary = "A change of an event type", value = json!({
            "title": "Nothing sends it any more",
            "change": { "kind": "event_type", "event_type": "post.published", "patch": { "deprecated": true } }
        }))),
        ("external" = (summary = "Something of your own", value = json!({
            "title": "Post more often",
            "change": {
                "kind": "external", "target": "posting frequency of brand 17",
                "before": { "posts_per_week": 3 }, "after": { "posts_per_week": 5 }
            }
        })))
    )), responses(
    (status = 201, body = PlanView),
    (status = 409, description = "Limit reached: at most 200 pending plans of a tenant")
))]
pub(crate) async fn create(
    MayPropose(tenant): MayPropose,
    Actor(asker): Actor,
    NamedRequest { asked_with, key }: NamedRequest,
    IsPlanner(is_planner): IsPlanner,
    State(deps): State<Arc<Deps>>,
    body: Body<NewPlan>,
) -> Result<(StatusCode, Json<PlanView>), Problem> {
    let (new, wrong) = body.open()?;
    let (mut errors, now) = (Vec::new(), deps.clock.now());
    plan::check_title(&new.title, &mut errors);
    plan::check_evidence(&new.evidence, &mut errors);
    if let Some(impact) = &new.impact {
        plan::check_impact(impact, &mut errors);
    }
    if let Some(at) = new.expires_at {
        check_expiry(at, now, &mut errors);
    }
    if new.proposed_by.as_ref().is_some_and(|by| by.chars().count() > MAX_PROPOSER_CHARS) {
        let message = format!("expected at most {MAX_PROPOSER_CHARS} characters");
        errors.push(FieldError::new("proposed_by", message));
    }
    let change = new.change.check(&mut errors);
    refuse(wrong, errors)?;
    let tenant = owner(&deps, &tenant).await?;
    let id = PlanId::new(now, deps.random.as_ref());
    let usual = Plan::new(&tenant.id, id, new.title, change, &asker, now);
    let plan = Plan {
        evidence: new.evidence,
        impact: new.impact,
        proposed_by: new.proposed_by.filter(|by| !by.trim().is_empty()).unwrap_or(asker),
        made_with: key.as_deref().map(|key| KeyHash::of(&asked_with.request(key))),
        expires_at: new.expires_at.unwrap_or(usual.expires_at),
        ..usual
    };
    // Earlier builds noted the key alone.
    let former = key.as_deref().map(KeyHash::of);
    let is_same = |known: &&Plan| {
        known.made_with.is_some()
            && [&plan.made_with, &former].contains(&&known.made_with)
            && known.submitted_by == plan.submitted_by
    };
    let (Proposed::Made(plan) | Proposed::Known(plan)) =
        propose(&deps, &tenant, &plan, |known| known.iter().find(is_same)).await?;
    Ok((StatusCode::CREATED, Json(shown_to(is_planner, &plan, now))))
}

/// Whoever may only propose is not shown how what the plan changes is now.
fn shown_to(is_planner: bool, plan: &Plan, now: Timestamp) -> PlanView {
    let mut plan = plan.clone();
    if is_planner && plan.change.kind != ChangeKind::External {
        plan.change.before = None;
    }
    PlanView::of(&plan, now)
}

/// A plan that waits for a decision.
pub(crate) enum Proposed {
    Made(Plan),
    /// One that there was.
    Known(Plan),
}

/// Checks what a plan changes, notes what that is now, and writes the plan, unless `same` finds one that
/// proposes this already.
pub(crate) async fn propose(
    deps: &Deps,
    tenant: &Arc<Tenant>,
    plan: &Plan,
    same: impl for<'a> Fn(&'a [Plan]) -> Option<&'a Plan>,
) -> Result<Proposed, Problem> {
    // What was proposed may be applied by now, and change nothing any more.
    if let Some(same) = same(&deps.plans.newest(&tenant.id).await?) {
        return Ok(Proposed::Known(same.clone()));
    }
    let change = Change::of(deps, tenant, &plan.change).await?;
    let mut plan = plan.clone();
    if let (Some((before, _)), Some((_, version))) =
        (change.snapshots(), drift::snapshot_now(deps, tenant, &plan.change).await?)
    {
        let version = Some(version);
        plan.change = PlannedChange { before: fields_now(&plan.change, &before), version, ..plan.change };
    }
    match deps.plans.propose(&plan, same).await? {
        Proposal::Made => Ok(Proposed::Made(plan)),
        Proposal::Known(known) => Ok(Proposed::Known(*known)),
        Proposal::Full => Err(Problem::limit_reached(format!(
            "limit reached: at most {MAX_PENDING} pending plans of a tenant; decide some first"
        ))),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlanQuery {
    /// Only plans that stand so; several with commas between
    #[serde(default, deserialize_with = "states")]
    #[param(value_type = Option<String>, pattern = "^(pending|approved|applied|failed|rejected|expired)(,(pending|approved|applied|failed|rejected|expired))*$")]
    state: Vec<PlanState>,
    /// Only changes of this kind
    #[serde(default, deserialize_with = "known")]
    #[param(inline)]
    kind: Option<ChangeKind>,
    /// Only changes of this hook
    #[param(value_type = Option<String>)]
    hook: Option<HookId>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

fn states<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PlanState>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let state = |name: &str| {
        let found = PlanState::ALL.iter().find(|state| state.as_str() == name).copied();
        let names: Vec<&str> = PlanState::ALL.iter().map(|state| state.as_str()).collect();
        found.ok_or_else(|| D::Error::custom(format!("expected some of {}, with commas between", names.join(", "))))
    };
    text.split(',').map(state).collect()
}

impl PlanQuery {
    fn admits(&self, plan: &Plan, access: Access, now: Timestamp) -> bool {
        is_kept(plan.created_at, now)
            && may_see(plan, access)
            && (self.state.is_empty() || self.state.contains(&plan.state_at(now)))
            && self.kind.is_none_or(|kind| plan.change.kind == kind)
            && self.hook.is_none_or(|hook| plan.change.hook == Some(hook))
    }
}

/// List the plans of a tenant, the newest first
///
/// They are kept for 400 days. With a filter, a page may hold fewer than `limit`, also none, while
/// `next_cursor` says that there are more: one request looks at 2,000 plans at most.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/plans", operation_id = "plans.list", tag = "plans",
    params(("tenant" = String, Path), PlanQuery), responses((status = 200, body = PlanList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    access: Access,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PlanQuery>,
) -> Result<Json<PlanList>, Problem> {
    let (limit, now) = (limit(query.limit)?, deps.clock.now());
    let (plans, tenant) = (&deps.plans.plans, &tenant);
    let read = |limit, cursor: Option<String>| async move { plans.list(tenant, limit, cursor.as_deref()).await };
    let is_wanted = |plan: &Plan| query.admits(plan, access, now);
    let page = wanted_rows(limit, LOOKED_AT, query.cursor.clone(), read, is_wanted).await?;
    Ok(Json(PlanList { items: ListEntry::all(page.items, |plan| PlanView::of(&plan, now)), next_cursor: page.next }))
}

/// What changes the tenant itself is not for portals, as the tenant is not.
fn may_see(plan: &Plan, access: Access) -> bool {
    access == Access::Full || plan.change.kind != ChangeKind::Tenant
}

/// The plan that the path names.
async fn find(deps: &Deps, tenant: &TenantId, params: &Segments, access: Access) -> Result<Arc<Plan>, Problem> {
    let id: PlanId = segment(params, "plan", "plan")?;
    let plan = deps.plans.plans.get(tenant, id).await?;
    plan.filter(|plan| is_kept(plan.created_at, deps.clock.now()) && may_see(plan, access))
        .ok_or_else(|| Problem::not_found("plan"))
}

/// Read a plan
#[utoipa::path(get, path = "/v1/tenants/{tenant}/plans/{plan}", operation_id = "plans.get", tag = "plans",
    params(("tenant" = String, Path), ("plan" = String, Path)), responses((status = 200, body = PlanView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    access: Access,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<PlanView>, Problem> {
    Ok(Json(PlanView::of(&*find(&deps, &tenant, &params, access).await?, deps.clock.now())))
}
