//! HTTP Message Signatures (RFC 9421) with Ed25519: of requests, as Web Bot Auth has them
//! (draft-ietf-webbotauth-httpsig-protocol-01, 29 October 2026), and of the directory that lists the
//! keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::{Position, Url};

use super::setting::SignatureSetting;
use crate::choices;
use crate::secret::ed25519::whsk_key;
use crate::secret::jwk::thumbprint;
use crate::secret::{InvalidSecret, Secret};
use crate::time::Timestamp;

/// What a request's signature is called in its headers.
const LABEL: &str = "sig1";
/// The nonce of a request, in bytes: as many as the verifier of Cloudflare asks for.
pub const NONCE_BYTES: usize = 64;

choices! {
    /// A part of a request that its signature covers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Component {
        /// The host, and the port unless it is the scheme's own (RFC 9421, section 2.2.3).
        Authority = "@authority",
        /// The method (section 2.2.1).
        Method = "@method",
        /// The path without the query (section 2.2.6).
        Path = "@path",
        /// The query with its `?` (section 2.2.7).
        Query = "@query",
        /// A digest of the body (RFC 9530), with SHA-256; adds the header.
        ContentDigest = "content-digest",
    }
}

choices! {
    /// How `Signature-Agent` names the deployment.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum AgentForm {
        /// As a dictionary, which the present draft asks for.
        #[default]
        Dictionary = "dictionary",
        /// As a text, as drafts up to March 2026 had it, for verifiers that know no other.
        Text = "text",
    }
}

/// A request, as far as it can be covered.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub body: &'a [u8],
}

/// The headers that go with a request, in order. `agent` is the origin whose directory lists the key.
///
/// # Errors
/// When the secret is no Ed25519 key.
pub fn sign_message(
    setting: &SignatureSetting,
    secret: &Secret,
    agent: &str,
    message: Message<'_>,
    now: Timestamp,
    nonce: &[u8; NONCE_BYTES],
) -> Result<Vec<(String, String)>, InvalidSecret> {
    let key = whsk_key(secret)?;
    let mut headers = Vec::new();
    let mut covered: Vec<(String, String)> = Vec::new();
    for &component in setting.components() {
        let value = match component {
            Component::Authority => authority(message.url),
            Component::Method => message.method.to_owned(),
            Component::Path => message.url.path().to_owned(),
            Component::Query => format!("?{}", message.url.query().unwrap_or_default()),
            Component::ContentDigest => {
                let digest = content_digest(message.body);
                headers.push(("Content-Digest".to_owned(), digest.clone()));
                digest
            }
        };
        covered.push((format!("\"{}\"", name(component)), value));
    }
    let agent = format!("\"{agent}\"");
    match setting.agent_form.unwrap_or_default() {
        AgentForm::Dictionary => {
            headers.push((AGENT_HEADER.to_owned(), format!("{LABEL}={agent}")));
            covered.push((format!("\"signature-agent\";key=\"{LABEL}\""), agent));
        }
        AgentForm::Text => {
            headers.push((AGENT_HEADER.to_owned(), agent.clone()));
            covered.push(("\"signature-agent\"".to_owned(), agent));
        }
    }
    let (created, nonce) = (now.as_secs(), STANDARD.encode(nonce));
    let parameters = format!(
        ";created={created};expires={};nonce=\"{nonce}\";keyid=\"{}\";alg=\"ed25519\";tag=\"web-bot-auth\"",
        created.saturating_add(i64::from(setting.lifetime())),
        thumbprint(&key.verifying_key()),
    );
    let (input, base) = signature_base(&covered, &parameters);
    headers.push(("Signature-Input".to_owned(), format!("{LABEL}={input}")));
    headers.push(("Signature".to_owned(), format!("{LABEL}=:{}:", STANDARD.encode(key.sign(&base).to_bytes()))));
    Ok(headers)
}

const AGENT_HEADER: &str = "Signature-Agent";

/// The headers of [`sign_message`], with something in the place of what would prove who sent them.
pub fn masked_message(setting: &SignatureSetting, mask: &str) -> Vec<(String, String)> {
    setting.header_names().iter().map(|name| (name.to_string(), mask.to_owned())).collect()
}

