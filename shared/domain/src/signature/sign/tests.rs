use super::*;
use proptest::prelude::*;

const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WHSEC_2: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const WHSK: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const V1A: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

fn settings(json: &str) -> Vec<SignatureSetting> {
    let settings: Vec<SignatureSetting> = serde_json::from_str(json).unwrap();
    let mut errors = Vec::new();
    super::super::check_all(&settings, "signatures", &mut errors);
    assert_eq!(errors, []);
    settings
}

fn signed(json: &str, secrets: &[&str], body: &[u8]) -> Vec<(String, String)> {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    sign(&settings(json), &secrets.iter().collect::<Vec<_>>(), ID, AT, body).unwrap()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_standard_vectors_hold_for_both_algorithms_in_one_header() {
    let both = signed(r#"[{"scheme":"v1"},{"scheme":"v1a"}]"#, &[WHSEC, WHSK], BODY);
    let expected =
        [("webhook-id", ID), ("webhook-timestamp", "1614265330"), ("webhook-signature", &format!("{V1} {V1A}"))];
    assert_eq!(both, pairs(&expected));
}

#[test]
fn another_header_brings_its_own_siblings() {
    let headers = signed(r#"[{"scheme":"v1","header":"svix-signature"},{"scheme":"v1"}]"#, &[WHSEC], BODY);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let standard = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    assert_eq!(names, [["svix-id", "svix-timestamp", "svix-signature"], standard].concat());
}

#[test]
fn githubs_vector_holds() {
    let json = r#"[{"scheme":"hmac_sha256","header":"X-Hub-Signature-256","prefix":"sha256="}]"#;
    let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = signed(json, &["It's a Secret to Everybody"], b"Hello, World!");
    assert_eq!(headers, pairs(&[("X-Hub-Signature-256", value)]));
}

#[test]
fn a_plain_hmac_is_sent_once_and_signed_with_the_first_secret() {
    let json = r#"[{"scheme":"hmac_sha256","header":"X-Sig","encoding":"base64"}]"#;
    assert_eq!(signed(json, &["new", "old"], BODY), signed(json, &["new"], BODY));
    assert_eq!(signed(json, &["old", WHSK, "new"], BODY), signed(json, &["old"], BODY));
}

#[test]
fn what_earlier_releases_signed_is_made_again() {
    let json = r#"[{"scheme":"hmac_sha256","header":"X-Sig"},{"scheme":"stripe"}]"#;
    let secrets = ["new", "old"].map(Secret::new);
    let made = sign_repeating(&settings(json), &secrets.iter().collect::<Vec<_>>(), ID, AT, BODY).unwrap();
    let [plain, stripe] = [r#"[{"scheme":"hmac_sha256","header":"X-Sig"}]"#, r#"[{"scheme":"stripe"}]"#];
    let expected =
        [signed(plain, &["new"], BODY), signed(plain, &["old"], BODY), signed(stripe, &["new", "old"], BODY)];
    assert_eq!(made, expected.concat());
}

#[test]
fn a_plain_hmac_can_be_keyed_by_decoded_bytes() {
    let decoded = r#"[{"scheme":"hmac_sha256","header":"X-Sig","key":"whsec"}]"#;
    let text = r#"[{"scheme":"hmac_sha256","header":"X-Sig"}]"#;
    assert_ne!(signed(decoded, &[WHSEC], BODY), signed(text, &[WHSEC], BODY));
    let refused = sign(&settings(decoded), &[&Secret::new("plain")], ID, AT, BODY);
    assert_eq!(refused, Err(InvalidSecret::Whsec));
}

/// Computed with OpenSSL: `printf '1614265330.{}' | openssl dgst -sha256 -hmac …`.
#[test]
fn stripes_header_lists_one_signature_for_each_secret() {
    let json = r#"[{"scheme":"stripe"}]"#;
    let expected = format!(
        "t={AT},v1=f0350121c22e0191dba7cbf90fa37bdb0dcf44bb6e9a1e1ef2e47d6191282643,v1=aaac63b89ad8c702bfcbf52161a8e6feef2f7c52bb8e8547776c2e47bfebe4e9"
    );
    assert_eq!(signed(json, &[WHSEC, "plain"], b"{}"), pairs(&[("stripe-signature", &expected)]));
}

#[test]
fn a_setting_without_a_fitting_secret_adds_no_header() {
    let all = r#"[{"scheme":"v1"},{"scheme":"stripe"},{"scheme":"hmac_sha256","header":"X-Sig"}]"#;
    assert_eq!(signed(all, &[], BODY), []);
    assert_eq!(signed(all, &[WHSK], BODY), []);
    assert_eq!(signed(r#"[{"scheme":"v1a"}]"#, &[WHSEC, "plain"], BODY), []);
}

#[test]
fn a_secret_is_checked_against_what_has_to_sign_with_it() {
    let v1 = r#"[{"scheme":"v1"}]"#;
    let both = r#"[{"scheme":"v1"},{"scheme":"v1a"}]"#;
    let only_v1a = r#"[{"scheme":"v1a"}]"#;
    let stripe = r#"[{"scheme":"stripe"}]"#;
    let long = "é".repeat(256);
    for (json, secret, expected) in [
        (v1, WHSEC, Ok(())),
        (v1, "plain", Err(InvalidSecret::Whsec)),
        (v1, WHSK, Err(InvalidSecret::OnlyV1a)),
        (both, WHSEC, Ok(())),
        (both, WHSK, Ok(())),
        (only_v1a, WHSK, Ok(())),
        (only_v1a, WHSEC, Err(InvalidSecret::Whsk)),
        (only_v1a, "whsk_AAAA", Err(InvalidSecret::Whsk)),
        (stripe, "x", Ok(())),
        (stripe, "whsec_not base64", Ok(())),
        (stripe, &long, Ok(())),
        (stripe, &format!("{long}x"), Err(InvalidSecret::Text)),
        (stripe, "a\nb", Err(InvalidSecret::Text)),
        (stripe, "", Err(InvalidSecret::Text)),
        ("[]", WHSK, Ok(())),
    ] {
        assert_eq!(check_secret(&settings(json), &Secret::new(secret)), expected, "{json} {secret}");
    }
}

proptest! {
    #[test]
    fn whatever_passes_the_check_signs(
        text in prop_oneof!["\\PC{0,20}", Just(WHSEC.to_owned()), Just(WHSEC_2.to_owned()), Just(WHSK.to_owned()), "whsk_[A-Za-z0-9+/]{0,90}={0,2}"],
        pick in proptest::sample::subsequence(vec![0, 1, 2, 3], 0..=4),
    ) {
        let all = settings(r#"[{"scheme":"v1"},{"scheme":"v1a"},{"scheme":"stripe"},{"scheme":"hmac_sha256","header":"X-Sig"}]"#);
        let some: Vec<_> = pick.into_iter().map(|n: usize| all[n].clone()).collect();
        let secret = Secret::new(text);
        if check_secret(&some, &secret).is_ok() {
            let headers = sign(&some, &[&secret], ID, AT, BODY);
            prop_assert!(headers.is_ok_and(|headers| some.is_empty() || !headers.is_empty()));
        }
    }
}

#[test]
fn keys_are_named_in_the_order_in_which_they_sign() {
    let json = r#"[{"scheme":"v1"},{"scheme":"v1a","key_id_header":"webhook-key-id"}]"#;
    let other = Secret::generate_ed25519(&crate::random::FixedRandom(0.5));
    let headers = signed(json, &[WHSEC, WHSK, other.reveal()], BODY);
    let value = |name: &str| headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let ids = [WHSK, other.reveal()].map(|key| jwk::Jwk::of(&Secret::new(key)).unwrap().kid);
    assert_eq!(value("webhook-key-id"), ids.join(" "));
    assert_eq!(value("webhook-signature").matches("v1a,").count(), 2);
    assert!(value("webhook-signature").contains(V1A));
    let without = signed(json, &[WHSEC], BODY);
    assert!(without.iter().all(|(name, _)| name != "webhook-key-id"), "no key, no name");
}
