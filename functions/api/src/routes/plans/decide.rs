//! Approving and rejecting plans, and reporting what became of external ones.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::{PlacedDocument, StoreError};
use domain::adjustment::{Adjustment, AdjustmentCause};
use domain::audit::{Target, TargetKind};
use domain::ids::{AdjustmentId, TenantId};
use domain::operational::{PLAN_APPLIED, PLAN_APPROVED, PLAN_FAILED, PLAN_REJECTED};
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, Plan, PlanState, check_reason};
use domain::tenant::Tenant;
use domain::unknown::Unknown;
use serde::Deserialize;
use serde_json::value::RawValue;
use services::plans::Adjusted;
use services::repositories::documents::beside;
use utoipa::ToSchema;

use super::change::{Change, Refusal, target};
use super::drift::{moved_on, snapshot_now};
use super::find;
use super::new_change::{check_json, whatever};
use super::views::PlanView;
use crate::Deps;
use crate::auth::{Access, Actor, InTenant, IsOperator, MayApprove};
use crate::input::{Body, Segments, refuse};
use crate::problem::Problem;
use crate::routes::hooks::owner;

/// Others may decide at the same time.
const TRIES: usize = 4;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Why, up to 2,000 characters.
    #[schema(max_length = 2_000)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Applied {
    /// What is now, where that is not what the plan said.
    #[serde(default, deserialize_with = "whatever")]
    #[schema(value_type = Option<Value>)]
    after: Option<RawJson>,
}

/// Approve a plan
///
/// What it proposes is applied at once, in one transaction with the entry of the adjustment log; an
/// external plan is approved, and `automation.plan.approved` tells whoever proposed it. Approving
/// once more changes nothing. If what it changes has moved on since it was proposed, approval is
/// refused with the difference. A plan that changes the tenant itself takes the operator.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/plans/{plan}/approve", operation_id = "plans.approve", tag = "plans",
    params(("tenant" = String, Path), ("plan" = String, Path)), responses(
    (status = 200, body = PlanView),
    (status = 409, description = "It is rejected or has expired; or what it changes has moved on, as `errors` tell"),
    (status = 422, description = "What it proposes is not allowed any more")
))]
pub(crate) async fn approve(
    MayApprove(tenant): MayApprove,
    Actor(asker): Actor,
    access: Access,
    IsOperator(is_operator): IsOperator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<PlanView>, Problem> {
    let mut tries = 0;
    loop {
        tries += 1;
        let tenant = owner(&deps, &tenant).await?;
        let plan = find(&deps, &tenant.id, &params, access).await?;
        let now = deps.clock.now();
        match plan.state_at(now) {
            PlanState::Pending => {}
            PlanState::Approved | PlanState::Applied | PlanState::Failed => return Ok(Json(PlanView::of(&plan, now))),
            other => return Err(Problem::conflict(format!("the plan is {} already", other.as_str()))),
        }
        if plan.change.kind == ChangeKind::Tenant && !is_operator {
            let detail = "this plan changes the tenant itself, which takes the operator's key";
            return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, detail));
        }
        let by = Approval { asker: &asker, access };
        match by.give(&deps, &tenant, &plan).await {
            Ok(plan) => return Ok(Json(PlanView::of(&plan, now))),
            // Somebody else decided it, or changed what it changes: see what is now.
            Err(problem) if problem.is_overtaken() && tries < TRIES => {}
            Err(problem) => return Err(problem),
        }
    }
}

struct Approval<'a> {
    asker: &'a str,
    access: Access,
}

