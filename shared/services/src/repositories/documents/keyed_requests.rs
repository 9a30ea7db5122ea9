//! Requests that came with an `Idempotency-Key`: what they were, and what they were answered.
//!
//! An answer may hold a secret that is shown once. So it is encrypted under a key that is made of
//! the asker's own credential and the idempotency key, neither of which is stored: it opens for
//! nobody but who asks the same again.

use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{Aead as _, KeyInit as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Collection, placed};
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, OsRandom, StoreError, StoreResult};
use contract::stage::causes;
use domain::hex::hex;
use domain::ids::TenantId;
use domain::random::Random as _;
use domain::time::Timestamp;

/// How long a request is known by its key.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Longer than any request takes (the gateway gives up after 30 s). Whoever has not answered by
/// then has died, and the request may be made again.
const UNDER_WAY_FOR: Duration = Duration::from_secs(60);
/// Old ones that are deleted with each new one: more than one, so that they do not pile up.
const DELETED_AT_ONCE: usize = 5;
const NONCE_BYTES: usize = 12;
/// Others may claim at the same time.
const TRIES: usize = 4;

/// What a request is known by. Each part is of 256 bits, under the asker's credential.
pub struct RequestName {
    name: String,
    content: String,
    cipher: Aes256Gcm,
}

impl RequestName {
    /// `credential` is what the asker proved to have, `target` method and path, and `content` the rest of it.
    pub fn new(credential: &str, key: &str, target: &str, content: &[u8]) -> Self {
        let of = |what: &str, rest: &[u8]| {
            let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(credential.as_bytes())
                .expect("HMAC takes keys of any length");
            // None of these holds a line feed, so no two requests make the same text.
            mac.update(format!("hookline {what}\n{key}\n{target}\n").as_bytes());
            mac.update(rest);
            mac.finalize().into_bytes()
        };
        let bytes: [u8; 32] = of("seal", b"").into();
        Self {
            name: hex(&of("name", b"")),
            content: hex(&of("content", content)),
            cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(bytes)),
        }
    }

    fn seal(&self, answer: &[u8]) -> Option<String> {
        let mut nonce = [0_u8; NONCE_BYTES];
        OsRandom.fill(&mut nonce);
        let payload = Payload { msg: answer, aad: self.content.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload).ok()?;
        Some(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: self.content.as_bytes() };
        self.cipher.decrypt(&Nonce::<Aes256Gcm>::from(*nonce), payload).ok()
    }
}

/// A request, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedRequest {
    /// HMAC of what it said.
    content: String,
    at: Timestamp,
    /// Absent while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// It was refused: whoever asks next makes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_free: bool,
    version: u64,
}

/// What is known of a request.
pub enum Found {
    /// Nothing was; now it is under way, and whoever asked has to make it.
    New(KeyedRequest),
    /// It is under way.
    UnderWay,
    Answered(Vec<u8>),
    /// Another one has this key.
    Other,
}

/// The requests of each tenant, or of none.
pub struct StoredKeyedRequests {
    requests: Collection<KeyedRequest>,
    by_time: Collection<()>,
}

fn partition(kind: DocumentKind, tenant: Option<&TenantId>) -> String {
    kind.partition(&[tenant.map_or("*", TenantId::as_str)])
}

/// Digits that sort as times do.
fn by_time(at: Timestamp, name: &str) -> String {
    format!("{:015}-{name}", at.as_millis())
}

