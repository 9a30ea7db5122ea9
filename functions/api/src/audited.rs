//! Stores that write down who changed what: whatever a route changes through them is in the
//! audit, and none can forget it.
//!
//! Who asks is known once a request was authenticated, and kept with the request's task.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use contract::ports::{
    AuditScope, Hooks, HooksLayer, Keys, KeysLayer, PlacedDocument, Profiles, ProfilesLayer, StoreResult, Tenants,
    TenantsLayer,
};
use domain::audit::{Snapshot, TargetKind, changes};
use domain::event_type::{Owner, StoredEventType};
use domain::hook::Hook;
use domain::ids::{HookId, KeyId, ProfileName, TenantId};
use domain::key::ApiKey;
use domain::portal::{PortalLink, PortalSession};
use domain::profile::Profile;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use serde::Serialize;
use services::health::hook_health::HookHealth;
use services::repositories::audit::{AuditTrail, BY_ITSELF, Deed};
use services::repositories::snapshots::{self, LEFT_OUT};

/// How many sessions and links went at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cleared {
    pub(crate) sessions: usize,
    pub(crate) links: usize,
}

/// Who asks, and from which address as far as that is known.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) by: String,
    /// Whom a portal session is for.
    pub(crate) user: Option<String>,
    pub(crate) from: Option<String>,
}

tokio::task_local! {
    static ASKER: Arc<OnceLock<Asker>>;
}

/// Keeps who asks with the task of a request.
pub(crate) async fn scope<F: Future>(work: F) -> F::Output {
    ASKER.scope(Arc::new(OnceLock::new()), work).await
}

/// Told once the request is authenticated.
pub(crate) fn set_asker(asker: Asker) {
    let _ = ASKER.try_with(|known| known.set(asker));
}

fn deed(what: &str, before: &Snapshot, after: &Snapshot) -> Deed {
    let asker = ASKER.try_with(|known| known.get().cloned()).ok().flatten();
    let itself = || Asker { by: BY_ITSELF.to_owned(), user: None, from: None };
    let Asker { by, user, from } = asker.unwrap_or_else(itself);
    let changes = changes(before, after);
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    let detail = (what == "changed").then(|| fields.join(", "));
    Deed { by, user, from, what: what.to_owned(), detail, changes }
}

pub(crate) struct Audited<T: ?Sized> {
    stored: Arc<T>,
    health: Arc<HookHealth>,
}

impl<T: ?Sized> Audited<T> {
    pub(crate) fn new(stored: Arc<T>, health: &Arc<HookHealth>) -> Arc<Self> {
        Arc::new(Self { stored, health: Arc::clone(health) })
    }

    fn audit(&self) -> &AuditTrail {
        &self.health.audit
    }
}

/// Which fields of a hook have changed from one version to another, by the API's names.
pub(crate) fn changed_fields(before: &Hook, after: &Hook) -> Vec<String> {
    let changes = changes(&snapshots::of_hook(before), &snapshots::of_hook(after));
    changes.into_iter().map(|change| change.field).collect()
}

#[async_trait]
impl HooksLayer for Audited<dyn Hooks> {
    fn below(&self) -> &dyn Hooks {
        self.stored.as_ref()
    }

    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        self.stored.create_within(hook, most).await?;
        let deed = deed("created", &Snapshot::default(), &snapshots::of_hook(hook));
        self.audit().note(&hook.tenant, hook.id, deed).await
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        self.stored.update_with(old, new, beside).await?;
        let what = match (old.enabled, new.enabled) {
            (true, false) => "disabled",
            (false, true) => "enabled",
            _ if old.secrets != new.secrets && old.settings == new.settings => "secret rotated",
            _ => "changed",
        };
        self.audit().note(&new.tenant, new.id, deed(what, &snapshots::of_hook(old), &snapshots::of_hook(new))).await
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        // One that cannot be read is deleted all the same.
        let before = self.stored.get(tenant, id).await.ok().flatten();
        let was_there = self.stored.delete(tenant, id, version).await?;
        if was_there {
            let before = before.map_or_else(Snapshot::default, |hook| snapshots::of_hook(&hook));
            let deed = deed("deleted", &before, &Snapshot::default());
            self.audit().note_of(AuditScope::Tenant(tenant), TargetKind::Hook, &id.to_string(), deed).await?;
        }
        Ok(was_there)
    }
}

