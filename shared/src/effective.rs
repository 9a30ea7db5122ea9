//! Hooks with everything that applies to them, whoever decided it.

use std::sync::Arc;

use quick_cache::sync::Cache;
use url::{ParseError, Url};

use crate::domain::delivery::Revision;
use crate::domain::hook::Hook;
use crate::domain::ids::{HookId, ProfileName, TenantId};
use crate::domain::profile::{self, Profile};
use crate::domain::settings::Complete;
use crate::domain::tenant::Tenant;
use crate::domain::unknown::Unknown;
use crate::ports::{Hooks, Profiles, StoreError, StoreResult, Tenants};

const SETTLED: usize = 4_096;

/// A hook, its tenant, and the settings that follow from both.
#[derive(Clone, Debug)]
pub struct EffectiveHook {
    pub hook: Arc<Hook>,
    pub tenant: Arc<Tenant>,
    pub settings: Complete,
    /// Where to send, made ready once for all its requests.
    pub url: Result<Url, ParseError>,
    profile: Arc<Profile>,
}

impl EffectiveHook {
    /// `profile` is the one that the hook goes by.
    pub fn new(hook: Arc<Hook>, tenant: Arc<Tenant>, profile: Arc<Profile>) -> Self {
        let settings = profile::settle(&hook, &tenant, &profile);
        let url = hook.url.parse();
        Self { hook, tenant, settings, url, profile }
    }

    pub fn revision(&self) -> Revision {
        Revision {
            hook: self.hook.version,
            tenant: self.tenant.version,
            profile: self.profile.version,
            unknown: Unknown::NONE,
        }
    }
}

/// Finds hooks and settles what applies to them. It keeps what it settled as
/// long as the stores hand out the very same hook, tenant and profile, so their
/// caches decide how soon a change is seen.
pub struct EffectiveHooks {
    hooks: Arc<dyn Hooks>,
    tenants: Arc<dyn Tenants>,
    profiles: Arc<dyn Profiles>,
    /// The profile of this deployment.
    usual: ProfileName,
    settled: Cache<(TenantId, HookId), Arc<EffectiveHook>>,
}

impl EffectiveHooks {
    pub fn new(
        hooks: Arc<dyn Hooks>,
        tenants: Arc<dyn Tenants>,
        profiles: Arc<dyn Profiles>,
        usual: ProfileName,
    ) -> Self {
        Self { hooks, tenants, profiles, usual, settled: Cache::new(SETTLED) }
    }

    /// The profile of this deployment.
    pub fn usual_profile(&self) -> &ProfileName {
        &self.usual
    }

    /// None when the hook or its tenant is gone.
    pub async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<EffectiveHook>>> {
        let Some(hook) = self.hooks.get(tenant, id).await? else { return Ok(None) };
        let Some(owner) = self.tenants.get(tenant).await? else { return Ok(None) };
        let profile = self.profile(hook.profile.as_ref(), &owner).await?;
        let name = (tenant.clone(), id);
        if let Some(known) = self.settled.get(&name)
            && Arc::ptr_eq(&known.hook, &hook)
            && Arc::ptr_eq(&known.tenant, &owner)
            && Arc::ptr_eq(&known.profile, &profile)
        {
            return Ok(Some(known));
        }
        let effective = Arc::new(EffectiveHook::new(hook, owner, profile));
        self.settled.insert(name, Arc::clone(&effective));
        Ok(Some(effective))
    }

    /// The hook as it was, with what applied to it then. None when one of the
    /// versions is too long ago.
    pub async fn at(&self, tenant: &TenantId, id: HookId, at: &Revision) -> StoreResult<Option<EffectiveHook>> {
        let Some(hook) = self.hooks.revision(tenant, id, at.hook).await? else { return Ok(None) };
        let Some(owner) = self.tenants.revision(tenant, at.tenant).await? else { return Ok(None) };
        let name = profile::chosen(hook.profile.as_ref(), &owner, &self.usual);
        let profile = match profile::find_built_in(name.as_str()) {
            Some(built_in) => Some(Arc::clone(built_in)),
            None => self.profiles.revision(name, at.profile).await?.map(Arc::new),
        };
        let Some(profile) = profile.filter(|profile| profile.version == at.profile) else { return Ok(None) };
        Ok(Some(EffectiveHook::new(Arc::new(hook), Arc::new(owner), profile)))
    }

    /// The settings that `hook` has or would have.
    pub async fn settle(&self, hook: &Hook, tenant: &Tenant) -> StoreResult<Complete> {
        let profile = self.profile(hook.profile.as_ref(), tenant).await?;
        Ok(profile::settle(hook, tenant, &profile))
    }

    /// The profile by which a hook goes that names `named`, or none.
    pub async fn profile(&self, named: Option<&ProfileName>, tenant: &Tenant) -> StoreResult<Arc<Profile>> {
        let name = profile::chosen(named, tenant, &self.usual);
        let missing = || StoreError::Corrupt(format!("there is no profile {name}").into());
        self.find_profile(name).await?.ok_or_else(missing)
    }

    pub async fn find_profile(&self, name: &ProfileName) -> StoreResult<Option<Arc<Profile>>> {
        match profile::find_built_in(name.as_str()) {
            Some(built_in) => Ok(Some(Arc::clone(built_in))),
            None => self.profiles.get(name).await,
        }
    }
}
