//! Slack, Discord and Teams take what the profiles and the recipes send. The
//! receivers answer as their documents say (read in November 2026), and refuse what
//! those say is wrong.

use std::path::Path;

use contract::ports::HttpRequest;
use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
fn slack(request: &HttpRequest) -> Answer {
    let answer = |status, text: &str| Answer::Body(status, text.to_owned());
    let Some(body) = json_of(request).filter(Value::is_object) else { return answer(400, "invalid_payload") };
    let is_text = |text: &Value| text.as_str().is_some_and(|text| !text.is_empty() && text.len() <= 40_000);
    if !body.get("text").is_some_and(is_text) {
        return answer(400, "no_text");
    }
    let blocks = body["blocks"].as_array().cloned().unwrap_or_default();
    let is_block = |block: &Value| {
        let text = &block["text"];
        block["type"] == "section"
            && text["type"] == "mrkdwn"
            && text["text"].as_str().is_some_and(|text| text.len() <= 3_000)
    };
    match blocks.iter().all(is_block) {
        true => answer(200, "ok"),
        false => answer(400, "invalid_blocks"),
    }
}

/// <https://docs.discord.com/developers/resources/webhook#execute-webhook>
fn discord(request: &HttpRequest) -> Answer {
    let invalid = |code: u32, message: &str| Answer::Body(400, json!({ "message": message, "code": code }).to_string());
    let Some(body) = json_of(request) else { return invalid(50_109, "The request body contains invalid JSON.") };
    let content = body["content"].as_str().unwrap_or_default();
    let embeds = body["embeds"].as_array().cloned().unwrap_or_default();
    let fits = |text: &Value, most: usize| text.as_str().is_none_or(|text| text.encode_utf16().count() <= most);
    if content.is_empty() && embeds.is_empty() {
        return invalid(50_006, "Cannot send an empty message");
    }
    let is_embed = |embed: &Value| fits(&embed["title"], 256) && fits(&embed["description"], 4_096);
    let parse = &body["allowed_mentions"]["parse"];
    if content.encode_utf16().count() > 2_000 || !embeds.iter().all(is_embed) || !(parse.is_null() || parse.is_array())
    {
        return invalid(50_035, "Invalid Form Body");
    }
    Answer::Status(204)
}

/// <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>
fn teams(request: &HttpRequest) -> Answer {
    let refused =
        |why: &str| Answer::Body(400, json!({ "error": { "code": "InvalidRequest", "message": why } }).to_string());
    let Some(body) = json_of(request) else { return refused("the body is not JSON") };
    let Some(attachments) = body["attachments"].as_array().filter(|all| !all.is_empty()) else {
        return refused("'attachments' must be a valid array");
    };
    let is_card = |one: &Value| {
        let card = &one["content"];
        let elements = card["body"].as_array();
        one["contentType"] == "application/vnd.microsoft.card.adaptive"
            && card["type"] == "AdaptiveCard"
            && card["version"].is_string()
            && elements.is_some_and(|elements| elements.iter().all(|element| element["type"].is_string()))
    };
    if body["type"] != "message" || !attachments.iter().all(is_card) {
        return refused("Property 'type' must be 'AdaptiveCard'");
    }
    if request.body.len() > 28 * 1_024 {
        return refused("the message is larger than 28 KB");
    }
    Answer::Status(202)
}

fn json_of(request: &HttpRequest) -> Option<Value> {
    let is_json = request.headers.iter().any(|(name, value)| name == "content-type" && value == "application/json");
    serde_json::from_slice(&request.body).ok().filter(|_| is_json)
}

type Receiver = fn(&HttpRequest) -> Answer;
const RECEIVERS: [(&str, Receiver, u16); 3] = [("slack", slack, 200), ("discord", discord, 204), ("teams", teams, 202)];

async fn hook(world: &World, receiver: Receiver, body: Value) -> Value {
    world.endpoint.receive(body["url"].as_str().unwrap(), receiver);
    world.post(&format!("/v1/tenants/{TENANT}/hooks"), body).await.expect(201).json()
}

