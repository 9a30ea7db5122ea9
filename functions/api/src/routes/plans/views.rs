//! Plans as the API shows them.

use domain::plan::{Evidence, Impact, Plan, PlanState, PlannedChange};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde::Serialize;
use utoipa::ToSchema;

use crate::listed::ListEntry;

#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct PlanView {
    id: String,
    title: String,
    state: PlanState,
    change: PlannedChange,
    /// The numbers that led to it
    evidence: Vec<Evidence>,
    /// What is expected of it; null where nobody said
    impact: Option<Impact>,
    /// Who proposes it: as that one says, or `operator`, a key's id, or `hookline`
    proposed_by: String,
    /// `operator`, a key's id, or `hookline`
    submitted_by: String,
    /// Of the advisor: what it saw
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// The adjustment that it takes back
    #[serde(skip_serializing_if = "Option::is_none")]
    reverts: Option<String>,
    created_at: String,
    expires_at: String,
    /// Who approved or rejected it; null while nobody did
    decided_by: Option<String>,
    decided_at: Option<String>,
    /// When it was applied or failed
    finished_at: Option<String>,
    /// Why it was rejected, or failed
    reason: Option<String>,
    /// What was noted of it when it was applied
    adjustment_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PlanList {
    /// The newest first
    #[schema(inline)]
    pub(super) items: Vec<ListEntry<PlanView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(super) next_cursor: Option<String>,
}

impl PlanView {
    pub(crate) fn of(plan: &Plan, now: Timestamp) -> Self {
        let plan = plan.clone();
        Self {
            id: plan.id.to_string(),
            state: plan.state_at(now),
            title: plan.title,
            change: PlannedChange { unknown: Unknown::NONE, ..plan.change },
            evidence: plan.evidence,
            impact: plan.impact,
            proposed_by: plan.proposed_by,
            submitted_by: plan.submitted_by,
            cause: plan.cause,
            reverts: plan.reverts.map(|id| id.to_string()),
            created_at: plan.created_at.to_string(),
            expires_at: plan.expires_at.to_string(),
            decided_by: plan.decided_by,
            decided_at: plan.decided_at.map(|at| at.to_string()),
            finished_at: plan.finished_at.map(|at| at.to_string()),
            reason: plan.reason,
            adjustment_id: plan.adjustment.map(|id| id.to_string()),
        }
    }
}