/// The headers that a directory of keys goes with: each key signs that it is listed here, at this
/// authority and beside these others, until `expires`. `agent` is the origin that it belongs to, as
/// origins are written in ASCII.
///
/// # Errors
/// When a secret is no Ed25519 key.
pub fn sign_directory<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    agent: &str,
    body: &[u8],
    now: Timestamp,
    expires: Timestamp,
) -> Result<Vec<(&'static str, String)>, InvalidSecret> {
    let digest = content_digest(body);
    let covered = [
        ("\"@authority\";req".to_owned(), agent.trim_start_matches("https://").to_owned()),
        ("\"content-digest\"".to_owned(), digest.clone()),
    ];
    let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
    for (n, secret) in secrets.into_iter().enumerate() {
        let key = whsk_key(secret)?;
        let parameters = format!(
            ";created={};expires={};keyid=\"{}\";alg=\"ed25519\";tag=\"http-message-signatures-directory\"",
            now.as_secs(),
            expires.as_secs(),
            thumbprint(&key.verifying_key()),
        );
        let (input, base) = signature_base(&covered, &parameters);
        inputs.push(format!("binding{n}={input}"));
        signatures.push(format!("binding{n}=:{}:", STANDARD.encode(key.sign(&base).to_bytes())));
    }
    Ok(vec![("content-digest", digest), ("signature-input", inputs.join(", ")), ("signature", signatures.join(", "))])
}

/// RFC 9530.
fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// In small letters, with a port that is not the usual one (RFC 9421, section 2.2.3).
fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_ascii_lowercase()
}

fn name(component: Component) -> &'static str {
    match component {
        Component::Authority => "@authority",
        Component::Method => "@method",
        Component::Path => "@path",
        Component::Query => "@query",
        Component::ContentDigest => "content-digest",
    }
}

/// What `Signature-Input` says, and the bytes that are signed (RFC 9421, section 2.5).
fn signature_base(covered: &[(String, String)], parameters: &str) -> (String, Vec<u8>) {
    let names: Vec<&str> = covered.iter().map(|(name, _)| name.as_str()).collect();
    let input = format!("({}){parameters}", names.join(" "));
    let lines: String = covered.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let base = format!("{lines}\"@signature-params\": {input}").into_bytes();
    (input, base)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 9421, appendix B.1.4.
    fn published_key() -> Secret {
        let seed = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU".replace('-', "+").replace('_', "/");
        Secret::new(format!("whsk_{seed}="))
    }

    /// RFC 9421, appendix B.2.6.
    #[test]
    fn the_published_signature_is_made() {
        let covered = [
            ("\"date\"".to_owned(), "Tue, 20 Apr 2021 02:07:55 GMT".to_owned()),
            ("\"@method\"".to_owned(), "POST".to_owned()),
            ("\"@path\"".to_owned(), "/foo".to_owned()),
            ("\"@authority\"".to_owned(), "example.com".to_owned()),
            ("\"content-type\"".to_owned(), "application/json".to_owned()),
            ("\"content-length\"".to_owned(), "18".to_owned()),
        ];
        let (input, base) = signature_base(&covered, ";created=1618884473;keyid=\"test-key-ed25519\"");
        assert!(input.starts_with("(\"date\" \"@method\" \"@path\" \"@authority\""), "{input}");
        let signature = STANDARD.encode(whsk_key(&published_key()).unwrap().sign(&base).to_bytes());
        let published = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
        assert_eq!(signature, published);
    }

    /// RFC 9530, appendix D.
    #[test]
    fn the_published_digest_is_made() {
        let digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        assert_eq!(content_digest(b"{\"hello\": \"world\"}"), digest);
    }

    #[test]
    fn the_key_is_named_as_in_the_draft_and_the_port_where_it_is_not_the_usual_one() {
        let json =
            r#"{"scheme":"http_message","components":["@authority","@method","@path","@query","content-digest"]}"#;
        let setting: SignatureSetting = serde_json::from_str(json).unwrap();
        let url = Url::parse("https://Example.COM:8443/a%20b?c=d").unwrap();
        let message = Message { method: "POST", url: &url, body: b"{}" };
        let at = Timestamp::from_millis(1_700_000_000_999);
        let headers =
            sign_message(&setting, &published_key(), "https://a.example", message, at, &[0; NONCE_BYTES]).unwrap();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Content-Digest", "Signature-Agent", "Signature-Input", "Signature"]);
        assert_eq!(headers[1].1, "sig1=\"https://a.example\"");
        let expected = "sig1=(\"@authority\" \"@method\" \"@path\" \"@query\" \"content-digest\" \"signature-agent\";key=\"sig1\");created=1700000000;expires=1700000300;nonce=\"";
        assert!(headers[2].1.starts_with(expected), "{}", headers[2].1);
        // The thumbprint that the draft gives for this key.
        assert!(headers[2].1.contains("keyid=\"poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U\""), "{}", headers[2].1);
        assert_eq!(authority(&url), "example.com:8443");
        assert_eq!(authority(&Url::parse("https://a.example:443/").unwrap()), "a.example");
    }
}
