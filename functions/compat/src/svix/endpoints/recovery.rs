//! Sending again, trying out, and counting.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Place;
use crate::svix::access::Access;
use crate::svix::answer::Refused;
use crate::svix::fields::{Body, Fields, Given, NAME, Query, is_name};
use crate::svix::messages::{Event, Message, TAG};
use crate::svix::tasks::{Replay, Started};

/// Deliveries per second that are sent again.
const RATE: u32 = 100;
/// How often the API is asked to count on; it counts 20,000 entries each time.
const MOST_COUNTINGS: usize = 10;

/// `since` and `until`.
fn take_times(body: &mut Fields) -> Map<String, Value> {
    let mut fields = Map::new();
    let words = "a time as in RFC 3339, with its offset";
    let since = body.required::<Timestamp>("since", words);
    let until = body.read::<Timestamp>("until", words).value();
    fields.extend(since.map(|since| ("since".to_owned(), since.to_string().into())));
    fields.extend(until.map(|until| ("until".to_owned(), until.to_string().into())));
    fields
}

async fn start(
    access: &Access,
    (app, endpoint): (String, String),
    kind: &str,
    mut fields: Map<String, Value>,
) -> Result<Response, Refused> {
    let place = Place::of(&app, &endpoint)?;
    fields.insert("kind".to_owned(), kind.into());
    fields.insert("rate".to_owned(), RATE.into());
    let replay: Replay = access.once().post(&place.path(&["replays"]), &fields).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::of(&place.tenant, &replay))).into_response())
}

/// Of all from one time to another.
async fn start_of_all(
    access: &Access,
    place: (String, String),
    kind: &str,
    mut body: Fields,
) -> Result<Response, Refused> {
    let fields = take_times(&mut body);
    body.end("since, until")?;
    start(access, place, kind, fields).await
}

pub(crate) async fn recover(
    access: Access,
    Path(place): Path<(String, String)>,
    Body(body): Body,
) -> Result<Response, Refused> {
    start_of_all(&access, place, "failed", body).await
}

pub(crate) async fn replay_missing(
    access: Access,
    Path(place): Path<(String, String)>,
    Body(body): Body,
) -> Result<Response, Refused> {
    start_of_all(&access, place, "missing", body).await
}