impl Approval<'_> {
    /// The change, if what it changes is as it was.
    async fn checked(&self, deps: &Deps, tenant: &Arc<Tenant>, plan: &Plan) -> Result<Change, Refusal> {
        if let Some((now, version)) = snapshot_now(deps, tenant, &plan.change).await? {
            let moved = moved_on(deps, tenant, &plan.change, (&now, version)).await?;
            if !moved.is_empty() {
                let detail =
                    "what this plan changes is not any more as it was when it was proposed; propose another one";
                return Err(Refusal::Moved(Problem::conflict(detail).with_errors(moved)));
            }
        }
        Change::of(deps, tenant, &plan.change).await
    }

    async fn give(&self, deps: &Deps, tenant: &Arc<Tenant>, plan: &Plan) -> Result<Plan, Problem> {
        let now = deps.clock.now();
        if plan.change.kind == ChangeKind::External {
            let approved = plan.next(PlanState::Approved, now).decided(self.asker, now);
            return write(deps, &approved, &[PLAN_APPROVED], &[]).await.map(|()| approved);
        }
        let change = match self.checked(deps, tenant, plan).await {
            Ok(change) => change,
            Err(Refusal::Gone(what)) => {
                let reason = format!("the {what} that it changes was deleted");
                let failed =
                    Plan { reason: Some(reason), ..plan.next(PlanState::Failed, now).decided(self.asker, now) };
                write(deps, &failed, &[PLAN_APPROVED, PLAN_FAILED], &[]).await?;
                return Ok(failed);
            }
            // It says which of its fields.
            Err(refusal) => return Err(refusal.into()),
        };
        let Some((before, after)) = change.snapshots() else { return Err(StoreError::Conflict.into()) };
        let adjusted = Adjusted {
            cause: AdjustmentCause::Plan,
            by: self.asker,
            target: target(&plan.change, tenant),
            plan: Some(plan.id),
            reason: Some(plan.title.clone()),
            before: &before,
            after: &after,
        };
        let adjustment = adjusted.entry(&tenant.id, now, deps.random.as_ref());
        let applied =
            Plan { adjustment: Some(adjustment.id), ..plan.next(PlanState::Applied, now).decided(self.asker, now) };
        let told = [PLAN_APPROVED, PLAN_APPLIED];
        deps.plans.announce(&tenant.id, plan.id, &told).await?;
        let rows = [beside(&applied)?, beside(&adjustment)?];
        change.commit(deps, tenant, self.access, &rows).await?;
        deps.plans.tell(&applied, &told).await;
        Ok(applied)
    }
}

/// Writes what became of a plan, and tells it.
async fn write(deps: &Deps, plan: &Plan, told: &[&str], rows: &[PlacedDocument]) -> Result<(), Problem> {
    deps.plans.announce(&plan.tenant, plan.id, told).await?;
    deps.plans.plans.put_with(plan, rows).await?;
    deps.plans.tell(plan, told).await;
    Ok(())
}

/// Reject a plan
///
/// Rejecting once more changes nothing.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/plans/{plan}/reject", operation_id = "plans.reject", tag = "plans",
    params(("tenant" = String, Path), ("plan" = String, Path)), request_body(content = Option<Reason>, example = json!({ "reason": "Not before the endpoint has moved" })), responses(
    (status = 200, body = PlanView),
    (status = 409, description = "It is not pending any more")
))]
pub(crate) async fn reject(
    MayApprove(tenant): MayApprove,
    Actor(asker): Actor,
    access: Access,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Reason>,
) -> Result<Json<PlanView>, Problem> {
    let reason = read_reason(body)?;
    let plan = find(&deps, &tenant, &params, access).await?;
    let now = deps.clock.now();
    match plan.state_at(now) {
        PlanState::Pending => {}
        PlanState::Rejected => return Ok(Json(PlanView::of(&plan, now))),
        other => return Err(Problem::conflict(format!("the plan is {} already", other.as_str()))),
    }
    let rejected = Plan { reason, ..plan.next(PlanState::Rejected, now).decided(&asker, now) };
    write(&deps, &rejected, &[PLAN_REJECTED], &[]).await?;
    Ok(Json(PlanView::of(&rejected, now)))
}

fn read_reason(body: Body<Reason>) -> Result<Option<String>, Problem> {
    let (body, wrong) = body.open()?;
    let mut errors = Vec::new();
    check_reason(body.reason.as_deref().unwrap_or_default(), &mut errors);
    refuse(wrong, errors)?;
    Ok(body.reason.filter(|reason| !reason.trim().is_empty()))
}

