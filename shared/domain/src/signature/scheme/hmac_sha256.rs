//! HMAC-SHA256 over the body alone, as GitHub and many others do. Its header has
//! no form for several signatures: sent twice, Node joins both with a comma, and
//! neither verifies. So one secret signs at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, Signed, key, mac, push_hex};
use crate::secret::{InvalidSecret, Secret};
use crate::signature::{Encoding, SignatureSetting};

pub(super) struct HmacSha256;

impl Algorithm for HmacSha256 {
    fn description(&self, prefix: &str) -> String {
        format!("`{prefix}` and HMAC-SHA256 over the body with the hook's secret")
    }

    fn is_list(&self) -> bool {
        false
    }

    fn has_prefix(&self) -> bool {
        true
    }

    fn has_encoding(&self) -> bool {
        true
    }

    fn sign(
        &self,
        setting: &SignatureSetting,
        secrets: &[&Secret],
        signed: Signed<'_>,
    ) -> Result<String, InvalidSecret> {
        let mut value = setting.prefix.clone().unwrap_or_default();
        for secret in secrets {
            let mac = mac(&key(setting, secret)?, &[signed.body]);
            match setting.encoding.unwrap_or_default() {
                Encoding::Hex => push_hex(&mut value, &mac),
                Encoding::Base64 => STANDARD.encode_string(mac, &mut value),
            }
        }
        Ok(value)
    }

    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        values.to_vec()
    }
}
