//! Lists of attempts: of a message, of an endpoint; and of messages and endpoints with how they stand.

use axum::Json;
use axum::extract::Path;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::{Attempt, Delivery, OfAttempts, deliveries, delivery, in_words, status_of};
use crate::svix::access::Access;
use crate::svix::answer::Refused;
use crate::svix::endpoints::{EndpointCommon, Hook, Place};
use crate::svix::fields::Query;
use crate::svix::ids::{attempt_of, endpoint_id, found, hook_of, is_to, tenant_of};
use crate::svix::messages::{AT_A_TIME, Event, Filter, Message, find};
use crate::svix::page::{List, Listed, Page, Source, no_iterator};

/// Deliveries of one event that are looked at.
pub(super) const MOST_DELIVERIES: usize = 2_000;
/// Entries of the log that are read at once: the most that the API lists.
const MOST_OF_LOG: usize = 100;
/// How often the log is asked for one page, where a filter admits little.
const MAX_READS: usize = 20;

pub(crate) async fn list_by_message(
    access: Access,
    Path((app, message)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<List<Attempt>>, Refused> {
    let page = Page::read(&mut query);
    let of_attempts = OfAttempts::read(&mut query);
    let filter = Filter::read(&mut query);
    let endpoint = query.text("endpoint_id").value();
    query.flag("expanded_statuses");
    query.end(
        "limit, iterator, status, status_code_class, channel, tag, endpoint_id, before, after, with_content, \
         expanded_statuses, event_types",
    )?;
    let tenant = tenant_of(&app)?;
    let event = find(&access, &tenant, &message).await?;
    let only = match endpoint {
        Some(endpoint) => Some(Place { tenant: tenant.clone(), hook: hook_of(&endpoint) }.hook(&access).await?.id),
        None => None,
    };
    let mut attempts = Vec::new();
    if filter.admits(&event.event_type, &event.channels) {
        let all = deliveries(&access, &tenant, &event.id).await?;
        let wanted = all.iter().filter(|one| only.as_ref().is_none_or(|hook| is_to(&one.id, hook)));
        attempts = attempts_of(&access, &tenant, wanted.map(|one| one.id.clone()).collect()).await?;
    }
    attempts.retain(|attempt| of_attempts.admits(attempt) && filter.includes(&attempt.timestamp));
    attempts.sort_by(|a, b| (&b.timestamp, b.number, &b.id).cmp(&(&a.timestamp, a.number, &a.id)));
    let list = page.of(attempts, |attempt| attempt.id.clone())?;
    Ok(Json(list.map(|attempt| if filter.with_content { attempt } else { attempt.without_content() })))
}

/// Of these deliveries, those of each the last one first.
async fn attempts_of(access: &Access, tenant: &str, ids: Vec<String>) -> Result<Vec<Attempt>, Refused> {
    let read = stream::iter(ids).map(|id| attempts_of_one(access, tenant, id));
    let attempts: Vec<Vec<Attempt>> = read.buffered(AT_A_TIME).try_collect().await?;
    Ok(attempts.into_iter().flatten().collect())
}

async fn attempts_of_one(access: &Access, tenant: &str, id: String) -> Result<Vec<Attempt>, Refused> {
    let found: Option<Delivery> = found(delivery(access, tenant, &id).await)?;
    Ok(found.map(|delivery| delivery.attempts("")).unwrap_or_default())
}

/// Where a list of an endpoint's attempts goes on: with this attempt and those of its delivery before it, and
/// then from this cursor of the log on, if there is more.
struct Rest {
    attempt: Option<String>,
    cursor: Option<String>,
}

impl Rest {
    fn read(iterator: &str) -> Result<Self, Refused> {
        let (attempt, cursor) = iterator.split_once('~').ok_or_else(no_iterator)?;
        let full = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Self { attempt: full(attempt), cursor: full(cursor) })
    }

    fn write(self) -> String {
        format!("{}~{}", self.attempt.unwrap_or_default(), self.cursor.unwrap_or_default())
    }
}

/// A page of an endpoint's attempts, as far as it is taken together.
struct Taken<'a> {
    page: &'a Page,
    of_attempts: &'a OfAttempts,
    with_message: bool,
    /// Of the endpoint now.
    url: String,
    attempts: Vec<Attempt>,
}

