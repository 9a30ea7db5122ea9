//! What there is to a hook, a tenant or an event type, with secrets masked.

use domain::audit::Snapshot;
use domain::event_type::StoredEventType;
use domain::hook::Hook;
use domain::secret::{HoldsSecrets as _, Secret};
use domain::settings::MASK;
use domain::tenant::Tenant;

/// What changes with every write.
pub const LEFT_OUT: [&str; 2] = ["version", "updated_at"];

pub fn of_hook(hook: &Hook) -> Snapshot {
    let mut masked = hook.clone();
    masked.secrets_mut().into_iter().for_each(|secret| *secret = Secret::new(MASK));
    Snapshot::new(hook, &masked, &["settings"], &["version", "updated_at", "tenant"])
}

pub fn of_tenant(tenant: &Tenant) -> Snapshot {
    let masked = Tenant { settings: tenant.settings.clone().masked(), ..tenant.clone() };
    Snapshot::new(tenant, &masked, &["settings"], &LEFT_OUT)
}

pub fn of_event_type(stored: &StoredEventType) -> Snapshot {
    Snapshot::new(stored, stored, &["entry"], &LEFT_OUT)
}
