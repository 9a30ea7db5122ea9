//! Hooks with everything that applies to them, whoever decided it.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::delivery::request;
use contract::ports::{Hooks, Profiles, StoreError, StoreResult, Tenants};
use domain::delivery::Revision;
use domain::destination::{Destination, InvalidDestination};
use domain::hook::Hook;
use domain::ids::{HookId, ProfileName, TenantId};
use domain::layers::{HookProfiles, Layers};
use domain::portal::PublicUrl;
use domain::profile::{self, Profile};
use domain::settings::{Complete, Settings};
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unknown::Unknown;

const SETTLED: usize = 4_096;

/// A hook, its tenant, and the settings that follow from both.
#[derive(Clone, Debug)]
pub struct ResolvedHook {
    pub hook: Arc<Hook>,
    pub tenant: Arc<Tenant>,
    pub settings: Complete,
    /// Where to send, made ready once for all its requests.
    pub destination: Result<Destination, InvalidDestination>,
    /// Where this deployment is reached, if that is known.
    pub public_url: Option<PublicUrl>,
    profiles: HookProfiles,
}

impl ResolvedHook {
    pub fn new(hook: Arc<Hook>, tenant: Arc<Tenant>, profiles: HookProfiles) -> Self {
        let settings = Layers { tenant: &tenant, profiles: &profiles }.settle(&hook.settings);
        let destination = hook.destination();
        Self { hook, tenant, settings, destination, public_url: None, profiles }
    }

    /// What a request of this time is made of.
    pub fn revision_at(&self, at: Timestamp) -> Revision {
        let form = if request::differs_from_former(self, at) { request::FORM } else { 0 };
        Revision { form, ..self.revision() }
    }

    pub fn revision(&self) -> Revision {
        Revision {
            form: 0,
            hook: self.hook.version,
            tenant: self.tenant.version,
            profile: self.profiles.chosen().version,
            base: self.profiles.named.as_ref().map_or(0, |_| self.profiles.base.version),
            unknown: Unknown::NONE,
        }
    }
}

/// Finds hooks and settles what applies to them. It keeps what it settled as
/// long as the stores hand out the very same hook, tenant and profile, so their
/// caches decide how soon a change is seen.
pub struct ResolvedHooks {
    hooks: Arc<dyn Hooks>,
    tenants: Arc<dyn Tenants>,
    stored_profiles: Arc<dyn Profiles>,
    /// The profile of this deployment.
    usual: ProfileName,
    public_url: Option<PublicUrl>,
    settled: Cache<(TenantId, HookId), Arc<ResolvedHook>>,
}

impl ResolvedHooks {
    pub fn new(
        hooks: Arc<dyn Hooks>,
        tenants: Arc<dyn Tenants>,
        profiles: Arc<dyn Profiles>,
        usual: ProfileName,
    ) -> Self {
        Self { hooks, tenants, stored_profiles: profiles, usual, public_url: None, settled: Cache::new(SETTLED) }
    }

    /// Where endpoints reach this deployment, for what requests tell them of that.
    #[must_use]
    pub fn reached_at(self, public_url: Option<PublicUrl>) -> Self {
        Self { public_url, ..self }
    }

    /// The profile of this deployment.
    pub fn usual_profile(&self) -> &ProfileName {
        &self.usual
    }

    /// None when the hook or its tenant is gone.
    pub async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<ResolvedHook>>> {
        let Some(hook) = self.hooks.get(tenant, id).await? else { return Ok(None) };
        let Some(owner) = self.tenants.get(tenant).await? else { return Ok(None) };
        let profiles = self.profiles(hook.profile.as_ref(), &owner).await?;
        let name = (tenant.clone(), id);
        if let Some(known) = self.settled.get(&name)
            && Arc::ptr_eq(&known.hook, &hook)
            && Arc::ptr_eq(&known.tenant, &owner)
            && Arc::ptr_eq(known.profiles.chosen(), profiles.chosen())
            && Arc::ptr_eq(&known.profiles.base, &profiles.base)
        {
            return Ok(Some(known));
        }
        let resolved = Arc::new(self.resolve(hook, owner, profiles));
        self.settled.insert(name, Arc::clone(&resolved));
        Ok(Some(resolved))
    }

