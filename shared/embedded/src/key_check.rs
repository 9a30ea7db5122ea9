//! The cipher of a data directory, checked when it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::store::Slice;

use super::codec::{key, prefix_range};
use super::keyring::{Keyring, KeyringError};
use super::row_kind::RowKind;
use super::store::{Store, Table};
use contract::ports::{StoreError, StoreResult};
use services::secrets::envelope::{EnvelopeCipher, EnvelopeError};

/// What the check rows hold, and whose they are.
const CHECK: &str = "vault check";

#[derive(Debug, thiserror::Error)]
pub enum OpenCipherError {
    #[error(transparent)]
    Keys(#[from] KeyringError),
    #[error("the secrets in this directory cannot be opened with its file of keys")]
    Check(#[source] EnvelopeError),
    #[error(
        "the store in {} is empty, though it was in use; put the whole directory back from a backup",
        .0.display()
    )]
    Emptied(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The cipher over the key file of `directory`, where `store` is.
///
/// The store keeps a row sealed under each master key that was ever current. All
/// of them have to open, so a key file that is missing, was mixed up or is an
/// older backup is told at the start and not by the first delivery.
pub async fn open_cipher(store: &Store, directory: &Path) -> Result<EnvelopeCipher, OpenCipherError> {
    let rows = check_rows(store)?;
    if rows.is_empty() && store.is_in_use()? {
        return Err(OpenCipherError::Emptied(directory.to_owned()));
    }
    let keys = Keyring::open(directory, rows.is_empty(), store.clock())?;
    let current = row(&keys.current_id());
    let cipher = EnvelopeCipher::new(Arc::new(keys), store.shared_clock());
    open_all(&cipher, &rows).await?;
    let mut writes: Vec<_> = rows.into_iter().filter(|(key, _)| key[0] != current[0]).map(under_its_own_kind).collect();
    if store.get(Table::Hooks, &current)?.is_none() {
        let sealed = cipher.seal(CHECK, CHECK).await.map_err(OpenCipherError::Check)?;
        writes.push((current, sealed.into_bytes().into()));
    }
    if !writes.is_empty() {
        store
            .write(move |tx| {
                writes.into_iter().for_each(|(key, sealed)| tx.put(Table::Hooks, key, sealed));
                Ok(())
            })
            .await?;
    }
    store.set_in_use()?;
    Ok(cipher)
}

/// Whether the file of keys, as it is now, would do at the next start. Makes and
/// writes nothing.
pub(super) async fn check_cipher(store: &Store, directory: &Path) -> Result<(), OpenCipherError> {
    let keys = Keyring::open(directory, false, store.clock())?;
    let cipher = EnvelopeCipher::new(Arc::new(keys), store.shared_clock());
    open_all(&cipher, &check_rows(store)?).await?;
    cipher.probe().await.map_err(OpenCipherError::Check)
}

pub(super) fn check_rows(store: &Store) -> StoreResult<Vec<(Slice, Slice)>> {
    let rows: Vec<_> = store.range(Table::Hooks, prefix_range(row(""))).collect::<StoreResult<_>>()?;
    if !rows.is_empty() {
        return Ok(rows);
    }
    // Earlier versions kept them among the former versions of hooks, whose keys hold a zero byte.
    let earlier = store.range(Table::Hooks, prefix_range(key(RowKind::FormerHook, &[])));
    earlier.filter(|found| found.as_ref().map_or(true, |(key, _)| !key.contains(&0))).collect()
}

async fn open_all(cipher: &EnvelopeCipher, rows: &[(Slice, Slice)]) -> Result<(), OpenCipherError> {
    for (_, sealed) in rows {
        let text = std::str::from_utf8(sealed).map_err(|_| OpenCipherError::Check(EnvelopeError::DoesNotOpen))?;
        cipher.open(CHECK, text).await.map_err(OpenCipherError::Check)?;
    }
    Ok(())
}

fn row(master_key: &str) -> Vec<u8> {
    let mut row = key(RowKind::KeyCheck, &[]);
    row.extend_from_slice(master_key.as_bytes());
    row
}

fn under_its_own_kind((key, sealed): (Slice, Slice)) -> (Vec<u8>, Slice) {
    (row(&String::from_utf8_lossy(&key[1..])), sealed)
}

#[cfg(test)]
mod tests {
    use contract::ports::{ManualClock, OsRandom};
    use domain::ids::new_ulid;
    use domain::time::Timestamp;

    use super::*;
    use crate::StoreOptions;

    fn open(directory: &Path) -> Store {
        let clock = ManualClock::at(Timestamp::from_millis(1_769_851_800_000));
        Store::open(directory, &StoreOptions::default(), Arc::new(clock)).unwrap()
    }

    async fn put(store: &Store, key: Vec<u8>, value: &'static [u8]) {
        let write = move |tx: &mut super::super::store::Transaction<'_, '_>| {
            tx.put(Table::Hooks, key, value);
            Ok(())
        };
        store.write(write).await.unwrap();
    }

    #[tokio::test]
    async fn check_rows_of_earlier_versions_get_a_kind_of_their_own_and_former_hooks_are_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        open_cipher(&store, directory.path()).await.unwrap();
        let [(key, sealed)] = check_rows(&store).unwrap().try_into().unwrap();
        // As earlier versions wrote them, beside a former version of a hook.
        let id = String::from_utf8(key[1..].to_vec()).unwrap();
        let earlier = [&[RowKind::FormerHook.prefix()], id.as_bytes()].concat();
        let hook = [self::key(RowKind::FormerHook, &["acme"]), vec![7; 24]].concat();
        put(&store, hook, br#"{"secret":"plain"}"#).await;
        let moved = move |tx: &mut super::super::store::Transaction<'_, '_>| {
            tx.delete(Table::Hooks, key);
            tx.put(Table::Hooks, earlier, sealed);
            Ok(())
        };
        store.write(moved).await.unwrap();
        assert_eq!(check_rows(&store).unwrap().len(), 1);
        open_cipher(&store, directory.path()).await.unwrap();
        let kinds: Vec<u8> = check_rows(&store).unwrap().iter().map(|(key, _)| key[0]).collect();
        assert_eq!(kinds, [RowKind::KeyCheck.prefix()]);
    }

    #[tokio::test]
    async fn a_store_that_holds_former_hooks_and_no_check_row_was_emptied() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        open_cipher(&store, directory.path()).await.unwrap();
        let [(check, _)] = check_rows(&store).unwrap().try_into().unwrap();
        put(&store, [key(RowKind::FormerHook, &["acme"]), vec![7; 24]].concat(), b"{}").await;
        let delete = move |tx: &mut super::super::store::Transaction<'_, '_>| {
            tx.delete(Table::Hooks, check);
            Ok(())
        };
        store.write(delete).await.unwrap();
        assert!(matches!(open_cipher(&store, directory.path()).await, Err(OpenCipherError::Emptied(_))));
    }

    #[tokio::test]
    async fn each_master_key_that_was_ever_current_has_to_be_there() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let cipher = open_cipher(&store, directory.path()).await.unwrap();
        let sealed = cipher.seal("another", CHECK).await.unwrap();
        let other = row(&new_ulid(Timestamp::from_millis(1), &OsRandom).to_string());
        put(&store, other, sealed.leak().as_bytes()).await;
        assert!(matches!(open_cipher(&store, directory.path()).await, Err(OpenCipherError::Check(_))));
    }
}
