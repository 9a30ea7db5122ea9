//! What no route and no id could be spelled as is answered before a route is
//! chosen: `.` and `..`, which clients and proxies take for directions, and
//! whatever a gateway or parser might take for a slash or the end of a path.

use axum::extract::Request;
use axum::http::Uri;

/// Whether each of its segments can be a name.
pub(crate) fn could_be_a_route(path: &str) -> bool {
    path.split('/').all(can_be_a_name)
}

/// Leaves nothing encoded in the path that need not be (RFC 3986 section 6.2.2.2), as
/// API Gateway hands it over, so that routes are found alike.
pub(crate) fn write_plainly(request: &mut Request) {
    if let Some(uri) = plain(request.uri()) {
        *request.uri_mut() = uri;
    }
}

/// None where nothing changes.
fn plain(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains('%') {
        return None;
    }
    let mut written = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        written.push_str(before);
        let mut digits = after.bytes();
        match encoded(digits.next(), digits.next()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                written.push(char::from(byte));
                rest = after.get(2..)?;
            }
            _ => {
                written.push('%');
                rest = after;
            }
        }
    }
    written.push_str(rest);
    if let Some(query) = uri.query() {
        written.push('?');
        written.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(written.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether a route or an id could be spelled so: nothing but what ids are made
/// of, encoded or not, and neither `.` nor `..`.
fn can_be_a_name(segment: &str) -> bool {
    let (mut length, mut dots) = (0, 0);
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { encoded(bytes.next(), bytes.next()) } else { Some(byte) };
        match byte {
            Some(b'.') => dots += 1,
            Some(byte) if byte.is_ascii_alphanumeric() || b"_-:".contains(&byte) => {}
            _ => return false,
        }
        length += 1;
    }
    length != dots || !(1..=2).contains(&dots)
}

/// The byte that two hexadecimal digits stand for.
fn encoded(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_alone_are_no_name_in_any_spelling() {
        for dots in [".", "..", "%2e", "%2E", "%2e.", ".%2E", "%2E%2e"] {
            assert!(!can_be_a_name(dots), "{dots}");
        }
        for name in ["", "...", "%2e%2e%2e", ".a", "a.", "a..", "post.published", "openapi.json"] {
            assert!(can_be_a_name(name), "{name}");
        }
    }

    #[test]
    fn what_need_not_be_encoded_is_not_and_the_rest_stays() {
        for (given, expected) in [
            ("/v1/%74enants?a=%62", Some("/v1/tenants?a=%62")),
            ("/%61%2Fb/%7e%2e%25%36", Some("/a%2Fb/~.%256")),
            ("/%2e%2E/x", Some("/../x")),
            ("/a%zz%6", Some("/a%zz%6")),
            ("/plain?%61", None),
        ] {
            let uri = plain(&given.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(uri.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn a_name_holds_nothing_but_what_ids_are_made_of() {
        for name in ["acme", "%61cme", "order:7", "order%3A7", "order%3a7", "hook_01J-x", "%5F"] {
            assert!(can_be_a_name(name), "{name}");
        }
        for text in [
            "a%2Fb", "a%2f", "%252e", "a%23", "a%", "a%2", "a%zz", "a%+1", "a%5C", "a\\b", "a;b", "a b", "é", "%C3%A9",
            "*",
        ] {
            assert!(!can_be_a_name(text), "{text}");
        }
    }
}
