use std::os::unix::fs::PermissionsExt as _;

use super::*;
use contract::ports::ManualClock;

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_780_000_000_000))
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn set_mode(directory: &Path, mode: u32) {
    std::fs::set_permissions(directory.join(FILE), std::fs::Permissions::from_mode(mode)).expect("the file is there");
}

#[test]
fn the_file_is_made_once_for_its_owner_only() {
    let place = directory();
    let first = Keyring::open(place.path(), true, &clock()).unwrap().current_id();
    let mode = std::fs::metadata(place.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(Keyring::open(place.path(), true, &clock()).unwrap().current_id(), first);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let place = directory();
    Keyring::open(place.path(), true, &clock()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o666] {
        set_mode(place.path(), mode);
        let error = Keyring::open(place.path(), true, &clock()).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert!(matches!(Keyring::rotate(place.path(), &clock()), Err(KeyringError::OpenToOthers(_))));
    }
    set_mode(place.path(), 0o400);
    Keyring::open(place.path(), true, &clock()).unwrap();
}

#[test]
fn a_missing_file_is_not_made_where_it_must_exist() {
    let place = directory();
    let error = Keyring::open(place.path(), false, &clock()).unwrap_err();
    assert!(matches!(error, KeyringError::Missing(_)));
    assert!(matches!(Keyring::rotate(place.path(), &clock()), Err(KeyringError::NotMade(_))));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_file_of_anything_else_is_refused_and_never_shown() {
    let place = directory();
    let key = "c2VjcmV0";
    let id = new_ulid(clock().now(), &OsRandom);
    let short = format!(r#"[{{"id":"{id}","key":"{key}","created_at":"2026-01-31T09:30:00Z"}}]"#);
    for text in ["", "[]", "{}", short.as_str()] {
        write_private(&place.path().join(FILE), text.as_bytes()).unwrap();
        let error = Keyring::open(place.path(), true, &clock()).unwrap_err();
        assert!(matches!(error, KeyringError::Malformed(_)), "{text}");
        assert!(!format!("{error:?} {error}").contains(key));
    }
}

#[tokio::test]
async fn after_a_rotation_new_keys_are_wrapped_anew_and_old_ones_still_unwrap() {
    let place = directory();
    let before = Keyring::open(place.path(), true, &clock()).unwrap();
    let old = before.current().await.unwrap();
    let id = Keyring::rotate(place.path(), &clock()).unwrap();
    let after = Keyring::open(place.path(), false, &clock()).unwrap();
    assert_eq!(after.current_id(), id);
    assert_ne!(before.current_id(), id);
    assert_eq!(after.unwrap_key(&old.wrapped).await.unwrap().bytes(), old.plain.bytes());
    let new = after.current().await.unwrap();
    let error = before.unwrap_key(&new.wrapped).await.unwrap_err();
    assert!(error.to_string().contains(&id) && error.to_string().contains("backup"), "{error}");
}

#[tokio::test]
async fn any_changed_bit_of_a_wrapped_key_is_noticed() {
    let place = directory();
    let keys = Keyring::open(place.path(), true, &clock()).unwrap();
    let wrapped = keys.current().await.unwrap().wrapped;
    for at in 0..wrapped.len() * 8 {
        let mut changed = wrapped.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(keys.unwrap_key(&changed).await.is_err(), "bit {at}");
    }
    for length in 0..wrapped.len() {
        assert!(keys.unwrap_key(&wrapped[..length]).await.is_err(), "{length} bytes");
    }
}
