//! What every page is sent with: what it may load, who may frame it, and that nobody keeps it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// Below it, compressing saves less than a packet.
const WORTH_COMPRESSING: usize = 1_024;

/// What a page may load from elsewhere, and who may show it in a frame.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    /// The tenant's own logo.
    pub(crate) logo: Option<String>,
    pub(crate) framed_by: FramedBy,
}

#[derive(Clone, Default)]
pub(crate) enum FramedBy {
    #[default]
    Nobody,
    Origins(Vec<String>),
    /// The page that takes a link's code: it cannot know yet whose link it is, and shows nothing.
    Anybody,
}

impl Policy {
    fn content_security(&self) -> String {
        let logo = self.logo.as_deref().and_then(origin).map(|origin| format!(" {origin}")).unwrap_or_default();
        let ancestors = match &self.framed_by {
            FramedBy::Anybody => "*".to_owned(),
            FramedBy::Nobody => "'none'".to_owned(),
            FramedBy::Origins(origins) => {
                let known: Vec<_> = origins.iter().filter_map(|text| origin(text)).collect();
                if known.is_empty() { "'none'".to_owned() } else { known.join(" ") }
            }
        };
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{logo}; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        )
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(policy) = HeaderValue::try_from(self.content_security()) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        let fixed = [
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // With `no-referrer`, browsers send forms with the origin `null`.
            (header::REFERRER_POLICY, "same-origin"),
            (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (header::HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
            (header::VARY, "accept-encoding, accept-language, cookie"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if matches!(self.framed_by, FramedBy::Nobody) {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
    }
}

/// Only what is an https origin gets into a header.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https")?;
    Some(url.origin().ascii_serialization())
}

pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|part| part.replace(' ', "").trim_end_matches(['0', '.']) == "q=")
    })
}

/// None where it is not worth it.
pub(crate) fn compress(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_frame_a_page_is_written_as_origins_and_nothing_else() {
        let framed = |origins: &[&str]| {
            let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
            Policy { framed_by: FramedBy::Origins(origins), logo: None }.content_security()
        };
        assert!(framed(&["https://app.example.com"]).ends_with("frame-ancestors https://app.example.com"));
        for bad in ["", "*", "https:", "http://app.example.com", "'self'", "javascript:alert(1)"] {
            assert!(framed(&[bad]).ends_with("frame-ancestors 'none'"), "{bad}");
        }
        assert!(framed(&["https://a.example.com; script-src *"]).contains("script-src 'self';"));
        assert!(framed(&["https://a.example.com/x; y"]).ends_with("frame-ancestors https://a.example.com"));
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let accepts = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip, deflate, br") && accepts("br;q=1.0, GZIP;q=0.5"));
        assert!(!accepts("br") && !accepts("gzip;q=0") && !accepts("gzip; q=0.0") && !accepts(""));
    }
}
