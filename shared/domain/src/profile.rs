//! Profiles: named sets of settings. Those that come with Hookline are the
//! documents in `profiles/`; nothing in the code knows what they say.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::event_type::EventTypeEntry;
use super::ids::ProfileName;
use super::settings::{Complete, Settings};
use super::strict;
use super::tenant::Tenant;
use super::unknown::{Unknown, keeps_unknown};
use crate::time::Timestamp;

/// What decides where nothing else does.
pub const STANDARD: &str = "standard";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Profile {
    pub name: ProfileName,
    #[serde(default)]
    pub description: String,
    pub settings: Settings,
    /// The event types that hooks of this profile know, unless their tenant's
    /// catalogue says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<EventTypeEntry>,
    /// Where it applies to a tenant, publishing a type that its catalogue does not know
    /// is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_event_types: bool,
    #[serde(default)]
    pub created_at: Timestamp,
    #[serde(default)]
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other. Of those
    /// that come with Hookline, the changes since its first release.
    #[serde(default)]
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Profile);

impl Profile {
    /// Nobody else can take the name of one that comes with Hookline.
    pub fn is_built_in(&self) -> bool {
        find_built_in(self.name.as_str()).is_some()
    }

    /// Its settings, and the standard where it decides nothing.
    pub fn completed(&self) -> Complete {
        let completed = self.settings.clone().over(&standard().settings).complete();
        completed.expect("a test checks that standard decides everything")
    }
}

static BUILT_IN: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
    read(&[
        include_str!("../../profiles/standard.json"),
        include_str!("../../profiles/automrktr.json"),
        include_str!("../../profiles/autosend.json"),
        include_str!("../../profiles/campaign.json"),
        include_str!("../../profiles/cloudevents.json"),
        include_str!("../../profiles/cloudevents-binary.json"),
        include_str!("../../profiles/discord.json"),
        include_str!("../../profiles/github.json"),
        include_str!("../../profiles/mcp.json"),
        include_str!("../../profiles/oktopost.json"),
        include_str!("../../profiles/sendpulse.json"),
        include_str!("../../profiles/slack.json"),
        include_str!("../../profiles/stripe.json"),
        include_str!("../../profiles/svix.json"),
        include_str!("../../profiles/teams.json"),
    ])
});

/// What profiles of [`BUILT_IN`] said in earlier releases, so that requests of
/// that time can be shown as they were.
static FORMER: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
    read(&[
        include_str!("../../profiles/former/automrktr.0.json"),
        include_str!("../../profiles/former/autosend.0.json"),
        include_str!("../../profiles/former/campaign.0.json"),
        include_str!("../../profiles/former/oktopost.0.json"),
        include_str!("../../profiles/former/sendpulse.0.json"),
    ])
});

fn read(documents: &[&str]) -> Vec<Arc<Profile>> {
    let read = |document: &&str| strict::from_slice(document.as_bytes());
    let parsed =
        documents.iter().map(read).map(|profile| profile.expect("a test reads every profile that is built in"));
    parsed.map(Arc::new).collect()
}

/// Every profile that comes with Hookline.
pub fn built_in() -> &'static [Arc<Profile>] {
    &BUILT_IN
}

pub fn find_built_in(name: &str) -> Option<&'static Arc<Profile>> {
    BUILT_IN.iter().find(|profile| profile.name.as_str() == name)
}

/// A profile that is built in, as it was in this version.
pub fn find_built_in_at(name: &str, version: u64) -> Option<&'static Arc<Profile>> {
    let all = BUILT_IN.iter().chain(FORMER.iter());
    all.into_iter().find(|profile| profile.name.as_str() == name && profile.version == version)
}

/// The profile of a tenant's hooks that name none, where the deployment's is `usual`.
pub fn base<'a>(tenant: &'a Tenant, usual: &'a ProfileName) -> &'a ProfileName {
    tenant.profile.as_ref().unwrap_or(usual)
}

pub(super) fn standard() -> &'static Profile {
    find_built_in(STANDARD).expect("standard is built in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AddressPolicy;

    #[test]
    fn every_built_in_profile_is_valid_and_standard_decides_everything() {
        for profile in built_in() {
            let mut errors = Vec::new();
            profile.settings.check("", &AddressPolicy::default(), &mut errors);
            let complete = profile.settings.clone().over(&standard().settings).complete();
            complete.expect("standard decides everything").check(Settings::FIELDS, None, &mut errors);
            assert_eq!(errors, [], "{}", profile.name);
        }
    }

    #[test]
    fn every_version_of_a_built_in_profile_is_kept() {
        let versions =
            built_in().iter().flat_map(|profile| (0..profile.version).map(|version| (&profile.name, version)));
        for (name, version) in versions {
            assert!(find_built_in_at(name.as_str(), version).is_some(), "{name} {version}");
        }
        assert!(FORMER.iter().all(|former| find_built_in(former.name.as_str()).unwrap().version > former.version));
    }

    #[test]
    fn profiles_have_a_name_each() {
        let mut names: Vec<_> = built_in().iter().map(|profile| profile.name.as_str()).collect();
        names.dedup();
        assert_eq!(names.len(), built_in().len());
        assert_eq!(names[0], STANDARD);
    }
}
