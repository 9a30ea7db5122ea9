//! Checking signatures as receivers do, from the settings that made them.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::secret::ed25519::public_key;
use domain::secret::{Secret, SecretKind};
use domain::signature::{Scheme, SignatureSetting, sign};
use ed25519_dalek::{Signature, VerifyingKey};

/// Receivers tolerate this much between the timestamp and their own clock
/// (Standard Webhooks 1.0.0, and the libraries of Stripe).
const TOLERANCE_SECONDS: u64 = 300;
const PUBLIC: &str = "whpk_";
/// A hook's own query stands in front of the signed one. This many of its
/// parameters are tried.
const MAX_OWN_PARAMETERS: usize = 16;

/// Something to verify with, and what it is good for.
pub(super) struct Verifier {
    pub(super) settings: Vec<SignatureSetting>,
    pub(super) secrets: Vec<Secret>,
}

pub(super) struct Received<'a> {
    pub(super) headers: &'a HeaderMap,
    /// What may have been signed: the body, or the query where there is none.
    pub(super) signed: Vec<&'a [u8]>,
    /// Unix seconds.
    pub(super) now: i64,
}

impl<'a> Received<'a> {
    pub(super) fn new(method: &str, query: Option<&'a str>, headers: &'a HeaderMap, body: &'a [u8], now: i64) -> Self {
        let query = query.filter(|_| method == "GET" && body.is_empty());
        let signed = match query {
            None => vec![body],
            Some(query) => {
                let later = query.match_indices('&').map(|(at, _)| &query.as_bytes()[at + 1..]);
                std::iter::once(query.as_bytes()).chain(later.take(MAX_OWN_PARAMETERS)).collect()
            }
        };
        Self { headers, signed, now }
    }

    fn values(&self, name: &str) -> Vec<&'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    fn on_time(&self, text: &str) -> Result<i64, &'static str> {
        let at: i64 = text.parse().map_err(|_| "the timestamp is not a number")?;
        match self.now.abs_diff(at) > TOLERANCE_SECONDS {
            true => Err("the timestamp is more than 5 minutes off"),
            false => Ok(at),
        }
    }
}

impl Verifier {
    /// Whether one of the signatures is valid, and in words which, or why none is.
    pub(super) fn check(&self, received: &Received<'_>) -> (bool, String) {
        if self.settings.is_empty() {
            return (true, "none expected".to_owned());
        }
        let (mut valid, mut invalid) = (Vec::new(), Vec::new());
        for setting in &self.settings {
            let name = format!("{} in {}", scheme_name(setting.scheme), setting.header().unwrap_or_default());
            match self.check_one(setting, received) {
                Ok(()) => valid.push(name),
                Err(why) => invalid.push(format!("{name}: {why}")),
            }
        }
        if valid.is_empty() {
            return (false, format!("INVALID ({})", invalid.join("; ")));
        }
        let others = if invalid.is_empty() { String::new() } else { format!("; but not: {}", invalid.join("; ")) };
        (true, format!("valid ({}){others}", valid.join(", ")))
    }

    fn check_one(&self, setting: &SignatureSetting, received: &Received<'_>) -> Result<(), &'static str> {
        let names = setting.header_names();
        let values = received.values(setting.header().unwrap_or_default());
        if values.is_empty() {
            return Err("the header is missing");
        }
        let (id, at) = match setting.scheme {
            Scheme::V1 | Scheme::V1a => {
                let first = |n: usize| names.get(n).and_then(|name| received.values(name).first().copied());
                let (Some(id), Some(at)) = (first(0), first(1)) else {
                    return Err("the header with the id or the timestamp is missing");
                };
                (id, received.on_time(at)?)
            }
            Scheme::Stripe => ("", received.on_time(parameter(&values, "t").next().unwrap_or_default())?),
            Scheme::HmacSha256 => ("", 0),
        };
        let usable: Vec<&Secret> = self.secrets.iter().filter(|secret| fits(setting.scheme, secret)).collect();
        if usable.is_empty() {
            return Err(match setting.scheme {
                Scheme::V1a => "needs a secret whpk_… or whsk_…",
                _ => "needs a secret that is no Ed25519 key",
            });
        }
        for secret in usable {
            for signed in &received.signed {
                let matches = match setting.scheme {
                    Scheme::V1a => ed25519(&values, secret, id, at, signed)?,
                    _ => hmac(setting, &values, secret, id, at, signed)?,
                };
                if matches {
                    return Ok(());
                }
            }
        }
        Err("does not match")
    }
}

pub(super) fn fits(scheme: Scheme, secret: &Secret) -> bool {
    let is_ed25519 = SecretKind::of(secret) == SecretKind::Ed25519 || secret.reveal().starts_with(PUBLIC);
    is_ed25519 == (scheme == Scheme::V1a)
}

/// Signs once more, and looks for the result among the signatures received.
fn hmac(
    setting: &SignatureSetting,
    values: &[&str],
    secret: &Secret,
    id: &str,
    at: i64,
    signed: &[u8],
) -> Result<bool, &'static str> {
    let made = sign(std::slice::from_ref(setting), &[secret], id, at, signed);
    let made = made.map_err(|_| "the secret is not of the form that this scheme needs")?;
    let Some((_, expected)) = made.last() else { return Ok(false) };
    Ok(match setting.scheme {
        Scheme::Stripe => {
            let expected = expected.split_once("v1=").map_or("", |(_, hex)| hex);
            parameter(values, "v1").any(|signature| signature == expected)
        }
        Scheme::V1 | Scheme::V1a => values.iter().flat_map(|value| value.split(' ')).any(|one| one == expected),
        Scheme::HmacSha256 => values.contains(&expected.as_str()),
    })
}

fn ed25519(values: &[&str], secret: &Secret, id: &str, at: i64, signed: &[u8]) -> Result<bool, &'static str> {
    let key = verifying_key(secret).ok_or("the secret is no Ed25519 key")?;
    let content = [format!("{id}.{at}.").as_bytes(), signed].concat();
    let signatures = values.iter().flat_map(|value| value.split(' ')).filter_map(|one| one.strip_prefix("v1a,"));
    let mut signatures = signatures.filter_map(|one| Signature::from_slice(&STANDARD.decode(one).ok()?).ok());
    Ok(signatures.any(|signature| key.verify_strict(&content, &signature).is_ok()))
}

pub(super) fn verifying_key(secret: &Secret) -> Option<VerifyingKey> {
    let derived = public_key(secret);
    let encoded = derived.as_deref().unwrap_or(secret.reveal()).strip_prefix(PUBLIC)?;
    VerifyingKey::from_bytes(&STANDARD.decode(encoded).ok()?.try_into().ok()?).ok()
}

/// The values of `name` in `t=…,v1=…,v1=…`.
fn parameter<'a>(values: &'a [&'a str], name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = values.iter().flat_map(|value| value.split(','));
    pairs.filter_map(|pair| pair.trim().split_once('=')).filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::V1 => "v1",
        Scheme::V1a => "v1a",
        Scheme::HmacSha256 => "hmac_sha256",
        Scheme::Stripe => "stripe",
    }
}

#[cfg(test)]
mod tests;