/// The status that one event was answered with, and the body that it had.
async fn sent(world: &World, kind: &str, data: Value) -> (Value, Value) {
    let event = world.publish(json!({ "type": kind, "data": data })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    let body = world.endpoint.seen().last().map(|sent| serde_json::from_str(sent.text()).unwrap()).unwrap_or_default();
    (delivery["last_attempt"]["status_code"].clone(), body)
}

#[tokio::test]
async fn a_hook_needs_only_the_profile_and_the_url() {
    let members: serde_json::Map<String, Value> =
        (0..2_500).map(|n| (format!("_field_{n}"), json!("<&>*[x](y)\u{1F600}".repeat(5)))).collect();
    for (profile, receiver, status) in RECEIVERS {
        let world = World::new().await;
        let url = "https://chat.example.com/in";
        let made = hook(&world, receiver, json!({ "profile": profile, "url": url, "events": ["*"] })).await;
        assert_eq!(made["secret"], Value::Null, "nobody there checks a signature");
        for data in [
            json!({ "number": 7, "who": "A <b> & *c*" }),
            json!({}),
            json!(1.5),
            json!([1, null]),
            json!("text"),
            Value::Null,
            json!(members),
        ] {
            let (answered, body) = sent(&world, "invoice.paid", data.clone()).await;
            assert_eq!(answered, json!(status), "{profile}: {body}");
        }
        let headers = &world.endpoint.seen()[0].headers;
        assert!(!headers.iter().any(|(name, _)| name.contains("signature")), "{headers:?}");
    }
}

#[tokio::test]
async fn texts_of_the_profiles_are_escaped_as_each_reads_them() {
    let data = json!({ "who": "A <@U1> & *c*", "total": 2 });
    let texts = [
        ("slack", "/text", "*invoice.paid*\n• total: 2\n• who: A &lt;@U1&gt; &amp; *c*"),
        ("discord", "/content", "**invoice.paid**\ntotal: 2\nwho: A \\<@U1\\> & \\*c\\*"),
        ("teams", "/attachments/0/content/body/1/text", "total: 2\n\nwho: A \\<@U1\\> & \\*c\\*\n\n"),
    ];
    for (profile, pointer, expected) in texts {
        let world = World::new().await;
        let url = "https://chat.example.com/in";
        hook(&world, slack, json!({ "profile": profile, "url": url, "events": ["*"] })).await;
        let (_, body) = sent(&world, "invoice.paid", data.clone()).await;
        assert_eq!(body.pointer(pointer), Some(&json!(expected)), "{body}");
        if profile == "discord" {
            assert_eq!(body["allowed_mentions"], json!({ "parse": [] }), "it mentions nobody");
        }
    }
}

#[tokio::test]
async fn every_recipe_of_the_documents_is_taken() {
    let invoice = json!({ "number": "A-7/1", "total": 1200, "currency": "EUR", "customer": { "name": "Smith & <Sons>" },
                          "lines": [{ "count": 2, "title": "Hats & caps" }] });
    for (name, receiver, status) in RECEIVERS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/recipes/{name}.json"));
        let recipe: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let world = World::new().await;
        world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "attributes": { "plan": "gold" } })).await.expect(200);
        hook(&world, receiver, recipe).await;
        for kind in ["invoice.paid", "invoice.sent"] {
            let (answered, body) = sent(&world, kind, invoice.clone()).await;
            assert_eq!(answered, json!(status), "{name}: {body}");
            let told = body.to_string();
            match (name, kind) {
                ("slack", "invoice.paid") => assert!(
                    told.contains(
                        "*Smith &amp; &lt;Sons&gt;* has paid 1200 EUR (<https://app.example.com/invoices/A-7/1|"
                    ),
                    "{told}"
                ),
                ("slack", _) => assert_eq!(body["text"], "Invoice A-7/1: invoice.sent\n• 2 × Hats &amp; caps"),
                ("discord", _) => assert_eq!(body["content"], format!("{kind} for gold")),
                _ => assert!(told.contains("Smith & \\\\<Sons\\\\>"), "{told}"),
            }
        }
    }
}

#[tokio::test]
async fn what_a_receiver_refuses_is_in_the_log_and_not_tried_again() {
    let empty = |field: &str| json!({ "mappings": [{ "field": field, "template": "{{ data.none|default('') }}" }] });
    let cases: [(&str, Receiver, Value, &str); 3] = [
        ("slack", slack, empty("text"), "no_text"),
        ("discord", discord, empty("content"), "50006"),
        ("teams", teams, json!({ "raw": true }), "attachments"),
    ];
    for (profile, receiver, payload, told) in cases {
        let world = World::new().await;
        let url = "https://chat.example.com/in";
        hook(&world, receiver, json!({ "profile": profile, "url": url, "events": ["*"], "payload": payload })).await;
        let event = world.publish(json!({ "type": "a", "data": {} })).await;
        world.settle().await;
        let delivery = world.delivery(&event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("failed"), &json!(1)), "{delivery}");
        let attempt = &delivery["last_attempt"];
        assert_eq!(attempt["status_code"], 400);
        assert!(attempt["response_body"].as_str().is_some_and(|text| text.contains(told)), "{attempt}");
    }
}

#[tokio::test]
async fn discord_is_sent_again_when_it_says_so() {
    let world = World::new().await;
    let url = "https://chat.example.com/in";
    hook(&world, discord, json!({ "profile": "discord", "url": url, "events": ["*"] })).await;
    world.endpoint.answer(url, [Answer::Later(429, "65".to_owned())]);
    let event = world.publish(json!({ "type": "a", "data": {} })).await;
    world.settle().await;
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
    let sent = world.endpoint.seen();
    assert!(sent[1].at.since(sent[0].at).as_secs() >= 65, "{sent:?}");
}
