//! How a hook's requests are signed, as a setting.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::message::{AgentForm, Component};
use super::scheme::{Algorithm, Scheme, Signed};
use crate::choices;
use crate::headers;
use crate::invalid::FieldError;
use crate::secret::Secret;
use crate::unknown::{Unknown, keeps_unknown};
use crate::whole;

/// The most signatures of one request.
pub const MAX_SETTINGS: usize = 8;
/// The longest that a signature of the deployment is good, in seconds: a day, as its draft recommends.
const MAX_LIFETIME: u32 = 86_400;
const USUAL_LIFETIME: u32 = 300;
/// The longest prefix, in characters.
pub const MAX_PREFIX_CHARS: usize = 64;

choices! {
    /// How the bytes of a signature are written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Encoding {
        /// Hexadecimal, in lower case.
        #[default]
        Hex = "hex",
        /// Base64 in the standard alphabet, with padding.
        Base64 = "base64",
    }
}

choices! {
    /// How a secret's text becomes the bytes of a key.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum KeyForm {
        /// The whole text, in UTF-8.
        Text = "text",
        /// What base64 encodes after `whsec_`.
        Whsec = "whsec",
    }
}

/// One signature of each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct SignatureSetting {
    pub scheme: Scheme,
    /// The header that holds the signature: `webhook-signature` by default for
    /// v1 and v1a, `stripe-signature` for stripe; hmac_sha256 has no default.
    /// For v1 and v1a it must end in `-signature`, and its beginning names two
    /// more headers: `svix-signature` brings `svix-id` and `svix-timestamp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub header: Option<String>,
    /// Written before the signature, such as `sha256=`; only for hmac_sha256.
    /// Printable ASCII, at most 64 characters; empty by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub prefix: Option<String>,
    /// Only for hmac_sha256; hex by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// `text` by default for hmac_sha256 and stripe; v1 allows only `whsec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyForm>,
    /// A header that names the keys of the signatures, in their order and separated by spaces, such as
    /// `webhook-key-id`: `kid` in the tenant's `/.well-known/jwks.json`. Only for v1a; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub key_id_header: Option<String>,
    /// What the signature covers; only for http_message, and there `@authority` by default, which is
    /// always among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Component>>,
    /// Seconds for which the signature is good, 1 to 86,400; 300 by default. Only for http_message.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole::optional::<1, MAX_LIFETIME, _>"
    )]
    pub expires_in: Option<u32>,
    /// Only for http_message; `dictionary` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_form: Option<AgentForm>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(SignatureSetting);

impl SignatureSetting {
    /// A setting with the defaults of its scheme.
    pub const fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            header: None,
            prefix: None,
            encoding: None,
            key: None,
            key_id_header: None,
            components: None,
            expires_in: None,
            agent_form: None,
            unknown: Unknown::NONE,
        }
    }

    /// The signature's header, or none while one has still to be chosen.
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref().or_else(|| self.scheme.algorithm().default_header())
    }

    /// None for Ed25519, whose secrets have one form.
    pub(super) fn key_form(&self) -> Option<KeyForm> {
        self.scheme.algorithm().key_form(self.key)
    }

    /// The headers this setting adds, in the order of sending.
    pub fn header_names(&self) -> Vec<Cow<'_, str>> {
        if self.scheme.is_of_deployment() {
            let digest = self.components().contains(&Component::ContentDigest).then_some("Content-Digest");
            return digest
                .into_iter()
                .chain(["Signature-Agent", "Signature-Input", "Signature"])
                .map(Cow::from)
                .collect();
        }
        let mut names: Vec<Cow<'_, str>> = match self.header() {
            Some(name) if self.scheme.is_standard() => match siblings(name) {
                Some([id, timestamp]) => vec![id.into(), timestamp.into(), name.into()],
                None => vec![name.into()],
            },
            Some(name) => vec![name.into()],
            None => Vec::new(),
        };
        names.extend(self.key_id_header.as_deref().map(Cow::from));
        names
    }

    /// What a signature of the deployment covers.
    pub fn components(&self) -> &[Component] {
        self.components.as_deref().unwrap_or(&[Component::Authority])
    }

    /// For how long such a signature is good, in seconds.
    pub fn lifetime(&self) -> u32 {
        self.expires_in.unwrap_or(USUAL_LIFETIME)
    }

    /// The timestamp that is part of the header's values, if the scheme has it there.
    pub fn timestamp<'a>(&self, values: &[&'a str]) -> Option<&'a str> {
        self.scheme.algorithm().timestamp(values)
    }

    /// Whether one of the header's values is a signature with this secret, or why
    /// that cannot be told.
    pub fn verify(&self, values: &[&str], secret: &Secret, signed: Signed<'_>) -> Result<bool, &'static str> {
        self.scheme.algorithm().verify(self, values, secret, signed)
    }

    /// What its header holds, to whoever writes a receiver.
    pub fn description(&self) -> String {
        self.scheme.algorithm().description(self.prefix.as_deref().unwrap_or_default())
    }

    /// Whether its header holds a list of signatures, or else one only.
    pub fn is_list(&self) -> bool {
        self.scheme.algorithm().is_list()
    }

    /// Whether signatures of this setting can be verified with this secret.
    pub fn can_verify(&self, secret: &Secret) -> bool {
        self.scheme.takes(secret) && self.scheme.algorithm().can_verify(self, secret)
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        let algorithm = self.scheme.algorithm();
        let mut wrong = |name: &str, message: String| errors.push(FieldError::new(format!("{field}.{name}"), message));
        match self.header() {
            None => wrong("header", format!("the scheme {} needs the name of its header", self.scheme.name())),
            Some(name) => match headers::check_name(name) {
                Err(invalid) => wrong("header", invalid.to_string()),
                Ok(()) if self.scheme.is_standard() && siblings(name).is_none() => {
                    wrong("header", "expected a name that ends in -signature, such as svix-signature".to_owned());
                }
                Ok(()) => {}
            },
        }
        if let Some(prefix) = &self.prefix {
            if !algorithm.has_prefix() {
                wrong("prefix", format!("only the scheme {} has a prefix", those(|scheme| scheme.has_prefix())));
            } else if prefix.len() > MAX_PREFIX_CHARS || !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
                wrong("prefix", format!("expected at most {MAX_PREFIX_CHARS} printable ASCII characters"));
            } else if prefix.starts_with(' ') {
                wrong("prefix", "a header's value cannot begin with a space".to_owned());
            }
        }
        if self.encoding.is_some() && !algorithm.has_encoding() {
            let schemes = those(|scheme| scheme.has_encoding());
            wrong("encoding", format!("only the scheme {schemes} has a choice of encodings"));
        }
        self.check_of_deployment(algorithm.is_of_deployment(), &mut wrong);
        if let Some(name) = &self.key_id_header {
            if !algorithm.is_standard() || !algorithm.is_ed25519() {
                let schemes = those(|scheme| scheme.is_standard() && scheme.is_ed25519());
                wrong("key_id_header", format!("only the scheme {schemes} names its keys"));
            } else if let Err(invalid) = headers::check_name(name) {
                wrong("key_id_header", invalid.to_string());
            }
        }
        if let Some(Err(message)) = self.key.map(|key| algorithm.check_key(key)) {
            wrong("key", message.to_owned());
        }
    }
}

