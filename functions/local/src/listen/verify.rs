//! Checking signatures as receivers do, from the settings that made them.

use std::borrow::Cow;

use axum::http::HeaderMap;
use domain::ecmascript;
use domain::payload::JsonForm;
use domain::secret::Secret;
use domain::signature::{SignatureSetting, Signed};
use serde_json::value::RawValue;

/// Receivers tolerate this much between the timestamp and their own clock
/// (Standard Webhooks 1.0.0, and the libraries of Stripe).
const TOLERANCE_SECONDS: u64 = 300;
/// A hook's own query stands in front of the signed one. This many of its
/// parameters are tried.
const MAX_OWN_PARAMETERS: usize = 16;

/// Something to verify with, and what it is good for.
pub(super) struct Verifier {
    pub(super) settings: Vec<SignatureSetting>,
    pub(super) secrets: Vec<Secret>,
    /// Signatures are over a body that is written so, whatever way it came.
    pub(super) json: JsonForm,
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
        let (over, signed) = self.signed(received);
        for setting in &self.settings {
            let name = format!("{} in {}{over}", setting.scheme.name(), setting.header().unwrap_or_default());
            match self.check_one(setting, received, &signed) {
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

    /// What may have been signed, and in words what that is if it is not what came.
    fn signed<'a>(&self, received: &Received<'a>) -> (&'static str, Vec<Cow<'a, [u8]>>) {
        let as_it_came = || received.signed.iter().map(|bytes| Cow::Borrowed(*bytes)).collect();
        let [body] = received.signed[..] else { return ("", as_it_came()) };
        match (self.json, serde_json::from_slice::<&RawValue>(body)) {
            (JsonForm::Ecmascript, Ok(json)) => {
                let mut written = Vec::new();
                ecmascript::rewrite(json.get(), &mut written);
                (" over JSON.stringify(JSON.parse(body))", vec![written.into()])
            }
            _ => ("", as_it_came()),
        }
    }

    fn check_one(
        &self,
        setting: &SignatureSetting,
        received: &Received<'_>,
        signed: &[Cow<'_, [u8]>],
    ) -> Result<(), &'static str> {
        let names = setting.header_names();
        let values = received.values(setting.header().unwrap_or_default());
        if values.is_empty() {
            return Err("the header is missing");
        }
        if values.len() > 1 && !setting.is_list() {
            return Err("the header is there more than once, and most servers join its values with a comma");
        }
        let (id, unix_seconds) = if setting.scheme.is_standard() {
            let first = |n: usize| names.get(n).and_then(|name| received.values(name).first().copied());
            let (Some(id), Some(at)) = (first(0), first(1)) else {
                return Err("the header with the id or the timestamp is missing");
            };
            (id, received.on_time(at)?)
        } else {
            ("", setting.timestamp(&values).map_or(Ok(0), |at| received.on_time(at))?)
        };
        let usable: Vec<&Secret> = self.secrets.iter().filter(|secret| setting.scheme.takes(secret)).collect();
        if usable.is_empty() {
            return Err(match setting.scheme.is_ed25519() {
                true => "needs a secret whpk_… or whsk_…",
                false => "needs a secret that is no Ed25519 key",
            });
        }
        for secret in usable {
            for body in signed {
                if setting.verify(&values, secret, Signed { id, unix_seconds, body })? {
                    return Ok(());
                }
            }
        }
        Err("does not match")
    }
}

#[cfg(test)]
mod tests;
