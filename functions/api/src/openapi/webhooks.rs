//! Requests to endpoints, as OpenAPI has them: `webhooks`.
//!
//! The API's document has Hookline's own events, and a tenant's the event types of its catalogue.

pub(crate) mod catalogue;
pub(super) mod own;
pub(crate) mod schemas;

use domain::event_type::EventTypeEntry;
use domain::payload::DataSchema;
use domain::settings::{Complete, ContentType, HeaderWriter, Method};
use domain::signature::SignatureSetting;
use serde_json::{Map, Value, json};

/// Headers that OpenAPI has no parameters for.
const ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];
const BATCH_HEADER: &str = "webhook-delivery-ids";

/// The request that an event of one type becomes. `link` leads to its body.
pub(crate) fn request(entry: &EventTypeEntry, settings: &Complete, link: &Value, body: &Value) -> Value {
    let name = entry.name.as_str();
    let mut operation = json!({
        "operationId": format!("on.{name}"),
        "tags": ["events"],
        "summary": name,
        "security": [],
        "parameters": headers(settings),
        "responses": answers(settings),
    });
    if !entry.description.is_empty() {
        operation["description"] = entry.description.clone().into();
    }
    if entry.deprecated {
        operation["deprecated"] = true.into();
    }
    let method = settings.method.as_str().to_ascii_lowercase();
    if settings.method == Method::Get {
        let all = operation["parameters"].as_array_mut().into_iter();
        all.for_each(|parameters| parameters.extend(query(body)));
    } else {
        let batch = settings.batch.max_events > 0;
        let media_type = match settings.content_type {
            ContentType::Json => settings.media_type.of(batch),
            ContentType::Form => "application/x-www-form-urlencoded",
        };
        let schema = if batch { json!({ "type": "array", "items": link }) } else { link.clone() };
        let mut content = json!({ "schema": schema });
        if settings.payload.is_standard_for(&entry.name)
            && let Some(example) = entry.example.as_ref().filter(|_| !batch)
            && let Ok(data) = serde_json::from_str::<Value>(example.get())
        {
            content["example"] = json!({ "type": name, "timestamp": "2026-01-31T09:30:00.000Z", "data": data });
        }
        operation["requestBody"] = json!({ "required": true, "content": { media_type: content } });
    }
    json!({ method: operation })
}

/// The body of an event of one type.
pub(crate) fn body(entry: &EventTypeEntry, settings: &Complete, data: DataSchema<'_>) -> Value {
    let mut body = settings.payload.schema(&entry.name, data);
    if let Some(body) = body.as_object_mut().filter(|body| body.contains_key("properties"))
        && !entry.description.is_empty()
    {
        body.insert("description".to_owned(), entry.description.clone().into());
    }
    body
}

/// The payload of a GET is its query.
fn query(body: &Value) -> Vec<Value> {
    let required = body["required"].as_array().cloned().unwrap_or_default();
    let parameter = |(name, schema): (&String, &Value)| {
        let required = required.iter().any(|one| one == name);
        json!({ "name": name, "in": "query", "required": required, "style": "deepObject", "schema": schema })
    };
    body["properties"].as_object().into_iter().flatten().map(parameter).collect()
}

fn headers(settings: &Complete) -> Vec<Value> {
    let mut headers = Vec::new();
    for (name, writer) in settings.header_names() {
        let is_batch = settings.batch.max_events > 0;
        if ELSEWHERE.contains(&&*name) || (name == BATCH_HEADER && !is_batch) {
            continue;
        }
        let (required, description) = match writer {
            HeaderWriter::Signatures => (!settings.secret_optional, signature(&name, &settings.signatures)),
            HeaderWriter::Verification => (false, "What the endpoint has to return, until it is verified".to_owned()),
            HeaderWriter::Auth => (true, "The credential that the endpoint asked for".to_owned()),
            HeaderWriter::Headers => (false, "Set by the hook's `headers`".to_owned()),
            HeaderWriter::Hookline if name == BATCH_HEADER => {
                (true, "The ids of the deliveries, in the order of the array".to_owned())
            }
            HeaderWriter::Hookline if name == "traceparent" => {
                (false, "Where the event was published in a trace, or this attempt (W3C Trace Context)".to_owned())
            }
            HeaderWriter::Hookline | HeaderWriter::ContentType => continue,
        };
        headers.push(json!({
            "name": name, "in": "header", "required": required, "description": description,
            "schema": { "type": "string" },
        }));
    }
    headers
}

/// What a header of a signature holds, and how it is checked.
fn signature(name: &str, signatures: &[SignatureSetting]) -> String {
    let Some(setting) = signatures.iter().find(|one| one.header_names().iter().any(|own| own == name)) else {
        return "Part of the signature".to_owned();
    };
    if setting.key_id_header.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)) {
        return "The keys of the signatures, in their order: `kid` in `/.well-known/jwks.json`".to_owned();
    }
    if !setting.header().is_some_and(|own| own.eq_ignore_ascii_case(name)) {
        return match name {
            name if name.ends_with("-id") => "The message: the same in every attempt, so that it is handled once",
            name if name.ends_with("-timestamp") => "When this attempt was made, in seconds; refuse what is old",
            _ => "Part of the signature (RFC 9421)",
        }
        .to_owned();
    }
    setting.description()
}

/// What counts as taken, and what becomes of the rest.
fn answers(settings: &Complete) -> Value {
    let mut answers = Map::new();
    let mut tell = |status: String, text: &str| {
        answers.insert(status.replace("xx", "XX"), json!({ "description": text }));
    };
    for statuses in &settings.success.final_statuses {
        tell(statuses.to_string(), "Refused: no other attempt is made");
    }
    for statuses in &settings.success.statuses {
        tell(statuses.to_string(), "Taken");
    }
    tell("default".to_owned(), "Tried again, as the hook's `retry` says");
    answers.into()
}
