//! Standard Webhooks 1.0.0, Ed25519 over `{id}.{timestamp}.{body}`: `v1a,<base64>`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _};

use super::{Algorithm, KeyForm, Signed};
use crate::secret::ed25519::{verifying_key, whsk_key};
use crate::secret::{InvalidSecret, Secret};
use crate::signature::SignatureSetting;

pub(super) struct V1a;

impl Algorithm for V1a {
    fn description(&self, _: &str) -> String {
        "Standard Webhooks: `v1a,` and base64 of Ed25519 over `{id}.{timestamp}.{body}`".to_owned()
    }

    fn default_header(&self) -> Option<&'static str> {
        Some("webhook-signature")
    }

    fn is_standard(&self) -> bool {
        true
    }

    fn is_ed25519(&self) -> bool {
        true
    }

    fn key_form(&self, _: Option<KeyForm>) -> Option<KeyForm> {
        None
    }

    fn check_key(&self, _: KeyForm) -> Result<(), &'static str> {
        Err("the scheme v1a takes whsk_ secrets, in one form only")
    }

    fn sign(&self, _: &SignatureSetting, secrets: &[&Secret], signed: Signed<'_>) -> Result<String, InvalidSecret> {
        let content = content(signed);
        let mut value = String::new();
        for secret in secrets {
            value.push_str(if value.is_empty() { "v1a," } else { " v1a," });
            STANDARD.encode_string(whsk_key(secret)?.sign(&content).to_bytes(), &mut value);
        }
        Ok(value)
    }

    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        values.iter().flat_map(|value| value.split(' ')).filter_map(|one| one.strip_prefix("v1a,")).collect()
    }

    /// Receivers have the public key only.
    fn verify(
        &self,
        _: &SignatureSetting,
        values: &[&str],
        secret: &Secret,
        signed: Signed<'_>,
    ) -> Result<bool, &'static str> {
        let key = verifying_key(secret).ok_or("the secret is no Ed25519 key")?;
        let content = content(signed);
        let signature = |text: &str| Signature::from_slice(&STANDARD.decode(text).ok()?).ok();
        let mut signatures = self.signatures(values).into_iter().filter_map(signature);
        Ok(signatures.any(|signature| key.verify_strict(&content, &signature).is_ok()))
    }

    fn can_verify(&self, _: &SignatureSetting, secret: &Secret) -> bool {
        verifying_key(secret).is_some()
    }
}

fn content(signed: Signed<'_>) -> Vec<u8> {
    [format!("{}.{}.", signed.id, signed.unix_seconds).as_bytes(), signed.body].concat()
}
