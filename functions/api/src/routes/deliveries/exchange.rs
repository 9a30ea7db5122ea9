//! What an attempt sent, made once more from what it was made of.
//!
//! Requests are not stored: with every delivery they would cost several times
//! what the log costs. The event and the versions of hook, tenant and profile
//! give the same bytes again, and the signatures with them.

use contract::ports::StoreResult;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Revision};
use domain::event::Event;
use domain::ids::{DeliveryId, EventSeq};
use serde::Serialize;
use services::delivery::request::{self, EventToSend};
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

use crate::Deps;
use crate::routes::request_view::{Header, RequestView, masked};

/// What came back, as far as it is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceivedResponse)]
pub(crate) struct ResponseView {
    status_code: u16,
    headers: Vec<Header>,
    body: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    body_is_base64: bool,
}

impl ResponseView {
    /// None when there was no answer.
    pub(super) fn of(attempt: &Attempt) -> Option<Self> {
        Some(Self {
            status_code: attempt.status_code?,
            headers: attempt.response_headers.iter().map(Header::of).collect(),
            body: attempt.response_body.clone(),
            body_is_base64: attempt.response_is_base64,
        })
    }
}

/// Makes the requests of one delivery again.
pub(super) struct Exchanges<'a> {
    deps: &'a Deps,
    delivery: &'a Delivery,
    /// What attempts were made of, as far as it was looked up.
    hooks: Vec<(Revision, Option<ResolvedHook>)>,
}

impl<'a> Exchanges<'a> {
    pub(super) fn of(deps: &'a Deps, delivery: &'a Delivery) -> Self {
        Self { deps, delivery, hooks: Vec::new() }
    }

    /// The request, or why it cannot be shown.
    pub(super) async fn request(&mut self, attempt: &Attempt) -> StoreResult<Result<RequestView, String>> {
        if attempt.outcome == AttemptOutcome::Auth {
            return Ok(Err("no request was sent".to_owned()));
        }
        let Some(revision) = &attempt.revision else {
            return Ok(Err("it was not noted what the request was made of".to_owned()));
        };
        let mut events = Vec::new();
        for seq in travellers(self.delivery, attempt) {
            match self.event(seq).await? {
                Some(Event { data: None, .. }) => return Ok(Err("the event's payload was expunged".to_owned())),
                Some(event) => events.push(event),
                None => return Ok(Err("the event's payload has expired".to_owned())),
            }
        }
        let Some(hook) = self.hook(revision).await? else {
            return Ok(Err("the hook has changed too often since".to_owned()));
        };
        Ok(build(hook, &events, attempt))
    }

    async fn event(&self, seq: EventSeq) -> StoreResult<Option<Event>> {
        let (log, events) = (&self.deps.log, &self.deps.events);
        let tenant = &self.delivery.tenant;
        let id = match seq == self.delivery.id.event {
            true => Some(self.delivery.event_id.clone()),
            false => log.get(tenant, DeliveryId { event: seq, ..self.delivery.id }).await?.map(|row| row.event_id),
        };
        let Some(id) = id else { return Ok(None) };
        Ok(events.get(tenant, &id).await?.filter(|event| event.seq == seq))
    }

    async fn hook(&mut self, at: &Revision) -> StoreResult<Option<&ResolvedHook>> {
        let known = self.hooks.iter().position(|(revision, _)| revision == at);
        let place = match known {
            Some(place) => place,
            None => {
                let found = self.deps.resolved.at(&self.delivery.tenant, self.delivery.hook(), at).await?;
                self.hooks.push((at.clone(), found.map(masked)));
                self.hooks.len() - 1
            }
        };
        Ok(self.hooks[place].1.as_ref())
    }
}

/// All whose deliveries were in the same request, in order.
fn travellers(delivery: &Delivery, attempt: &Attempt) -> Vec<EventSeq> {
    match attempt.batch.as_slice() {
        [] => vec![delivery.id.event],
        several => several.to_vec(),
    }
}

fn build(hook: &ResolvedHook, events: &[Event], attempt: &Attempt) -> Result<RequestView, String> {
    let name = |event: &Event| DeliveryId { event: event.seq, hook: hook.hook.id };
    let subjects: Vec<EventToSend<'_>> = events
        .iter()
        .filter_map(|event| {
            Some(EventToSend {
                delivery: name(event),
                event_id: &event.id,
                event_type: &event.event_type,
                event_timestamp: event.timestamp,
                channels: &event.channels,
                data: event.data.as_deref()?,
            })
        })
        .collect();
    let id = request::name(hook, &subjects);
    let form = attempt.revision.as_ref().map_or(0, |revision| revision.form);
    RequestView::made_again(hook, &subjects, &id, attempt.at, form, attempt.with_key)
}
