//! Signing: settings and live secrets in, headers out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;

use super::setting::{Encoding, KeyForm, Scheme, SignatureSetting, siblings};
use super::{hmac_sha256, standard_webhooks};
use crate::secret::ed25519::whsk_key;
use crate::secret::{InvalidSecret, MAX_SECRET_CHARS, Secret, SecretKind, whsec_key};

/// The headers that sign `body`, in the order of the settings. `secrets` are
/// the live ones, the current one first.
///
/// Settings that share a `v1` or `v1a` header share one value, and its id and
/// timestamp are sent once. `hmac_sha256` has no form for several signatures,
/// so its header is repeated, the current secret's first: receivers that know
/// of one signature read the first line.
///
/// # Errors
/// When a secret is not of the form that a setting needs; [`check_secret`]
/// tells beforehand.
pub fn sign(
    settings: &[SignatureSetting],
    secrets: &[&Secret],
    id: &str,
    unix_seconds: i64,
    body: &[u8],
) -> Result<Vec<(String, String)>, InvalidSecret> {
    let (ed25519, hmac): (Vec<&Secret>, Vec<&Secret>) =
        secrets.iter().copied().partition(|secret| SecretKind::of(secret) == SecretKind::Ed25519);
    let mut headers: Vec<(String, String)> = Vec::new();
    for setting in settings {
        let Some(name) = setting.header() else { continue };
        match setting.scheme {
            Scheme::V1 => {
                let value = standard_webhooks(hmac.iter().copied(), id, unix_seconds, body)?;
                push_standard(&mut headers, name, value, id, unix_seconds);
            }
            Scheme::V1a => {
                let value = standard_webhooks_ed25519(&ed25519, id, unix_seconds, body)?;
                push_standard(&mut headers, name, value, id, unix_seconds);
            }
            Scheme::HmacSha256 => {
                for secret in &hmac {
                    let mac = hmac_sha256(&key(setting, secret)?, &[body]);
                    let mut value = setting.prefix.clone().unwrap_or_default();
                    match setting.encoding.unwrap_or_default() {
                        Encoding::Hex => push_hex(&mut value, &mac),
                        Encoding::Base64 => STANDARD.encode_string(mac, &mut value),
                    }
                    headers.push((name.to_owned(), value));
                }
            }
            Scheme::Stripe if hmac.is_empty() => {}
            Scheme::Stripe => {
                let mut value = format!("t={unix_seconds}");
                let head = format!("{unix_seconds}.");
                for secret in &hmac {
                    value.push_str(",v1=");
                    push_hex(&mut value, &hmac_sha256(&key(setting, secret)?, &[head.as_bytes(), body]));
                }
                headers.push((name.to_owned(), value));
            }
        }
    }
    Ok(headers)
}

/// Whether a secret can sign with these settings. A `whsec_` secret is demanded
/// exactly when a setting decodes it; otherwise any text of 1 to 256 characters
/// without control characters will do. A `whsk_` secret needs `v1a`, and `v1a`
/// alone needs a `whsk_` secret, or else nothing would ever be signed.
pub fn check_secret(settings: &[SignatureSetting], secret: &Secret) -> Result<(), InvalidSecret> {
    let text = secret.reveal();
    if text.is_empty() || text.chars().count() > MAX_SECRET_CHARS || text.chars().any(char::is_control) {
        return Err(InvalidSecret::Text);
    }
    let has_v1a = settings.iter().any(|setting| setting.scheme == Scheme::V1a);
    let only_v1a = has_v1a && settings.iter().all(|setting| setting.scheme == Scheme::V1a);
    let decodes = settings.iter().any(|setting| setting.key_form() == Some(KeyForm::Whsec));
    match SecretKind::of(secret) {
        SecretKind::Ed25519 if settings.is_empty() || has_v1a => whsk_key(secret).map(|_| ()),
        SecretKind::Ed25519 => Err(InvalidSecret::OnlyV1a),
        _ if only_v1a => Err(InvalidSecret::Whsk),
        _ if decodes => whsec_key(secret).map(|_| ()),
        _ => Ok(()),
    }
}

fn key(setting: &SignatureSetting, secret: &Secret) -> Result<Vec<u8>, InvalidSecret> {
    match setting.key_form() {
        Some(KeyForm::Whsec) => whsec_key(secret),
        _ => Ok(secret.reveal().as_bytes().to_vec()),
    }
}

fn standard_webhooks_ed25519(
    secrets: &[&Secret],
    id: &str,
    unix_seconds: i64,
    body: &[u8],
) -> Result<String, InvalidSecret> {
    let mut value = String::new();
    if secrets.is_empty() {
        return Ok(value);
    }
    let content = [format!("{id}.{unix_seconds}.").as_bytes(), body].concat();
    for secret in secrets {
        value.push_str(if value.is_empty() { "v1a," } else { " v1a," });
        STANDARD.encode_string(whsk_key(secret)?.sign(&content).to_bytes(), &mut value);
    }
    Ok(value)
}

/// Adds a Standard Webhooks value to the header it may share, and the two
/// headers that go with it when it is the first.
fn push_standard(headers: &mut Vec<(String, String)>, name: &str, value: String, id: &str, unix_seconds: i64) {
    if value.is_empty() {
        return;
    }
    if let Some((_, present)) = headers.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
        present.push(' ');
        present.push_str(&value);
        return;
    }
    if let Some([id_name, timestamp_name]) = siblings(name) {
        headers.push((id_name, id.to_owned()));
        headers.push((timestamp_name, unix_seconds.to_string()));
    }
    headers.push((name.to_owned(), value));
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests;
