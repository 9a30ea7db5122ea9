//! Messages are events.

use std::collections::HashSet;

use api_client::Refusal;
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::access::Access;
use super::answer::Refused;
use super::applications::{ApplicationIn, get_or_make};
use super::fields::{Body, Fields, Given, NAME, Query, is_name};
use super::ids::{event_id, event_of_event_id, events_of, found, made_event, tenant_of};
use super::page::{List, Page, Source};

/// A tag is a channel that no endpoint can name.
pub(crate) const TAG: &str = "tag:";
const MAX_CHANNELS: usize = 5;
/// With as many channels, an event has no room for more.
const MAX_TAGS: usize = 11;
/// An event's id has at most 128 characters.
const MAX_EVENT_ID: usize = 123;
/// Requests to the API that are made at the same time.
pub(crate) const AT_A_TIME: usize = 8;
const KNOWN: &str =
    "eventType, payload, eventId, channels, tags, deliverAt, transformationsParams.rawPayload, application";

/// An event, as far as it is shown here.
#[derive(Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) timestamp: String,
    pub(crate) channels: Vec<String>,
    pub(crate) data: Option<Box<RawValue>>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    event_id: Option<String>,
    event_type: String,
    payload: Box<RawValue>,
    channels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    pub(crate) id: String,
    timestamp: String,
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap_or_default()
}

impl Message {
    pub(crate) fn of(event: Event, with_content: bool) -> Self {
        let payload = match (with_content, event.data) {
            (false, _) => raw("{}"),
            (true, Some(data)) => data,
            (true, None) => raw(r#"{"expired":true}"#),
        };
        let (tags, channels): (Vec<String>, Vec<String>) =
            event.channels.into_iter().partition(|channel| channel.starts_with(TAG));
        let tags: Vec<String> = tags.iter().map(|tag| tag[TAG.len()..].to_owned()).collect();
        Self {
            event_id: event_id(&event.id),
            event_type: event.event_type,
            payload,
            channels: Some(channels).filter(|channels| !channels.is_empty()),
            tags: Some(tags).filter(|tags| !tags.is_empty()),
            id: event.id,
            timestamp: event.timestamp,
        }
    }
}

/// What the API publishes.
#[derive(Serialize)]
struct NewEvent<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    data: &'a RawValue,
    channels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<String>,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
    timestamp: String,
}

fn take_names(body: &mut Fields, name: &str, most: usize) -> Vec<String> {
    let Given::Value(names) = body.read::<Vec<String>>(name, "names, or null") else { return Vec::new() };
    if !(1..=most).contains(&names.len()) {
        body.refuse(name, format!("{name} must have at least 1 and at most {most} items, or be set to null."));
    } else if !names.iter().all(|one| is_name(one)) {
        body.refuse(name, NAME);
    }
    names
}

/// The payload: the text of `transformationsParams.rawPayload` where there is one.
fn take_payload(body: &mut Fields) -> Box<RawValue> {
    let payload = match body.take("data") {
        Some(data) => Some(data),
        None => body.required::<Box<RawValue>>("payload", "an object"),
    };
    if payload.as_ref().is_some_and(|payload| !payload.get().starts_with('{')) {
        body.refuse("payload", "Payload must be an object.");
    }
    let given = body.object("transformationsParams", |params| {
        let text = params.text("rawPayload").value();
        let parsed = text.map(RawValue::from_string);
        if matches!(parsed, Some(Err(_))) {
            params.refuse("rawPayload", "expected JSON: what is sent is JSON");
        }
        params.object("headers", |headers| {
            let json = headers.text("content-type").value();
            if json.is_some_and(|kind| kind.split(';').next() != Some("application/json")) {
                headers.refuse("content-type", "expected application/json");
            }
        });
        parsed.and_then(Result::ok)
    });
    given.flatten().or(payload).unwrap_or_default()
}

