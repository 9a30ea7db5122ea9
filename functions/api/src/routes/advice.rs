//! The advisor: what it proposes now, and what it may propose.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use contract::jobs::{Advise, Job, JobMessage};
use contract::ports::{HttpRequest, HttpSender};
use domain::advice::{AdviceKind, AdvisorSettings};
use domain::hook::{Hook, Timeout};
use domain::seconds::Seconds;
use serde::{Deserialize, Serialize};
use services::StepTime;
use services::advisor::{HttpsProbe, Proposed};
use utoipa::ToSchema;

use super::hooks::owner;
use super::plans::views::PlanView;
use crate::Deps;
use crate::auth::{InPortal, InTenant, MayApprove};
use crate::input::{Body, refuse};
use crate::problem::{FieldError, Problem};

#[derive(Serialize, ToSchema)]
pub(crate) struct Advised {
    /// What was proposed just now; empty where there is nothing new
    plans: Vec<PlanView>,
    /// The store was too slow to look at all: the rest is looked at by itself, and what comes of it is among
    /// the plans then. Absent where all was looked at
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    continues: bool,
}

/// Look at what hooks need, now
///
/// The same happens by itself once a day: the health of hooks and the counts of 30 days are looked
/// at, and at most 5 plans are proposed, one for one cause. What was rejected is not proposed again
/// for 30 days, unless its first number has changed by half.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/advice", operation_id = "advisor.advise", tag = "plans",
    params(("tenant" = String, Path)), responses((status = 200, body = Advised)))]
pub(crate) async fn advise(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<Advised>, Problem> {
    let tenant = owner(&deps, &tenant).await?;
    let time = StepTime::begin(deps.clock.as_ref());
    let Proposed { plans, next } = deps.advisor.advise(&tenant, Advise::default(), &time).await?;
    let continues = next.is_some();
    if let Some(next) = next {
        deps.jobs.send_one(JobMessage::new(&tenant.id, Job::Advise(next)).to_outgoing(None)).await?;
    }
    let now = deps.clock.now();
    Ok(Json(Advised { plans: plans.iter().map(|plan| PlanView::of(plan, now)).collect(), continues }))
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AdvisorView {
    /// Kinds of advice that are not given
    off: Vec<AdviceKind>,
    /// All others
    on: Vec<AdviceKind>,
}

impl From<&AdvisorSettings> for AdvisorView {
    fn from(settings: &AdvisorSettings) -> Self {
        let (off, on) = AdviceKind::ALL.iter().partition(|kind| settings.off.contains(kind));
        Self { off, on }
    }
}

/// Fields that are absent stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdvisorChange {
    /// Kinds of advice that are not to be given; it stands in for those of before.
    off: Option<Vec<AdviceKind>>,
}

/// Read what the advisor may propose
#[utoipa::path(get, path = "/v1/tenants/{tenant}/advisor", operation_id = "advisor.get", tag = "plans",
    params(("tenant" = String, Path)), responses((status = 200, body = AdvisorView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<AdvisorView>, Problem> {
    Ok(Json(AdvisorView::from(&deps.advisors.get(&tenant).await?)))
}

/// Change what the advisor may propose
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/advisor", operation_id = "advisor.update", tag = "plans",
    params(("tenant" = String, Path)), request_body(content = Option<AdvisorChange>, example = json!({ "off": ["https", "batches"] })), responses(
    (status = 200, body = AdvisorView),
    (status = 409, description = "Somebody else changed it at the same time; retry")
))]
pub(crate) async fn update(
    MayApprove(tenant): MayApprove,
    State(deps): State<Arc<Deps>>,
    body: Body<AdvisorChange>,
) -> Result<Json<AdvisorView>, Problem> {
    let (change, wrong) = body.open()?;
    let mut errors = Vec::new();
    for (index, kind) in change.off.iter().flatten().enumerate() {
        if matches!(kind, AdviceKind::Unknown(_)) {
            let names: Vec<&str> = AdviceKind::ALL.iter().map(|kind| kind.as_str()).collect();
            errors.push(FieldError::new(format!("off[{index}]"), format!("expected one of {}", names.join(", "))));
        }
    }
    refuse(wrong, errors)?;
    let mut settings = deps.advisors.get(&tenant).await?;
    if let Some(off) = change.off {
        // What a newer version let be turned off stays so.
        let newer = settings.off.iter().filter(|kind| matches!(kind, AdviceKind::Unknown(_))).copied();
        settings.off = AdviceKind::ALL.iter().filter(|kind| off.contains(kind)).copied().chain(newer).collect();
        settings.version += 1;
        deps.advisors.put(&tenant, &settings).await?;
    }
    Ok(Json(AdvisorView::from(&settings)))
}

/// Asks the host of a hook for its first page, over https: whether it answers, not what.
pub(crate) struct OverHttps(pub(crate) Arc<dyn HttpSender>);

#[async_trait]
impl HttpsProbe for OverHttps {
    async fn answers(&self, hook: &Hook) -> Option<bool> {
        let host = url::Url::parse(&hook.url).ok()?;
        let request = HttpRequest {
            method: "GET",
            url: url::Url::parse(&format!("https://{}/", host.host_str()?)).ok()?,
            headers: vec![("user-agent".to_owned(), concat!("Hookline/", env!("CARGO_PKG_VERSION")).to_owned())],
            body: Bytes::new(),
            timeout: Timeout::new(Seconds::new(2), Seconds::new(4)),
        };
        // Where the fault is our own, nobody can tell.
        self.0.send(request).await.ok().map(|result| result.answer.is_ok())
    }
}
