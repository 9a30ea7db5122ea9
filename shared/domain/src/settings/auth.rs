use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;
use utoipa::ToSchema;

use crate::address::AddressPolicy;
use crate::headers;
use crate::invalid::FieldError;
use crate::secret::Secret;
use crate::unknown::{Add, Keep, Unknown};

/// The longest user name, token or other credential, in bytes.
const MAX_BYTES: usize = 4_096;

/// How requests prove who sends them, besides their signature. Passwords and
/// tokens are never shown again; leaving one blank in an update keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    None {
        #[serde(skip)]
        unknown: Unknown,
    },
    /// HTTP Basic, RFC 7617. The user name holds no colon.
    Basic {
        username: String,
        #[serde(default)]
        password: Secret,
        #[serde(skip)]
        unknown: Unknown,
    },
    /// `Authorization: Bearer …`
    Bearer {
        #[serde(default)]
        token: Secret,
        #[serde(skip)]
        unknown: Unknown,
    },
    /// A header of its own.
    ApiKey {
        header: String,
        #[serde(default)]
        value: Secret,
        #[serde(skip)]
        unknown: Unknown,
    },
    /// Client credentials, RFC 6749 section 4.4: a token is fetched, kept until
    /// it expires, and fetched anew when an answer is 401.
    Oauth2 {
        /// Subject to the same rules as the hook's own URL.
        token_url: String,
        client_id: String,
        #[serde(default)]
        client_secret: Secret,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        #[serde(skip)]
        unknown: Unknown,
    },
}

impl Serialize for Auth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.unknown() {
            none if none.is_empty() => Self::serialize(self, serializer),
            unknown => Self::serialize(self, Add::new(serializer, unknown)),
        }
    }
}

/// The fields of all variants.
const FIELDS: &[&str] =
    &["type", "username", "password", "token", "header", "value", "token_url", "client_id", "client_secret", "scope"];

/// What serde derives for a tag takes an array for an object, the tag first.
impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Vec::new();
        let mut auth = Keep::new(deserializer, &mut fields).deserialize_struct("Auth", FIELDS, ObjectOnly)?;
        *auth.unknown_mut() = Unknown::new(fields);
        Ok(auth)
    }
}

struct ObjectOnly;

impl<'de> Visitor<'de> for ObjectOnly {
    type Value = Auth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `type`")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Auth, M::Error> {
        Auth::deserialize(MapAccessDeserializer::new(map))
    }
}

impl Auth {
    fn unknown(&self) -> &Unknown {
        match self {
            Self::None { unknown }
            | Self::Basic { unknown, .. }
            | Self::Bearer { unknown, .. }
            | Self::ApiKey { unknown, .. }
            | Self::Oauth2 { unknown, .. } => unknown,
        }
    }

    pub(super) fn unknown_mut(&mut self) -> &mut Unknown {
        match self {
            Self::None { unknown }
            | Self::Basic { unknown, .. }
            | Self::Bearer { unknown, .. }
            | Self::ApiKey { unknown, .. }
            | Self::Oauth2 { unknown, .. } => unknown,
        }
    }

    pub fn secret_mut(&mut self) -> Option<&mut Secret> {
        match self {
            Self::None { .. } => None,
            Self::Basic { password: secret, .. }
            | Self::Bearer { token: secret, .. }
            | Self::ApiKey { value: secret, .. }
            | Self::Oauth2 { client_secret: secret, .. } => Some(secret),
        }
    }

    pub fn has_secret(&self) -> bool {
        !matches!(self, Self::None { .. })
    }

    pub fn check(&self, field: &str, addresses: &AddressPolicy, errors: &mut Vec<FieldError>) {
        let mut wrong = |name: &str, message: String| errors.push(FieldError::new(format!("{field}.{name}"), message));
        match self {
            Self::None { .. } => {}
            Self::Basic { username, password, .. } => {
                if username.contains(':') || username.len() > MAX_BYTES || username.chars().any(char::is_control) {
                    wrong("username", "expected a name without a colon or control characters".to_owned());
                }
                check_credential("password", password, &mut wrong);
            }
            Self::Bearer { token, .. } => check_credential("token", token, &mut wrong),
            Self::ApiKey { header, value, .. } => {
                if let Err(refusal) = headers::check_name(header) {
                    wrong("header", refusal.to_string());
                }
                check_credential("value", value, &mut wrong);
            }
            Self::Oauth2 { token_url, client_id, client_secret, scope, .. } => {
                match token_url.parse::<Url>() {
                    Ok(_) => {
                        if let Err(refusal) = addresses.check_url(token_url) {
                            wrong("token_url", refusal.to_string());
                        }
                    }
                    Err(_) => wrong("token_url", "expected a URL such as https://login.example.com/token".to_owned()),
                }
                if client_id.is_empty() || client_id.len() > MAX_BYTES {
                    wrong("client_id", format!("expected 1 to {MAX_BYTES} bytes"));
                }
                if scope.as_ref().is_some_and(|scope| scope.len() > MAX_BYTES) {
                    wrong("scope", format!("expected at most {MAX_BYTES} bytes"));
                }
                check_credential("client_secret", client_secret, &mut wrong);
            }
        }
    }
}

fn check_credential(name: &str, credential: &Secret, wrong: &mut impl FnMut(&str, String)) {
    let text = credential.reveal();
    let fits = (1..=MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if !fits {
        wrong(name, format!("expected 1 to {MAX_BYTES} bytes without control characters"));
    }
}
