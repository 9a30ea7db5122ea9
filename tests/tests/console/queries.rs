//! What an address says comes from strangers: whoever follows a link did not write it. No value of any
//! parameter that a page reads makes an error of ours or becomes markup.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::http::header;
use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, OPERATOR, Reply, TENANT, World};

use crate::hostile::{HOSTILE, assert_harmless};

/// The most that answers may have of headers: nginx takes 4 KiB unless told otherwise, API Gateway 10 KiB.
const MOST_HEADER_BYTES: usize = 4_096;

/// What stands behind the `=`, encoded.
fn values() -> Vec<String> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    vec![
        encoded(HOSTILE),
        encoded("\0\u{1}\r\nset-cookie: a=b\r\n\r\n<script>\u{1b}[2J\u{7f}\u{85}\u{202e}\u{feff}\u{ffff}"),
        encoded(&"long ".repeat(1_600)),
        encoded(&"ü".repeat(1_300)),
        "%ff%fe%c3%28%00".to_owned(),
        "%zz%".to_owned(),
        encoded("//evil.example.com/\\javascript:alert(1)"),
        encoded("/portal/../console?back=//evil.example.com"),
        encoded("-99999999999999999999999999999"),
        encoded("9999-12-31T23:59:59.999999999+23:59"),
        encoded("{{{[[[\"null\""),
        encoded("../../../v1/keys%2f..%00"),
    ]
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// Every parameter that some page reads: the fields of what is taken by a `Query`.
fn parameters() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/console/src"), &mut files);
    let mut types: Vec<String> = Vec::new();
    for text in &files {
        for (at, _) in text.match_indices(": Query<") {
            let name = text[at + ": Query<".len()..].split('>').next().unwrap();
            types.push(name.rsplit("::").next().unwrap().to_owned());
        }
    }
    let (mut names, mut next) = (BTreeSet::new(), 0);
    while let Some(wanted) = types.get(next).cloned() {
        next += 1;
        for text in &files {
            let Some((_, body)) = text.split_once(&format!("struct {wanted} {{\n")) else { continue };
            let (mut name, mut is_flat) = (None, false);
            for line in body.lines().map(str::trim).take_while(|line| *line != "}") {
                if let Some(other) = line.strip_prefix("#[serde(rename = \"") {
                    name = other.split('"').next().map(str::to_owned);
                } else if line == "#[serde(flatten)]" {
                    is_flat = true;
                } else if let Some((field, kind)) = line.split_once(": ").filter(|_| !line.starts_with('/')) {
                    match std::mem::take(&mut is_flat) {
                        true => types.push(kind.trim_end_matches(',').to_owned()),
                        false => {
                            let field = field.rsplit(' ').next().unwrap().to_owned();
                            names.insert(name.take().unwrap_or(field));
                        }
                    }
                }
            }
        }
    }
    names
}

/// Where every page is, for one of everything that an address can name.
async fn pages(world: &World) -> Vec<String> {
    let settings =
        json!({ "name": "Secret hook", "log_response_body": true, "retry": { "delays": [60], "jitter": 0 } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "id": "event-1", "type": "post.published", "data": 1 })).await;
    for types in ["/v1/tenants/acme/event-types", "/v1/event-types"] {
        world.post(types, json!({ "name": "post.published" })).await.expect(201);
    }
    world.drain().await;
    let replay = json!({ "kind": "failed", "dry_run": true });
    let replay = world.post(&format!("{}/replays", hook.path()), replay).await.expect(202).json();
    let delivery = world.delivery(&event).await;
    let ids = [
        ("{tenant}", TENANT),
        ("{hook}", hook.id.as_str()),
        ("{event}", event.as_str()),
        ("{delivery}", delivery["id"].as_str().unwrap()),
        ("{replay}", replay["id"].as_str().unwrap()),
        ("{type}", "post.published"),
        ("{profile}", "standard"),
        ("{name}", "x"),
        ("{letter}", "nothing"),
    ];
    let of = |template: &str| ids.iter().fold(template.to_owned(), |path, (name, id)| path.replace(name, id));
    let routes = console::routes().into_iter().filter(|route| route.method() == "GET");
    let paths: Vec<String> = routes.map(|route| of(route.path)).collect();
    assert!(paths.iter().all(|path| !path.contains('{')), "say above what this parameter is: {paths:?}");
    paths
}

#[track_caller]
fn assert_is_an_answer(reply: &Reply) {
    let what = reply.what.chars().take(200).collect::<String>();
    assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text());
    let kind = reply.content_type();
    if kind.starts_with("text/html") {
        assert_harmless(&what, &reply.text());
    } else {
        let is_no_page = reply.status == 303 || kind.starts_with("text/css") || reply.body.is_empty();
        assert!(is_no_page && !reply.text().contains('<'), "{what} is {kind}: {}", reply.text());
    }
    let bytes: usize = reply.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    assert!(bytes <= MOST_HEADER_BYTES, "{what} is answered with {bytes} bytes of headers");
    if let Some(place) = reply.headers.get(header::LOCATION) {
        let place = place.to_str().unwrap();
        assert!(place.starts_with('/') && !place.starts_with("//") && !place.contains('\\'), "{what} leads to {place}");
    }
    let cookies = reply.headers.get_all(header::SET_COOKIE).iter();
    assert!(cookies.into_iter().all(|cookie| !cookie.to_str().unwrap().starts_with("a=b")), "{what}");
}

#[test]
fn every_parameter_of_every_page_is_found() {
    let found = parameters();
    for known in ["back", "cursor", "done", "show", "period", "since", "until", "matched", "type", "event"] {
        assert!(found.contains(known), "{known} is not among {found:?}");
    }
    assert!(found.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{found:?}");
}

#[tokio::test]
async fn no_value_of_any_parameter_makes_an_error_of_ours_or_markup_on_any_page() {
    let world = World::new().await;
    let paths = pages(&world).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let (names, values) = (parameters(), values());
    for path in &paths {
        let browser = if path.starts_with("/console") { &operator } else { &customer };
        for value in &values {
            let all: Vec<String> = names.iter().map(|name| format!("{name}={value}")).collect();
            // As much of them as an address may be long.
            let mut query = String::new();
            for pair in all.iter().take_while(|pair| pair.len() < 50_000) {
                if query.len() + pair.len() < 60_000 {
                    query.push_str(pair);
                    query.push('&');
                }
            }
            assert_is_an_answer(&browser.get(&format!("{path}?{query}")).await);
        }
        // One at a time, as one that is refused hides the others; what is there twice as well.
        for name in &names {
            let wrong = values[..2].concat();
            assert_is_an_answer(&browser.get(&format!("{path}?{name}={wrong}")).await);
            assert_is_an_answer(&browser.get(&format!("{path}?{name}=a&{name}={}", values[0])).await);
        }
    }
    // Whoever does not know the page it leads to is told at the page itself.
    let twice = operator.get("/console/tenants?search=a&search=b").await.expect(400);
    assert!(twice.content_type().starts_with("text/html") && twice.text().contains("twice"), "{}", twice.text());
}

#[tokio::test]
async fn without_a_session_no_address_makes_an_answer_that_a_proxy_would_not_take() {
    let world = World::new().await;
    let paths = pages(&world).await;
    let nobody = Browser::new(&world);
    for path in &paths {
        for value in values() {
            world.clock.advance(std::time::Duration::from_secs(60));
            assert_is_an_answer(&nobody.get(&format!("{path}?show={value}&back={value}&cursor={value}")).await);
        }
    }
}