    /// The hook as it was, with what applied to it then. None when one of the
    /// versions is too long ago.
    pub async fn at(&self, tenant: &TenantId, id: HookId, at: &Revision) -> StoreResult<Option<ResolvedHook>> {
        let Some(hook) = self.hooks.revision(tenant, id, at.hook).await? else { return Ok(None) };
        let Some(owner) = self.tenants.revision(tenant, at.tenant).await? else { return Ok(None) };
        let base = profile::base(&owner, &self.usual);
        let profiles = match &hook.profile {
            Some(name) => {
                let named = self.profile_at(name, at.profile).await?;
                // Zero where it was not noted: then what holds now is the best guess.
                let base = match at.base {
                    0 => self.find_profile(base).await?,
                    version => self.profile_at(base, version).await?,
                };
                named.zip(base).map(|(named, base)| HookProfiles { named: Some(named), base })
            }
            None => self.profile_at(base, at.profile).await?.map(|base| HookProfiles { named: None, base }),
        };
        let Some(profiles) = profiles else { return Ok(None) };
        Ok(Some(self.resolve(Arc::new(hook), Arc::new(owner), profiles)))
    }

    /// A former version of a hook that may be gone, with what applies to it now. None when it is not kept any more.
    pub async fn former(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<ResolvedHook>> {
        let Some(hook) = self.hooks.revision(tenant, id, version).await? else { return Ok(None) };
        let Some(owner) = self.tenants.get(tenant).await? else { return Ok(None) };
        let profiles = self.profiles(hook.profile.as_ref(), &owner).await?;
        Ok(Some(self.resolve(Arc::new(hook), owner, profiles)))
    }

    fn resolve(&self, hook: Arc<Hook>, tenant: Arc<Tenant>, profiles: HookProfiles) -> ResolvedHook {
        ResolvedHook { public_url: self.public_url.clone(), ..ResolvedHook::new(hook, tenant, profiles) }
    }

    async fn profile_at(&self, name: &ProfileName, version: u64) -> StoreResult<Option<Arc<Profile>>> {
        let found = match profile::find_built_in(name.as_str()) {
            Some(_) => profile::find_built_in_at(name.as_str(), version).cloned(),
            None => self.stored_profiles.revision(name, version).await?.map(Arc::new),
        };
        Ok(found.filter(|profile| profile.version == version))
    }

    /// The settings that `hook` has or would have.
    pub async fn settle(&self, hook: &Hook, tenant: &Tenant) -> StoreResult<Complete> {
        let profiles = self.profiles(hook.profile.as_ref(), tenant).await?;
        Ok(Layers { tenant, profiles: &profiles }.settle(&hook.settings))
    }

    /// The settings of a hook that decides nothing and names no profile.
    pub async fn settle_open(&self, tenant: &Tenant) -> StoreResult<Complete> {
        let profiles = self.profiles(None, tenant).await?;
        Ok(Layers { tenant, profiles: &profiles }.settle(&Settings::default()))
    }

    /// The profiles that apply to a hook that names `named`, or none.
    pub async fn profiles(&self, named: Option<&ProfileName>, tenant: &Tenant) -> StoreResult<HookProfiles> {
        let named = match named {
            Some(name) => Some(self.existing(name).await?),
            None => None,
        };
        Ok(HookProfiles { named, base: self.existing(profile::base(tenant, &self.usual)).await? })
    }

    /// The profile by which a hook goes that names `named`, or none.
    pub async fn profile(&self, named: Option<&ProfileName>, tenant: &Tenant) -> StoreResult<Arc<Profile>> {
        self.existing(named.unwrap_or_else(|| profile::base(tenant, &self.usual))).await
    }

    async fn existing(&self, name: &ProfileName) -> StoreResult<Arc<Profile>> {
        let missing = || StoreError::Corrupt(format!("there is no profile {name}").into());
        self.find_profile(name).await?.ok_or_else(missing)
    }

    pub async fn find_profile(&self, name: &ProfileName) -> StoreResult<Option<Arc<Profile>>> {
        match profile::find_built_in(name.as_str()) {
            Some(built_in) => Ok(Some(Arc::clone(built_in))),
            None => self.stored_profiles.get(name).await,
        }
    }
}
