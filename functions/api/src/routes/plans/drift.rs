//! Whether what a plan changes is still as it was when the plan was proposed.

use contract::ports::StoreError;
use domain::audit::{Snapshot, fields_of};
use domain::event_type::Owner;
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, PlannedChange};
use domain::tenant::Tenant;
use services::plans::fields_now;
use services::repositories::snapshots;

use super::change::Refusal;
use crate::Deps;
use crate::problem::FieldError;

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
