//! What a plan proposes: checked when it is proposed and again when it is approved, and then
//! written together with what is noted of it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{PlacedDocument, StoreError};
use domain::audit::{Snapshot, TargetKind};
use domain::event_type::{Owner, StoredEventType};
use domain::hook::Hook;
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, PlannedChange};
use domain::secret::{Cutover, HoldsSecrets as _};
use domain::settings::MASK;
use domain::strict::Members;
use domain::tenant::Tenant;
use serde_json::Value;
use services::repositories::snapshots;

use crate::Deps;
use crate::auth::Access;
use crate::entity_tag::IfMatch;
use crate::input::{open, read, refuse};
use crate::problem::{FieldError, Problem};
use crate::routes::hooks::{Changer, HookChange};
use crate::routes::{event_types, secrets, tenants};

/// A change that may be made, and is not yet.
pub(super) enum Change {
    Hook(Box<HookChange>),
    Secret { old: Box<Hook>, new: Box<Hook> },
    Tenant { old: Arc<Tenant>, new: Box<Tenant> },
    EventType { old: Arc<StoredEventType>, new: Box<StoredEventType> },
    External,
}

/// Why a change cannot be made.
pub(super) enum Refusal {
    /// What it changes is not there.
    Gone(&'static str),
    Problem(Problem),
    /// What it changes is not as it was.
    Moved(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Gone(what) => Problem::not_found(what),
            Refusal::Problem(problem) => problem.within("change.patch"),
            Refusal::Moved(problem) => problem,
        }
    }
}

fn members(patch: Option<&RawJson>) -> Result<Members, Problem> {
    let text = patch.map_or("{}", RawJson::get);
    let (members, wrong) = open(read::<Members>(text.as_bytes())?)?;
    refuse(wrong, Vec::new())?;
    Ok(members)
}

fn secrets_of(hook: &Hook) -> Vec<String> {
    hook.clone().secrets_mut().into_iter().map(|secret| secret.reveal().to_owned()).collect()
}

