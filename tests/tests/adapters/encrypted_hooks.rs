//! Secrets at rest: what is on the disk and in the table, and who can open it.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::ports::{Hooks, ManualClock, StoreError};
use contract::stage::causes;
use domain::hook::Hook;
use domain::secret::{Cutover, Secret};
use embedded::{EmbeddedDocuments, EmbeddedHooks, Keyring, OpenCipherError, open_cipher};
use serde_json::json;
use services::repositories::encrypted_hooks::EncryptedHooks;
use tests::dynamo::{Dynamo, HOOKS_TABLE};
use tests::world::{TENANT, World};

use crate::suite::samples::{changed, hook, hook_id, tenant_id};
use crate::suite::sealed::{CountedKeys, cipher, sealed};
use crate::suite::{START, dynamo, on_disk};

const FIRST: &str = "whsec_Zmlyc3Qtb2YtYWxsLXNlY3JldHMtb2YtdGhpcy1ob29r";
const SECOND: &str = "whsec_c2Vjb25kLW9mLWFsbC1zZWNyZXRzLW9mLXRoaXMtaG9v";

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn signed_with(hook: &Hook) -> &str {
    hook.secrets[0].secret.reveal()
}

#[tokio::test]
async fn no_file_of_the_data_directory_holds_a_secret() {
    let world = World::new().await;
    let hook = world.hook(json!({"secret": FIRST, "url": "https://control.example.com/in"})).await;
    world.post(&format!("{}/secret/rotate", hook.path()), json!({"secret": SECOND})).await.expect(200);
    world.publish(json!({"type": "post.published", "data": {}})).await;
    world.drain().await;
    let stored = world.files().into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert!(contains(&stored, "control.example.com") && contains(&stored, "sealed:v1:"));
    for secret in [FIRST, SECOND] {
        assert!(!contains(&stored, secret.trim_start_matches("whsec_")));
    }
    let revealed = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    assert_eq!((revealed["secret"].as_str(), revealed["others"][0]["secret"].as_str()), (Some(SECOND), Some(FIRST)));
}

#[tokio::test]
async fn no_item_of_the_table_holds_a_secret() {
    let server = Dynamo::start().await;
    let client = server.client.clone();
    let (stores, _) = sealed(dynamo::stores_on(client.clone(), Box::new(server)));
    let mut old = hook("acme", &["post.*"]);
    old.secrets[0].secret = Secret::new(FIRST);
    stores.hooks.create(&old).await.unwrap();
    let new =
        changed(&old, |h| h.rotate(Secret::new(SECOND), std::time::Duration::from_secs(60), Cutover::AtOnce, START));
    stores.hooks.update(&old, &new).await.unwrap();
    let rows = client.scan().table_name(HOOKS_TABLE).send().await.unwrap().items.unwrap();
    let documents: String =
        rows.iter().flat_map(|row| row.values()).filter_map(|v| v.as_s().ok().map(String::as_str)).collect();
    assert!(documents.contains("ein Häkchen") && documents.contains("sealed:v1:"));
    assert!(!documents.contains(FIRST) && !documents.contains(SECOND));
    assert_eq!(*stores.hooks.get(&new.tenant, new.id).await.unwrap().unwrap(), new);
}

#[tokio::test]
async fn a_row_that_was_copied_to_another_hook_or_tenant_does_not_open_there() {
    let server = Dynamo::start().await;
    let client = server.client.clone();
    let (stores, _) = sealed(dynamo::stores_on(client.clone(), Box::new(server)));
    let mine = hook("acme", &["post.*"]);
    stores.hooks.create(&mine).await.unwrap();
    let rows = client.query().table_name(HOOKS_TABLE).key_condition_expression("pk = :pk");
    let rows = rows.expression_attribute_values(":pk", AttributeValue::S("h#acme".into())).send().await.unwrap();
    let (other_tenant, other_id) = (tenant_id("other"), hook_id());
    for (pk, sk) in [("h#other", mine.id.0), ("h#acme", other_id.0)] {
        let mut row = rows.items()[0].clone();
        row.insert("pk".into(), AttributeValue::S(pk.into()));
        row.insert("sk".into(), AttributeValue::S(sk.to_string()));
        client.put_item().table_name(HOOKS_TABLE).set_item(Some(row)).send().await.unwrap();
    }
    for (tenant, id) in [(&other_tenant, mine.id), (&mine.tenant, other_id)] {
        let error = stores.hooks.get(tenant, id).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)));
        let text = causes(&error);
        assert!(text.contains("copied here from another owner") && !text.contains("sealed:v1"), "{text}");
        assert!(!text.contains(signed_with(&mine)));
    }
    let foreign = stores.hooks.list(&other_tenant, 10, None).await.unwrap().items;
    assert!(!foreign.is_empty() && foreign.iter().all(Result::is_err), "{foreign:?}");
    assert_eq!(*stores.hooks.get(&mine.tenant, mine.id).await.unwrap().unwrap(), mine);
}

