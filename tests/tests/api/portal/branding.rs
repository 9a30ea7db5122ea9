//! How a tenant's portal looks.

use serde_json::{Value, json};
use tests::world::World;

use super::{OWN, session, token};

const ACME: &str = "/v1/tenants/acme";

fn portal() -> Value {
    json!({
        "name": "Acme hooks", "logo_url": "https://cdn.example.com/logo.svg",
        "colours": { "accent": "#8ab4f8", "background": "#000000", "text": "#ffffff" },
        "font": "serif", "texts": { "title": "Your hooks", "help": "Ask us.\nAny time." }, "theme": "dark",
        "locale": "de-AT", "embed_origins": ["https://app.example.com", "https://app.example.com:8443"],
    })
}

#[tokio::test]
async fn a_portal_is_kept_with_its_tenant_until_it_is_null() {
    let world = World::new().await;
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], Value::Null);
    let mut shown = portal();
    assert_eq!(
        world.patch(ACME, json!({ "portal": portal() })).await.expect(200).json()["portal"]["name"],
        "Acme hooks"
    );
    for text in ["welcome", "no_hooks", "footer"] {
        assert!(shown["texts"].get(text).is_none());
    }
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], shown);
    world.patch(ACME, json!({ "name": "Acme" })).await.expect(200);
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], shown, "what is absent stays");
    world.patch(ACME, json!({ "portal": { "name": "Hooks" } })).await.expect(200);
    for (field, _) in shown.as_object().unwrap().clone() {
        shown[field] = Value::Null;
    }
    shown["name"] = json!("Hooks");
    shown["embed_origins"] = json!([]);
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], shown, "it is replaced as a whole");
    world.patch(ACME, json!({ "portal": null })).await.expect(200);
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], Value::Null);
    let made = world.post("/v1/tenants", json!({ "id": "new", "portal": portal() })).await.expect(201).json();
    assert_eq!(made["portal"], portal());
}

#[tokio::test]
async fn a_session_sees_how_its_portal_looks_with_all_that_was_left_open() {
    let world = World::new().await;
    world.patch(ACME, json!({ "name": "Acme" })).await.expect(200);
    let session = session(&world, json!({})).await;
    let standard = json!({
        "name": "Acme", "logo_url": null,
        "colours": { "accent": "#1d4ed8", "background": "#ffffff", "text": "#111827" },
        "font": "system", "texts": {}, "theme": "auto", "locale": null, "embed_origins": [],
    });
    assert_eq!(session["branding"], standard);
    world.patch(ACME, json!({ "portal": portal() })).await.expect(200);
    assert_eq!(world.call("GET", OWN, token(&session), "").await.expect(200).json()["branding"], portal());
}

#[tokio::test]
async fn all_mistakes_of_a_portal_are_told_at_once_by_their_names() {
    let world = World::new().await;
    let wrong = json!({
        "name": "x".repeat(201), "logo_url": "http://cdn.example.com/logo.svg",
        "colours": { "accent": "#ffff00", "background": "#ffffff", "text": "#eeeeee" }, "font": "comic",
        "texts": { "title": "x".repeat(101), "slogan": "" }, "theme": "blue", "locale": "German",
        "embed_origins": ["https://app.example.com/", "*"], "banner": 1,
    });
    let refused = world.patch(ACME, json!({ "portal": wrong, "retention_days": 0 })).await.expect(422).json();
    let mut fields: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    let mut expected = vec![
        "portal.name",
        "portal.logo_url",
        "portal.colours.accent",
        "portal.colours.text",
        "portal.font",
        "portal.texts.title",
        "portal.texts.slogan",
        "portal.theme",
        "portal.locale",
        "portal.embed_origins[0]",
        "portal.embed_origins[1]",
        "portal.banner",
        "retention_days",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected, "{refused}");
    let contrast = refused["errors"].as_array().unwrap().iter().find(|error| error["field"] == "portal.colours.accent");
    let message = "#ffff00 on #ffffff has a contrast of 1.0; expected at least 4.5";
    assert_eq!(contrast.unwrap()["message"], message);
    assert_eq!(world.get(ACME).await.expect(200).json()["portal"], Value::Null);
}
