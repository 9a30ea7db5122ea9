//! Master keys in a file of the data directory.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead as _, KeyInit as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, Key};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use ulid::Ulid;
use zeroize::Zeroizing;

use super::owner_only_file::{is_open_to_others, write_private};
use contract::ports::{Clock, DataKey, DataKeys, KeyError, OsRandom, PlainKey};
use domain::ids::new_ulid;
use domain::random::Random as _;
use domain::time::Timestamp;

const FILE: &str = "keys";
const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// Why the file of master keys cannot be used; every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("{} is missing, but secrets were sealed with it; put it back from your backup", .0.display())]
    Missing(PathBuf),
    #[error("{} holds no keys yet; they are made when the server first starts on this directory", .0.display())]
    NotMade(PathBuf),
    #[error("{path} can be read by others; check who had access, then: chmod 600 {path}", path = .0.display())]
    OpenToOthers(PathBuf),
    #[error("{} is not a list of keys; put it back from your backup", .0.display())]
    Malformed(PathBuf),
    #[error("cannot read or write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// One entry of the file. A master key never leaves it; it wraps data keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterKey {
    id: String,
    /// 32 bytes in base64.
    key: Zeroizing<String>,
    created_at: Timestamp,
}

/// The master keys of a data directory, in its file `keys`: a JSON list of
/// `{id, key, created_at}`, the current one first, for its owner only.
///
/// A wrapped key is the master key's id (16 bytes), a nonce (12 bytes) and the
/// data key under AES-256-GCM, with the id as associated data.
pub struct Keyring {
    path: PathBuf,
    keys: Vec<(Ulid, Aes256Gcm)>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("path", &self.path).field("keys", &self.keys.len()).finish()
    }
}

impl Keyring {
    /// The keys of `directory`; a first one is made where there are none and
    /// `may_make` allows it.
    pub fn open(directory: &Path, may_make: bool, clock: &dyn Clock) -> Result<Self, KeyringError> {
        let path = directory.join(FILE);
        let entries = match read(&path)? {
            Some(entries) => entries,
            None if may_make => {
                let first = vec![make(clock)];
                write(&path, &first)?;
                first
            }
            None => return Err(KeyringError::Missing(path)),
        };
        let keys = entries.iter().map(cipher).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { path, keys }),
            _ => Err(KeyringError::Malformed(path)),
        }
    }

    /// Puts a new master key in front of the file of `directory` and returns its
    /// id. A process that has the keys open goes on with those it read.
    pub fn rotate(directory: &Path, clock: &dyn Clock) -> Result<String, KeyringError> {
        // Nothing is put in front of keys that a start would refuse.
        Self::open(directory, false, clock).map_err(|error| match error {
            KeyringError::Missing(path) => KeyringError::NotMade(path),
            other => other,
        })?;
        let path = directory.join(FILE);
        let mut entries = read(&path)?.unwrap_or_default();
        let new = make(clock);
        let id = new.id.clone();
        entries.insert(0, new);
        write(&path, &entries)?;
        Ok(id)
    }

    pub(super) fn current_id(&self) -> String {
        self.keys.first().map(|(id, _)| id.to_string()).unwrap_or_default()
    }
}

fn make(clock: &dyn Clock) -> MasterKey {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    OsRandom.fill(bytes.as_mut());
    let key = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
    MasterKey { id: new_ulid(clock.now(), &OsRandom).to_string(), key, created_at: clock.now() }
}

fn cipher(entry: &MasterKey) -> Option<(Ulid, Aes256Gcm)> {
    let bytes = Zeroizing::new(STANDARD.decode(entry.key.as_bytes()).ok()?);
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().ok()?);
    Some((entry.id.parse().ok()?, Aes256Gcm::new(<&Key<Aes256Gcm>>::from(&*key))))
}

fn read(path: &Path) -> Result<Option<Vec<MasterKey>>, KeyringError> {
    let failed = |error| KeyringError::Io(path.to_owned(), error);
    let text = match std::fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if is_open_to_others(path).map_err(failed)? {
        return Err(KeyringError::OpenToOthers(path.to_owned()));
    }
    serde_json::from_slice(&text).map(Some).map_err(|_| KeyringError::Malformed(path.to_owned()))
}

fn write(path: &Path, entries: &[MasterKey]) -> Result<(), KeyringError> {
    let json = serde_json::to_vec_pretty(entries).expect("keys hold nothing that JSON cannot express");
    write_private(path, &Zeroizing::new(json)).map_err(|error| KeyringError::Io(path.to_owned(), error))
}

#[async_trait]
impl DataKeys for Keyring {
    async fn current(&self) -> Result<DataKey, KeyError> {
        let (id, master) = self.keys.first().ok_or(KeyError::Damaged)?;
        let (mut plain, mut nonce) = (Zeroizing::new([0_u8; 32]), [0_u8; NONCE_BYTES]);
        OsRandom.fill(plain.as_mut());
        OsRandom.fill(&mut nonce);
        let id = id.to_bytes();
        let payload = Payload { msg: plain.as_ref(), aad: &id };
        let sealed = master.encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload).map_err(|_| KeyError::Damaged)?;
        let wrapped = [&id[..], &nonce, &sealed].concat();
        Ok(DataKey { wrapped, plain: PlainKey::new(*plain) })
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<PlainKey, KeyError> {
        let (id, rest) = wrapped.split_first_chunk::<ID_BYTES>().ok_or(KeyError::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Damaged)?;
        let id = Ulid::from_bytes(*id);
        let Some((_, master)) = self.keys.iter().find(|(known, _)| *known == id) else {
            let path = self.path.display();
            let advice = format!(
                "a secret needs the master key {id}, which {path} does not hold; put it back from the backup of that file, then restart"
            );
            return Err(KeyError::Unusable(advice, None));
        };
        let payload = Payload { msg: sealed, aad: &id.to_bytes() };
        let plain = master.decrypt(&Nonce::<Aes256Gcm>::from(*nonce), payload).map_err(|_| KeyError::Damaged)?;
        let plain = Zeroizing::new(plain);
        Ok(PlainKey::new(plain.as_slice().try_into().map_err(|_| KeyError::Damaged)?))
    }
}

#[cfg(all(test, unix))]
mod tests;
