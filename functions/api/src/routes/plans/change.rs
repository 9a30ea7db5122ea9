//! What a plan proposes: checked when it is proposed and again when it is approved, and then
//! written together with what is noted of it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{PlacedDocument, StoreError};
use domain::audit::{Snapshot, TargetKind, fields_of};
use domain::event_type::{Owner, StoredEventType};
use domain::hook::Hook;
use domain::ids::{EventType, HookId};
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, MAX_CHANGE_BYTES, PlannedChange};
use domain::secret::{Cutover, HoldsSecrets as _, Secret, SecretKind};
use domain::settings::MASK;
use domain::strict::Members;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use services::plans::fields_now;
use services::repositories::snapshots;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::Access;
use crate::entity_tag::IfMatch;
use crate::input::{open, read, refuse};
use crate::problem::{FieldError, Problem};
use crate::routes::hooks::{Changer, HookChange};
use crate::routes::{event_types, secrets, tenants};

/// What is to be changed, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChange {
    #[serde(deserialize_with = "domain::strict::known")]
    kind: ChangeKind,
    /// Of `hook` and `hook_secret`: its id.
    #[schema(value_type = Option<String>)]
    hook: Option<HookId>,
    /// Of `event_type`: its name, in the tenant's own catalogue.
    #[schema(value_type = Option<String>)]
    event_type: Option<EventType>,
    /// Of `external`: what is changed, up to 300 characters.
    #[schema(max_length = 300)]
    target: Option<String>,
    /// Of `hook`, `tenant` and `event_type`: as `PATCH` of that takes it. It cannot carry secrets.
    #[schema(value_type = Option<Object>)]
    patch: Option<RawJson>,
    /// Of `external`: what is now; null for nothing.
    #[serde(default, deserialize_with = "whatever")]
    #[schema(value_type = Option<Value>)]
    before: Option<RawJson>,
    /// Of `external`: what will be; null for nothing.
    #[serde(default, deserialize_with = "whatever")]
    #[schema(value_type = Option<Value>)]
    after: Option<RawJson>,
    /// Of `hook_secret`: seconds for which the old secret stays live, up to 604,800; 86,400 by default.
    #[schema(maximum = 604_800)]
    overlap: Option<u32>,
}

const MAX_TARGET_CHARS: usize = 300;
const MAX_DEPTH: usize = 64;

/// Any JSON, null as well.
pub(super) fn whatever<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawJson>, D::Error> {
    RawJson::deserialize(deserializer).map(Some)
}

