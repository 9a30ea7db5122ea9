use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use contract::ports::{DataKey, DataKeys, KeyError, ManualClock, OsRandom, PlainKey};
use domain::random::Random as _;
use services::repositories::encrypted_hooks::EncryptedHooks;
use services::secrets::envelope::EnvelopeCipher;

use super::{Stores, dynamo, on_disk};

pub(crate) async fn over_embedded() -> Option<Stores> {
    Some(sealed(on_disk::stores().await?).0)
}

pub(crate) async fn over_dynamo() -> Option<Stores> {
    Some(sealed(dynamo::stores().await?).0)
}

/// The same stores with sealed hooks, under keys that count their calls.
pub(crate) fn sealed(stores: Stores) -> (Stores, Arc<CountedKeys>) {
    let keys = Arc::new(CountedKeys::default());
    let hooks = Arc::new(EncryptedHooks::new(Arc::clone(&stores.hooks), cipher(&keys, &stores.clock)));
    (Stores { hooks, ..stores }, keys)
}

pub(crate) fn cipher(keys: &Arc<CountedKeys>, clock: &ManualClock) -> Arc<EnvelopeCipher> {
    Arc::new(EnvelopeCipher::new(keys.clone(), Arc::new(clock.clone())))
}

/// As long as KMS wraps 32 bytes.
const WRAPPED_BYTES: usize = 184;

/// Data keys "wrapped" by padding them, and how often they were asked for.
#[derive(Default)]
pub(crate) struct CountedKeys {
    calls: AtomicUsize,
}

impl CountedKeys {
    /// Calls since the last time.
    pub(crate) fn take(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl DataKeys for CountedKeys {
    async fn current(&self) -> Result<DataKey, KeyError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut key = [0; 32];
        OsRandom.fill(&mut key);
        let mut wrapped = key.to_vec();
        wrapped.resize(WRAPPED_BYTES, 0);
        Ok(DataKey { wrapped, plain: PlainKey::new(key) })
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<PlainKey, KeyError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        wrapped.first_chunk().map(|key| PlainKey::new(*key)).ok_or(KeyError::Damaged)
    }
}
