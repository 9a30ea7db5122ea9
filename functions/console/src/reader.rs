//! Who reads a page: in which language, in which time zone, and when.

use http::request::Parts;
use http::{HeaderMap, header};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::cookies;
use crate::texts::{ENGLISH, GERMAN, Texts};

pub(crate) const LANGUAGE: &str = "hookline-language";
pub(crate) const ZONE: &str = "hookline-zone";
pub(crate) const THEME: &str = "hookline-theme";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// Of `de`, `de-AT` and the like.
    pub(crate) fn of(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The first that is accepted and known, by preference.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut tags: Vec<(f32, &str)> = text
            .split(',')
            .filter_map(|part| {
                let mut fields = part.split(';');
                let tag = fields.next()?.trim();
                let quality = fields.find_map(|field| field.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
                Some((quality, tag))
            })
            .collect();
        // Stable, so that among equals the first is preferred.
        tags.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        tags.into_iter().find_map(|(quality, tag)| Self::of(tag).filter(|_| quality > 0.0))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// What was chosen, before what a tenant or a browser prefers.
    chosen: Option<Language>,
    accepted: Option<Language>,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
    /// `light`, `dark`, or nothing for the browser's.
    pub(crate) theme: Option<&'static str>,
    /// Path and query of the page.
    pub(crate) address: String,
    /// The page that a form was sent from, if that is known.
    pub(crate) came_from: Option<String>,
}

impl Reader {
    pub(crate) fn of(parts: &Parts, now: Timestamp) -> Self {
        let headers = &parts.headers;
        let zone = cookies::get(headers, ZONE).map(|name| name.replace("%2F", "/"));
        Self {
            chosen: cookies::get(headers, LANGUAGE).and_then(Language::of),
            accepted: Language::accepted(headers),
            zone: zone.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC),
            now,
            theme: match cookies::get(headers, THEME) {
                Some("light") => Some("light"),
                Some("dark") => Some("dark"),
                _ => None,
            },
            address: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            came_from: referrer(headers),
        }
    }

    /// `usual` is what the tenant chose for its portal.
    pub(crate) fn language(&self, usual: Option<&str>) -> Language {
        let usual = || usual.and_then(Language::of);
        self.chosen.or_else(usual).or(self.accepted).unwrap_or(Language::English)
    }

    pub(crate) fn at(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }
}

impl Language {
    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

/// Its path and query; another site's is not told by browsers, because of our own policy.
fn referrer(headers: &HeaderMap) -> Option<String> {
    let url = url::Url::parse(headers.get(header::REFERER)?.to_str().ok()?).ok()?;
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_best_known_language_is_chosen() {
        let accepted = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            Language::accepted(&headers)
        };
        assert_eq!(accepted("de-AT,de;q=0.9,en;q=0.8"), Some(Language::German));
        assert_eq!(accepted("fr,en;q=0.5,de;q=0.7"), Some(Language::German));
        assert_eq!(accepted("en, de"), Some(Language::English));
        assert_eq!(accepted("fr, de;q=0"), None);
    }
}
