use contract::ports::{KEPT_REVISIONS, Profiles, StoreError};
use domain::profile::Profile;
use domain::unknown::Unknown;

use super::samples::{readable, settings};
use super::{START, Stores};

fn profile(name: &str) -> Profile {
    Profile {
        name: name.parse().unwrap(),
        description: "für die Kasse".to_owned(),
        settings: settings(r#"{"rate_limit":7}"#),
        event_types: Vec::new(),
        strict_event_types: true,
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: Unknown::NONE,
    }
}

/// The next version.
fn changed(profile: &Profile, description: &str) -> Profile {
    Profile { description: description.to_owned(), version: profile.version + 1, ..profile.clone() }
}

async fn get(profiles: &dyn Profiles, name: &str) -> Option<Profile> {
    profiles.get(&name.parse().unwrap()).await.unwrap().map(|found| Profile::clone(&found))
}

pub(crate) async fn creating_a_profile_that_exists_is_a_conflict_and_changes_nothing(stores: &Stores) {
    let profiles = stores.foundation().profiles;
    let first = profile("till");
    assert_eq!(get(&*profiles, "till").await, None);
    profiles.create(&first).await.unwrap();
    let second = Profile { description: "another".to_owned(), ..first.clone() };
    assert!(matches!(profiles.create(&second).await, Err(StoreError::Conflict)));
    assert_eq!(get(&*profiles, "till").await, Some(first));
}

pub(crate) async fn an_update_based_on_an_older_version_is_a_conflict(stores: &Stores) {
    let profiles = stores.foundation().profiles;
    let first = profile("till");
    profiles.create(&first).await.unwrap();
    let second = changed(&first, "renamed");
    profiles.update(&second).await.unwrap();
    assert!(matches!(profiles.update(&changed(&first, "too late")).await, Err(StoreError::Conflict)));
    assert_eq!(get(&*profiles, "till").await, Some(second));
    assert!(matches!(profiles.update(&changed(&profile("none"), "")).await, Err(StoreError::Conflict)));
}

pub(crate) async fn the_list_is_complete_and_in_order_of_name(stores: &Stores) {
    let profiles = stores.foundation().profiles;
    let names = ["a", "a-b", "b", "till", "z9"];
    for name in names.iter().rev() {
        profiles.create(&profile(name)).await.unwrap();
    }
    assert_eq!(readable(profiles.list().await.unwrap()), names.map(profile));
}

pub(crate) async fn only_so_many_former_versions_are_kept(stores: &Stores) {
    let profiles = stores.foundation().profiles;
    let first = profile("till");
    profiles.create(&first).await.unwrap();
    let mut now = first.clone();
    for _ in 0..=KEPT_REVISIONS {
        now = changed(&now, "once more");
        profiles.update(&now).await.unwrap();
    }
    let revision = async |version| profiles.revision(&first.name, version).await.unwrap();
    assert_eq!(revision(1).await, None);
    assert_eq!(revision(2).await.map(|kept| kept.version), Some(2));
    assert_eq!(revision(now.version).await.as_ref(), Some(&now));
    assert_eq!(revision(now.version + 1).await, None);
}

pub(crate) async fn a_deleted_profile_is_gone_and_its_former_versions_stay(stores: &Stores) {
    let profiles = stores.foundation().profiles;
    let first = profile("till");
    profiles.create(&first).await.unwrap();
    profiles.update(&changed(&first, "renamed")).await.unwrap();
    assert!(profiles.delete(&first.name).await.unwrap());
    assert!(!profiles.delete(&first.name).await.unwrap());
    assert_eq!(get(&*profiles, "till").await, None);
    assert!(profiles.list().await.unwrap().is_empty());
    assert_eq!(profiles.revision(&first.name, 1).await.unwrap(), Some(first));
}
