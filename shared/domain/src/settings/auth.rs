use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;
use utoipa::ToSchema;

use crate::address::AddressPolicy;
use crate::headers;
use crate::invalid::FieldError;
use crate::secret::Secret;
use crate::strict::OF_ANOTHER_TYPE;
use crate::unknown::{Add, Keep, Unknown};

/// The longest user name, token or other credential, in bytes.
const MAX_BYTES: usize = 4_096;

/// The most parameters of a token request beside its own, and the longest name of one.
const MAX_PARAMETERS: usize = 10;
const MAX_PARAMETER_NAME_BYTES: usize = 64;
/// RFC 6749, sections 2.3.1 and 4.4.2, RFC 7521 section 4.2: what proves who asks has
/// fields of its own, which are kept secret.
const OWN_PARAMETERS: [&str; 6] =
    ["grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type"];

/// How requests prove who sends them, besides their signature. Passwords and
/// tokens are never shown again; leaving one blank in an update keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Nothing besides the signature.
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
        /// What the token endpoint asks for besides, such as `audience` or `resource`
        /// (RFC 8707): up to 10 names and their values, which are no secrets.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
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

/// The fields of all types. What serde derives for a tag takes an array for an
/// object, and cannot say which field is wrong.
#[derive(Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct AnyAuth {
    r#type: AuthType,
    #[serde(default, deserialize_with = "present")]
    username: Option<String>,
    #[serde(default, deserialize_with = "present")]
    password: Option<Secret>,
    #[serde(default, deserialize_with = "present")]
    token: Option<Secret>,
    #[serde(default, deserialize_with = "present")]
    header: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Secret>,
    #[serde(default, deserialize_with = "present")]
    token_url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    client_secret: Option<Secret>,
    scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    parameters: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthType {
    None,
    Basic,
    Bearer,
    ApiKey,
    Oauth2,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Vec::new();
        let any = AnyAuth::deserialize(Keep::new(deserializer, &mut fields))?;
        any.of_its_type(Unknown::new(fields))
    }
}

impl AnyAuth {
    /// Refuses what is missing, and what belongs to another type.
    fn of_its_type<E: Error>(mut self, unknown: Unknown) -> Result<Auth, E> {
        let auth = match self.r#type {
            AuthType::None => Auth::None { unknown },
            AuthType::Basic => Auth::Basic {
                username: required(self.username.take(), "username")?,
                password: self.password.take().unwrap_or_default(),
                unknown,
            },
            AuthType::Bearer => Auth::Bearer { token: self.token.take().unwrap_or_default(), unknown },
            AuthType::ApiKey => Auth::ApiKey {
                header: required(self.header.take(), "header")?,
                value: self.value.take().unwrap_or_default(),
                unknown,
            },
            AuthType::Oauth2 => Auth::Oauth2 {
                token_url: required(self.token_url.take(), "token_url")?,
                client_id: required(self.client_id.take(), "client_id")?,
                client_secret: self.client_secret.take().unwrap_or_default(),
                scope: self.scope.take(),
                parameters: self.parameters.take().unwrap_or_default(),
                unknown,
            },
        };
        match self.left() {
            // Whether it is the field or the type that is wrong, the reader tells.
            Some(other) => Err(E::custom(format!("{OF_ANOTHER_TYPE}{}", E::unknown_field(other, auth.fields())))),
            None => Ok(auth),
        }
    }

    fn left(&self) -> Option<&'static str> {
        let left = [
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("token", self.token.is_some()),
            ("header", self.header.is_some()),
            ("value", self.value.is_some()),
            ("token_url", self.token_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("scope", self.scope.is_some()),
            ("parameters", self.parameters.is_some()),
        ];
        left.iter().find(|(_, is_left)| *is_left).map(|(name, _)| *name)
    }
}

fn required<E: Error>(value: Option<String>, name: &'static str) -> Result<String, E> {
    value.ok_or_else(|| E::missing_field(name))
}

impl Auth {
    /// The fields of its type.
    fn fields(&self) -> &'static [&'static str] {
        match self {
            Self::None { .. } => &["type"],
            Self::Basic { .. } => &["type", "username", "password"],
            Self::Bearer { .. } => &["type", "token"],
            Self::ApiKey { .. } => &["type", "header", "value"],
            Self::Oauth2 { .. } => &["type", "token_url", "client_id", "client_secret", "scope", "parameters"],
        }
    }

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

    /// Its secret, by the name of the field that holds it.
    pub fn credential_mut(&mut self) -> Option<(&'static str, &mut Secret)> {
        let name = match self {
            Self::None { .. } => return None,
            Self::Basic { .. } => "password",
            Self::Bearer { .. } => "token",
            Self::ApiKey { .. } => "value",
            Self::Oauth2 { .. } => "client_secret",
        };
        self.secret_mut().map(|secret| (name, secret))
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
            Self::Oauth2 { token_url, client_id, client_secret, scope, parameters, .. } => {
                match token_url.parse::<Url>() {
                    Ok(_) => {
                        if let Err(refusal) = addresses.check_url(token_url) {
                            wrong("token_url", refusal.to_string());
                        }
                    }
                    Err(_) => wrong("token_url", "expected a URL such as https://login.example.com/token".to_owned()),
                }
                if client_id.is_empty() {
                    wrong("client_id", "is required".to_owned());
                } else if client_id.len() > MAX_BYTES {
                    wrong("client_id", format!("expected 1 to {MAX_BYTES} bytes"));
                }
                if scope.as_ref().is_some_and(|scope| scope.len() > MAX_BYTES) {
                    wrong("scope", format!("expected at most {MAX_BYTES} bytes"));
                }
                if let Err(message) = check_parameters(parameters) {
                    wrong("parameters", message);
                }
                check_credential("client_secret", client_secret, &mut wrong);
            }
        }
    }
}

fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), String> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(format!("expected at most {MAX_PARAMETERS}"));
    }
    for (name, value) in parameters {
        if OWN_PARAMETERS.contains(&name.as_str()) {
            return Err(format!("{name} is made from the other fields; leave it out"));
        }
        let is_name = |text: &str| {
            (1..=MAX_PARAMETER_NAME_BYTES).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if !is_name(name) {
            return Err(format!(
                "expected names of 1 to {MAX_PARAMETER_NAME_BYTES} letters, digits, hyphens, dots or underscores"
            ));
        }
        if value.len() > MAX_BYTES || value.chars().any(char::is_control) {
            return Err(format!("expected values of at most {MAX_BYTES} bytes without control characters"));
        }
    }
    Ok(())
}

fn check_credential(name: &str, credential: &Secret, wrong: &mut impl FnMut(&str, String)) {
    let text = credential.reveal();
    if text.is_empty() {
        return wrong(name, "is required".to_owned());
    }
    let fits = (1..=MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if !fits {
        wrong(name, format!("expected 1 to {MAX_BYTES} bytes without control characters"));
    }
}
