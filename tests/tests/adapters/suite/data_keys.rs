use std::sync::Arc;

use aws::KmsDataKeys;
use aws_sdk_kms::Client;
use contract::ports::{DataKeys, KeyError, MAX_WRAPPED_BYTES, ManualClock};
use embedded::Keyring;
use tests::ministack::Ministack;

use super::START;

/// The data keys of one adapter.
pub(crate) struct MasterKeys {
    keys: Arc<dyn DataKeys>,
    /// A wrapped key whose master key cannot be used.
    lost: Vec<u8>,
    place: Place,
}

enum Place {
    Directory(tempfile::TempDir),
    Kms(Client),
}

pub(crate) async fn in_a_file() -> Option<MasterKeys> {
    let open = || {
        let directory = tempfile::tempdir().unwrap();
        (Keyring::open(directory.path(), true, &ManualClock::at(START)).unwrap(), directory)
    };
    let ((keys, directory), (others, _)) = (open(), open());
    let lost = others.current().await.unwrap().wrapped;
    Some(MasterKeys { keys: Arc::new(keys), lost, place: Place::Directory(directory) })
}

pub(crate) async fn in_kms() -> Option<MasterKeys> {
    let client = Client::new(&Ministack::shared()?.aws_config());
    let keys = KmsDataKeys::new(client.clone(), create_key(&client).await);
    let disabled = create_key(&client).await;
    let lost = KmsDataKeys::new(client.clone(), &disabled).current().await.unwrap().wrapped;
    client.disable_key().key_id(disabled).send().await.unwrap();
    Some(MasterKeys { keys: Arc::new(keys), lost, place: Place::Kms(client) })
}

async fn create_key(client: &Client) -> String {
    client.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap()
}

impl MasterKeys {
    /// The same keys with a new master key that is the current one.
    async fn rotated(&self) -> Arc<dyn DataKeys> {
        match &self.place {
            Place::Directory(directory) => {
                let clock = ManualClock::at(START);
                Keyring::rotate(directory.path(), &clock).unwrap();
                Arc::new(Keyring::open(directory.path(), false, &clock).unwrap())
            }
            Place::Kms(client) => Arc::new(KmsDataKeys::new(client.clone(), create_key(client).await)),
        }
    }
}

pub(crate) async fn every_key_is_new_and_unwraps_to_itself(master: &MasterKeys) {
    let (one, two) = (master.keys.current().await.unwrap(), master.keys.current().await.unwrap());
    assert_ne!(one.plain.bytes(), two.plain.bytes());
    for key in [one, two] {
        assert!(key.wrapped.len() <= MAX_WRAPPED_BYTES);
        assert!(!key.wrapped.windows(32).any(|part| part == key.plain.bytes()));
        assert_eq!(master.keys.unwrap_key(&key.wrapped).await.unwrap().bytes(), key.plain.bytes());
    }
}

pub(crate) async fn a_new_master_key_leaves_older_data_keys_readable(master: &MasterKeys) {
    let old = master.keys.current().await.unwrap();
    let rotated = master.rotated().await;
    assert_eq!(rotated.unwrap_key(&old.wrapped).await.unwrap().bytes(), old.plain.bytes());
    let new = rotated.current().await.unwrap();
    assert_eq!(rotated.unwrap_key(&new.wrapped).await.unwrap().bytes(), new.plain.bytes());
}

pub(crate) async fn what_was_changed_or_wrapped_elsewhere_never_gives_a_key(master: &MasterKeys) {
    let key = master.keys.current().await.unwrap();
    for at in 0..key.wrapped.len() {
        let mut changed = key.wrapped.clone();
        changed[at] ^= 1;
        // The emulator of KMS gives another key where KMS gives none.
        let other = master.keys.unwrap_key(&changed).await;
        assert!(other.is_err() || other.is_ok_and(|other| other.bytes() != key.plain.bytes()), "byte {at}");
    }
    for garbage in [&b"x"[..], &[0; 20]] {
        let error = master.keys.unwrap_key(garbage).await.unwrap_err();
        assert!(matches!(error, KeyError::Damaged), "{error:?}");
    }
}

pub(crate) async fn a_master_key_that_cannot_be_used_says_what_to_do(master: &MasterKeys) {
    let error = master.keys.unwrap_key(&master.lost).await.unwrap_err();
    assert!(matches!(error, KeyError::Unusable(..)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("put it back") || text.contains("enable it"), "{text}");
}

#[tokio::test]
async fn a_key_that_kms_does_not_know_is_told_by_the_variable_that_names_it() {
    let Some(ministack) = Ministack::shared() else { return };
    let client = Client::new(&ministack.aws_config());
    let keys = KmsDataKeys::new(client, "00000000-0000-0000-0000-000000000000");
    let error = keys.current().await.unwrap_err();
    assert!(error.to_string().contains("HOOKLINE_KMS_KEY_ID"), "{error}");
}

#[tokio::test]
async fn a_wrapped_key_is_bound_to_the_application() {
    let Some(ministack) = Ministack::shared() else { return };
    let client = Client::new(&ministack.aws_config());
    let key = create_key(&client).await;
    let made = client.generate_data_key().key_id(&key).number_of_bytes(32).send().await.unwrap();
    let foreign = made.ciphertext_blob.unwrap().into_inner();
    let error = KmsDataKeys::new(client, key).unwrap_key(&foreign).await.unwrap_err();
    assert!(matches!(error, KeyError::Damaged), "{error:?}");
}