fn secrets_of_tenant(tenant: &Tenant) -> Vec<String> {
    tenant.settings.clone().secrets_mut().map(|secret| secret.reveal().to_owned()).collect()
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|field| holds(field, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A plan is shown to all who may see plans.
fn check_secrets(has: &[String], planned: &PlannedChange) -> Result<(), Problem> {
    let Some(patch) = &planned.patch else { return Ok(()) };
    let carries = serde_json::from_str::<Value>(patch.get())
        .is_ok_and(|patch| has.iter().any(|secret| !secret.is_empty() && secret != MASK && holds(&patch, secret)));
    if carries { Err(carries_a_secret()) } else { Ok(()) }
}

fn carries_a_secret() -> Problem {
    let message = "carries a secret, and a plan is shown to all who may see plans: change it by hand, \
                   or propose a change of the kind hook_secret";
    Problem::bad_body(vec![FieldError::new("", message)])
}

impl Change {
    pub(super) async fn of(deps: &Deps, tenant: &Arc<Tenant>, planned: &PlannedChange) -> Result<Self, Refusal> {
        let find = async || {
            let Some(id) = planned.hook else { return Ok(None) };
            deps.hooks.get(&tenant.id, id).await
        };
        match planned.kind {
            ChangeKind::Hook => {
                let old = find().await?.ok_or(Refusal::Gone("hook"))?;
                let body = members(planned.patch.as_ref())?;
                // In whatever form it would be stored.
                if body.get("secret").is_some_and(|secret| secret.get() != "null") {
                    return Err(carries_a_secret().into());
                }
                let by = Changer { access: Access::Full, may_rotate: true, limits: None };
                let change = HookChange::of(deps, tenant, Hook::clone(&old), &body, by).await?;
                check_secrets(&secrets_of(&change.new), planned)?;
                if change.old == change.new {
                    return Err(changes_nothing().into());
                }
                Ok(Self::Hook(Box::new(change)))
            }
            ChangeKind::HookSecret => {
                let old = find().await?.ok_or(Refusal::Gone("hook"))?;
                Ok(rotation(deps, &old, planned.overlap))
            }
            ChangeKind::Tenant => {
                let new = tenants::changed(deps, tenant, &members(planned.patch.as_ref())?).await?;
                check_secrets(&secrets_of_tenant(&new), planned)?;
                let same = Tenant { updated_at: tenant.updated_at, version: tenant.version, ..new.clone() };
                if same == **tenant {
                    return Err(changes_nothing().into());
                }
                Ok(Self::Tenant { old: Arc::clone(tenant), new: Box::new(new) })
            }
            ChangeKind::EventType => {
                let Some(name) = &planned.event_type else { return Err(Refusal::Gone("event type")) };
                let owner = Owner::Tenant(&tenant.id);
                if deps.catalogue.entries.find(owner, name).await?.is_none() {
                    return Err(Refusal::Gone("event type"));
                }
                let text = planned.patch.as_ref().map_or("{}", RawJson::get);
                let (fields, wrong) = open(read::<event_types::EventTypeChange>(text.as_bytes())?)?;
                let (old, new, _) = event_types::changed(deps, owner, name, fields, wrong).await?;
                if old.entry == new.entry {
                    return Err(changes_nothing().into());
                }
                Ok(Self::EventType { old, new: Box::new(new) })
            }
            ChangeKind::External => Ok(Self::External),
            ChangeKind::Unknown(_) => {
                let detail = "this version of Hookline does not know what this plan changes";
                Err(Problem::conflict(detail).into())
            }
        }
    }

    /// What there is before and after it; of an external one, only who proposed it knows.
    pub(super) fn snapshots(&self) -> Option<(Snapshot, Snapshot)> {
        match self {
            Self::Hook(change) => Some((snapshots::of_hook(&change.old), snapshots::of_hook(&change.new))),
            Self::Secret { old, new } => Some((snapshots::of_hook(old), snapshots::of_hook(new))),
            Self::Tenant { old, new } => Some((snapshots::of_tenant(old), snapshots::of_tenant(new))),
            Self::EventType { old, new } => Some((snapshots::of_event_type(old), snapshots::of_event_type(new))),
            Self::External => None,
        }
    }

    /// Writes it, and `beside` in the same transaction.
    pub(super) async fn commit(
        self,
        deps: &Deps,
        tenant: &Tenant,
        access: Access,
        beside: &[PlacedDocument],
    ) -> Result<(), Problem> {
        match self {
            Self::Hook(change) => change.commit(deps, access, beside, &IfMatch::ANY).await.map(drop),
            Self::Secret { old, new } => secrets::commit(deps, &old, &new, beside, &IfMatch::ANY).await,
            Self::Tenant { new, .. } => Ok(deps.tenants.update_with(&new, beside).await?),
            Self::EventType { old, new } => {
                event_types::commit(deps, Owner::Tenant(&tenant.id), &old, &new, beside).await
            }
            // Only the plan itself changes.
            Self::External => Err(StoreError::Conflict.into()),
        }
    }
}

fn changes_nothing() -> Problem {
    Problem::bad_body(vec![FieldError::new("", "changes nothing: all its fields are so already")])
}

fn rotation(deps: &Deps, old: &Hook, overlap: Option<u32>) -> Change {
    let current = old.secrets.first().map(|current| &current.secret);
    let secret = secrets::another(current, deps.random.as_ref());
    let overlap = overlap.map_or(secrets::DEFAULT_OVERLAP, |seconds| Duration::from_secs(seconds.into()));
    let mut new = old.clone();
    let now = deps.clock.now();
    new.rotate(secret, overlap, Cutover::AtOnce, now);
    new.updated_at = now;
    new.version += 1;
    Change::Secret { old: Box::new(old.clone()), new: Box::new(new) }
}

/// What an adjustment is of.
pub(super) fn target(planned: &PlannedChange, tenant: &Tenant) -> (TargetKind, String) {
    match planned.kind {
        ChangeKind::Hook | ChangeKind::HookSecret => {
            (TargetKind::Hook, planned.hook.map(|hook| hook.to_string()).unwrap_or_default())
        }
        ChangeKind::Tenant => (TargetKind::Tenant, tenant.id.to_string()),
        ChangeKind::EventType => {
            (TargetKind::EventType, planned.event_type.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        ChangeKind::External | ChangeKind::Unknown(_) => {
            (TargetKind::External, planned.target.clone().unwrap_or_default())
        }
    }
}
