//! What a tenant, its profile or the deployment imposes holds whatever is
//! written to a hook, in whatever order and with whichever key.

mod imposed;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tests::property_runner;
use tests::world::World;

use imposed::{Imposed, rules};

const URLS: [&str; 3] = ["https://a.example.com/", "https://b.example.com/in", "https://c.example.com/"];

/// One request to a tenant's hooks.
#[derive(Clone, Debug)]
struct Write {
    with_portal_key: bool,
    kind: Kind,
    body: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Create,
    Change,
    Recreate,
}

#[derive(Clone, Debug)]
struct Case {
    deployment: usize,
    tenant: Map<String, Value>,
    tenant_profile: bool,
    profiles: [Map<String, Value>; 2],
    writes: Vec<Write>,
}

/// A deployment's profiles that impose something, and one that does not.
const DEPLOYMENTS: [&str; 3] = ["standard", "autosend", "sendpulse"];

fn case() -> impl Strategy<Value = Case> {
    let writes = prop::collection::vec(write(), 1..7);
    (0..DEPLOYMENTS.len(), rules(), any::<bool>(), [rules(), rules()], writes).prop_map(
        |(deployment, tenant, tenant_profile, profiles, writes)| Case {
            deployment,
            tenant: tenant.0,
            tenant_profile,
            profiles: profiles.map(|rules| rules.0),
            writes,
        },
    )
}

fn write() -> impl Strategy<Value = Write> {
    let kind = prop_oneof![2 => Just(Kind::Create), 7 => Just(Kind::Change), 1 => Just(Kind::Recreate)];
    let field = |name: &'static str, values: Vec<Value>| {
        prop::option::of(prop::sample::select(values))
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    let fields = (
        field(
            "profile",
            vec![json!("one"), json!("two"), json!("standard"), json!("github"), json!("automrktr"), Value::Null],
        ),
        field("url", URLS.map(Value::from).to_vec()),
        field("name", vec![json!("abc"), json!("abc1"), json!("A b"), json!("")]),
        field("enabled", vec![json!(true), json!(false)]),
        field("signatures", vec![json!([]), json!([{ "scheme": "v1" }]), Value::Null]),
        field("secret", vec![Value::Null, json!("")]),
    );
    let own = (rules(), prop::collection::vec(prop::sample::select(imposed::NAMES.to_vec()), 0..3));
    (any::<bool>(), kind, fields, own).prop_map(|(with_portal_key, kind, fields, (own, open))| {
        let (profile, url, name, enabled, signatures, secret) = fields;
        let mut body: Map<String, Value> =
            [profile, url, name, enabled, signatures, secret].into_iter().flatten().collect();
        // A hook that decides two of them itself is refused for each, so most say little.
        body.extend(own.0.into_iter().filter(|(name, _)| !matches!(&**name, "max_hooks" | "name_pattern")).take(2));
        body.extend(open.into_iter().map(|name| (name.to_owned(), Value::Null)));
        Write { with_portal_key, kind, body }
    })
}

