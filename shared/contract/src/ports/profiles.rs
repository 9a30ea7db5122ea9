use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, StoreResult};
use domain::ids::ProfileName;
use domain::profile::Profile;
layered! {
    /// Profiles that operators made. Those that come with Hookline are not stored.
    ///
    /// - Creating a profile that exists is a conflict, and changes nothing.
    /// - An update based on an older version is a conflict.
    /// - What was written is read back, at once.
    /// - The list is complete and in order of name.
    /// - Former versions can be read, the last [`KEPT_REVISIONS`](super::KEPT_REVISIONS) of them.
    /// - A deleted profile is gone; deleting one that is not there says so.
    pub trait Profiles, ProfilesLayer {
        async fn create(&self, profile: &Profile) -> StoreResult<()>;
        /// May be a few seconds old where the adapter caches.
        async fn get(&self, name: &ProfileName) -> StoreResult<Option<Arc<Profile>>>;
        /// Writes `profile` if the stored version is one less than its own.
        async fn update(&self, profile: &Profile) -> StoreResult<()>;
        async fn list(&self) -> StoreResult<Vec<Listed<Profile>>>;
        /// The profile as it was at this version; none when that is too long ago.
        async fn revision(&self, name: &ProfileName, version: u64) -> StoreResult<Option<Profile>>;
        /// Whether it was there. Former versions stay readable, for the log.
        async fn delete(&self, name: &ProfileName) -> StoreResult<bool>;
    }
}