impl StoredKeyedRequests {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { requests: Collection::new(Arc::clone(&documents)), by_time: Collection::new(documents) }
    }

    /// Of many who claim the same at once one gets it. Requests from before `since` are unknown.
    pub async fn claim(
        &self,
        tenant: Option<&TenantId>,
        request: &RequestName,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Found> {
        let place = partition(DocumentKind::KeyedRequests, tenant);
        for _ in 0..TRIES {
            let known = self.requests.get(&place, &request.name).await?;
            if let Some(known) = known.as_deref().filter(|known| known.counts(since, now)) {
                return Ok(known.told_to(request));
            }
            let version = known.as_ref().map_or(0, |known| known.version) + 1;
            let content = request.content.clone();
            let claimed = KeyedRequest { content, at: now, answer: None, is_free: false, version };
            let entry = partition(DocumentKind::KeyedRequestsByTime, tenant);
            let beside = match known {
                // One that was refused in this very millisecond has left its entry.
                Some(known) if known.at == now => Vec::new(),
                _ => vec![placed(&entry, &by_time(now, &request.name), 1, &())?],
            };
            match self.requests.put_with(&place, &request.name, version, &claimed, &beside).await {
                Ok(()) => {
                    // It is claimed, and nobody else would make it; those are deleted with the next one.
                    if let Err(error) = self.delete_old(tenant, now).await {
                        let error = causes(&error);
                        tracing::warn!(%error, "requests of days ago are not deleted yet: {error}");
                    }
                    return Ok(Found::New(claimed));
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Found::UnderWay)
    }

    /// What is known of it, without a claim.
    pub async fn find(
        &self,
        tenant: Option<&TenantId>,
        request: &RequestName,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<Found>> {
        let known = self.requests.get(&partition(DocumentKind::KeyedRequests, tenant), &request.name).await?;
        Ok(known.filter(|known| known.counts(since, now)).map(|known| known.told_to(request)))
    }

    /// It is done. Whether its answer was kept: not where another has taken over, or it is too large.
    pub async fn answer(
        &self,
        tenant: Option<&TenantId>,
        request: &RequestName,
        claimed: KeyedRequest,
        answer: &[u8],
    ) -> StoreResult<bool> {
        let (place, version) = (partition(DocumentKind::KeyedRequests, tenant), claimed.version + 1);
        let answered = KeyedRequest { answer: request.seal(answer), version, ..claimed };
        match self.requests.put(&place, &request.name, version, &answered).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict | StoreError::TooLarge) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// It did nothing, and its key is free again, unless another has taken over. So it is written and not
    /// deleted, which asks for no version.
    pub async fn forget(
        &self,
        tenant: Option<&TenantId>,
        request: &RequestName,
        claimed: &KeyedRequest,
    ) -> StoreResult<()> {
        let (place, version) = (partition(DocumentKind::KeyedRequests, tenant), claimed.version + 1);
        let free = KeyedRequest { is_free: true, version, ..claimed.clone() };
        match self.requests.put(&place, &request.name, version, &free).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes all of a tenant.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        for kind in [DocumentKind::KeyedRequests, DocumentKind::KeyedRequestsByTime] {
            let place = partition(kind, Some(tenant));
            for name in self.requests.names(&place).await? {
                self.requests.delete(&place, &name).await?;
            }
        }
        Ok(())
    }

    async fn delete_old(&self, tenant: Option<&TenantId>, now: Timestamp) -> StoreResult<()> {
        let entries = partition(DocumentKind::KeyedRequestsByTime, tenant);
        let place = partition(DocumentKind::KeyedRequests, tenant);
        let oldest = self.by_time.documents.list(&entries, DELETED_AT_ONCE, None).await?;
        for entry in oldest.items.into_iter().map(super::name_of) {
            let Some((at, name)) = entry.split_once('-') else { continue };
            let Ok(at) = at.parse().map(Timestamp::from_millis) else { continue };
            if now.since(at) < KEPT_FOR {
                break;
            }
            // Its name may have been given anew.
            if self.requests.get(&place, name).await?.is_some_and(|known| known.at == at) {
                self.requests.delete(&place, name).await?;
            }
            self.by_time.delete(&entries, &entry).await?;
        }
        Ok(())
    }
}

impl KeyedRequest {
    /// Neither refused, nor of a former tenant, nor too old, nor left by who died.
    fn counts(&self, since: Timestamp, now: Timestamp) -> bool {
        let kept_for = if self.answer.is_some() { KEPT_FOR } else { UNDER_WAY_FOR };
        !self.is_free && self.at >= since && now.since(self.at) < kept_for
    }

    fn told_to(&self, request: &RequestName) -> Found {
        match &self.answer {
            _ if self.content != request.content => Found::Other,
            None => Found::UnderWay,
            Some(answer) => request.open(answer).map_or(Found::Other, Found::Answered),
        }
    }
}
