//! Secrets as they are stored: AES-256-GCM under data keys that a master key
//! wraps.
//!
//! A sealed text is `sealed:v1:` and, in base64url, the length of the wrapped
//! data key (two bytes, big-endian), that key, a random nonce of 12 bytes, and
//! the ciphertext with its tag. It opens only for the owner it was sealed for.
//!
//! Whatever is handed in is sealed, also a text that looks sealed already, and
//! opening takes off one seal and no more; so a customer whose secret begins
//! with `sealed:` gets back just that. A stored text without the prefix was
//! written before secrets were sealed. It counts as open, and is sealed when its
//! row is next written. No secret of that time begins like a seal: all of them
//! begin with `whsec_`.

use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{Aead as _, KeyInit as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, Key};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use contract::ports::{Clock, ClockReading, DataKeys, KeyError, MAX_WRAPPED_BYTES, OsRandom, PlainKey, StoreError};
use domain::random::Random as _;
use domain::secret::{HoldsSecrets, Secret};

const MARK: &str = "sealed:";
const VERSION: &str = "v1:";
const NONCE_BYTES: usize = 12;
/// How long one data key seals. A key per few minutes costs next to nothing at
/// $0.03 per 10,000 calls of KMS, and bounds what one leaked key opens.
const SEALS_FOR: Duration = Duration::from_secs(10 * 60);
/// Random nonces are safe for 2^32 seals of one key (NIST SP 800-38D, 8.3); this
/// stays far away from that.
const MAX_SEALS: u32 = 1 << 20;
/// How long an unwrapped key is remembered. A function that reads the same hooks
/// over and over then makes two calls an hour for each data key.
const OPENS_FOR: Duration = Duration::from_secs(30 * 60);
/// Unwrapped keys that are remembered: as many as hooks are, for in the worst
/// case each has its own. A key takes about a kilobyte.
const REMEMBERED: usize = 4_096;

/// Why a text cannot be sealed or opened. Never contains any of it.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("a sealed secret was written by a newer version of hookline; this one knows {MARK}{VERSION} only")]
    NewerFormat,
    #[error("a sealed secret does not open: it was changed, or copied here from another owner")]
    DoesNotOpen,
}

impl From<EnvelopeError> for StoreError {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Keys(error) => error.into(),
            EnvelopeError::NewerFormat | EnvelopeError::DoesNotOpen => Self::Corrupt(error.into()),
        }
    }
}

/// Seals and opens; calls for keys once in minutes, however much it is used.
pub struct EnvelopeCipher {
    keys: Arc<dyn DataKeys>,
    clock: Arc<dyn Clock>,
    sealing: Mutex<Option<Sealing>>,
    unwrapped: Cache<Vec<u8>, Unwrapped>,
}

struct Sealing {
    wrapped: Arc<[u8]>,
    cipher: Arc<Aes256Gcm>,
    since: ClockReading,
    left: u32,
}

#[derive(Clone)]
struct Unwrapped {
    cipher: Arc<Aes256Gcm>,
    since: ClockReading,
}

