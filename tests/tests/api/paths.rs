//! A path reaches what it names and nothing else, on one machine and behind API
//! Gateway, which hands over paths that it has decoded.

mod entrances;
mod targets;

use api::gateway;
use serde_json::{Value, json};
use tests::world::{OPERATOR, World};

use entrances::{Gateway, Heard, Socket, decoded, event, invoke};

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];
/// What nobody but the other tenant and the operator may see.
const OTHERS_SECRET: &str = "the-other-tenants-own-words";

/// Two tenants with all that a path can name.
struct Scene {
    world: World,
    socket: Socket,
    tenant_key: String,
    hook: String,
    other_hook: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        world.post("/v1/tenants", json!({ "id": "other", "name": OTHERS_SECRET })).await.expect(201);
        world.post("/v1/profiles", json!({ "name": "house" })).await.expect(201);
        let hook = world.hook(json!({})).await.id;
        let other_hook = world.hook_of("other", json!({ "name": OTHERS_SECRET })).await.id;
        for tenant in ["acme", "other"] {
            let path = |rest: &str| format!("/v1/tenants/{tenant}/{rest}");
            world.post(&path("event-types"), json!({ "name": "post.published" })).await.expect(201);
            for id in ["event-1", "order:7", "..."] {
                let published = json!({ "id": id, "type": "post.published", "data": tenant });
                world.post(&path("events"), published).await.expect(202);
            }
        }
        world.settle().await;
        let made = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
        let socket = Socket::open(world.router()).await;
        let tenant_key = made["key"].as_str().unwrap().to_owned();
        Self { world, socket, tenant_key, hook, other_hook }
    }

    fn target(&self, template: &str) -> String {
        template.replace("{hook}", &self.hook).replace("{other_hook}", &self.other_hook)
    }

    /// All there is, as the operator sees it.
    async fn everything(&self) -> Vec<Value> {
        let mut paths = vec!["/v1/tenants".to_owned(), "/v1/profiles".to_owned(), "/v1/keys".to_owned()];
        paths.push("/v1/event-types".to_owned());
        for (tenant, hook) in [("acme", &self.hook), ("other", &self.other_hook)] {
            for rest in ["", "/hooks", "/keys", "/event-types", "/events/event-1", "/events/event-1/deliveries"] {
                paths.push(format!("/v1/tenants/{tenant}{rest}"));
            }
            for rest in ["", "/audit", "/deliveries", "/secret", "/replays"] {
                paths.push(format!("/v1/tenants/{tenant}/hooks/{hook}{rest}"));
            }
        }
        let mut all = Vec::new();
        for path in paths {
            let mut found = self.world.get(&path).await.expect(200).json();
            // The one thing about a key that a request changes.
            let items = found["items"].as_array_mut().into_iter().flatten();
            items.filter_map(Value::as_object_mut).for_each(|item| drop(item.remove("last_used_at")));
            all.push(found);
        }
        all.push(json!(self.world.messages_left()));
        all
    }
}