pub(crate) async fn bulk_replay(
    access: Access,
    Path(place): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<Response, Refused> {
    let mut fields = take_times(&mut body);
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match body.read::<u8>("status", "a number from 0 to 4") {
        Given::Absent | Given::Null => {}
        Given::Value(0) => drop(set("only_status", "succeeded".into())),
        Given::Value(1) => drop(set("only_status", "pending".into())),
        Given::Value(2) => drop(set("only_status", "failed".into())),
        Given::Value(3) => drop(set("only_status", "retrying".into())),
        Given::Value(4) => drop(set("only_status", "skipped".into())),
        Given::Value(_) => body.refuse("status", "expected a number from 0 to 4"),
    }
    match body.read::<u16>("statusCodeClass", "100, 200, 300, 400 or 500") {
        Given::Absent | Given::Null => {}
        Given::Value(class @ (100 | 200 | 300 | 400 | 500)) => drop(set("code", format!("{}xx", class / 100).into())),
        Given::Value(_) => body.refuse("statusCodeClass", "expected 100, 200, 300, 400 or 500"),
    }
    if let Given::Value(types) = body.read::<Vec<String>>("eventTypes", "names, or null") {
        if types.is_empty() || !types.iter().all(|one| is_name(one)) {
            body.refuse("eventTypes", NAME);
        }
        set("event_types", json!(types));
    }
    for (name, prefix) in [("channel", ""), ("tag", TAG)] {
        if let Some(value) = body.text(name).value() {
            if !is_name(&value) {
                body.refuse(name, NAME);
            }
            let channels = fields.entry("channels").or_insert_with(|| json!([]));
            if let Some(channels) = channels.as_array_mut() {
                channels.push(format!("{prefix}{value}").into());
            }
        }
    }
    body.end("since, until, eventTypes, channel, tag, status, statusCodeClass")?;
    start(&access, place, "range", fields).await
}

/// An exchange that was made to try an endpoint out.
#[derive(Deserialize)]
struct Tried {
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    headers: Vec<Header>,
    body: String,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

pub(crate) async fn send_example(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<Json<Message>, Refused> {
    let event_type = body.required::<String>("eventType", "a text").unwrap_or_default();
    let payload = body.read::<Box<RawValue>>("payload", "an object").value();
    if payload.as_ref().is_some_and(|payload| !payload.get().starts_with('{')) {
        body.refuse("payload", "Payload must be an object.");
    }
    if !matches!(body.read::<u32>("exampleIndex", "a number"), Given::Absent | Given::Null | Given::Value(0)) {
        body.refuse("exampleIndex", "expected 0: an event type has one example");
    }
    body.end("eventType, payload, exampleIndex")?;
    let place = Place::of(&app, &endpoint)?;
    #[derive(Serialize)]
    struct Asked<'a> {
        event_type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Box<RawValue>>,
    }
    let asked = Asked { event_type: &event_type, data: payload };
    let Tried { request } = access.once().post(&place.path(&["test"]), &asked).await?;
    let Some(Request { headers, body }) = request else {
        return Err(Refused::conflict("the endpoint's settings make no request"));
    };
    let header = |suffix: &str| {
        let found = headers.iter().find(|header| header.name.to_ascii_lowercase().ends_with(suffix));
        found.map(|header| header.value.clone()).unwrap_or_default()
    };
    let at = header("-timestamp").parse().ok().and_then(|at| Timestamp::from_second(at).ok());
    let event = Event {
        id: header("-id"),
        event_type,
        timestamp: at.unwrap_or_default().to_string(),
        channels: Vec::new(),
        data: RawValue::from_string(body).ok(),
    };
    Ok(Json(Message::of(event, true)))
}

#[derive(Deserialize)]
struct Counted {
    by_status: Map<String, Value>,
}

#[derive(Serialize)]
pub(crate) struct Stats {
    success: u64,
    pending: u64,
    sending: u64,
    fail: u64,
    canceled: u64,
}

/// `since` and `until`, as the API takes them.
fn take_period(query: &mut Fields) -> Vec<(&'static str, String)> {
    let times = ["since", "until"].map(|name| query.time(name).map(|at| (name, at.to_string())));
    times.into_iter().flatten().collect()
}

fn borrowed<'a>(query: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    query.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

pub(crate) async fn stats(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<Stats>, Refused> {
    let period = take_period(&mut query);
    query.end("since, until")?;
    let place = Place::of(&app, &endpoint)?;
    let Counted { by_status } = access.api().get(&place.path(&["stats"]), &borrowed(&period)).await?;
    let of = |status: &str| by_status.get(status).and_then(Value::as_u64).unwrap_or_default();
    Ok(Json(Stats {
        success: of("succeeded"),
        pending: of("pending") + of("waiting"),
        sending: of("retrying"),
        fail: of("failed"),
        canceled: of("skipped"),
    }))
}

#[derive(Deserialize)]
struct Counts {
    items: Vec<Interval>,
    /// Null where all is counted.
    counted_until: Option<String>,
}

#[derive(Deserialize)]
struct Interval {
    attempts: u64,
    succeeded: u64,
    skipped: u64,
}

#[derive(Serialize)]
pub(crate) struct AttemptStats {
    success: u64,
    fail: u64,
    canceled: u64,
}

/// Each request counts some more, and one of the last ones all that is asked for.
async fn counted(access: &Access, tenant: &str, asked: &[(&str, &str)]) -> Result<Vec<Interval>, Refused> {
    for _ in 0..MOST_COUNTINGS {
        let Counts { items, counted_until } = access.api().get(&["v1", "tenants", tenant, "counts"], asked).await?;
        if counted_until.is_none() {
            return Ok(items);
        }
    }
    Err(Refused::later("not all attempts are counted yet: ask again"))
}

/// Of whole hours.
pub(crate) async fn attempt_stats(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<AttemptStats>, Refused> {
    let mut asked = take_period(&mut query);
    query.end("since, until")?;
    let place = Place::of(&app, &endpoint)?;
    asked.push(("hook", place.hook(&access).await?.id));
    let items = counted(&access, &place.tenant, &borrowed(&asked)).await?;
    let sum = |of: fn(&Interval) -> u64| items.iter().map(of).sum();
    let (attempts, success): (u64, u64) = (sum(|one| one.attempts), sum(|one| one.succeeded));
    Ok(Json(AttemptStats { success, fail: attempts - success, canceled: sum(|one| one.skipped) }))
}