#[tokio::test]
async fn a_hook_from_before_sealing_is_read_as_it_is_and_sealed_when_it_is_written() {
    let plain = on_disk::stores().await.unwrap();
    let keys = Arc::new(CountedKeys::default());
    let hooks = EncryptedHooks::new(Arc::clone(&plain.hooks), cipher(&keys, &plain.clock));
    let old = hook("acme", &["post.*"]);
    plain.hooks.create(&old).await.unwrap();
    assert_eq!(*hooks.get(&old.tenant, old.id).await.unwrap().unwrap(), old);
    assert_eq!(keys.take(), 0);
    let new = changed(&old, |h| h.name = "renamed".to_owned());
    hooks.update_with(&old, &new, &[]).await.unwrap();
    let stored = plain.hooks.get(&old.tenant, old.id).await.unwrap().unwrap();
    assert!(signed_with(&stored).starts_with("sealed:v1:"));
    assert_eq!(*hooks.get(&old.tenant, old.id).await.unwrap().unwrap(), new);
}

#[tokio::test]
async fn a_hook_is_opened_once_for_as_long_as_it_does_not_change() {
    let (stores, _) = sealed(on_disk::stores().await.unwrap());
    let one = hook("acme", &["post.*"]);
    stores.hooks.create(&one).await.unwrap();
    let first = stores.hooks.get(&one.tenant, one.id).await.unwrap().unwrap();
    let again = stores.hooks.get(&one.tenant, one.id).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    // Another write outdates the row in the store's cache, yet not what it holds.
    stores.hooks.create(&hook("acme", &["post.*"])).await.unwrap();
    assert!(Arc::ptr_eq(&first, &stores.hooks.get(&one.tenant, one.id).await.unwrap().unwrap()));
    let new =
        changed(&one, |h| h.rotate(Secret::new(SECOND), std::time::Duration::from_secs(60), Cutover::AtOnce, START));
    stores.hooks.update(&one, &new).await.unwrap();
    assert_eq!(signed_with(&stores.hooks.get(&one.tenant, one.id).await.unwrap().unwrap()), SECOND);
}

#[tokio::test]
async fn after_a_rotation_of_the_master_key_older_hooks_still_sign() {
    let world = World::new().await;
    let hook = world.hook(json!({"secret": FIRST})).await;
    Keyring::rotate(world.directory(), &world.clock).unwrap();
    let world = world.stop_and_start().await;
    world.hook(json!({})).await;
    // Once more, from what reached the disk.
    let world = world.restart().await;
    let event = world.publish(json!({"type": "post.published", "data": {}})).await;
    world.settle().await;
    let deliveries = world.deliveries(&event).await;
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries.iter().all(|delivery| delivery["status"] == "succeeded"), "{deliveries:?}");
    let revealed = world.get(&format!("/v1/tenants/{TENANT}/hooks/{}/secret", hook.id)).await.expect(200).json();
    assert_eq!(revealed["secret"], FIRST);
}

#[tokio::test]
async fn a_key_file_that_does_not_fit_the_store_is_told_at_the_start() {
    let (store, _, directory) = on_disk::open();
    let file = directory.path().join("keys");
    drop(open_cipher(&store, directory.path()).await.unwrap());
    let first = std::fs::read(&file).unwrap();
    open_cipher(&store, directory.path()).await.unwrap();

    std::fs::remove_file(&file).unwrap();
    let missing = open_cipher(&store, directory.path()).await.err().unwrap();
    assert!(missing.to_string().contains("put it back from your backup"), "{missing}");
    assert!(!file.exists(), "no other keys were made");

    let elsewhere = tempfile::tempdir().unwrap();
    Keyring::open(elsewhere.path(), true, &ManualClock::at(START)).unwrap();
    std::fs::copy(elsewhere.path().join("keys"), &file).unwrap();
    let mixed_up = open_cipher(&store, directory.path()).await.err().unwrap();
    assert!(matches!(mixed_up, OpenCipherError::Check(_)));
    assert!(causes(&mixed_up).contains("does not hold"), "{}", causes(&mixed_up));

    // A backup from before a rotation lacks the key of what was sealed since.
    std::fs::write(&file, &first).unwrap();
    Keyring::rotate(directory.path(), &ManualClock::at(START)).unwrap();
    open_cipher(&store, directory.path()).await.unwrap();
    std::fs::write(&file, &first).unwrap();
    assert!(matches!(open_cipher(&store, directory.path()).await, Err(OpenCipherError::Check(_))));
}

#[tokio::test]
async fn what_is_sealed_stays_sealed_for_who_reads_the_store_directly() {
    let (store, clock, directory) = on_disk::open();
    let stored: Arc<dyn Hooks> = Arc::new(EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone())));
    let keys = Arc::new(Keyring::open(directory.path(), true, &clock).unwrap());
    let cipher = Arc::new(services::secrets::envelope::EnvelopeCipher::new(keys, Arc::new(clock)));
    let one = hook("acme", &["post.*"]);
    EncryptedHooks::new(Arc::clone(&stored), cipher).create_within(&one, 1).await.unwrap();
    let unopened = stored.get(&one.tenant, one.id).await.unwrap().unwrap();
    assert!(signed_with(&unopened).starts_with("sealed:v1:"));
    assert_eq!((unopened.enabled, &unopened.url), (one.enabled, &one.url));
}