/// A tenant of its own for each case, in a deployment that all share.
struct Stage {
    runtime: tokio::runtime::Runtime,
    worlds: Vec<World>,
    cases: std::cell::Cell<usize>,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let worlds = runtime.block_on(async {
            let mut worlds = Vec::new();
            for profile in DEPLOYMENTS {
                worlds.push(World::with_profile(profile).await);
            }
            worlds
        });
        Self { runtime, worlds, cases: Default::default() }
    }

    async fn run(&self, case: &Case) -> Result<(), TestCaseError> {
        let number = self.cases.replace(self.cases.get() + 1);
        let world = &self.worlds[case.deployment];
        let names = ["one", "two"].map(|name| format!("{name}-{number}"));
        for (name, rules) in names.iter().zip(&case.profiles) {
            let mut profile = rules.clone();
            profile.insert("name".to_owned(), name.as_str().into());
            world.post("/v1/profiles", profile.into()).await.expect(201);
        }
        let mut tenant = case.tenant.clone();
        tenant.insert("id".to_owned(), format!("t-{number}").into());
        if case.tenant_profile {
            tenant.insert("profile".to_owned(), names[0].as_str().into());
        }
        world.post("/v1/tenants", tenant.into()).await.expect(201);
        let base = match case.tenant_profile {
            true => case.profiles[0].clone(),
            false => imposed::of_built_in(DEPLOYMENTS[case.deployment]),
        };
        let above = Imposed::new(&case.tenant).over(&Imposed::new(&base));
        let path = format!("/v1/tenants/t-{number}");
        let mut keys = Vec::new();
        for scope in ["tenant", "portal"] {
            let body = match scope {
                "portal" => json!({ "scope": scope, "expires_in": 3600 }),
                _ => json!({ "scope": scope }),
            };
            let made = world.post(&format!("{path}/keys"), body).await.expect(201).json();
            keys.push(made["key"].as_str().unwrap().to_owned());
        }
        let of_profile = |named: &Value| match named.as_str() {
            Some(name) if name == names[0] => Imposed::new(&case.profiles[0]),
            Some(name) if name == names[1] => Imposed::new(&case.profiles[1]),
            _ => Imposed::default(),
        };
        let hooks = format!("{path}/hooks");
        let (mut last, mut named): (Option<Value>, Value) = (None, Value::Null);
        let mut found_by_portal: Vec<Imposed> = Vec::new();
        for write in &case.writes {
            let key = Some(keys[usize::from(write.with_portal_key)].as_str());
            let mut body = write.body.clone();
            if let Some(Value::String(name)) = body.get_mut("profile")
                && matches!(name.as_str(), "one" | "two")
            {
                *name = format!("{name}-{number}");
            }
            let (method, target) = match (&last, write.kind) {
                (Some(hook), Kind::Change) => ("PATCH", format!("{hooks}/{}", hook["id"].as_str().unwrap())),
                (found, kind) => {
                    if let (Some(hook), Kind::Recreate) = (found, kind) {
                        let path = format!("{hooks}/{}", hook["id"].as_str().unwrap());
                        world.call("DELETE", &path, key, "").await.expect(204);
                        last = None;
                    }
                    body.entry("url").or_insert_with(|| URLS[0].into());
                    body.insert("events".to_owned(), json!(["*"]));
                    ("POST", hooks.clone())
                }
            };
            let reply = world.call(method, &target, key, Value::Object(body.clone()).to_string()).await;
            prop_assert!(matches!(reply.status, 200 | 201 | 409 | 422), "{} {}", reply.status, reply.text());
            let before = last.take().filter(|_| method == "PATCH");
            let id = match (&before, reply.status) {
                (_, 201) => reply.json()["id"].clone(),
                (Some(hook), _) => hook["id"].clone(),
                (None, _) => continue,
            };
            let now = world.get(&format!("{hooks}/{}", id.as_str().unwrap())).await.expect(200).json();
            let secret = world.get(&format!("{hooks}/{}/secret", id.as_str().unwrap())).await.expect(200).json();
            let found = match before {
                Some(_) => std::mem::take(&mut named),
                None => Value::Null,
            };
            named = match body.get("profile") {
                Some(profile) if reply.status < 300 => profile.clone(),
                _ => found.clone(),
            };
            // A hook may bring an address along into a profile that locks it from then on.
            let entered = before.as_ref().filter(|_| named == found);
            let its_profile = of_profile(&named).below(&above);
            let lifted = its_profile.lifted_by(&now, entered, &secret);
            prop_assert!(lifted.is_empty(), "{lifted:?} of its profile lifted by {write:?}: {now}");
            let mut held = vec![("the tenant's layers", above.clone())];
            // A portal key leaves no profile for a laxer one, in however many steps.
            if before.is_none() || !write.with_portal_key && body.contains_key("profile") {
                found_by_portal.clear();
            }
            if write.with_portal_key {
                found_by_portal.push(of_profile(&found).below(&above));
            }
            held.extend(found_by_portal.iter().map(|imposed| ("a profile that a portal key found", imposed.clone())));
            for (whose, imposed) in held {
                let lifted = imposed.lifted_by(&now, before.as_ref(), &secret);
                prop_assert!(lifted.is_empty(), "{lifted:?} of {whose} lifted by {write:?}: {now}");
            }
            let count = world.get(&hooks).await.expect(200).json()["total"].as_u64().unwrap();
            prop_assert!(count <= above.max_hooks(), "{count} hooks");
            last = Some(now);
        }
        Ok(())
    }
}

#[test]
fn no_write_lifts_what_the_layers_above_a_hook_impose() {
    let stage = Stage::new();
    let mut runner = property_runner(192, "HOOKLINE_RULE_CASES");
    runner.run(&case(), |case| stage.runtime.block_on(stage.run(&case))).unwrap();
}

