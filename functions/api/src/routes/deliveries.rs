mod exchange;
mod views;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::messages::DeliveryMessage;
use contract::ports::{Expected, Listed, LogFilter, StoreError};
use domain::delivery::{Delivery, Status, Trigger};
use domain::ids::{DeliveryId, EventId, HookId, TenantId, new_ulid};
use domain::key::KeyHash;
use domain::settings::StatusRange;
use domain::strict::known;
use domain::time::Timestamp;
use serde::Deserialize;
use services::delivery::activity;
use services::delivery::claim::EXPUNGED;
use utoipa::IntoParams;

use super::hooks::find as find_hook;
use crate::Deps;
use crate::auth::{InPortal, MaySendAgain, NamedRequest};
use crate::input::{PageQuery, Query, Segments, limit, page_size, segment};
use crate::listed::ListEntry;
use crate::problem::Problem;
pub(crate) use views::{AttemptView, DeliveryView};
use views::{DeliveryList, DeliveryWithAttempts};

/// How far the entries of a log are counted.
const MAX_COUNT: usize = 10_000;
const COUNTED_AT_ONCE: usize = 1_000;
const MAX_COUNT_READS: usize = 30;

/// How often one request reads on when a filter admits little.
const MAX_READS: usize = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// `pending` finds no delivery whose first attempt is still to be made: it
    /// has no entry yet, and is found by its event
    #[serde(default, deserialize_with = "known")]
    status: Option<Status>,
    /// Only deliveries of this event id
    #[param(pattern = r"^(?!(\.{1,2}|batch)$)[A-Za-z0-9_.:-]{1,128}$")]
    event: Option<String>,
    /// Only events of this type
    #[param(pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    event_type: Option<String>,
    /// Status code of the last answer: exact (`503`) or a class (`5xx`)
    #[param(pattern = "^[1-5](xx|[0-9]{2})$")]
    code: Option<String>,
    /// Only events accepted for fan-out at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
    /// Counts the entries on all pages as well, up to 10,000: `total`
    count: Option<bool>,
}

impl LogQuery {
    fn filter(&self) -> Result<LogFilter, Problem> {
        let event = match &self.event {
            Some(text) => Some(text.parse().map_err(|error| Problem::bad_parameter("event", format!("{error}")))?),
            None => None,
        };
        let event_type = self.event_type.as_deref().map(str::parse).transpose();
        let event_type = event_type.map_err(|error| Problem::bad_parameter("event_type", format!("{error}")))?;
        let range = self.code.as_deref().map(str::parse::<StatusRange>).transpose();
        let range = range.map_err(|error| Problem::bad_parameter("code", error.to_string()))?;
        let codes = range.map(|range| (range.low, range.high));
        Ok(LogFilter { status: self.status, event, event_type, codes, since: self.since, until: self.until })
    }
}

/// The log of a hook, newest event first
///
/// A page may hold fewer than `limit` entries, also none, while
/// `next_cursor` says that there are more.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/deliveries", operation_id = "hooks.list_deliveries", tag = "deliveries",
    params(("tenant" = String, Path), ("hook" = String, Path), LogQuery), responses(
    (status = 200, body = DeliveryList)
))]
pub(crate) async fn of_hook(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<LogQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let (filter, limit) = (query.filter()?, limit(query.limit)?);
    let hook = find_hook(&deps, &tenant, &params).await?;
    let mut items: Vec<Listed<Delivery>> = Vec::new();
    let mut cursor = query.cursor;
    for _ in 0..MAX_READS {
        let page = deps.log.list(&tenant, hook.id, &filter, limit - items.len(), cursor.as_deref()).await?;
        items.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || items.len() == limit {
            break;
        }
    }
    let mut list = DeliveryList::new(ListEntry::all(items, |delivery| DeliveryView::from(&delivery)), cursor);
    if query.count == Some(true) {
        let (total, is_exact) = count(&deps, &tenant, hook.id, &filter).await?;
        (list.total, list.total_is_exact) = (Some(total), Some(is_exact));
    }
    Ok(Json(list))
}

