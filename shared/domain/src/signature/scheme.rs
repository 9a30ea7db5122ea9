//! The schemes by which requests are signed: a line in the list below for each,
//! and a file of that name beside this one's.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::setting::{KeyForm, SignatureSetting};
use crate::choices;
use crate::secret::ed25519::is_ed25519;
use crate::secret::{InvalidSecret, Secret, whsec_key};

pub use v1::standard_webhooks;

macro_rules! schemes {
    ($($(#[doc = $about:literal])+ $module:ident: $variant:ident = $text:literal,)*) => {
        $(mod $module;)*

        choices! {
            /// What is signed, with which algorithm, and how the header reads.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            pub enum Scheme {
                $($(#[doc = $about])+ $variant = $text,)*
            }
        }

        impl Scheme {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As settings name it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            pub(super) fn algorithm(self) -> &'static dyn Algorithm {
                match self {
                    $(Self::$variant => &$module::$variant,)*
                }
            }
        }
    };
}

schemes! {
    /// Standard Webhooks: HMAC-SHA256 over `<id>.<timestamp>.<body>`, as `v1,<base64>`.
    v1: V1 = "v1",
    /// Standard Webhooks: Ed25519 over the same, as `v1a,<base64>`.
    v1a: V1a = "v1a",
    /// HMAC-SHA256 over the body alone, behind a `prefix` of your choice.
    hmac_sha256: HmacSha256 = "hmac_sha256",
    /// HMAC-SHA256 over `<timestamp>.<body>`, as Stripe writes it: `t=<timestamp>,v1=<hex>`.
    stripe: Stripe = "stripe",
    /// HTTP Message Signatures (RFC 9421): Ed25519 over parts of the request, with keys of the
    /// deployment itself, as Web Bot Auth has it.
    http_message: HttpMessage = "http_message",
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub id: &'a str,
    pub unix_seconds: i64,
    pub body: &'a [u8],
}

/// One scheme. What it does not say holds for most of them.
pub(super) trait Algorithm: Sync {
    /// What its header holds behind a `prefix`, to whoever writes a receiver.
    fn description(&self, prefix: &str) -> String;

    /// The signature's header where a setting names none.
    fn default_header(&self) -> Option<&'static str> {
        None
    }

    /// Whether id and timestamp travel in two headers of their own, as Standard
    /// Webhooks has it. Such schemes may share their headers.
    fn is_standard(&self) -> bool {
        false
    }

    /// Whether it signs with Ed25519 secrets and no others, instead of all others.
    fn is_ed25519(&self) -> bool {
        false
    }

    /// Whether the deployment signs with keys of its own, once the request is complete.
    fn is_of_deployment(&self) -> bool {
        false
    }

    /// How a secret becomes a key; none where secrets have one form only.
    fn key_form(&self, chosen: Option<KeyForm>) -> Option<KeyForm> {
        Some(chosen.unwrap_or(KeyForm::Text))
    }

    /// Complains about a form of key that it does not take.
    fn check_key(&self, _chosen: KeyForm) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether its header holds a signature for each secret, or else for one only.
    fn is_list(&self) -> bool {
        true
    }

    fn has_prefix(&self) -> bool {
        false
    }

    fn has_encoding(&self) -> bool {
        false
    }

    /// The header's value. There is at least one secret, all of the kind that it
    /// takes, and no more than one where its header holds no list.
    fn sign(
        &self,
        setting: &SignatureSetting,
        secrets: &[&Secret],
        signed: Signed<'_>,
    ) -> Result<String, InvalidSecret>;

    /// The timestamp that is part of the header's values, if the scheme has it there.
    fn timestamp<'a>(&self, _values: &[&'a str]) -> Option<&'a str> {
        None
    }

    /// The single signatures in the header's values.
    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str>;

    /// Whether one of the values received is a signature with this secret, or why
    /// that cannot be told. Signs once more unless the scheme knows better.
    fn verify(
        &self,
        setting: &SignatureSetting,
        values: &[&str],
        secret: &Secret,
        signed: Signed<'_>,
    ) -> Result<bool, &'static str> {
        let made = self.sign(setting, &[secret], signed);
        let made = made.map_err(|_| "the secret is not of the form that this scheme needs")?;
        let (made, received) = (self.signatures(&[&made]), self.signatures(values));
        Ok(made.iter().any(|signature| received.contains(signature)))
    }

    /// Whether this secret, or the public part of one, can verify.
    fn can_verify(&self, setting: &SignatureSetting, secret: &Secret) -> bool {
        self.sign(setting, &[secret], Signed { id: "", unix_seconds: 0, body: b"" }).is_ok()
    }
}

impl Scheme {
    pub fn is_ed25519(self) -> bool {
        self.algorithm().is_ed25519()
    }

    /// Whether id and timestamp travel in two headers of their own.
    pub fn is_standard(self) -> bool {
        self.algorithm().is_standard()
    }

    /// Whether the deployment signs with keys of its own, once the request is complete.
    pub fn is_of_deployment(self) -> bool {
        self.algorithm().is_of_deployment()
    }

    /// Whether a secret, or the public part of one, is of the kind for it.
    pub fn takes(self, secret: &Secret) -> bool {
        is_ed25519(secret) == self.is_ed25519()
    }
}

fn key(setting: &SignatureSetting, secret: &Secret) -> Result<Vec<u8>, InvalidSecret> {
    match setting.key_form() {
        Some(KeyForm::Whsec) => whsec_key(secret),
        _ => Ok(secret.reveal().as_bytes().to_vec()),
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_stored_under_the_name_of_its_file() {
        for scheme in Scheme::ALL {
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.name());
        }
    }
}