impl Taken<'_> {
    /// Takes those of a delivery, from the last one or this number on. The first that has no room, if any.
    async fn take(&mut self, log: &Log<'_>, row: &Delivery, from: u64) -> Result<Option<String>, Refused> {
        let Some((delivery, event)) = log.whole(row, self.with_message).await? else { return Ok(None) };
        let with_content = log.filter.with_content;
        let message = event.filter(|_| self.with_message).map(|event| Message::of(event, with_content));
        let attempts = delivery.attempts(&self.url).into_iter();
        for attempt in attempts.filter(|one| one.number <= from && self.of_attempts.admits(one)) {
            if self.attempts.len() == self.page.limit {
                return Ok(Some(attempt.id));
            }
            let attempt = if with_content { attempt } else { attempt.without_content() };
            self.attempts.push(match &message {
                Some(message) => attempt.with_message(message.clone()),
                None => attempt,
            });
        }
        Ok(None)
    }

    fn list(self, rest: Option<Rest>) -> Json<List<Attempt>> {
        Json(List::new(self.attempts, rest.map(Rest::write)))
    }
}

pub(crate) async fn list_by_endpoint(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<List<Attempt>>, Refused> {
    let page = Page::read(&mut query);
    let of_attempts = OfAttempts::read(&mut query);
    let filter = Filter::read(&mut query);
    let with_message = query.flag("with_msg").unwrap_or(false);
    query.flag("expanded_statuses");
    query.end(
        "limit, iterator, status, status_code_class, channel, tag, before, after, with_content, with_msg, \
         expanded_statuses, event_types",
    )?;
    let log = Log { place: Place::of(&app, &endpoint)?, access: &access, filter: &filter };
    let hook = log.place.hook(&access).await?;
    let begun = page.iterator.as_deref().map(Rest::read).transpose()?;
    let (page, of_attempts) = (&page, &of_attempts);
    let mut taken = Taken { page, of_attempts, with_message, url: hook.url, attempts: Vec::new() };
    let mut cursor = None;
    if let Some(Rest { attempt, cursor: rest }) = begun {
        if let Some(attempt) = attempt {
            let (id, number) = attempt_of(&attempt).filter(|(id, _)| is_to(id, &hook.id)).ok_or_else(no_iterator)?;
            // One that is gone by now is left out.
            if let Some(row) = found(delivery(&access, &log.place.tenant, &id).await)?
                && let Some(attempt) = taken.take(&log, &row, number).await?
            {
                return Ok(taken.list(Some(Rest { attempt: Some(attempt), cursor: rest })));
            }
        }
        if rest.is_none() {
            return Ok(taken.list(None));
        }
        cursor = rest;
    }
    for _ in 0..MAX_READS {
        let (rows, next) = log.page(MOST_OF_LOG, cursor.as_deref()).await?;
        for (place, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            if let Some(attempt) = taken.take(&log, row, u64::MAX).await? {
                let cursor = if place + 1 == rows.len() { next } else { log.behind(row, cursor, place + 1).await? };
                return Ok(taken.list(Some(Rest { attempt: Some(attempt), cursor })));
            }
        }
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(taken.list(None)),
        }
    }
    Ok(taken.list(Some(Rest { attempt: None, cursor })))
}

/// The log of an endpoint, as far as a filter admits it.
struct Log<'a> {
    place: Place,
    access: &'a Access,
    filter: &'a Filter,
}

