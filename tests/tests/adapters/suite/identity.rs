use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock as _, Identities, OsRandom, StoreError};
use domain::identity::Identity;
use domain::secret::Secret;
use services::repositories::identity::StoredIdentity;

use super::Stores;
use super::sealed::{CountedKeys, cipher};

fn stored(stores: &Stores, keys: &Arc<CountedKeys>) -> StoredIdentity {
    StoredIdentity::new(Arc::clone(&stores.documents), cipher(keys, &stores.clock))
}

fn rotated(identity: &Identity, stores: &Stores) -> Identity {
    let now = stores.clock.now();
    let secret = Secret::generate_ed25519(&OsRandom);
    identity.rotated(secret, now, Duration::from_secs(60), Duration::from_secs(600)).expect("few keys")
}

pub(crate) async fn an_identity_is_had_again_with_its_secrets_open_and_is_stored_sealed(stores: &Stores) {
    let keys: Arc<CountedKeys> = Arc::default();
    let (writer, reader) = (stored(stores, &keys), stored(stores, &keys));
    assert_eq!(writer.get().await.unwrap(), None);
    let first = rotated(&Identity::default(), stores);
    writer.put(&first).await.unwrap();
    let second = rotated(&first, stores);
    writer.put(&second).await.unwrap();
    for identities in [&writer, &reader] {
        assert_eq!(identities.get().await.unwrap().as_deref(), Some(&second));
    }
    let document = stores.documents.get("identity", "deployment").await.unwrap().unwrap();
    assert!(document.body.contains("sealed:v1:"));
    for key in &second.keys {
        assert!(!document.body.contains(key.secret.reveal()));
    }
}

pub(crate) async fn of_two_who_rotate_it_at_once_one_is_told_of_the_other(stores: &Stores) {
    let keys: Arc<CountedKeys> = Arc::default();
    let (one, two) = (stored(stores, &keys), stored(stores, &keys));
    let first = rotated(&Identity::default(), stores);
    one.put(&first).await.unwrap();
    let (mine, yours) = (rotated(&first, stores), rotated(&first, stores));
    one.put(&mine).await.unwrap();
    assert!(matches!(two.put(&yours).await, Err(StoreError::Conflict)));
    assert_eq!(two.get().await.unwrap().as_deref(), Some(&mine));
}

pub(crate) async fn what_was_opened_once_stays_open_until_it_changes(stores: &Stores) {
    let keys: Arc<CountedKeys> = Arc::default();
    let identities = stored(stores, &keys);
    identities.put(&rotated(&Identity::default(), stores)).await.unwrap();
    identities.get().await.unwrap();
    keys.take();
    for _ in 0..10 {
        identities.get().await.unwrap();
    }
    assert_eq!(keys.take(), 0);
}