impl Audited<dyn Tenants> {
    /// Its own people see it, and the operator also after it was deleted.
    async fn note(&self, id: &TenantId, deed: Deed) -> StoreResult<()> {
        let name = id.to_string();
        self.audit().note_of(AuditScope::Deployment, TargetKind::Tenant, &name, deed.clone()).await?;
        self.audit().note_of(AuditScope::Tenant(id), TargetKind::Tenant, &name, deed).await
    }
}

#[async_trait]
impl TenantsLayer for Audited<dyn Tenants> {
    fn below(&self) -> &dyn Tenants {
        self.stored.as_ref()
    }

    async fn create(&self, tenant: &Tenant) -> StoreResult<()> {
        self.stored.create(tenant).await?;
        self.note(&tenant.id, deed("created", &Snapshot::default(), &snapshots::of_tenant(tenant))).await
    }

    async fn update_with(&self, tenant: &Tenant, beside: &[PlacedDocument]) -> StoreResult<()> {
        let before = self.stored.get(&tenant.id).await?;
        self.stored.update_with(tenant, beside).await?;
        let before = before.map_or_else(Snapshot::default, |tenant| snapshots::of_tenant(&tenant));
        self.note(&tenant.id, deed("changed", &before, &snapshots::of_tenant(tenant))).await
    }

    async fn delete(&self, id: &TenantId, at: Timestamp) -> StoreResult<bool> {
        let before = self.stored.get(id).await.ok().flatten();
        let was_there = self.stored.delete(id, at).await?;
        if was_there {
            let before = before.map_or_else(Snapshot::default, |tenant| snapshots::of_tenant(&tenant));
            let deed = deed("deleted", &before, &Snapshot::default());
            self.audit().note_of(AuditScope::Deployment, TargetKind::Tenant, id.as_str(), deed).await?;
        }
        Ok(was_there)
    }
}

impl Audited<dyn Profiles> {
    fn snapshot(profile: &Profile) -> Snapshot {
        let masked = Profile { settings: profile.settings.clone().masked(), ..profile.clone() };
        Snapshot::new(profile, &masked, &["settings"], &LEFT_OUT)
    }

    async fn note(&self, name: &ProfileName, deed: Deed) -> StoreResult<()> {
        self.audit().note_of(AuditScope::Deployment, TargetKind::Profile, name.as_str(), deed).await
    }
}

#[async_trait]
impl ProfilesLayer for Audited<dyn Profiles> {
    fn below(&self) -> &dyn Profiles {
        self.stored.as_ref()
    }

    async fn create(&self, profile: &Profile) -> StoreResult<()> {
        self.stored.create(profile).await?;
        self.note(&profile.name, deed("created", &Snapshot::default(), &Self::snapshot(profile))).await
    }

    async fn update(&self, profile: &Profile) -> StoreResult<()> {
        let before = self.stored.get(&profile.name).await?;
        self.stored.update(profile).await?;
        let before = before.map_or_else(Snapshot::default, |profile| Self::snapshot(&profile));
        self.note(&profile.name, deed("changed", &before, &Self::snapshot(profile))).await
    }

    async fn delete(&self, name: &ProfileName) -> StoreResult<bool> {
        let before = self.stored.get(name).await.ok().flatten();
        let was_there = self.stored.delete(name).await?;
        if was_there {
            let before = before.map_or_else(Snapshot::default, |profile| Self::snapshot(&profile));
            self.note(name, deed("deleted", &before, &Snapshot::default())).await?;
        }
        Ok(was_there)
    }
}

impl Audited<dyn Keys> {
    /// Nothing of the key's text is told, not even its hash.
    fn snapshot(key: &ApiKey) -> Snapshot {
        let key = &ApiKey { scope: key.shown_scope(), ..key.clone() };
        Snapshot::new(key, key, &[], &["version", "hash", "last_used_at", "tenant"])
    }

    async fn note(&self, tenant: Option<&TenantId>, id: KeyId, deed: Deed) -> StoreResult<()> {
        let scope = tenant.map_or(AuditScope::Deployment, AuditScope::Tenant);
        self.audit().note_of(scope, TargetKind::Key, &id.to_string(), deed).await
    }
}