pub(crate) async fn create(
    access: Access,
    Path(app): Path<String>,
    Query(mut query): Query,
    Body(mut body): Body,
) -> Result<Response, Refused> {
    let with_content = query.flag("with_content").unwrap_or(true);
    query.end("with_content")?;
    let event_type = body.required::<String>("eventType", "a text").unwrap_or_default();
    if !event_type.is_empty() && !is_name(&event_type) {
        body.refuse("eventType", NAME);
    }
    let given_id = body.text("eventId").value();
    match &given_id {
        Some(id) if !is_name(id) => body.refuse("eventId", NAME),
        Some(id) if id.starts_with("msg_") => body.refuse("eventId", "cannot begin with msg_, as ids do"),
        Some(id) if id.len() > MAX_EVENT_ID => {
            body.refuse("eventId", format!("is too long: expected at most {MAX_EVENT_ID} characters"));
        }
        _ => {}
    }
    let data = take_payload(&mut body);
    let channels = take_names(&mut body, "channels", MAX_CHANNELS);
    let tags = take_names(&mut body, "tags", MAX_TAGS);
    let deliver_at = body.text("deliverAt").value();
    let application = body.object("application", ApplicationIn::whole);
    body.end(KNOWN)?;
    let tenant = get_or_make(&access, &app, application).await?;
    let tags = tags.iter().map(|tag| format!("{TAG}{tag}"));
    let channels: Vec<String> = channels.into_iter().chain(tags).collect();
    let id = match &given_id {
        Some(id) => event_of_event_id(id),
        None => made_id(&access)?,
    };
    let new = NewEvent { id: &id, event_type: &event_type, data: &data, channels: channels.clone(), deliver_at };
    // One without an eventId was named by this request, and is published once by that.
    let unique: &[(&str, &str)] = if given_id.is_some() { &[("unique", "true")] } else { &[] };
    let accepted: Result<Accepted, Refusal> =
        access.once().post_with(&["v1", "tenants", &tenant, "events"], unique, &new).await;
    let Accepted { id, timestamp } = accepted.map_err(|refusal| match (&*refusal.code, &given_id) {
        ("id_taken", Some(id)) => Refused::conflict(format!("a message with the eventId {id} was published before")),
        ("not_found", _) => Refused::new(StatusCode::NOT_FOUND, "not_found", "Application not found"),
        _ => refusal.into(),
    })?;
    let event = Event { id, event_type, timestamp, channels, data: Some(data) };
    Ok((StatusCode::ACCEPTED, Json(Message::of(event, with_content))).into_response())
}

/// The id of a message that has no other name: of its request, where that has one.
fn made_id(access: &Access) -> Result<String, Refused> {
    let mut bytes = [0_u8; 16];
    match access.idempotency_key() {
        Some(key) => bytes.copy_from_slice(&Sha256::digest(key)[..16]),
        None => getrandom::fill(&mut bytes).map_err(|_| {
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no random numbers can be had")
        })?,
    }
    Ok(made_event(bytes))
}

/// The event of a path, by its message's id or `eventId`.
pub(crate) async fn find(access: &Access, tenant: &str, message: &str) -> Result<Event, Refused> {
    for id in events_of(message) {
        if let Some(event) = found(access.api().get(&["v1", "tenants", tenant, "events", &id], &[]).await)? {
            return Ok(event);
        }
    }
    Err(Refused::not_found())
}

