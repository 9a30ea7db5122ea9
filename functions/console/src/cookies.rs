//! Cookies: a session for the portal, one for the console, and what a reader prefers.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// Whose visit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Portal,
    Console,
}

impl Area {
    pub(crate) fn of(path: &str) -> Self {
        if path == "/console" || path.starts_with("/console/") { Self::Console } else { Self::Portal }
    }

    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Portal => "/portal",
            Self::Console => "/console",
        }
    }

    fn secure_name(self) -> &'static str {
        match self {
            Self::Portal => "__Host-hookline-portal",
            Self::Console => "__Host-hookline-console",
        }
    }

    fn plain_name(self) -> &'static str {
        match self {
            Self::Portal => "hookline-portal",
            Self::Console => "hookline-console",
        }
    }
}

/// The value of a cookie.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, value)| *found == name && !value.is_empty()).map(|(_, value)| value)
}

/// The session's token. Over plain http only this machine is believed, because anybody on
/// the way could have set it.
pub(crate) fn session(headers: &HeaderMap, area: Area) -> Option<&str> {
    get(headers, area.secure_name()).or_else(|| is_loopback(headers).then(|| get(headers, area.plain_name()))?)
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Url::parse(&format!("http://{host}")).is_ok_and(|url| is_of_this_machine(&url))
}

fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How cookies go to the browser that asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jar {
    is_secure: bool,
    /// Whether a page of another site shows the portal.
    is_embedded: bool,
}

impl Jar {
    /// None where a session would travel over a network in the clear. `headers` are those of
    /// a form that was sent: browsers tell the origin with it.
    pub(crate) fn of(headers: &HeaderMap, is_embedded: bool) -> Option<Self> {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(Url::parse);
        match origin {
            Some(Ok(url)) if url.scheme() == "http" => {
                is_of_this_machine(&url).then_some(Self { is_secure: false, is_embedded: false })
            }
            _ => Some(Self { is_secure: true, is_embedded }),
        }
    }

    pub(crate) fn session(self, area: Area, token: &str, seconds: u64) -> HeaderValue {
        self.write(self.name(area), token, seconds, true)
    }

    /// Takes it away under both names.
    pub(crate) fn end(area: Area) -> [HeaderValue; 2] {
        let secure = Self { is_secure: true, is_embedded: false };
        let plain = Self { is_secure: false, is_embedded: false };
        [secure.write(area.secure_name(), "", 0, true), plain.write(area.plain_name(), "", 0, true)]
    }

    /// The same of a portal that is embedded, whose cookie is another one to the browser.
    pub(crate) fn end_embedded() -> HeaderValue {
        Self { is_secure: true, is_embedded: true }.write(Area::Portal.secure_name(), "", 0, true)
    }

    /// What a reader prefers, which is no secret; scripts of ours read it.
    pub(crate) fn preference(self, name: &str, value: &str) -> HeaderValue {
        const YEAR: u64 = 365 * 24 * 3_600;
        self.write(name, value, YEAR, false)
    }

    pub(crate) fn note(self, name: &str, value: &str, seconds: u64) -> HeaderValue {
        self.write(name, value, seconds, true)
    }

    fn name(self, area: Area) -> &'static str {
        if self.is_secure { area.secure_name() } else { area.plain_name() }
    }

    fn write(self, name: &str, value: &str, seconds: u64, http_only: bool) -> HeaderValue {
        let mut text = format!("{name}={value}; Path=/; Max-Age={seconds}");
        text.push_str(if http_only { "; HttpOnly" } else { "" });
        text.push_str(match self {
            Self { is_secure: true, is_embedded: true } => "; Secure; SameSite=None; Partitioned",
            Self { is_secure: true, .. } => "; Secure; SameSite=Lax",
            Self { .. } => "; SameSite=Lax",
        });
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("hookline-none=; Max-Age=0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_session_is_a_host_cookie_that_scripts_and_other_sites_do_not_get() {
        let jar = Jar::of(&headers(&[(header::ORIGIN, "https://hooks.example.com")]), false).unwrap();
        assert_eq!(
            jar.session(Area::Portal, "t", 60),
            "__Host-hookline-portal=t; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
        let framed = Jar::of(&headers(&[(header::ORIGIN, "https://hooks.example.com")]), true).unwrap();
        let cookie = framed.session(Area::Portal, "t", 60);
        assert!(cookie.to_str().unwrap().ends_with("Secure; SameSite=None; Partitioned"), "{cookie:?}");
        let local = Jar::of(&headers(&[(header::ORIGIN, "http://127.0.0.1:8787")]), true).unwrap();
        assert_eq!(
            local.session(Area::Console, "t", 60),
            "hookline-console=t; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn no_session_travels_over_a_network_in_the_clear() {
        for origin in ["http://hooks.example.com", "http://10.0.0.1:8787", "http://localhost.example.com"] {
            assert!(Jar::of(&headers(&[(header::ORIGIN, origin)]), false).is_none(), "{origin}");
        }
    }

    #[test]
    fn a_cookie_without_the_prefix_counts_on_this_machine_only() {
        let cookie = (COOKIE, "a=b; hookline-portal=mine");
        for (host, is_believed) in [("127.0.0.1:8787", true), ("localhost", true), ("hooks.example.com", false)] {
            let headers = headers(&[(header::HOST, host), cookie.clone()]);
            assert_eq!(session(&headers, Area::Portal), is_believed.then_some("mine"), "{host}");
        }
    }
}
