use axum::http::{HeaderName, HeaderValue};
use domain::payload::JsonForm;
use domain::profile::built_in;
use domain::secret::ed25519::public_key;
use domain::signature::sign;

use super::*;

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &[u8] = br#"{"test":1}"#;
const NOW: i64 = 1_700_000_000;

fn headers(settings: &[SignatureSetting], secrets: &[&Secret], at: i64, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in sign(settings, secrets, "msg_1", at, body).unwrap() {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap());
    }
    headers
}

fn check(settings: &[SignatureSetting], secret: &str, headers: &HeaderMap, body: &[u8]) -> (bool, String) {
    let verifier =
        Verifier { settings: settings.to_vec(), secrets: vec![Secret::new(secret)], json: JsonForm::AsPublished };
    verifier.check(&Received::new("POST", None, headers, body, NOW))
}

fn setting(json: &str) -> SignatureSetting {
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_built_in_profile_is_verified_and_a_changed_byte_or_secret_is_not() {
    for profile in built_in() {
        let settings = profile.completed().signatures;
        if settings.is_empty() {
            continue;
        }
        let headers = headers(&settings, &[&Secret::new(WHSEC)], NOW, BODY);
        let name = &profile.name;
        assert!(check(&settings, WHSEC, &headers, BODY).0, "{name}");
        assert!(!check(&settings, WHSEC, &headers, br#"{"test":2}"#).0, "{name}");
        assert!(!check(&settings, OTHER, &headers, BODY).0, "{name}");
        assert!(!check(&settings, WHSEC, &HeaderMap::new(), BODY).0, "{name}");
    }
}

#[test]
fn every_scheme_is_verified_during_a_rotation() {
    let (new, old) = (Secret::new(WHSEC), Secret::new(OTHER));
    for json in [
        r#"{"scheme":"v1"}"#,
        r#"{"scheme":"v1","header":"X-Acme-Signature"}"#,
        r#"{"scheme":"stripe"}"#,
        r#"{"scheme":"hmac_sha256","header":"x-sig"}"#,
        r#"{"scheme":"hmac_sha256","header":"x-sig","prefix":"sha256=","encoding":"base64","key":"whsec"}"#,
    ] {
        let settings = [setting(json)];
        let both = headers(&settings, &[&new, &old], NOW, BODY);
        for (secret, signs) in [(WHSEC, true), (OTHER, settings[0].is_list())] {
            let (valid, why) = check(&settings, secret, &both, BODY);
            assert_eq!(valid, signs, "{json}: {why}");
        }
    }
}

#[test]
fn a_header_that_holds_one_signature_is_refused_when_it_is_there_twice() {
    let settings = [setting(r#"{"scheme":"hmac_sha256","header":"x-sig"}"#)];
    let mut twice = headers(&settings, &[&Secret::new(WHSEC)], NOW, BODY);
    let other = headers(&settings, &[&Secret::new(OTHER)], NOW, BODY);
    twice.append("x-sig", other["x-sig"].clone());
    let (valid, why) = check(&settings, WHSEC, &twice, BODY);
    assert!(!valid && why.contains("more than once"), "{why}");
}

#[test]
fn an_ed25519_signature_is_verified_with_the_public_key() {
    let secret =
        Secret::new("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==");
    let public = public_key(&secret).unwrap();
    let settings = [setting(r#"{"scheme":"v1a"}"#)];
    let headers = headers(&settings, &[&secret], NOW, BODY);
    assert!(check(&settings, &public, &headers, BODY).0);
    assert!(!check(&settings, &public, &headers, b"{}").0);
    assert!(!check(&settings, WHSEC, &headers, BODY).0);
}

#[test]
fn an_old_timestamp_is_refused_where_one_is_signed() {
    for scheme in ["v1", "stripe"] {
        let settings = [setting(&format!(r#"{{"scheme":"{scheme}"}}"#))];
        let headers = headers(&settings, &[&Secret::new(WHSEC)], NOW - 301, BODY);
        let (valid, why) = check(&settings, WHSEC, &headers, BODY);
        assert!(!valid && why.contains("5 minutes"), "{why}");
    }
}

#[test]
fn the_query_of_a_get_request_is_verified_behind_the_hooks_own() {
    let settings = [setting(r#"{"scheme":"v1"}"#)];
    let headers = headers(&settings, &[&Secret::new(WHSEC)], NOW, b"type=a&n=1");
    let verifier =
        Verifier { settings: settings.to_vec(), secrets: vec![Secret::new(WHSEC)], json: JsonForm::AsPublished };
    for (query, expected) in [("type=a&n=1", true), ("own=1&x=2&type=a&n=1", true), ("type=a&n=2", false)] {
        let received = Received::new("GET", Some(query), &headers, b"", NOW);
        assert_eq!(verifier.check(&received).0, expected, "{query}");
    }
}

#[test]
fn a_body_is_parsed_and_written_again_where_the_profile_signs_what_that_gives() {
    let profile = domain::profile::find_built_in("oktopost").unwrap().completed();
    let verifier =
        Verifier { settings: profile.signatures, secrets: vec![Secret::new("plain")], json: profile.payload.json() };
    let written = br#"{"1":2,"n":1.5}"#;
    let of = |body: &[u8]| headers(&verifier.settings, &[&Secret::new("plain")], NOW, body);
    for body in [&br#"{"1":2,"n":1.5}"#[..], br#"{ "n": 1.50, "1": 2 }"#] {
        let (valid, why) = verifier.check(&Received::new("POST", None, &of(written), body, NOW));
        assert!(valid && why.contains("over JSON.stringify(JSON.parse(body))"), "{why}");
    }
    let as_it_came = br#"{ "n": 1.50, "1": 2 }"#;
    assert!(!verifier.check(&Received::new("POST", None, &of(as_it_came), as_it_came, NOW)).0);
}