#[async_trait]
impl KeysLayer for Audited<dyn Keys> {
    fn below(&self) -> &dyn Keys {
        self.stored.as_ref()
    }

    async fn create(&self, key: &ApiKey) -> StoreResult<()> {
        self.stored.create(key).await?;
        let deed = deed("created", &Snapshot::default(), &Self::snapshot(key));
        self.note(key.tenant.as_ref(), key.id, deed).await
    }

    async fn delete(&self, tenant: Option<&TenantId>, id: KeyId) -> StoreResult<bool> {
        let before = self.stored.get(tenant, id).await.ok().flatten();
        let was_there = self.stored.delete(tenant, id).await?;
        if was_there {
            let before = before.map_or_else(Snapshot::default, |key| Self::snapshot(&key));
            self.note(tenant, id, deed("deleted", &before, &Snapshot::default())).await?;
        }
        Ok(was_there)
    }
}

/// Nothing of a code or token is told, not even its hash.
fn portal_snapshot<T: Serialize>(row: &T) -> Snapshot {
    Snapshot::new(row, row, &[], &["version", "hash", "last_used_at", "tenant"])
}

/// Rows of links and sessions come and go by themselves; whoever does it on request tells of it.
pub(crate) async fn note_link(health: &HookHealth, link: &PortalLink) -> StoreResult<()> {
    let deed = deed("created", &Snapshot::default(), &portal_snapshot(link));
    let scope = AuditScope::Tenant(&link.tenant);
    health.audit.note_of(scope, TargetKind::PortalLink, &link.id.to_string(), deed).await
}

/// Of a session that begins or ends.
pub(crate) async fn note_session(health: &HookHealth, session: &PortalSession, begins: bool) -> StoreResult<()> {
    let (nothing, shown) = (Snapshot::default(), portal_snapshot(session));
    let deed = if begins { deed("created", &nothing, &shown) } else { deed("deleted", &shown, &nothing) };
    let scope = AuditScope::Tenant(&session.tenant);
    health.audit.note_of(scope, TargetKind::PortalSession, &session.id.to_string(), deed).await
}

/// Of all sessions and open links of a tenant, in one entry.
pub(crate) async fn note_all_ended(health: &HookHealth, tenant: &TenantId, ended: Cleared) -> StoreResult<()> {
    let nothing = Snapshot::default();
    let detail = Some(format!("{} sessions, {} links", ended.sessions, ended.links));
    let deed = Deed { detail, ..deed("deleted", &nothing, &nothing) };
    health.audit.note_of(AuditScope::Tenant(tenant), TargetKind::PortalSession, "*", deed).await
}

/// Event types are not behind a port; whoever writes one tells of it.
pub(crate) async fn note_event_type(
    health: &HookHealth,
    owner: Owner<'_>,
    before: Option<&StoredEventType>,
    after: Option<&StoredEventType>,
) -> StoreResult<()> {
    let Some(name) = after.or(before).map(|stored| stored.entry.name.to_string()) else { return Ok(()) };
    let snapshot = |stored: Option<&StoredEventType>| stored.map_or_else(Snapshot::default, snapshots::of_event_type);
    let what = match (before, after) {
        (None, _) => "created",
        (Some(_), Some(_)) => "changed",
        (Some(_), None) => "deleted",
    };
    let scope = match owner {
        Owner::Tenant(tenant) => AuditScope::Tenant(tenant),
        Owner::Operator => AuditScope::Deployment,
    };
    health.audit.note_of(scope, TargetKind::EventType, &name, deed(what, &snapshot(before), &snapshot(after))).await
}

/// The deployment's keys are behind no port; whoever rotates them tells of it. Nothing of the keys is told.
pub(crate) async fn note_rotated_identity(health: &HookHealth, key_id: &str) -> StoreResult<()> {
    let nothing = Snapshot::default();
    let deed = Deed { detail: Some(format!("new key {key_id}")), ..deed("secret rotated", &nothing, &nothing) };
    health.audit.note_of(AuditScope::Deployment, TargetKind::Identity, "deployment", deed).await
}