impl Log<'_> {
    /// One that cannot be read is an entry of another kind, and takes its place all the same.
    async fn page(
        &self,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Option<Delivery>>, Option<String>), Refused> {
        let path = self.place.path(&["deliveries"]);
        let source = Source { access: self.access, path: &path, asked: self.filter.asked("event_type") };
        let Listed { items, next_cursor } = source.page(limit, cursor).await?;
        Ok((items.into_iter().map(|row| serde_json::from_value(row).ok()).collect(), next_cursor))
    }

    /// Where the log goes on behind a delivery that is, or has just been, at this place of the page that begins
    /// at `cursor`. Newer ones may come before it meanwhile.
    async fn behind(
        &self,
        row: &Delivery,
        mut cursor: Option<String>,
        mut limit: usize,
    ) -> Result<Option<String>, Refused> {
        for _ in 0..MAX_READS {
            let (rows, next) = self.page(limit, cursor.as_deref()).await?;
            match rows.iter().position(|one| one.as_ref().is_some_and(|one| one.id == row.id)) {
                Some(place) if place + 1 == rows.len() => return Ok(next),
                Some(place) => limit = place + 1,
                None if next.is_some() => (cursor, limit) = (next, MOST_OF_LOG),
                // It is gone, and so are those before it.
                None => return Ok(None),
            }
        }
        Err(Refused::later("too much is sent at the same time: ask again"))
    }

    async fn event(&self, id: &str) -> Result<Option<Event>, Refused> {
        found(self.access.api().get(&["v1", "tenants", &self.place.tenant, "events", id], &[]).await)
    }

    /// A delivery with its attempts, and its event where that has to be known. None where it is not wanted.
    async fn whole(&self, row: &Delivery, with_event: bool) -> Result<Option<(Delivery, Option<Event>)>, Refused> {
        let event = match with_event || self.filter.needs_event() {
            true => self.event(&row.event_id).await?,
            false => None,
        };
        let is_wanted = |event: &Event| self.filter.admits(&event.event_type, &event.channels);
        if self.filter.needs_event() && !event.as_ref().is_some_and(is_wanted) {
            return Ok(None);
        }
        let whole = found(delivery(self.access, &self.place.tenant, &row.id).await)?;
        Ok(whole.map(|delivery| (delivery, event)))
    }
}

/// A message, and how it stands with an endpoint.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointMessage {
    #[serde(flatten)]
    message: Message,
    status: u8,
    status_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt: Option<String>,
}

pub(crate) async fn messages_of_endpoint(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<List<EndpointMessage>>, Refused> {
    let page = Page::read(&mut query);
    let filter = Filter::read(&mut query);
    let status = query.number("status", &[0, 1, 2, 3, 4]);
    let expanded = query.flag("expanded_statuses").unwrap_or(false);
    query.end("limit, iterator, channel, tag, status, before, after, with_content, expanded_statuses, event_types")?;
    let log = Log { place: Place::of(&app, &endpoint)?, access: &access, filter: &filter };
    log.place.hook(&access).await?;
    let (mut taken, mut cursor) = (Vec::new(), page.iterator);
    for _ in 0..MAX_READS {
        let (rows, next) = log.page(page.limit - taken.len(), cursor.as_deref()).await?;
        for row in rows.into_iter().flatten() {
            let stands = status_of(&row.status, expanded);
            if status.is_some_and(|status| status != u16::from(stands)) {
                continue;
            }
            let Some(event) = log.event(&row.event_id).await? else { continue };
            if filter.admits(&event.event_type, &event.channels) {
                taken.push(EndpointMessage {
                    message: Message::of(event, filter.with_content),
                    status: stands,
                    status_text: in_words(stands),
                    next_attempt: row.next_attempt_at,
                });
            }
        }
        cursor = next;
        if cursor.is_none() || taken.len() >= page.limit {
            break;
        }
    }
    Ok(Json(List::new(taken, cursor)))
}

/// An endpoint, and how a message stands with it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageEndpoint {
    #[serde(flatten)]
    endpoint: EndpointCommon,
    status: u8,
    status_text: &'static str,
    next_attempt: Option<String>,
}

pub(crate) async fn endpoints_of_message(
    access: Access,
    Path((app, message)): Path<(String, String)>,
    Query(mut query): Query,
) -> Result<Json<List<MessageEndpoint>>, Refused> {
    let page = Page::read(&mut query);
    query.end("limit, iterator")?;
    let tenant = tenant_of(&app)?;
    let event = find(&access, &tenant, &message).await?;
    let all = deliveries(&access, &tenant, &event.id).await?;
    let (page, rest) = page.of(all, |delivery| endpoint_id(&delivery.hook_id))?.into_parts();
    let mut endpoints = Vec::with_capacity(page.len());
    for delivery in page {
        let path = ["v1", "tenants", &*tenant, "hooks", &*delivery.hook_id];
        // One that was deleted meanwhile is shown no more.
        let Some(hook) = found(access.api().get::<Hook>(&path, &[]).await)? else { continue };
        let status = status_of(&delivery.status, false);
        endpoints.push(MessageEndpoint {
            endpoint: hook.into(),
            status,
            status_text: in_words(status),
            next_attempt: delivery.next_attempt_at,
        });
    }
    Ok(Json(rest.with(endpoints)))
}