/// A tenant's hook and how its rules are told to who tries to lift them.
#[tokio::test]
async fn a_refusal_names_the_field_the_rule_and_who_made_it() {
    let world = World::with_profile("autosend").await;
    world
        .post("/v1/profiles", json!({ "name": "careful", "rate_limit": 5, "name_pattern": "[a-z]+" }))
        .await
        .expect(201);
    let rules = json!({ "circuit_breaker": { "failures": 5 }, "secret_optional": false });
    world.patch("/v1/tenants/acme", rules).await.expect(200);
    let key = world.post("/v1/tenants/acme/keys", json!({ "scope": "portal", "expires_in": 60 })).await.expect(201);
    let portal = key.json()["key"].as_str().unwrap().to_owned();
    let hook = json!({ "url": URLS[0], "events": ["*"], "profile": "careful", "name": "one" });
    let made = world.call("POST", "/v1/tenants/acme/hooks", Some(&portal), hook.to_string()).await.expect(201).json();
    let path = format!("/v1/tenants/acme/hooks/{}", made["id"].as_str().unwrap());
    let off = json!({ "failures": 0, "probe_after": 60 });
    for (change, field, said) in [
        (json!({ "rate_limit": 6 }), "rate_limit", "profile careful imposes rate_limit 5"),
        (json!({ "circuit_breaker": off }), "circuit_breaker", "tenant acme imposes circuit_breaker"),
        (json!({ "secret_optional": true }), "secret_optional", "tenant acme imposes secret_optional false"),
        (json!({ "signatures": [] }), "signatures", "tenant acme imposes secret_optional false"),
        (json!({ "secret": null }), "secret", "required"),
        (json!({ "url_locked": false }), "url_locked", "the deployment's profile autosend imposes url_locked true"),
        (json!({ "url": URLS[1] }), "url", "the deployment's profile autosend"),
        (json!({ "name": "No 1" }), "name", "profile careful"),
        (json!({ "profile": null }), "profile", "profile careful imposes rate_limit 5"),
    ] {
        let refused = world.call("PATCH", &path, Some(&portal), change.to_string()).await.expect(422).json();
        let errors = refused["errors"].as_array().unwrap();
        let message = errors.iter().find(|error| error["field"] == field).unwrap_or_else(|| panic!("{refused}"));
        assert!(message["message"].as_str().unwrap().contains(said), "{message}");
    }
    for stricter in
        [json!({ "rate_limit": 4 }), json!({ "circuit_breaker": { "failures": 2 } }), json!({ "rate_limit": null })]
    {
        world.call("PATCH", &path, Some(&portal), stricter.to_string()).await.expect(200);
    }
    // Who looks after the tenant may take a hook out of a profile that it names.
    world.patch(&path, json!({ "profile": null })).await.expect(200);
    world.patch(&path, json!({ "url": URLS[1] })).await.expect(422);
}

#[tokio::test]
async fn a_rule_that_is_made_later_holds_for_hooks_that_are_there_already() {
    let world = World::new().await;
    let hook = world.hook(json!({ "profile": "github", "rate_limit": 100 })).await;
    let rules = json!({ "rate_limit": 10, "verification": { "required": true }, "url_locked": true });
    world.patch("/v1/tenants/acme", rules).await.expect(200);
    let shown = world.get(&hook.path()).await.expect(200).json();
    assert_eq!((&shown["rate_limit"], &shown["verification"]["required"]), (&json!(10), &json!(true)));
    world.patch(&hook.path(), json!({ "description": "what it does not name is not its fault" })).await.expect(200);
    world.patch(&hook.path(), json!({ "url": URLS[1] })).await.expect(422);
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    assert_eq!(world.endpoint.seen().len(), 1, "it has to verify itself from now on");
}

#[tokio::test]
async fn a_request_is_shown_under_the_rules_of_then() {
    let world = World::new().await;
    let verification = |header: &str| json!({ "verification": { "required": true, "header": header } });
    let mut house = verification("x-first");
    house["name"] = "house".into();
    world.post("/v1/profiles", house).await.expect(201);
    world.patch("/v1/tenants/acme", json!({ "profile": "house" })).await.expect(200);
    world.hook(json!({ "profile": "github" })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.patch("/v1/profiles/house", verification("x-second")).await.expect(200);
    let attempts = world.delivery(&event).await["attempts"].take();
    let headers = attempts[0]["request"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header["name"] == "x-first"), "{headers:?}");
}

#[test]
fn the_documents_say_what_holds_of_each_rule() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    for rule in domain::settings::Settings::RULES {
        let line = format!("| `{}` | {} |", rule.name, rule.holds);
        assert!(readme.contains(&line), "docs/settings.md has no line {line}");
    }
}
