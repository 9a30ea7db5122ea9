//! The keys of the deployment, sealed in the store and open to who signs with them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::repositories::document_kind::DocumentKind;
use crate::repositories::documents::Collection;
use crate::secrets::envelope::EnvelopeCipher;
use contract::ports::{Documents, Identities, StoreResult};
use domain::identity::Identity;

const PARTITION: &str = DocumentKind::Identity.name();
/// There is one of them.
const NAME: &str = "deployment";
/// What its secrets are sealed for; no hook's owner is called so.
const OWNER: &str = "identity/deployment";

pub struct StoredIdentity {
    documents: Collection<Identity>,
    cipher: Arc<EnvelopeCipher>,
    /// As it was read, and as it was opened.
    kept: Mutex<Option<(Arc<Identity>, Arc<Identity>)>>,
}

impl StoredIdentity {
    pub fn new(documents: Arc<dyn Documents>, cipher: Arc<EnvelopeCipher>) -> Self {
        Self { documents: Collection::new(documents), cipher, kept: Mutex::default() }
    }
}

#[async_trait]
impl Identities for StoredIdentity {
    async fn get(&self) -> StoreResult<Option<Arc<Identity>>> {
        let Some(sealed) = self.documents.get(PARTITION, NAME).await? else { return Ok(None) };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, opened)) = kept
            && *of == *sealed
        {
            return Ok(Some(opened));
        }
        let mut opened = Identity::clone(&sealed);
        self.cipher.open_all(OWNER, &mut opened).await?;
        let opened = Arc::new(opened);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((sealed, Arc::clone(&opened)));
        Ok(Some(opened))
    }

    async fn put(&self, identity: &Identity) -> StoreResult<()> {
        let mut sealed = identity.clone();
        self.cipher.seal_all(OWNER, &mut sealed).await?;
        self.documents.put(PARTITION, NAME, identity.version, &sealed).await
    }
}
