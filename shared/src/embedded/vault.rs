//! The vault of a data directory, checked when it is opened.

use std::path::Path;
use std::sync::Arc;

use super::codec::{key, prefix_range};
use super::keyring::{Keyring, KeyringError};
use super::store::{Store, Table};
use crate::ports::{StoreError, StoreResult};
use crate::vault::{Vault, VaultError};

/// What the check rows hold, and whose they are.
const CHECK: &str = "vault check";

#[derive(Debug, thiserror::Error)]
pub enum OpenVaultError {
    #[error(transparent)]
    Keys(#[from] KeyringError),
    #[error("the secrets in this directory cannot be opened with its file of keys")]
    Check(#[source] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The vault over the key file of `directory`, where `store` is.
///
/// The store keeps a row sealed under each master key that was ever current. All
/// of them have to open, so a key file that is missing, was mixed up or is an
/// older backup is told at the start and not by the first delivery.
pub async fn open_vault(store: &Store, directory: &Path) -> Result<Vault, OpenVaultError> {
    let clock = store.shared_clock();
    let rows = store.range(Table::Hooks, prefix_range(row(""))).collect::<StoreResult<Vec<_>>>()?;
    let keys = Keyring::open(directory, rows.is_empty(), clock.as_ref())?;
    let current = row(&keys.current_id());
    let vault = Vault::new(Arc::new(keys), clock);
    for (_, sealed) in &rows {
        let text = std::str::from_utf8(sealed).map_err(|_| OpenVaultError::Check(VaultError::DoesNotOpen))?;
        vault.open(CHECK, text).await.map_err(OpenVaultError::Check)?;
    }
    if !rows.iter().any(|(key, _)| **key == *current) {
        let sealed = vault.seal(CHECK, CHECK).await.map_err(OpenVaultError::Check)?;
        store
            .write(move |tx| {
                tx.put(Table::Hooks, current, sealed.into_bytes());
                Ok(())
            })
            .await?;
    }
    Ok(vault)
}

fn row(master_key: &str) -> Vec<u8> {
    let mut row = key(b'v', &[]);
    row.extend_from_slice(master_key.as_bytes());
    row
}
