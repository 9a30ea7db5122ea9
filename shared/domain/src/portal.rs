//! A tenant's portal: how it looks, who gets in, and what its addresses may be.

mod access;
mod address;
mod colours;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use access::{MAX_SESSION_AGE, PortalLink, PortalSession, SESSION};
pub use address::{InvalidPublicUrl, PublicUrl, check_https, check_landing, check_origin};
pub use colours::Colours;

use super::invalid::FieldError;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;

const MAX_NAME_CHARS: usize = 200;
const MAX_ORIGINS: usize = 20;

words! {
    /// Which of the reader's own fonts a portal uses; none is loaded from elsewhere.
    pub enum Font {
        /// That of the reader's system.
        System = "system",
        /// One with serifs.
        Serif = "serif",
        /// One whose letters are all of one width.
        Mono = "mono",
    }
}

words! {
    /// Whether a portal is light or dark.
    pub enum Theme {
        /// Dark text on a light ground.
        Light = "light",
        /// Light text on a dark ground.
        Dark = "dark",
        /// As the reader's system is.
        Auto = "auto",
    }
}

/// How a tenant's portal looks, and who may embed it. What is left out is Hookline's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Portal {
    /// What the portal is called, up to 200 characters; the tenant's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// An https address of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", max_length = 2_048)]
    pub logo_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colours: Option<Colours>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<Font>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Language and region of its texts, such as `en` or `de-AT`; the reader's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")]
    pub locale: Option<String>,
    /// Who may show it in a frame, such as `https://app.example.com`; up to 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub embed_origins: Vec<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub unknown: Unknown,
}

/// A portal's own words in some places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Texts {
    /// The heading of the first page, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub title: Option<String>,
    /// What stands below it, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1_000)]
    pub welcome: Option<String>,
    /// What stands where there is no hook yet, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1_000)]
    pub no_hooks: Option<String>,
    /// Whom to ask for help, and how, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1_000)]
    pub help: Option<String>,
    /// What stands at the foot of each page, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub footer: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub unknown: Unknown,
}

impl Texts {
    fn check(&self, errors: &mut Vec<FieldError>) {
        for (name, text, max) in [
            ("title", &self.title, 100),
            ("welcome", &self.welcome, 1_000),
            ("no_hooks", &self.no_hooks, 1_000),
            ("help", &self.help, 1_000),
            ("footer", &self.footer, 500),
        ] {
            if let Some(text) = text {
                check_text(&format!("portal.texts.{name}"), text, max, errors);
            }
        }
    }
}

keeps_unknown!(Portal, Texts);

/// Shown to people as it is, so it steers no terminal and no direction of reading.
fn check_text(field: &str, text: &str, max: usize, errors: &mut Vec<FieldError>) {
    if text.chars().count() > max {
        errors.push(FieldError::new(field, format!("expected at most {max} characters")));
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        errors.push(FieldError::new(field, "expected no control characters but line ends"));
    }
}

impl Portal {
    /// Adds all that is wrong, by the names the fields have in a tenant.
    pub fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(name) = &self.name {
            check_text("portal.name", name, MAX_NAME_CHARS, errors);
        }
        if let Some(Err(message)) = self.logo_url.as_deref().map(check_https) {
            errors.push(FieldError::new("portal.logo_url", message));
        }
        if let Some(colours) = &self.colours {
            colours.check(self.theme == Some(Theme::Dark), errors);
        }
        if let Some(texts) = &self.texts {
            texts.check(errors);
        }
        if self.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            let message = "expected a language, and a region where it matters, such as en or de-AT";
            errors.push(FieldError::new("portal.locale", message));
        }
        if self.embed_origins.len() > MAX_ORIGINS {
            errors.push(FieldError::new("portal.embed_origins", format!("expected at most {MAX_ORIGINS} entries")));
        }
        for (n, origin) in self.embed_origins.iter().take(MAX_ORIGINS).enumerate() {
            if let Err(message) = check_origin(origin) {
                errors.push(FieldError::new(format!("portal.embed_origins[{n}]"), message));
            }
        }
    }

    /// Without what newer versions have decided.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.unknown = Unknown::NONE;
        if let Some(colours) = &mut self.colours {
            colours.unknown = Unknown::NONE;
        }
        if let Some(texts) = &mut self.texts {
            texts.unknown = Unknown::NONE;
        }
        self
    }
}

/// Two or three small letters, and a region of two capital ones where it matters.
fn is_locale(text: &str) -> bool {
    let (language, region) = text.split_once('-').map_or((text, None), |(language, region)| (language, Some(region)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && region.is_none_or(|region| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_with_or_without_a_region() {
        for text in ["en", "de-AT", "gsw", "pt-BR"] {
            assert!(is_locale(text), "{text}");
        }
        for text in ["", "e", "EN", "en-", "en-us", "en_US", "english", "en-US-x", "é"] {
            assert!(!is_locale(text), "{text}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_by_name() {
        let portal = Portal {
            name: Some("x".repeat(201)),
            logo_url: Some("http://example.com/logo.png".to_owned()),
            texts: Some(Texts { title: Some("\u{1b}[2J".to_owned()), ..Texts::default() }),
            locale: Some("English".to_owned()),
            embed_origins: vec!["https://app.example.com".to_owned(), "https://*.example.com".to_owned()],
            ..Portal::default()
        };
        let mut errors = Vec::new();
        portal.check(&mut errors);
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            names,
            ["portal.name", "portal.logo_url", "portal.texts.title", "portal.locale", "portal.embed_origins[1]"]
        );
    }
}
