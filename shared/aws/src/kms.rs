use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::Zeroizing;

use contract::ports::{DataKey, DataKeys, KeyError, PlainKey};

/// What every call says it is for. KMS binds it to the wrapped key, shows it in
/// CloudTrail, and policies can ask for it.
const CONTEXT: (&str, &str) = ("application", "hookline");

/// Data keys that a KMS key wraps. A call costs a few milliseconds and $0.000003
/// (us-east-1, list price).
#[derive(Clone, Debug)]
pub struct KmsDataKeys {
    client: Client,
    key_id: String,
}

impl KmsDataKeys {
    /// `key_id` is an id, an ARN or an alias of a symmetric key.
    pub fn new(client: Client, key_id: impl Into<String>) -> Self {
        Self { client, key_id: key_id.into() }
    }

    fn error<E>(&self, action: &str, error: SdkError<E>) -> KeyError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let advice = match error.code() {
            Some("InvalidCiphertextException" | "IncorrectKeyException") => return KeyError::Damaged,
            Some("AccessDeniedException") => format!(
                "KMS denies kms:{action} under the key {}; allow it to this function's role, in the role and in the \
                 key's policy",
                self.key_id
            ),
            Some("DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException") => format!(
                "the KMS key of a secret cannot be used; enable it or cancel its deletion (the configured key is {})",
                self.key_id
            ),
            Some("NotFoundException") => format!(
                "the KMS key of a secret does not exist; check HOOKLINE_KMS_KEY_ID and its region (it is {})",
                self.key_id
            ),
            _ => return KeyError::Unavailable(Box::new(error)),
        };
        KeyError::Unusable(advice, Some(Box::new(error)))
    }
}

#[async_trait]
impl DataKeys for KmsDataKeys {
    async fn current(&self) -> Result<DataKey, KeyError> {
        let request = self.client.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
        let made = request.encryption_context(CONTEXT.0, CONTEXT.1).send().await;
        let made = made.map_err(|error| self.error("GenerateDataKey", error))?;
        let wrapped = made.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        Ok(DataKey { wrapped, plain: plain(made.plaintext)? })
    }

    /// The wrapped key names its master key, so that keys made under an earlier
    /// one stay readable where the role still may use it.
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<PlainKey, KeyError> {
        let request = self.client.decrypt().ciphertext_blob(Blob::new(wrapped));
        let opened = request.encryption_context(CONTEXT.0, CONTEXT.1).send().await;
        plain(opened.map_err(|error| self.error("Decrypt", error))?.plaintext)
    }
}

fn plain(blob: Option<Blob>) -> Result<PlainKey, KeyError> {
    let bytes = Zeroizing::new(blob.map(Blob::into_inner).unwrap_or_default());
    Ok(PlainKey::new(bytes.as_slice().try_into().map_err(|_| KeyError::Damaged)?))
}