impl EnvelopeCipher {
    pub fn new(keys: Arc<dyn DataKeys>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, sealing: Mutex::new(None), unwrapped: Cache::new(REMEMBERED) }
    }

    /// Seals `plain` for `owner`: a name of whom it belongs to, which nothing
    /// else has.
    pub async fn seal(&self, owner: &str, plain: &str) -> Result<String, EnvelopeError> {
        let (wrapped, cipher) = self.sealing_key().await?;
        let length = u16::try_from(wrapped.len()).map_err(|_| KeyError::Damaged)?;
        // Not from an injected source: under one key, a nonce must never repeat.
        let mut nonce = [0_u8; NONCE_BYTES];
        OsRandom.fill(&mut nonce);
        let payload = Payload { msg: plain.as_bytes(), aad: &associated(owner) };
        let ciphertext =
            cipher.encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload).map_err(|_| EnvelopeError::DoesNotOpen)?;
        let parts = [&length.to_be_bytes()[..], &wrapped, &nonce, &ciphertext].concat();
        Ok(format!("{MARK}{VERSION}{}", URL_SAFE_NO_PAD.encode(parts)))
    }

    /// What was sealed for `owner`; a text that is not sealed, as it is.
    pub async fn open(&self, owner: &str, text: &str) -> Result<String, EnvelopeError> {
        let Some(sealed) = text.strip_prefix(MARK) else { return Ok(text.to_owned()) };
        let encoded = sealed.strip_prefix(VERSION).ok_or(EnvelopeError::NewerFormat)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| EnvelopeError::DoesNotOpen)?;
        let (wrapped, nonce, ciphertext) = split(&bytes).ok_or(EnvelopeError::DoesNotOpen)?;
        let cipher = self.unwrapped(wrapped).await?;
        let payload = Payload { msg: ciphertext, aad: &associated(owner) };
        let plain =
            cipher.decrypt(&Nonce::<Aes256Gcm>::from(nonce), payload).map_err(|_| EnvelopeError::DoesNotOpen)?;
        String::from_utf8(plain).map_err(|_| EnvelopeError::DoesNotOpen)
    }

    /// Seals every secret of `holder` in its place.
    pub async fn seal_all(&self, owner: &str, holder: &mut (impl HoldsSecrets + Send)) -> Result<(), EnvelopeError> {
        for secret in holder.secrets_mut() {
            *secret = Secret::new(self.seal(owner, secret.reveal()).await?);
        }
        Ok(())
    }

    /// Opens every secret of `holder` in its place.
    pub async fn open_all(&self, owner: &str, holder: &mut (impl HoldsSecrets + Send)) -> Result<(), EnvelopeError> {
        for secret in holder.secrets_mut() {
            *secret = Secret::new(self.open(owner, secret.reveal()).await?);
        }
        Ok(())
    }

    /// Seals and opens with a key that is made for this and unwrapped again.
    pub async fn probe(&self) -> Result<(), EnvelopeError> {
        const OWNER: &str = "probe";
        let fresh = || Self::new(Arc::clone(&self.keys), Arc::clone(&self.clock));
        let sealed = fresh().seal(OWNER, OWNER).await?;
        match fresh().open(OWNER, &sealed).await? == OWNER {
            true => Ok(()),
            false => Err(EnvelopeError::DoesNotOpen),
        }
    }

    /// The data key that seals now. Callers wait for each other, so that many
    /// at once make one key.
    async fn sealing_key(&self) -> Result<(Arc<[u8]>, Arc<Aes256Gcm>), KeyError> {
        let now = self.clock.read();
        let mut sealing = self.sealing.lock().await;
        if let Some(key) = sealing.as_mut()
            && now.age_of(key.since) < SEALS_FOR
            && key.left > 0
        {
            key.left -= 1;
            return Ok((Arc::clone(&key.wrapped), Arc::clone(&key.cipher)));
        }
        let made = self.keys.current().await?;
        if made.wrapped.len() > MAX_WRAPPED_BYTES {
            return Err(KeyError::Damaged);
        }
        let (wrapped, cipher): (Arc<[u8]>, _) = (made.wrapped.as_slice().into(), cipher(&made.plain));
        *sealing = Some(Sealing {
            wrapped: Arc::clone(&wrapped),
            cipher: Arc::clone(&cipher),
            since: now,
            left: MAX_SEALS - 1,
        });
        // What was just sealed is often read back.
        let known = Unwrapped { cipher: Arc::clone(&cipher), since: now };
        self.unwrapped.insert(made.wrapped, known);
        Ok((wrapped, cipher))
    }

    async fn unwrapped(&self, wrapped: &[u8]) -> Result<Arc<Aes256Gcm>, KeyError> {
        let now = self.clock.read();
        if self.unwrapped.get(wrapped).is_some_and(|known| now.age_of(known.since) >= OPENS_FOR) {
            self.unwrapped.remove(wrapped);
        }
        // Many that want the same key at once cost one call.
        let unwrap = async {
            let plain = self.keys.unwrap_key(wrapped).await?;
            Ok::<_, KeyError>(Unwrapped { cipher: cipher(&plain), since: now })
        };
        Ok(self.unwrapped.get_or_insert_async(wrapped, unwrap).await?.cipher)
    }
}

fn cipher(key: &PlainKey) -> Arc<Aes256Gcm> {
    Arc::new(Aes256Gcm::new(<&Key<Aes256Gcm>>::from(key.bytes())))
}

/// The format is part of it, so that a later one cannot be passed off as this.
fn associated(owner: &str) -> Vec<u8> {
    [MARK, VERSION, owner].concat().into_bytes()
}

fn split(bytes: &[u8]) -> Option<(&[u8], [u8; NONCE_BYTES], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (wrapped, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some((wrapped, *nonce, ciphertext))
}

#[cfg(test)]
mod tests;
