//! What a tenant knows of event types, whoever put it into a catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::repositories::documents::{StoredEventTypes, StoredProfiles, StoredTenants};
use contract::ports::{Documents, Listed, Profiles as _, StoreError, StoreResult, Tenants as _};
use domain::event_type::{EventTypeEntry, Owner, Source, StoredEventType};
use domain::ids::{EventType, ProfileName, TenantId};
use domain::profile::{self, Profile};
use domain::tenant::Tenant;

/// The tenant's own entries, over the operator's, over those of the profile
/// that applies to the tenant. The first that has a type decides all of it.
pub struct Catalogue {
    /// The entries that are stored.
    pub entries: StoredEventTypes,
    tenants: StoredTenants,
    profiles: StoredProfiles,
    /// The profile of this deployment.
    usual: ProfileName,
}

/// An event type as a tenant knows it.
#[derive(Clone, Debug)]
pub struct KnownEventType {
    pub source: Source,
    pub entry: EventTypeEntry,
}

/// Where [`Catalogue::find`] found an entry, without copying it.
pub enum Lookup {
    Stored(Source, Arc<StoredEventType>),
    InProfile(Arc<Profile>, usize),
}

impl Lookup {
    pub fn entry(&self) -> &EventTypeEntry {
        match self {
            Self::Stored(_, stored) => &stored.entry,
            Self::InProfile(profile, index) => &profile.event_types[*index],
        }
    }

    pub fn source(&self) -> Source {
        match self {
            Self::Stored(source, _) => *source,
            Self::InProfile(..) => Source::Profile,
        }
    }
}

impl Catalogue {
    /// How soon a change is seen is up to `documents`.
    pub fn new(documents: &Arc<dyn Documents>, usual: ProfileName) -> Self {
        Self {
            entries: StoredEventTypes::new(Arc::clone(documents)),
            tenants: StoredTenants::new(Arc::clone(documents)),
            profiles: StoredProfiles::new(Arc::clone(documents)),
            usual,
        }
    }

    pub async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
        self.tenants.get(id).await
    }

    pub async fn find(&self, tenant: &Tenant, name: &EventType) -> StoreResult<Option<Lookup>> {
        for owner in [Owner::from(tenant), Owner::Operator] {
            if let Some(stored) = self.entries.find(owner, name).await? {
                return Ok(Some(Lookup::Stored(owner.source(), stored)));
            }
        }
        let profile = self.profile(tenant).await?;
        let index = profile.event_types.iter().position(|entry| entry.name == *name);
        Ok(index.map(|index| Lookup::InProfile(profile, index)))
    }

    /// Whether the tenant publishes nothing that it does not know.
    pub async fn is_strict(&self, tenant: &Tenant) -> StoreResult<bool> {
        Ok(tenant.strict_event_types || self.profile(tenant).await?.strict_event_types)
    }

    /// Everything the tenant knows, in order of name.
    pub async fn all(&self, tenant: &Tenant) -> StoreResult<Vec<Listed<KnownEventType>>> {
        let mut known: BTreeMap<String, Listed<KnownEventType>> = BTreeMap::new();
        for entry in &self.profile(tenant).await?.event_types {
            let source = Source::Profile;
            known.insert(entry.name.to_string(), Ok(KnownEventType { source, entry: entry.clone() }));
        }
        for owner in [Owner::Operator, Owner::from(tenant)] {
            for stored in self.entries.all(owner).await? {
                let (name, entry) = match stored {
                    Ok(stored) => (
                        stored.entry.name.to_string(),
                        Ok(KnownEventType { source: owner.source(), entry: stored.entry }),
                    ),
                    Err(unreadable) => (unreadable.id.clone(), Err(unreadable)),
                };
                known.insert(name, entry);
            }
        }
        Ok(known.into_values().collect())
    }

    async fn profile(&self, tenant: &Tenant) -> StoreResult<Arc<Profile>> {
        let name = profile::base(tenant, &self.usual);
        if let Some(built_in) = profile::find_built_in(name.as_str()) {
            return Ok(Arc::clone(built_in));
        }
        let missing = || StoreError::Corrupt(format!("there is no profile {name}").into());
        self.profiles.get(name).await?.ok_or_else(missing)
    }
}