impl SignatureSetting {
    fn check_of_deployment(&self, is_of_deployment: bool, wrong: &mut impl FnMut(&str, String)) {
        if !is_of_deployment {
            let given = [
                ("components", self.components.is_some()),
                ("expires_in", self.expires_in.is_some()),
                ("agent_form", self.agent_form.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                let schemes = those(|scheme| scheme.is_of_deployment());
                wrong(name, format!("only the scheme {schemes} has it"));
            }
            return;
        }
        if self.header.is_some() {
            wrong("header", "the scheme http_message has headers of its own, with fixed names".to_owned());
        }
        if let Some(components) = &self.components {
            let is_repeated = |n: usize| components[..n].contains(&components[n]);
            if !components.contains(&Component::Authority) {
                wrong("components", "expected @authority among them".to_owned());
            } else if (0..components.len()).any(is_repeated) {
                wrong("components", "expected each of them once".to_owned());
            }
        }
        if self.expires_in.is_some_and(|seconds| !(1..=MAX_LIFETIME).contains(&seconds)) {
            wrong("expires_in", format!("expected a whole number from 1 to {MAX_LIFETIME}"));
        }
    }
}

/// The names of the schemes that are so.
fn those(is_so: impl Fn(&dyn Algorithm) -> bool) -> String {
    let schemes = Scheme::ALL.iter().filter(|scheme| is_so(scheme.algorithm()));
    schemes.map(|scheme| scheme.name()).collect::<Vec<_>>().join(" or ")
}

/// Checks each setting, and that no two mean the same header differently.
pub fn check_all(settings: &[SignatureSetting], field: &str, errors: &mut Vec<FieldError>) {
    if settings.len() > MAX_SETTINGS {
        errors.push(FieldError::new(field, format!("expected at most {MAX_SETTINGS} signatures")));
        return;
    }
    for (n, setting) in settings.iter().enumerate() {
        setting.check(&format!("{field}[{n}]"), errors);
        let names = setting.header_names();
        let clash = settings[..n].iter().any(|earlier| {
            let joined = setting.scheme != earlier.scheme
                && setting.scheme.is_standard()
                && earlier.scheme.is_standard()
                && setting.header().zip(earlier.header()).is_some_and(|(one, two)| one.eq_ignore_ascii_case(two));
            !joined && earlier.header_names().iter().any(|two| names.iter().any(|one| one.eq_ignore_ascii_case(two)))
        });
        let is_twice = |some: &[SignatureSetting], key_ids: &str| {
            let same = some.iter().flat_map(SignatureSetting::header_names);
            same.filter(|name| name.eq_ignore_ascii_case(key_ids)).count() > 1
        };
        let mut key_ids = settings[..=n].iter().filter_map(|other| other.key_id_header.as_deref());
        if clash {
            let message = "an earlier signature uses this header already";
            errors.push(FieldError::new(format!("{field}[{n}].header"), message));
        } else if key_ids.any(|name| is_twice(&settings[..=n], name) && !is_twice(&settings[..n], name)) {
            let message = "a header of another signature, or of this one, has this name already";
            errors.push(FieldError::new(format!("{field}[{n}].key_id_header"), message));
        }
    }
}

/// The names of the id's and the timestamp's header, in the signature's style
/// of capitals; none when the name does not end in `-signature`.
pub(super) fn siblings(header: &str) -> Option<[String; 2]> {
    let at = header.len().checked_sub("-signature".len()).filter(|at| *at > 0 && header.is_char_boundary(*at))?;
    let (stem, end) = header.split_at(at);
    if !end.eq_ignore_ascii_case("-signature") {
        return None;
    }
    let capital = end.as_bytes().get(1).is_some_and(u8::is_ascii_uppercase);
    let [id, timestamp] = if capital { ["Id", "Timestamp"] } else { ["id", "timestamp"] };
    Some([id, timestamp].map(|name| [stem, "-", name].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(json: &str) -> SignatureSetting {
        serde_json::from_str(json).unwrap()
    }

    fn wrong_fields(json: &str) -> Vec<String> {
        let mut errors = Vec::new();
        setting(json).check("signatures[0]", &mut errors);
        errors.into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn the_defaults_of_each_scheme_pass_except_that_hmac_needs_a_header() {
        for scheme in ["v1", "v1a", "stripe"] {
            assert_eq!(wrong_fields(&format!(r#"{{"scheme":"{scheme}"}}"#)), [""; 0], "{scheme}");
        }
        assert_eq!(wrong_fields(r#"{"scheme":"hmac_sha256"}"#), ["signatures[0].header"]);
    }

    #[test]
    fn fields_that_do_not_apply_are_refused_all_at_once() {
        let json = r#"{"scheme":"v1a","header":"x-sig","prefix":"a","encoding":"hex","key":"whsec"}"#;
        let expected = ["header", "prefix", "encoding", "key"].map(|f| format!("signatures[0].{f}"));
        assert_eq!(wrong_fields(json), expected);
        assert_eq!(wrong_fields(r#"{"scheme":"v1","key":"text"}"#), ["signatures[0].key"]);
        assert!(crate::strict::from_slice::<SignatureSetting>(br#"{"scheme":"v1","algorithm":"x"}"#).is_err());
    }

    #[test]
    fn a_signature_header_decides_its_siblings() {
        assert_eq!(siblings("svix-signature").unwrap(), ["svix-id", "svix-timestamp"]);
        assert_eq!(siblings("X-Acme-Signature").unwrap(), ["X-Acme-Id", "X-Acme-Timestamp"]);
        for name in ["-signature", "signature", "x-sig", "é-signatur"] {
            assert_eq!(siblings(name), None, "{name}");
        }
    }

    fn clashes(texts: &[&str]) -> Vec<String> {
        let settings: Vec<_> = texts.iter().map(|text| setting(text)).collect();
        let mut errors = Vec::new();
        check_all(&settings, "signatures", &mut errors);
        errors.into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn a_header_of_key_ids_that_clashes_hides_no_other_mistake() {
        let named = r#"{"scheme":"v1a","key_id_header":"webhook-id"}"#;
        let nameless = r#"{"scheme":"hmac_sha256"}"#;
        let v1 = r#"{"scheme":"v1"}"#;
        let first = "signatures[0].key_id_header";
        assert_eq!(clashes(&[named, nameless]), [first, "signatures[1].header"]);
        assert_eq!(clashes(&[named, v1, nameless]), [first, "signatures[2].header"], "the second one adds none");
        assert_eq!(clashes(&[v1, named]), ["signatures[1].key_id_header"]);
        let other = r#"{"scheme":"v1a","key_id_header":"x-key"}"#;
        let taken = r#"{"scheme":"hmac_sha256","header":"X-Key"}"#;
        assert_eq!(clashes(&[other, taken, nameless]), ["signatures[1].header", "signatures[2].header"]);
    }

    #[test]
    fn one_header_may_be_shared_by_v1_and_v1a_only() {
        assert_eq!(clashes(&[r#"{"scheme":"v1"}"#, r#"{"scheme":"v1a"}"#]), [""; 0]);
        assert_eq!(clashes(&[r#"{"scheme":"v1"}"#, r#"{"scheme":"v1"}"#]), ["signatures[1].header"]);
        let sibling = r#"{"scheme":"hmac_sha256","header":"Webhook-Id"}"#;
        assert_eq!(clashes(&[r#"{"scheme":"v1"}"#, sibling]), ["signatures[1].header"]);
    }
}
