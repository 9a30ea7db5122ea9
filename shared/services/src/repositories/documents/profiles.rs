use std::sync::Arc;

use async_trait::async_trait;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Profiles, StoreResult};
use domain::ids::ProfileName;
use domain::profile::Profile;

const PARTITION: &str = DocumentKind::Profiles.name();

pub struct StoredProfiles(Collection<Profile>);

impl StoredProfiles {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

#[async_trait]
impl Profiles for StoredProfiles {
    async fn create(&self, profile: &Profile) -> StoreResult<()> {
        self.0.begin(PARTITION, profile.name.as_str(), profile).await
    }

    async fn get(&self, name: &ProfileName) -> StoreResult<Option<Arc<Profile>>> {
        self.0.get(PARTITION, name.as_str()).await
    }

    async fn update(&self, profile: &Profile) -> StoreResult<()> {
        self.0.replace(PARTITION, profile.name.as_str(), profile.version, profile).await
    }

    async fn list(&self) -> StoreResult<Vec<Listed<Profile>>> {
        self.0.all(PARTITION).await
    }

    async fn delete(&self, name: &ProfileName) -> StoreResult<bool> {
        self.0.delete(PARTITION, name.as_str()).await
    }

    async fn revision(&self, name: &ProfileName, version: u64) -> StoreResult<Option<Profile>> {
        self.0.revision(PARTITION, name.as_str(), version).await
    }
}