/// How many entries pass, and whether that is all: both what is counted and what
/// is looked at for it are bounded.
async fn count(deps: &Deps, tenant: &TenantId, hook: HookId, filter: &LogFilter) -> Result<(usize, bool), Problem> {
    let (mut total, mut cursor) = (0, None);
    for _ in 0..MAX_COUNT_READS {
        let room = (MAX_COUNT - total).min(COUNTED_AT_ONCE);
        let page = deps.log.list(tenant, hook, filter, room, cursor.as_deref()).await?;
        total += page.items.len();
        match page.next {
            Some(next) if total < MAX_COUNT => cursor = Some(next),
            next => return Ok((total, next.is_none())),
        }
    }
    Ok((total, false))
}

/// The deliveries of an event, one for each hook that matched
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}/deliveries", operation_id = "events.list_deliveries", tag = "deliveries",
    params(("tenant" = String, Path), ("event" = String, Path), PageQuery), responses(
    (status = 200, body = DeliveryList)
))]
pub(crate) async fn of_event(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<PageQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    let limit = limit(query.limit)?;
    let event = deps.events.get(&tenant, &id).await?.ok_or_else(|| Problem::not_found("event"))?;
    let Place { mut shown, mut page } = Place::read(query.cursor.as_deref())?;
    let mut items = Vec::new();
    loop {
        let found = deps.events.pages(&tenant, &id, 1, page.as_deref()).await?;
        if let Some(Err(unreadable)) = found.items.first() {
            items.push(unreadable.clone().into());
        }
        let hooks = found.items.iter().flatten().flat_map(|page| &page.hooks);
        let left: Vec<HookId> = hooks.skip(shown).copied().collect();
        let room = limit.saturating_sub(items.len());
        for hook in left.iter().take(room) {
            if !deps.hooks.exists(&tenant, *hook).await? {
                items.push(ListEntry::Read(DeliveryView::orphaned(&event, *hook)));
                continue;
            }
            items.push(match deps.log.get(&tenant, DeliveryId { event: event.seq, hook: *hook }).await {
                Ok(Some(row)) => ListEntry::Read(DeliveryView::from(&row)),
                Ok(None) => ListEntry::Read(DeliveryView::pending(&event, *hook)),
                Err(StoreError::Unreadable(unreadable)) => unreadable.into(),
                Err(error) => return Err(error.into()),
            });
        }
        if left.len() > room {
            shown += room;
        } else if let Some(next) = found.next {
            (shown, page) = (0, Some(next));
        } else {
            return Ok(Json(DeliveryList::new(items, None)));
        }
        if items.len() >= limit {
            return Ok(Json(DeliveryList::new(items, Some(Place { shown, page }.write()))));
        }
    }
}

/// Where a list of an event's deliveries goes on: a page of its fan-out, by the
/// store's cursor, and how many hooks of it were shown.
struct Place {
    shown: usize,
    page: Option<String>,
}

impl Place {
    fn read(cursor: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = cursor else { return Ok(Self { shown: 0, page: None }) };
        let (shown, page) = text.split_once('.').ok_or(StoreError::BadCursor)?;
        let shown = shown.parse().map_err(|_| StoreError::BadCursor)?;
        Ok(Self { shown, page: Some(page.to_owned()).filter(|page| !page.is_empty()) })
    }

    fn write(self) -> String {
        format!("{}.{}", self.shown, self.page.unwrap_or_default())
    }
}

/// One delivery with all its attempts, each with what was sent and answered
///
/// Secrets in requests are masked, signatures are not.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/deliveries/{delivery}", operation_id = "deliveries.get", tag = "deliveries",
    params(("tenant" = String, Path), ("delivery" = String, Path)), responses(
    (status = 200, body = DeliveryWithAttempts)
))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<DeliveryWithAttempts>, Problem> {
    let delivery = find(&deps, &tenant, &params).await?;
    Ok(Json(DeliveryWithAttempts::read(&deps, &delivery).await?))
}

