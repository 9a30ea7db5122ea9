//! The cipher of a data directory, checked when it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::store::Slice;

use super::codec::{key, prefix_range};
use super::keyring::{Keyring, KeyringError};
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
    if !rows.iter().any(|(key, _)| **key == *current) {
        let sealed = cipher.seal(CHECK, CHECK).await.map_err(OpenCipherError::Check)?;
        store
            .write(move |tx| {
                tx.put(Table::Hooks, current, sealed.into_bytes());
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
    store.range(Table::Hooks, prefix_range(row(""))).collect()
}

async fn open_all(cipher: &EnvelopeCipher, rows: &[(Slice, Slice)]) -> Result<(), OpenCipherError> {
    for (_, sealed) in rows {
        let text = std::str::from_utf8(sealed).map_err(|_| OpenCipherError::Check(EnvelopeError::DoesNotOpen))?;
        cipher.open(CHECK, text).await.map_err(OpenCipherError::Check)?;
    }
    Ok(())
}

fn row(master_key: &str) -> Vec<u8> {
    let mut row = key(b'v', &[]);
    row.extend_from_slice(master_key.as_bytes());
    row
}
