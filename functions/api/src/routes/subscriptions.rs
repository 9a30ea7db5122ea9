//! What goes with the keys, sessions and event types that subscriptions of the Model Context Protocol rest on.
//! `requeue` ends them; here it is asked to, before that goes.

use contract::jobs::EndSubscriptions;
use contract::ports::{Listed, StoreError};
use domain::capability::Capability;
use domain::event_type::Owner;
use domain::ids::{EventType, KeyId, TenantId};
use domain::key::{ApiKey, Scope};
use domain::portal::{PortalSession, SESSION};

use crate::Deps;
use crate::problem::Problem;

/// Of a key that is about to be revoked; of no tenant, in all of them.
pub(crate) async fn end_of_key(deps: &Deps, tenant: Option<&TenantId>, id: KeyId) -> Result<(), Problem> {
    match deps.keys.get(tenant, id).await {
        Ok(None) => return Ok(()),
        Ok(Some(key)) if !may_subscribe(&key) => return Ok(()),
        // One that cannot be read may have been allowed to.
        Ok(Some(_)) | Err(StoreError::Unreadable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let job = EndSubscriptions::of_principal(id.to_string(), deps.clock.now());
    Ok(deps.jobs.send_one(job.to_outgoing(tenant)).await?)
}

fn may_subscribe(key: &ApiKey) -> bool {
    match key.scope {
        Scope::Publish | Scope::Planner => false,
        Scope::Portal | Scope::Limited => key.allows(Capability::Manage),
        Scope::Operator | Scope::Tenant | Scope::Unknown(_) => true,
    }
}

/// Of sessions that are about to end, by the names of those that may subscribe.
pub(crate) async fn end_of_sessions(
    deps: &Deps,
    tenant: &TenantId,
    able: impl IntoIterator<Item = String>,
) -> Result<(), Problem> {
    let now = deps.clock.now();
    let jobs = able.into_iter().map(|name| EndSubscriptions::of_principal(name, now).to_outgoing(Some(tenant)));
    let jobs: Vec<_> = jobs.collect();
    match jobs.is_empty() {
        true => Ok(()),
        false => Ok(deps.jobs.send_all(&jobs).await?),
    }
}

/// The name of a session that may subscribe; one that cannot be read may have been allowed to.
pub(crate) fn able(session: &Listed<PortalSession>) -> Option<String> {
    match session {
        Ok(session) => session.capabilities.allow(Capability::Manage).then(|| session.actor()),
        Err(unreadable) => Some(format!("{SESSION}{}", unreadable.id)),
    }
}

/// Of a type that is about to be archived or deleted.
pub(crate) async fn end_of_event_type(deps: &Deps, owner: Owner<'_>, name: &EventType) -> Result<(), Problem> {
    let tenant = match owner {
        Owner::Tenant(tenant) => Some(tenant),
        Owner::Operator => None,
    };
    let job = EndSubscriptions::of_event_type(name.clone(), deps.clock.now());
    Ok(deps.jobs.send_one(job.to_outgoing(tenant)).await?)
}
