//! Addresses that a portal shows, leads to and is reached at. They end up in pages
//! and in headers, so each is of one plain form.

use std::fmt;
use std::str::FromStr;

use url::Url;

const MAX_URL_BYTES: usize = 2_048;
const MAX_LANDING_BYTES: usize = 512;

/// Whether an address may stand in a page as link or image.
pub fn check_https(text: &str) -> Result<(), String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("expected at most {MAX_URL_BYTES} bytes"));
    }
    match parse(text) {
        Some(url) if url.scheme() == "https" => Ok(()),
        _ => Err("expected an address that begins with https://, without user name and password".to_owned()),
    }
}

/// Whether it is scheme, host and, where it is not 443, port, and nothing else.
pub fn check_origin(text: &str) -> Result<(), String> {
    let is_origin = |url: &Url| url.scheme() == "https" && url.origin().ascii_serialization() == text;
    match parse(text) {
        Some(url) if text.len() <= MAX_URL_BYTES && is_origin(&url) => Ok(()),
        _ => Err("expected an origin such as https://app.example.com: https, a host in small letters, a port other \
                  than 443, and nothing else"
            .to_owned()),
    }
}

/// Whether it is the path of a page below `/portal`.
pub fn check_landing(text: &str) -> Result<(), String> {
    let is_name = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().any(|byte| byte != b'.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
    };
    let pages = text.strip_prefix('/').filter(|_| text.len() <= MAX_LANDING_BYTES);
    match pages {
        Some(pages) if pages.is_empty() || pages.split('/').all(is_name) => Ok(()),
        _ => Err("expected a path below /portal such as /hooks: a-z A-Z 0-9 _ - . : between slashes".to_owned()),
    }
}

/// An address with a host that no header or page could misread, and no credentials.
fn parse(text: &str) -> Option<Url> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\`;,".contains(&byte);
    let url = Url::parse(text).ok().filter(|_| text.bytes().all(is_plain))?;
    let host = url.host_str()?;
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:_".contains(&byte));
    (is_host && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Where the deployment is reached, as links to it begin; without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as https://hooks.example.com, without user name, query and fragment")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// Where it is https and nothing but an origin, so that what is below `/.well-known` is its own.
    pub fn https_origin(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok().filter(|url| url.scheme() == "https" && url.path() == "/")?;
        Some(url.origin().ascii_serialization())
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let url = parse(text).filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(InvalidPublicUrl)?;
        match (url.query(), url.fragment()) {
            (None, None) => Ok(Self(url.as_str().trim_end_matches('/').to_owned())),
            _ => Err(InvalidPublicUrl),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_may_stand_in_a_page() {
        for text in ["https://example.com", "https://example.com:8443/a/b?c=d#e", "https://[2606:4700::1]/x.png"] {
            assert!(check_https(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "http://example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.com",
            "/x",
            "https://user@example.com",
            "https://bank.example@evil.example/",
            "https://a;script-src.example.com/",
            "https://*.example.com",
            "https://example.com/\"onerror=x",
            "https://example.com/\nx",
            "https://",
        ] {
            assert!(check_https(text).is_err(), "{text}");
        }
        assert!(check_https(&format!("https://example.com/{}", "x".repeat(2_048))).is_err());
    }

    #[test]
    fn an_origin_is_no_more_than_scheme_host_and_port() {
        for text in ["https://app.example.com", "https://app.example.com:8443"] {
            assert!(check_origin(text).is_ok(), "{text}");
        }
        for text in [
            "https://app.example.com/",
            "https://APP.example.com",
            "https://app.example.com:443",
            "http://app.example.com",
            "https://*.example.com",
            "https://a.example.com https://b.example.com",
            "https://a.example.com;script-src",
            "https:",
            "*",
            "null",
            "'self'",
        ] {
            assert!(check_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_landing_page_leads_nowhere_but_into_the_portal() {
        for text in ["/", "/hooks", "/hooks/hook_01/log", "/events/order:7.a"] {
            assert!(check_landing(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "hooks",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/..",
            "/hooks/../../v1",
            "/.",
            "/%2e%2e",
            "/hooks/",
            "/a b",
            "/a?b=c",
            "/a#b",
            "/é",
            "/a\n",
        ] {
            assert!(check_landing(text).is_err(), "{text}");
        }
        assert!(check_landing(&format!("/{}", "x".repeat(512))).is_err());
    }

    #[test]
    fn a_public_address_is_a_base_that_paths_are_added_to() {
        for (text, base) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com"),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("http://[::1]:8787", "http://[::1]:8787"),
            ("https://example.com/hookline/", "https://example.com/hookline"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().map(|url| url.to_string()), Ok(base.to_owned()));
        }
        for text in ["", "hooks.example.com", "ftp://x", "https://u:p@x", "https://x?a=b", "https://x/#", "https://a b"]
        {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{text}");
        }
    }
}