/// Attempt a delivery once more, now
///
/// It neither uses up a scheduled retry nor adds one. A request that is sent again with its
/// `Idempotency-Key`, before others have asked for the same, makes no other attempt.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/deliveries/{delivery}/retry", operation_id = "deliveries.retry", tag = "deliveries",
    params(("tenant" = String, Path), ("delivery" = String, Path)), responses(
    (status = 202, body = DeliveryView),
    (status = 409, description = "The hook is disabled, or the payload is gone")
))]
pub(crate) async fn retry(
    MaySendAgain(tenant): MaySendAgain,
    NamedRequest { asked_with, key }: NamedRequest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let delivery = find(&deps, &tenant, &params).await?;
    let hook_id: HookId = delivery.hook();
    let hook = deps.hooks.get(&tenant, hook_id).await?;
    if hook.as_ref().is_some_and(|hook| hook.has_expired(deps.clock.now())) {
        return Err(Problem::conflict("the hook has expired; give it another expires_at first"));
    }
    if hook.is_some_and(|hook| !hook.enabled) {
        return Err(Problem::conflict("the hook is disabled; enable it first"));
    }
    let Some(event) = deps.events.get(&tenant, &delivery.event_id).await? else {
        return Err(Problem::conflict("the event's payload has expired"));
    };
    if event.data.is_none() {
        return Err(Problem::conflict(EXPUNGED));
    }
    let message = DeliveryMessage {
        // Asked for by hand: it goes out even when the event has expired.
        not_after: None,
        request: Some(match key {
            Some(key) => format!("key_{}", KeyHash::of(&asked_with.request(&key)).as_str()),
            None => new_ulid(deps.clock.now(), deps.random.as_ref()).to_string(),
        }),
        ..DeliveryMessage::of(&event, hook_id, Trigger::Manual)
    };
    deps.redeliveries.send_one(message.to_outgoing()).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::from(&delivery))))
}

/// Cancel a delivery
///
/// One that is still to be sent, at its time, by a retry or once its hook is enabled, is skipped
/// instead. A request that is on its way at this moment may still arrive.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/deliveries/{delivery}/cancel", operation_id = "deliveries.cancel", tag = "deliveries",
    params(("tenant" = String, Path), ("delivery" = String, Path)), responses(
    (status = 200, body = DeliveryView),
    (status = 409, description = "It has ended already")
))]
pub(crate) async fn cancel(
    MaySendAgain(tenant): MaySendAgain,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<DeliveryView>, Problem> {
    // A retry may be logged meanwhile.
    for _ in 0..CANCEL_TRIES {
        let mut delivery = find(&deps, &tenant, &params).await?;
        let expected = Expected::of(Some(&delivery));
        if !matches!(delivery.status, Status::Pending | Status::Retrying | Status::Waiting) {
            return Err(Problem::conflict(format!("the delivery has ended already: {}", delivery.status.as_str())));
        }
        delivery.skip(CANCELLED, deps.clock.now());
        match deps.log.record(&delivery, expected).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => continue,
            Err(error) => return Err(error.into()),
        }
        if let Some(event) = deps.events.get(&tenant, &delivery.event_id).await? {
            activity::note_skipped(deps.activity.as_ref(), &event, &delivery).await?;
        }
        return Ok(Json(DeliveryView::from(&delivery)));
    }
    Err(StoreError::Conflict.into())
}

const CANCEL_TRIES: usize = 5;
/// Why a delivery was skipped that somebody has cancelled.
const CANCELLED: &str = "cancelled by request";

async fn find(deps: &Deps, tenant: &TenantId, params: &Segments) -> Result<Delivery, Problem> {
    let id: DeliveryId = segment(params, "delivery", "delivery")?;
    // The log of a hook goes with it, at once to all who look.
    if !deps.hooks.exists(tenant, id.hook).await? {
        return Err(Problem::not_found("delivery"));
    }
    deps.log.get(tenant, id).await?.ok_or_else(|| Problem::not_found("delivery"))
}
