//! Whether an output is what a document promises.
//!
//! White space does not matter, and `…` stands for anything. Identifiers, times
//! and signatures are other ones each time, so they are compared by their form.

use regex_lite::Regex;

const FORMS: [(&str, &str); 9] = [
    (r"hl_[\w-]*\.(key|ses|lnk)_[0-9A-Z]{26}\.[\w-]{43}", "KEY"),
    (r"\b(hook|dlv|evt|key|rpl|ses|lnk)_[0-9A-Z]{26,52}", "${1}_ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3})?Z", "TIME"),
    (r"v1,[A-Za-z0-9+/]{43}=", "v1,SIGNATURE"),
    (r"sha256=[0-9a-f]{64}", "sha256=SIGNATURE"),
    (r"webhook-timestamp: \d{10}\b", "webhook-timestamp: UNIX"),
    (r#""duration_ms":\d+"#, r#""duration_ms":N"#),
    (r#""duration_us":\d+"#, r#""duration_us":N"#),
    (r"\s+", ""),
];
const ANYTHING: char = '…';

fn plain(text: &str) -> String {
    FORMS
        .iter()
        .fold(text.to_owned(), |text, (form, name)| Regex::new(form).unwrap().replace_all(&text, *name).into_owned())
}

pub(crate) fn is_kept(promise: &str, output: &str) -> bool {
    let (promise, output) = (plain(promise), plain(output));
    let parts: Vec<&str> = promise.split(ANYTHING).collect();
    let [first, between @ .., last] = parts.as_slice() else { return promise == output };
    let Some(rest) = output.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    let found = between.iter().try_fold(rest, |rest, part| rest.split_once(part).map(|(_, rest)| rest));
    found.is_some()
}

/// Whether a receiver has printed each request that is promised: `#1 …`, `#2 …`.
pub(crate) fn has_received(promise: &str, output: &str) -> bool {
    let (promised, printed) = (requests(promise), requests(output));
    assert!(!promised.is_empty(), "a receiver numbers what it prints: {promise}");
    let number = |text: &str| text.split(' ').next().map(str::to_owned);
    promised
        .iter()
        .all(|wanted| printed.iter().any(|request| number(request) == number(wanted) && is_kept(wanted, request)))
}

fn requests(text: &str) -> Vec<String> {
    let mut requests: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            requests.push(String::new());
        }
        if let Some(request) = requests.last_mut() {
            request.push_str(line);
            request.push('\n');
        }
    }
    requests
}

#[test]
fn an_output_has_to_be_what_was_promised_save_for_what_changes_each_time() {
    let promise = r#"{"id":"hook_01M7YRY66B9CZNF4GV85GH11D0", "n":1, … ,"at":"2026-11-21T10:02:57.295Z"}"#;
    let output = r#"{"id":"hook_01M8GB9EGN1RYZ2B3QHFYX3ND9","n":1,"x":[],"at":"2026-12-01T00:00:00.000Z"}"#;
    assert!(is_kept(promise, output));
    for (wrong, instead) in [("hook_", "dlv_"), (r#""n":1"#, r#""n":2"#), ("Z\"}", "Z\"},{}")] {
        assert!(!is_kept(promise, &output.replace(wrong, instead)), "{wrong}");
    }
    assert!(is_kept("a b", "a\n  b") && !is_kept("a b", "a b c"));
}

#[test]
fn a_request_is_compared_with_the_one_of_its_number() {
    let output = "receiving\n#1 POST /\n   {\"n\":1}\n\n#2 POST /\n   {\"n\":2}\n";
    assert!(has_received("#2 POST /\n…\n {\"n\":2}", output));
    assert!(!has_received("#1 POST /\n…\n {\"n\":2}", output));
    assert!(!has_received("#3 POST /", output));
}