/// The approved external plan that is reported on.
async fn reported(deps: &Deps, tenant: &TenantId, params: &Segments, as_state: PlanState) -> Result<Reported, Problem> {
    let plan = find(deps, tenant, params, Access::Full).await?;
    if plan.change.kind != ChangeKind::External {
        let detail = "only an external plan is reported on; Hookline applies this one itself when it is approved";
        return Err(Problem::conflict(detail));
    }
    match plan.state_at(deps.clock.now()) {
        PlanState::Approved => Ok(Reported::Open(plan)),
        state if state == as_state => Ok(Reported::Known(plan)),
        state => {
            Err(Problem::conflict(format!("the plan is {}, and only an approved one is reported on", state.as_str())))
        }
    }
}

enum Reported {
    Open(Arc<Plan>),
    /// It was reported before.
    Known(Arc<Plan>),
}

/// Report that an approved external plan was applied
///
/// It is noted in the adjustment log. Reporting it once more changes nothing.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/plans/{plan}/applied", operation_id = "plans.report_applied", tag = "plans",
    params(("tenant" = String, Path), ("plan" = String, Path)), request_body(content = Option<Applied>, example = json!({ "after": { "posts_per_week": 4 } })), responses(
    (status = 200, body = PlanView),
    (status = 409, description = "It is not external, or not approved")
))]
pub(crate) async fn applied(
    InTenant(tenant): InTenant,
    Actor(asker): Actor,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Applied>,
) -> Result<Json<PlanView>, Problem> {
    let body = body.checked()?;
    let now = deps.clock.now();
    if body.after.as_ref().is_some_and(|after| after.get().len() > domain::plan::MAX_CHANGE_BYTES) {
        let message = format!("expected at most {} bytes of JSON", domain::plan::MAX_CHANGE_BYTES);
        return Err(Problem::bad_body(vec![crate::problem::FieldError::new("after", message)]));
    }
    let mut errors = Vec::new();
    body.after.iter().for_each(|after| check_json("after", after, &mut errors));
    if !errors.is_empty() {
        return Err(Problem::bad_body(errors));
    }
    let plan = match reported(&deps, &tenant, &params, PlanState::Applied).await? {
        Reported::Open(plan) => plan,
        Reported::Known(plan) => return Ok(Json(PlanView::of(&plan, now))),
    };
    let null = || RawJson::from(Arc::<RawValue>::from(RawValue::NULL.to_owned()));
    let value = |json: &Option<RawJson>| json.clone().unwrap_or_else(null);
    let adjustment = Adjustment {
        tenant: tenant.clone(),
        id: AdjustmentId::new(now, deps.random.as_ref()),
        at: now,
        cause: AdjustmentCause::Plan,
        by: plan.decided_by.clone().unwrap_or(asker),
        target: Target {
            kind: TargetKind::External,
            id: plan.change.target.clone().unwrap_or_default(),
            unknown: Unknown::NONE,
        },
        plan: Some(plan.id),
        reason: Some(plan.title.clone()),
        before: value(&plan.change.before),
        after: body.after.unwrap_or_else(|| value(&plan.change.after)),
        only_changes: false,
        unknown: Unknown::NONE,
    };
    let applied = Plan { adjustment: Some(adjustment.id), ..plan.next(PlanState::Applied, now) };
    write(&deps, &applied, &[PLAN_APPLIED], &[beside(&adjustment)?]).await?;
    Ok(Json(PlanView::of(&applied, now)))
}

/// Report that an approved external plan could not be applied
///
/// Reporting it once more changes nothing.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/plans/{plan}/failed", operation_id = "plans.report_failed", tag = "plans",
    params(("tenant" = String, Path), ("plan" = String, Path)), request_body(content = Option<Reason>, example = json!({ "reason": "The scheduler takes at most four posts a week" })), responses(
    (status = 200, body = PlanView),
    (status = 409, description = "It is not external, or not approved")
))]
pub(crate) async fn failed(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Reason>,
) -> Result<Json<PlanView>, Problem> {
    let reason = read_reason(body)?;
    let now = deps.clock.now();
    let plan = match reported(&deps, &tenant, &params, PlanState::Failed).await? {
        Reported::Open(plan) => plan,
        Reported::Known(plan) => return Ok(Json(PlanView::of(&plan, now))),
    };
    let failed = Plan { reason, ..plan.next(PlanState::Failed, now) };
    write(&deps, &failed, &[PLAN_FAILED], &[]).await?;
    Ok(Json(PlanView::of(&failed, now)))
}
