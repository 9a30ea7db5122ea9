//! What is text in a header, an address or a path.

use std::str::FromStr;
use std::time::Duration;

use domain::address::{AddressPolicy, MAX_URL_BYTES, is_public};
use domain::ids::{Channel, DeliveryId, EventId, EventType, HookId, TenantId};
use domain::key::parse_token;
use domain::pattern::Pattern;
use domain::retry::{MAX_DELAY, parse_retry_after};
use domain::secret::{Secret, SecretKind, whsec_key};
use domain::time::Timestamp;
use url::{Host, Url};

use crate::{corpus, fuzz};

const NOW: Timestamp = Timestamp::from_millis(1_769_851_800_000);

#[test]
fn an_address_that_is_accepted_is_public_and_stays_what_it_is() {
    let addresses = AddressPolicy::default();
    let seeds = [
        "https://hooks.example.com/in?a=b",
        "https://203.0.113.7/",
        "https://93.184.216.34/x",
        "https://[2606:2800:220:1:248:1893:25c8:1946]:443/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://localhost./",
        "https://xn--bcher-kva.example/%00?#",
        "https://user:pass@example.com:8443/",
    ];
    fuzz("addresses", &corpus(&seeds), |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(url) = addresses.check_url(&text) else { return };
        assert!(text.len() <= MAX_URL_BYTES);
        assert_eq!(url.scheme(), "https");
        assert!(matches!(url.port_or_known_default(), Some(80 | 443)), "{url}");
        assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
        match url.host().expect("it has a host") {
            Host::Ipv4(ip) => assert!(is_public(ip.into()), "{ip}"),
            Host::Ipv6(ip) => assert!(is_public(ip.into()), "{ip}"),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                assert!(name != "localhost" && !name.ends_with(".localhost"), "{name}");
            }
        }
        // What is dialled is parsed from what is stored.
        assert_eq!(Url::parse(&text).as_ref(), Ok(&url));
        assert_eq!(addresses.check_parsed(&url), Ok(()));
    });
}

#[test]
fn retry_after_is_never_longer_than_the_longest_delay() {
    let seeds =
        ["120", "0", "Fri, 31 Dec 2027 23:59:59 GMT", "Sat, 31 Jan 2026 09:31:00 GMT", "18446744073709551615", " 7 "];
    fuzz("Retry-After", &corpus(&seeds), |input| {
        let text = String::from_utf8_lossy(input);
        let wait = parse_retry_after(&text, NOW);
        assert!(wait.is_none_or(|wait| wait <= MAX_DELAY.duration()), "{wait:?}");
        // Without a sign, which a number of Rust may have.
        let digits = Some(text.trim()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(Ok(seconds)) = digits.map(str::parse::<u64>) {
            assert_eq!(wait, Some(Duration::from_secs(seconds).min(MAX_DELAY.duration())));
        }
    });
}

fn assert_same<T: FromStr<Err: std::fmt::Display> + ToString>(text: &str, longest: usize) {
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text);
            assert!(text.len() <= longest && text.is_ascii());
        }
        Err(error) => assert!(error.to_string().starts_with("expected"), "{error}"),
    }
}

#[test]
fn an_id_has_one_spelling_only() {
    let seeds = [
        "acme",
        "post.published",
        "post.*",
        "*",
        "blog:7",
        "hook_01KDYVGY008YH3QK2V7M4N9P0T",
        "dlv_01KG9P6JE46D1FBX5W3E9J2R4C01KDYVGY008YH3QK2V7M4N9P0T",
    ];
    fuzz("ids", &corpus(&seeds), |input| {
        let text = String::from_utf8_lossy(input);
        assert_same::<TenantId>(&text, 64);
        assert_same::<EventId>(&text, 128);
        assert_same::<EventType>(&text, 128);
        assert_same::<Channel>(&text, 128);
        assert_same::<HookId>(&text, 31);
        assert_same::<DeliveryId>(&text, 56);
        assert_same::<Pattern>(&text, 130);
    });
}

#[test]
fn a_key_names_a_row_whose_parts_are_in_it() {
    let seeds = [
        "hl_acme.key_01KDYVGY008YH3QK2V7M4N9P0T.Ik2EiA0yJ5v6vm3t3UZvUI0RwKrfl6WrGILREgcmjFs",
        "hl_.key_01KDYVGY008YH3QK2V7M4N9P0T.x",
        "hl_acme.ses_01KDYVGY008YH3QK2V7M4N9P0T.Ik2EiA0yJ5v6vm3t3UZvUI0RwKrfl6WrGILREgcmjFs",
        "hl_acme.lnk_01KDYVGY008YH3QK2V7M4N9P0T.x",
    ];
    fuzz("keys", &corpus(&seeds), |input| {
        let text = String::from_utf8_lossy(input);
        if let Some((tenant, id)) = parse_token(&text) {
            let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
            assert!(text.starts_with(&format!("hl_{tenant}.{id}.")), "{text}");
        }
    });
}

#[test]
fn a_secret_is_of_one_kind_and_has_a_key_of_allowed_length() {
    let seeds = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsk_", "s3cret", "whsec_", "whsec_AAAA"];
    fuzz("secrets", &corpus(&seeds), |input| {
        let secret = Secret::new(String::from_utf8_lossy(input));
        if SecretKind::of(&secret) == SecretKind::Whsec
            && let Ok(key) = whsec_key(&secret)
        {
            assert!((24..=64).contains(&key.len()), "{} bytes", key.len());
        }
        assert!(!format!("{secret:?}").contains(secret.reveal()) || secret.reveal().len() < 12, "shown in a log");
    });
}
