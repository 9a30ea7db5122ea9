use serde_json::{Value, json};

use super::*;
use crate::profile::standard;
use crate::settings::Settings;

/// What writes a header of this name, by the setting that it is.
fn writing(writer: HeaderWriter, name: &str) -> Option<Value> {
    Some(match writer {
        HeaderWriter::ContentType => return name.eq_ignore_ascii_case("content-type").then(|| json!({})),
        HeaderWriter::Hookline => return OWN.contains(&name.to_ascii_lowercase().as_str()).then(|| json!({})),
        HeaderWriter::Signatures => {
            json!({ "signatures": [{ "scheme": "v1" }, { "scheme": "hmac_sha256", "header": name }] })
        }
        HeaderWriter::Verification => json!({ "verification": { "required": true, "header": name } }),
        HeaderWriter::Auth => json!({ "auth": { "type": "api_key", "header": name, "value": "k" } }),
        HeaderWriter::Headers => {
            json!({ "headers": [{ "name": "x-a", "value": "1" }, { "name": name, "value": "1" }] })
        }
    })
}

fn field(writer: HeaderWriter) -> &'static str {
    match writer {
        HeaderWriter::ContentType => "content_type",
        HeaderWriter::Signatures => "signatures[1].header",
        HeaderWriter::Verification => "verification.header",
        HeaderWriter::Auth => "auth.header",
        HeaderWriter::Headers => "headers[1].name",
        HeaderWriter::Hookline => "",
    }
}

const ALL: [HeaderWriter; 6] = [
    HeaderWriter::ContentType,
    HeaderWriter::Signatures,
    HeaderWriter::Verification,
    HeaderWriter::Auth,
    HeaderWriter::Headers,
    HeaderWriter::Hookline,
];

fn settings(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

fn complete(settings: Settings) -> Complete {
    settings.over(&standard().settings).complete().unwrap()
}

fn told(complete: &Complete, given: &[&str], before: Option<&Complete>) -> Vec<String> {
    let mut errors = Vec::new();
    complete.check(given, before, &mut errors);
    errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

#[test]
fn every_pair_of_settings_that_write_the_same_header_is_told_once_with_both_names() {
    let mut pairs = 0;
    for (n, first) in ALL.into_iter().enumerate() {
        for second in ALL.into_iter().skip(n + 1) {
            for (one, two) in [("X-Same", "x-sAME"), ("Content-Type", "content-type"), ("User-Agent", "user-agent")] {
                let (Some(above), Some(below)) = (writing(first, one), writing(second, two)) else { continue };
                // Nobody minds another user-agent than Hookline's.
                let is_meant = (first, second) == (HeaderWriter::Headers, HeaderWriter::Hookline);
                let both = complete(settings(above).over(&settings(below)));
                let told = told(&both, &[first.setting(), second.setting()], None);
                let of_pair: Vec<_> =
                    told.iter().filter(|told| told.starts_with(field(second)) || told.contains("Hookline")).collect();
                if is_meant {
                    assert_eq!(told, [""; 0]);
                } else if second == HeaderWriter::Hookline {
                    assert_eq!(of_pair.len(), 1, "{first:?} {told:?}");
                    assert!(of_pair[0].starts_with(field(first)), "{told:?}");
                } else if one != "X-Same" && first != HeaderWriter::ContentType {
                    // Each of them meets the usual writer of that name as well.
                    continue;
                } else {
                    let place = format!("is written by the setting `{}`", first.setting());
                    assert_eq!(told.len(), 1, "{first:?} {second:?} {told:?}");
                    assert!(told[0].starts_with(&format!("{}: {place}", field(second))), "{told:?}");
                    pairs += 1;
                }
            }
        }
    }
    assert_eq!(pairs, 4 + 3 + 2 + 1, "content_type, signatures, verification and auth, each with those behind it");
}

#[test]
fn all_names_that_a_scheme_brings_are_taken() {
    let signed = json!({ "signatures": [{ "scheme": "v1", "header": "Svix-Signature" }] });
    for name in ["svix-id", "SVIX-timestamp", "svix-signature"] {
        for writer in [HeaderWriter::Verification, HeaderWriter::Auth, HeaderWriter::Headers] {
            let both = complete(settings(signed.clone()).over(&settings(writing(writer, name).unwrap())));
            let told = told(&both, &[writer.setting()], None);
            let expected = format!("{}: is written by the setting `signatures` (signatures[0].header)", field(writer));
            assert_eq!(told, [expected]);
        }
    }
    for (auth, name) in [
        (json!({ "type": "basic", "username": "u", "password": "p" }), "authorization"),
        (json!({ "type": "bearer", "token": "t" }), "Authorization"),
        (
            json!({ "type": "oauth2", "token_url": "https://a.example/", "client_id": "c", "client_secret": "s" }),
            "AUTHORIZATION",
        ),
    ] {
        let fixed = json!({ "auth": auth, "headers": [{ "name": name, "value": "1" }] });
        assert_eq!(
            told(&complete(settings(fixed)), &["headers"], None),
            ["headers[0].name: is written by the setting `auth`"]
        );
    }
}

#[test]
fn it_is_told_of_what_is_written_now() {
    let headers = json!({ "headers": [{ "name": "svix-id", "value": "1" }] });
    let signed = json!({ "signatures": [{ "scheme": "v1", "header": "svix-signature" }] });
    let both = complete(settings(signed).over(&settings(headers)));
    let message = "signatures[0].header: brings svix-id, which is written by the setting `headers` (headers[0].name)";
    assert_eq!(told(&both, &["signatures", "retry"], None), [message]);
    let other = "headers[0].name: is written by the setting `signatures` (signatures[0].header)";
    assert_eq!(told(&both, &["headers"], None), [other]);
    assert_eq!(told(&both, &["retry"], None), [other], "a profile was chosen that brings one of them");
    assert_eq!(told(&both, &["retry"], Some(&both)), [""; 0], "it is not the doing of this change");
}

#[test]
fn a_header_that_is_not_sent_collides_with_nothing() {
    let quiet =
        json!({ "verification": { "required": false, "header": "x-a" }, "headers": [{ "name": "x-a", "value": "1" }] });
    assert_eq!(told(&complete(settings(quiet)), &["headers"], None), [""; 0]);
}
