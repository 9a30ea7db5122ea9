//! Events by poll, from what the tenant's activity lists. A cursor is a time and the event that was told last.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::rpc::{self, Answer, Failure, Session};
use super::{arguments, events};

const USUAL_EVENTS: usize = 50;
const MAX_EVENTS: usize = 100;
/// How far back events are told of again, and how many are looked through for it.
const LONGEST_LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
const MAX_PAGES: usize = 20;
/// What is listed at the same time by several may still come in between.
const LAG: SignedDuration = SignedDuration::from_secs(2);
const NEXT_POLL_MS: u32 = 30_000;
const AT_ONCE: usize = 8;

#[derive(Serialize, Deserialize)]
struct Cursor(Timestamp, String);

impl Cursor {
    /// None of what nobody here has written: its place is not known.
    fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!([self.0, self.1]).to_string())
    }
}

#[derive(Clone, Deserialize)]
struct Listed {
    id: String,
    listed_at: Timestamp,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    #[serde(rename = "type")]
    name: String,
    timestamp: String,
    data: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence {
    event_id: String,
    name: String,
    timestamp: String,
    data: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Polled {
    events: Vec<Occurrence>,
    cursor: String,
    truncated: bool,
    has_more: bool,
    next_poll_ms: u32,
}

pub(super) async fn poll(session: &Session<'_>) -> Answer {
    let request = session.request;
    let name: String = request.required("name", "the name of an event type")?;
    let asked: Map<String, Value> = request.optional("arguments", "an object")?.unwrap_or_default();
    let given: Option<String> = request.optional("cursor", "a text or null")?;
    let cursor = given.as_deref().and_then(Cursor::read);
    let max_age: Option<u64> = request.optional("maxAgeMs", "a whole number of milliseconds")?;
    let most = request.optional::<usize>("maxEvents", "a whole number")?.unwrap_or(USUAL_EVENTS);
    if most == 0 {
        return Err(Failure::invalid_params("maxEvents: expected at least 1"));
    }
    let most = most.min(MAX_EVENTS);
    let found = events::find(session, &name).await?;
    arguments::check(found.schema.as_ref(), &asked)?;
    let now = session.caller().await?.now;
    let until = now.checked_sub(LAG).map_err(|_| Failure::internal("the time is out of range"))?;
    let Some(Cursor(after, last)) = cursor else {
        let cursor = Cursor(until, String::new()).write();
        return answer(&Polled {
            events: Vec::new(),
            cursor,
            // A client asks again with what it is given, and never begins anew by itself.
            truncated: given.is_some(),
            has_more: false,
            next_poll_ms: NEXT_POLL_MS,
        });
    };
    let max_age =
        max_age.and_then(|age| i64::try_from(age).ok()).map_or(LONGEST_LOOK_BACK, SignedDuration::from_millis);
    let floor = now.checked_sub(max_age.min(LONGEST_LOOK_BACK)).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut truncated = after < floor;
    let since = after.max(floor);
    let (mut listed, is_whole) = listed(session, &name, since, until).await?;
    truncated |= !is_whole;
    // Behind the one that was told last; of those listed at once, the order is the same each time.
    if let Some(at) = listed.iter().position(|one| one.listed_at == after && one.id == last) {
        listed.drain(..=at);
    }
    let has_more = listed.len() > most;
    listed.truncate(most);
    let place = match listed.last() {
        Some(one) => Cursor(one.listed_at, one.id.clone()),
        None => Cursor(since.max(until), if until > since { String::new() } else { last }),
    };
    let read = listed.into_iter().map(|one| occurrence(session, one.id, &asked));
    let found: Vec<Option<Occurrence>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let events = found.into_iter().flatten().collect();
    answer(&Polled { events, cursor: place.write(), truncated, has_more, next_poll_ms: NEXT_POLL_MS })
}

fn answer(polled: &Polled) -> Answer {
    rpc::result(polled)
}

/// The oldest first, and whether it is all there is.
async fn listed(
    session: &Session<'_>,
    name: &str,
    since: Timestamp,
    until: Timestamp,
) -> Result<(Vec<Listed>, bool), Failure> {
    let (since, until) = (since.to_string(), until.to_string());
    let (mut all, mut cursor): (Vec<Listed>, Option<String>) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let mut query = vec![("type", name), ("since", &since), ("until", &until), ("limit", "100")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let path = session.path(&["events"]);
        let page: Page = session.api.get(&path, &query).await.map_err(|refusal| session.refused(refusal))?;
        // What cannot be read has no id.
        all.extend(page.items.into_iter().filter_map(|item| serde_json::from_value(item).ok()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    all.reverse();
    Ok((all, cursor.is_none()))
}

/// None where it is not asked for, or gone.
async fn occurrence(
    session: &Session<'_>,
    id: String,
    asked: &Map<String, Value>,
) -> Result<Option<Occurrence>, Failure> {
    let path = [session.path(&["events"]).as_slice(), &[id.as_str()]].concat();
    let stored: Stored = match session.api.get(&path, &[]).await {
        Ok(stored) => stored,
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => return Ok(None),
        Err(refusal) => return Err(session.refused(refusal)),
    };
    let Some(data) = stored.data else { return Ok(None) };
    let is_asked = serde_json::from_str(data.get()).is_ok_and(|value| arguments::admit(asked, &value));
    let Stored { id: event_id, name, timestamp, .. } = stored;
    Ok(is_asked.then_some(Occurrence { event_id, name, timestamp, data }))
}
