//! HMAC-SHA256 over `{timestamp}.{body}`: `t=<Unix seconds>,v1=<hex>`
//! (<https://docs.stripe.com/webhooks#verify-manually>).

use super::{Algorithm, Signed, key, mac, push_hex};
use crate::secret::{InvalidSecret, Secret};
use crate::signature::SignatureSetting;

pub(super) struct Stripe;

impl Algorithm for Stripe {
    fn description(&self, _: &str) -> String {
        "As Stripe's: `t=` the time, `v1=` HMAC-SHA256 over `{t}.{body}` in hexadecimal".to_owned()
    }

    fn default_header(&self) -> Option<&'static str> {
        Some("stripe-signature")
    }

    fn sign(
        &self,
        setting: &SignatureSetting,
        secrets: &[&Secret],
        signed: Signed<'_>,
    ) -> Result<String, InvalidSecret> {
        let mut value = format!("t={}", signed.unix_seconds);
        let head = format!("{}.", signed.unix_seconds);
        for secret in secrets {
            value.push_str(",v1=");
            push_hex(&mut value, &mac(&key(setting, secret)?, &[head.as_bytes(), signed.body]));
        }
        Ok(value)
    }

    fn timestamp<'a>(&self, values: &[&'a str]) -> Option<&'a str> {
        Some(parameter(values, "t").next().unwrap_or_default())
    }

    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        parameter(values, "v1").collect()
    }
}

/// The values of `name` in `t=…,v1=…,v1=…`.
fn parameter<'a>(values: &[&'a str], name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = values.iter().flat_map(|value| value.split(','));
    pairs.filter_map(|pair| pair.trim().split_once('=')).filter(move |(key, _)| *key == name).map(|(_, value)| value)
}