#[tokio::test]
async fn odd_paths_are_answered_alike_in_both_worlds_and_reach_nothing() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    let before = scene.everything().await;
    let mut wrong = Vec::new();
    assert!(targets::ODD.len() >= 60, "{}", targets::ODD.len());
    for target in targets::ODD.iter().map(|template| scene.target(template)) {
        for method in METHODS {
            for (whose, key) in [("operator", OPERATOR), ("tenant", &scene.tenant_key)] {
                let expected = scene.socket.ask(method, &target, key).await;
                let what = format!("{method} {target} by {whose}");
                if let Some(complaint) = complaint(&target, whose, &expected) {
                    wrong.push(format!("{what}, on one machine: {complaint}"));
                }
                for way in Gateway::ALL {
                    let Some(heard) = way.ask(&router, method, &target, key).await else { continue };
                    if heard != expected {
                        wrong.push(format!("{what}, decoded {way:?}: {} instead of {}", heard.status, expected.status));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(scene.everything().await, before, "something was changed");
}

/// What is wrong with an answer to an odd path.
fn complaint(target: &str, whose: &str, heard: &Heard) -> Option<String> {
    // hyper refuses by itself what cannot be a target, and says no more.
    if heard.status == 400 && heard.body.is_empty() {
        return Some("not sent as a target".to_owned());
    }
    let allowed: &[u16] = match whose {
        _ if target.split(['/', '?']).any(|segment| matches!(&*decoded(segment), "." | "..")) => &[404],
        _ if target.contains('%') => &[404],
        "operator" => &[404, 405],
        _ => &[403, 404, 405],
    };
    if !allowed.contains(&heard.status) {
        return Some(format!("status {}", heard.status));
    }
    if heard.content_type != "application/problem+json" {
        return Some(format!("no problem document but {:?}", heard.content_type));
    }
    heard.body.contains(OTHERS_SECRET).then(|| "another tenant's words".to_owned())
}

#[tokio::test]
async fn a_path_that_the_gateway_takes_for_another_gives_a_key_no_more_than_that_one() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    for (sent, taken_for) in targets::TAKEN_FOR_ANOTHER {
        let (sent, taken_for) = (scene.target(sent), scene.target(taken_for));
        assert_eq!(Gateway::Twice.path(&sent).unwrap(), taken_for);
        for key in [OPERATOR, &scene.tenant_key] {
            let heard = Gateway::Twice.ask(&router, "GET", &sent, key).await.unwrap();
            assert_eq!(heard, scene.socket.ask("GET", &taken_for, key).await, "{sent}");
            let own = !taken_for.contains("other");
            assert_eq!(heard.status, if own || key == OPERATOR { 200 } else { 404 }, "{sent}");
            assert_eq!(scene.socket.ask("GET", &sent, key).await.status, 404, "{sent}");
        }
    }
}

#[tokio::test]
async fn an_id_is_found_in_every_spelling_in_both_worlds() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    for target in targets::ORDINARY.iter().map(|template| scene.target(template)) {
        let expected = scene.socket.ask("GET", &target, OPERATOR).await;
        assert_eq!(expected.status, 200, "{target}: {}", expected.body);
        for way in Gateway::ALL {
            assert_eq!(way.ask(&router, "GET", &target, OPERATOR).await.unwrap(), expected, "{target}");
        }
    }
}

#[tokio::test]
async fn a_stage_in_the_path_is_no_part_of_an_address() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    for (raw_path, status) in [("/prod/v1/tenants/acme", 404), ("/v1/tenants/acme", 200)] {
        let mut event = event("GET", raw_path, "", OPERATOR);
        event["requestContext"]["stage"] = json!("prod");
        assert_eq!(invoke(&router, event).await.status, status, "{raw_path}");
    }
}

#[tokio::test]
async fn what_does_not_begin_with_a_slash_is_no_path() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    for raw_path in
        ["", "v1/tenants/acme", r"\v1\tenants\acme", " /v1/tenants/acme", "*", "?", "@other/v1/tenants/acme"]
    {
        let heard = invoke(&router, event("GET", raw_path, "", OPERATOR)).await;
        assert_eq!((heard.status, &*heard.content_type), (404, "application/problem+json"), "{raw_path}");
    }
}

#[tokio::test]
async fn a_query_or_header_that_is_odd_does_not_change_what_a_path_names() {
    let scene = Scene::new().await;
    let router = scene.world.router();
    for query in ["/../../other", "#/../other", "?limit=1", "limit=<", "limit=a b", "a=\u{0}", "é"] {
        let heard = invoke(&router, event("GET", "/v1/tenants/acme", query, OPERATOR)).await;
        assert!(matches!(heard.status, 200 | 400), "{query}: {heard:?}");
        assert!(!heard.body.contains(OTHERS_SECRET), "{query}");
    }
    for host in ["", "a b", "example.com/v1/tenants/other?", "example.com#", "[::1", "example.com:99999"] {
        let mut event = event("GET", "/v1/tenants/acme", "", OPERATOR);
        event["headers"]["host"] = json!(host);
        assert_eq!(invoke(&router, event).await.status, 200, "{host}");
    }
}

#[test]
fn a_path_is_routed_on_as_the_gateway_decoded_it() {
    arbtest::arbtest(|source| {
        let path = format!("/{}", source.arbitrary::<String>()?);
        let event = serde_json::from_value(event("GET", &path, "limit=1", OPERATOR)).unwrap();
        let request = gateway::request(event).unwrap_or_else(|problem| panic!("{path:?}: {problem:?}"));
        assert_eq!(decoded(request.uri().path()), path);
        assert_eq!(request.uri().query(), Some("limit=1"));
        assert_eq!(request.uri().path().matches('/').count(), path.matches('/').count());
        assert!(request.uri().authority().is_none());
        Ok(())
    });
}