/// Complains about what pages and events could not tell.
pub(super) fn check_json(field: &str, json: &RawJson, errors: &mut Vec<FieldError>) {
    match serde_json::from_str::<Value>(json.get()) {
        Ok(value) if depth(&value) <= MAX_DEPTH => {}
        Ok(_) => errors.push(FieldError::new(field, format!("expected at most {MAX_DEPTH} levels"))),
        Err(_) => {
            let message = format!("expected numbers that fit into a double, and at most {MAX_DEPTH} levels");
            errors.push(FieldError::new(field, message));
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

impl NewChange {
    /// Complains about fields that its kind needs and does not have, or has and does not take.
    pub(super) fn check(self, errors: &mut Vec<FieldError>) -> PlannedChange {
        let kind = self.kind;
        let takes = |kinds: &[ChangeKind]| kinds.contains(&kind);
        let fields: [(&str, bool, bool, bool); 7] = [
            ("hook", self.hook.is_some(), takes(&[ChangeKind::Hook, ChangeKind::HookSecret]), true),
            ("event_type", self.event_type.is_some(), takes(&[ChangeKind::EventType]), true),
            ("target", self.target.is_some(), takes(&[ChangeKind::External]), true),
            (
                "patch",
                self.patch.is_some(),
                takes(&[ChangeKind::Hook, ChangeKind::Tenant, ChangeKind::EventType]),
                true,
            ),
            ("before", self.before.is_some(), takes(&[ChangeKind::External]), true),
            ("after", self.after.is_some(), takes(&[ChangeKind::External]), true),
            ("overlap", self.overlap.is_some(), takes(&[ChangeKind::HookSecret]), false),
        ];
        for (name, given, taken, needed) in fields {
            let field = format!("change.{name}");
            if given && !taken {
                errors.push(FieldError::new(field, format!("is not of a change of the kind {}", kind.as_str())));
            } else if !given && taken && needed {
                errors.push(FieldError::new(field, format!("is required of a change of the kind {}", kind.as_str())));
            }
        }
        let bytes = [&self.patch, &self.before, &self.after].into_iter().flatten().map(|json| json.get().len());
        if bytes.sum::<usize>() > MAX_CHANGE_BYTES {
            errors.push(FieldError::new("change", format!("expected at most {MAX_CHANGE_BYTES} bytes of JSON")));
        }
        for (name, json) in [("patch", &self.patch), ("before", &self.before), ("after", &self.after)] {
            if let Some(json) = json {
                check_json(&format!("change.{name}"), json, errors);
            }
        }
        if self.target.as_ref().is_some_and(|target| target.trim().is_empty()) {
            errors.push(FieldError::new("change.target", "is required: what is changed"));
        }
        if self.target.as_ref().is_some_and(|target| target.chars().count() > MAX_TARGET_CHARS) {
            let message = format!("expected at most {MAX_TARGET_CHARS} characters");
            errors.push(FieldError::new("change.target", message));
        }
        if self.overlap.is_some_and(|seconds| seconds > secrets::MAX_OVERLAP_SECONDS) {
            let message = format!("expected a whole number from 0 to {}", secrets::MAX_OVERLAP_SECONDS);
            errors.push(FieldError::new("change.overlap", message));
        }
        PlannedChange {
            hook: self.hook,
            event_type: self.event_type,
            target: self.target,
            patch: self.patch,
            before: self.before,
            after: self.after,
            overlap: self.overlap,
            ..PlannedChange::new(kind)
        }
    }
}

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
    let secret = match old.secrets.first() {
        Some(current) if SecretKind::of(&current.secret) == SecretKind::Ed25519 => {
            Secret::generate_ed25519(deps.random.as_ref())
        }
        _ => Secret::generate(deps.random.as_ref()),
    };
    let overlap = overlap.map_or(secrets::DEFAULT_OVERLAP, |seconds| Duration::from_secs(seconds.into()));
    let mut new = old.clone();
    let now = deps.clock.now();
    new.rotate(secret, overlap, Cutover::AtOnce, now);
    new.updated_at = now;
    new.version += 1;
    Change::Secret { old: Box::new(old.clone()), new: Box::new(new) }
}

/// What a plan changes as it is now; none where only its proposer knows.
pub(super) async fn snapshot_now(
    deps: &Deps,
    tenant: &Tenant,
    planned: &PlannedChange,
) -> Result<Option<(Snapshot, u64)>, Refusal> {
    Ok(match (planned.kind, planned.hook, &planned.event_type) {
        (ChangeKind::Hook | ChangeKind::HookSecret, Some(id), _) => {
            let hook = deps.hooks.get(&tenant.id, id).await?.ok_or(Refusal::Gone("hook"))?;
            Some((snapshots::of_hook(&hook), hook.version))
        }
        (ChangeKind::Tenant, ..) => Some((snapshots::of_tenant(tenant), tenant.version)),
        (ChangeKind::EventType, _, Some(name)) => {
            let found = deps.catalogue.entries.find(Owner::Tenant(&tenant.id), name).await?;
            let found = found.ok_or(Refusal::Gone("event type"))?;
            Some((snapshots::of_event_type(&found), found.version))
        }
        _ => None,
    })
}

/// The same when the plan was proposed, with secrets, as long as that version is kept.
async fn snapshot_then(deps: &Deps, tenant: &Tenant, planned: &PlannedChange) -> Result<Option<Snapshot>, StoreError> {
    let Some(version) = planned.version else { return Ok(None) };
    Ok(match (planned.kind, planned.hook) {
        (ChangeKind::Hook | ChangeKind::HookSecret, Some(id)) => {
            deps.hooks.revision(&tenant.id, id, version).await?.map(|hook| snapshots::of_hook(&hook))
        }
        (ChangeKind::Tenant, _) => {
            deps.tenants.revision(&tenant.id, version).await?.map(|tenant| snapshots::of_tenant(&tenant))
        }
        _ => None,
    })
}

/// What is not any more as it was when the plan was proposed.
pub(super) async fn moved_on(
    deps: &Deps,
    tenant: &Tenant,
    planned: &PlannedChange,
    (now, version): (&Snapshot, u64),
) -> Result<Vec<FieldError>, StoreError> {
    let Some(then) = planned.before.as_ref() else { return Ok(Vec::new()) };
    let Some(present) = fields_now(planned, now) else { return Ok(Vec::new()) };
    // A secret shows by the version that had it, for both are masked.
    let former = if planned.version == Some(version) { None } else { snapshot_then(deps, tenant, planned).await? };
    let (then, present) = (fields_of(then.get()), fields_of(present.get()));
    let told = |json: &RawJson| match json.get() {
        long if long.chars().count() > 200 => "something else".to_owned(),
        text => text.to_owned(),
    };
    let mut moved = Vec::new();
    for (name, was) in &then {
        let field = if name == "secrets" { "change.hook".to_owned() } else { format!("change.patch.{name}") };
        let is = present.get(name);
        if is != Some(was) {
            let message = match is {
                Some(is) if name != "secrets" => {
                    format!("was {} when this was proposed, and is {} now", told(was), told(is))
                }
                _ => "has other secrets than when this was proposed".to_owned(),
            };
            moved.push(FieldError::new(field, message));
        } else if former.as_ref().is_some_and(|former| former.whole(name) != now.whole(name)) {
            moved.push(FieldError::new(field, "has another secret than when this was proposed"));
        }
    }
    Ok(moved)
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

pub(super) fn check_expiry(at: Timestamp, now: Timestamp, errors: &mut Vec<FieldError>) {
    let last = now.saturating_add(services::repositories::audit::KEPT_FOR);
    if at <= now || at > last {
        errors.push(FieldError::new("expires_at", format!("expected a time from now to {last}")));
    }
}