pub(crate) async fn get(
    access: Access,
    Path((app, message)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<Message>, Refused> {
    let with_content = query.flag("with_content").unwrap_or(true);
    query.end("with_content")?;
    let event = find(&access, &tenant_of(&app)?, &message).await?;
    Ok(Json(Message::of(event, with_content)))
}

pub(crate) async fn expunge(
    access: Access,
    Path((app, message)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let tenant = tenant_of(&app)?;
    let event = find(&access, &tenant, &message).await?;
    access.api().delete(&["v1", "tenants", &tenant, "events", &event.id, "data"]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An event of a list.
#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    channels: Vec<String>,
    accepted_at: String,
}

/// Which messages a list is of.
pub(crate) struct Filter {
    pub(crate) event_types: Option<Vec<String>>,
    pub(crate) channel: Option<String>,
    pub(crate) tag: Option<String>,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
    pub(crate) with_content: bool,
}

impl Filter {
    pub(crate) fn read(query: &mut Fields) -> Self {
        Self {
            event_types: query.names("event_types"),
            channel: query.name("channel"),
            tag: query.name("tag").map(|tag| format!("{TAG}{tag}")),
            before: query.time("before"),
            after: query.time("after"),
            with_content: query.flag("with_content").unwrap_or(true),
        }
    }

    /// The part of it that the API knows, by what it calls the type.
    pub(crate) fn asked(&self, event_type: &'static str) -> Vec<(&'static str, String)> {
        let mut asked = Vec::new();
        asked.extend(self.after.map(|after| ("since", after.to_string())));
        asked.extend(self.before.map(|before| ("until", before.to_string())));
        if let Some([one]) = self.event_types.as_deref() {
            asked.push((event_type, one.clone()));
        }
        asked
    }

    /// Whether something of this time is between `after` and `before`.
    pub(crate) fn includes(&self, at: &str) -> bool {
        let Ok(at) = at.parse::<Timestamp>() else { return true };
        self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at < before)
    }

    pub(crate) fn admits(&self, event_type: &str, channels: &[String]) -> bool {
        self.event_types.as_ref().is_none_or(|types| types.iter().any(|one| one == event_type))
            && [&self.channel, &self.tag].into_iter().flatten().all(|one| channels.contains(one))
    }

    /// Whether it has to be known what was published, which the log does not say.
    pub(crate) fn needs_event(&self) -> bool {
        self.channel.is_some() || self.tag.is_some() || self.event_types.as_ref().is_some_and(|types| types.len() > 1)
    }
}

pub(crate) async fn list(
    access: Access,
    Path(app): Path<String>,
    Query(mut query): Query,
) -> Result<Json<List<Message>>, Refused> {
    let page = Page::read(&mut query);
    let filter = Filter::read(&mut query);
    query.end("limit, iterator, channel, tag, before, after, with_content, event_types")?;
    let tenant = tenant_of(&app)?;
    let mut rest = filter.asked("type");
    rest.extend(filter.channel.as_ref().or(filter.tag.as_ref()).map(|channel| ("channel", channel.clone())));
    let path = ["v1", "tenants", &*tenant, "events"];
    let source = Source { access: &access, path: &path, asked: rest };
    let admits = |entry: &Entry| filter.admits(&entry.event_type, &entry.channels);
    let (entries, next) = source.walk(page.limit, page.iterator, admits).await?;
    // One whose fan-out was broken off and resumed may be listed twice.
    let mut shown = HashSet::new();
    let entries: Vec<Entry> = entries.into_iter().filter(|entry| shown.insert(entry.id.clone())).collect();
    let whole = stream::iter(entries).map(|entry| entry.event(&access, &tenant));
    let events: Vec<Event> = whole.buffered(AT_A_TIME).try_collect().await?;
    let messages = events.into_iter().map(|event| Message::of(event, filter.with_content)).collect();
    Ok(Json(List::new(messages, next)))
}

impl Entry {
    /// As it was published. One that is gone by now is shown without its payload.
    async fn event(self, access: &Access, tenant: &str) -> Result<Event, Refused> {
        let path = ["v1", "tenants", tenant, "events", &*self.id];
        let known: Option<Event> = found(access.api().get(&path, &[]).await)?;
        Ok(known.unwrap_or(Event {
            id: self.id,
            event_type: self.event_type,
            timestamp: self.accepted_at,
            channels: self.channels,
            data: None,
        }))
    }
}

/// Whether anybody would get a message.
#[derive(Serialize)]
pub(crate) struct Precheck {
    active: bool,
}

#[derive(Deserialize)]
struct Subscriber {
    channels: Vec<String>,
}

pub(crate) async fn precheck(
    access: Access,
    Path(app): Path<String>,
    Body(mut body): Body,
) -> Result<Json<Precheck>, Refused> {
    let event_type = body.required::<String>("eventType", "a text").unwrap_or_default();
    let channels = take_names(&mut body, "channels", MAX_CHANNELS);
    body.end("eventType, channels")?;
    let tenant = tenant_of(&app)?;
    let path = ["v1", "tenants", &*tenant, "hooks"];
    let asked = vec![("event", event_type), ("enabled", "true".to_owned())];
    let hooks: Vec<Subscriber> = Source { access: &access, path: &path, asked }.all(usize::MAX).await?;
    let active =
        hooks.iter().any(|hook| hook.channels.is_empty() || hook.channels.iter().any(|one| channels.contains(one)));
    Ok(Json(Precheck { active }))
}
