//! Signing: settings and live secrets in, headers out.

use super::scheme::Signed;
use super::setting::{KeyForm, SignatureSetting, siblings};
use crate::secret::ed25519::{verifying_key, whsk_key};
use crate::secret::{InvalidSecret, MAX_SECRET_CHARS, Secret, SecretKind, jwk, whsec_key};

/// The headers that sign `body`, in the order of the settings. `secrets` are
/// the live ones, of either kind that one first which signs headers that hold
/// one signature.
///
/// Settings that share a `v1` or `v1a` header share one value, and its id and
/// timestamp are sent once.
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
    sign_with(settings, secrets, Signed { id, unix_seconds, body }, 1)
}

/// The same as releases up to 0.1 signed during a rotation: a header that holds
/// one signature was sent once for each secret.
///
/// # Errors
/// As above.
pub fn sign_repeating(
    settings: &[SignatureSetting],
    secrets: &[&Secret],
    id: &str,
    unix_seconds: i64,
    body: &[u8],
) -> Result<Vec<(String, String)>, InvalidSecret> {
    sign_with(settings, secrets, Signed { id, unix_seconds, body }, usize::MAX)
}

fn sign_with(
    settings: &[SignatureSetting],
    secrets: &[&Secret],
    signed: Signed<'_>,
    most_headers: usize,
) -> Result<Vec<(String, String)>, InvalidSecret> {
    let (ed25519, hmac): (Vec<&Secret>, Vec<&Secret>) =
        secrets.iter().copied().partition(|secret| SecretKind::of(secret) == SecretKind::Ed25519);
    let mut headers: Vec<(String, String)> = Vec::new();
    for setting in settings.iter().filter(|setting| !setting.scheme.is_of_deployment()) {
        let secrets = if setting.scheme.is_ed25519() { &ed25519 } else { &hmac };
        let Some(name) = setting.header().filter(|_| !secrets.is_empty()) else { continue };
        let at_once = if setting.is_list() { secrets.len() } else { 1 };
        for secrets in secrets.chunks(at_once).take(most_headers) {
            let value = setting.scheme.algorithm().sign(setting, secrets, signed)?;
            let key_ids = setting.key_id_header.as_ref().map(|name| (name.clone(), key_ids(secrets)));
            match setting.scheme.is_standard() {
                true => push_standard(&mut headers, name, value, signed.id, signed.unix_seconds),
                false => headers.push((name.to_owned(), value)),
            }
            headers.extend(key_ids);
        }
    }
    Ok(headers)
}

/// What the keys are called, in the order in which they sign.
fn key_ids(secrets: &[&Secret]) -> String {
    let ids = secrets.iter().filter_map(|secret| Some(jwk::thumbprint(&verifying_key(secret)?)));
    ids.collect::<Vec<_>>().join(" ")
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
    let settings: Vec<&SignatureSetting> =
        settings.iter().filter(|setting| !setting.scheme.is_of_deployment()).collect();
    let has_v1a = settings.iter().any(|setting| setting.scheme.is_ed25519());
    let only_v1a = has_v1a && settings.iter().all(|setting| setting.scheme.is_ed25519());
    let decodes = settings.iter().any(|setting| setting.key_form() == Some(KeyForm::Whsec));
    match SecretKind::of(secret) {
        SecretKind::Ed25519 if settings.is_empty() || has_v1a => whsk_key(secret).map(|_| ()),
        SecretKind::Ed25519 => Err(InvalidSecret::OnlyV1a),
        _ if only_v1a => Err(InvalidSecret::Whsk),
        _ if decodes => whsec_key(secret).map(|_| ()),
        _ => Ok(()),
    }
}

/// Adds a Standard Webhooks value to the header it may share, and the two
/// headers that go with it when it is the first.
fn push_standard(headers: &mut Vec<(String, String)>, name: &str, value: String, id: &str, unix_seconds: i64) {
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

#[cfg(test)]
mod tests;
