//! Which hooks of a tenant an event went to, by what the others passed it over,
//! and what came of each delivery.
//!
//! Whether it went to a hook is what its fan-out recorded, and no second judgement.
//! That is made only to tell why, of the hook as it was when the event was accepted,
//! as far as that version is kept.

mod fanout;
mod holds;
mod page;
mod verdict;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use contract::ports::{OfRow as _, StoreError, Unreadable};
use domain::event::Event;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, HookId};
use domain::tenant::Tenant;
use domain::time::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use services::delivery::former_hook::version_at;
use utoipa::IntoParams;

use super::deliveries::DeliveryView;
use super::hooks::owner;
use crate::Deps;
use crate::auth::InPortal;
use crate::input::{Query, Segments, limit, page_size, segment};
use crate::listed::ListEntry;
use crate::problem::Problem;
use fanout::Fanout;
use page::{Entry, HookPage};
use verdict::{Judged, Subject};
use views::{Explanation, HookExplanation, shorten};

/// Hooks of a page that are looked into at once.
const AT_ONCE: usize = 16;
const SECONDS_PER_DAY: u64 = 24 * 3600;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainQuery {
    /// Only this hook, also one that was deleted since
    #[param(pattern = "^hook_[0-9A-HJKMNP-TV-Z]{26}$")]
    hook: Option<String>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// What all entries of one answer are told from.
struct Explainer<'a> {
    deps: &'a Deps,
    tenant: Arc<Tenant>,
    event: Event,
    fanout: Fanout,
    now: Timestamp,
}

/// Why an event went to each hook, or did not
///
/// For each hook of the tenant, oldest first: whether the event went to it, and
/// what came of that, or by what it was passed over. Hooks that were deleted since
/// are among them if it went to them. A page may hold fewer than `limit`
/// entries while `next_cursor` says that there are more.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}/explain", operation_id = "events.explain", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path), ExplainQuery), responses(
    (status = 200, body = Explanation),
    (status = 404, description = "No such hook, or no such event is kept: it says since when events are kept")
))]
pub(crate) async fn explain(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Explanation>, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    let limit = limit(query.limit)?;
    let hook = query.hook.as_deref().map(str::parse::<HookId>).transpose();
    let hook = hook.map_err(|error| Problem::bad_parameter("hook", error.to_string()))?;
    if hook.is_some() && query.cursor.is_some() {
        return Err(Problem::bad_parameter("cursor", "goes with no hook: there is one entry"));
    }
    let tenant = owner(&deps, &tenant).await?;
    let now = deps.clock.now();
    let Some(event) = deps.events.get(&tenant.id, &id).await? else {
        let expired_at = deps.events.expired_at(&tenant.id, &id).await?;
        return Err(not_kept(expired_at, tenant.retention(deps.retention), now));
    };
    let fanout = Fanout::read(&deps, &event).await?;
    let page = match hook {
        Some(hook) => HookPage::of_one(&deps, &event, &fanout, hook).await?,
        None => HookPage::read(&deps, &event, &fanout, limit, query.cursor.as_deref()).await?,
    };
    let explainer = Explainer { deps: &deps, tenant, event, fanout, now };
    let explaining: Vec<_> = page.entries.iter().map(|entry| explainer.entry(entry)).collect();
    let explained = futures::stream::iter(explaining).buffered(AT_ONCE).try_collect().await?;
    let Explainer { event, fanout, .. } = explainer;
    // One hook may fill kilobytes, and an answer of Lambda is bounded.
    let (kept, cut) = shorten(explained);
    let next_cursor = page.cursor_after(&event, cut);
    let mut items: Vec<ListEntry<HookExplanation>> = Vec::new();
    if query.cursor.is_none() {
        items.extend(fanout.unreadable.iter().cloned().map(Into::into));
    }
    items.extend(kept);
    Ok(Json(Explanation { event: (&event, &fanout).into(), items, next_cursor }))
}

/// Of most events that have expired nothing is left that tells them from an id
/// that was never used.
fn not_kept(expired_at: Option<Timestamp>, retention: Duration, now: Timestamp) -> Problem {
    let (days, since) = (retention.as_secs() / SECONDS_PER_DAY, now.saturating_sub(retention));
    Problem::not_found(&match expired_at {
        Some(at) => format!("event: it expired at {at}; events are kept for {days} days"),
        None => format!(
            "event: events are kept for {days} days, so what was accepted before {since} has expired; any other was \
             never published under this id, or a moment ago"
        ),
    })
}

impl Explainer<'_> {
    async fn entry(&self, entry: &Entry) -> Result<(HookId, ListEntry<HookExplanation>), Problem> {
        Ok(match entry {
            Entry::Hook(hook) => (hook.id, self.hook(hook).await?),
            Entry::Deleted(id) => {
                let delivery = DeliveryView::orphaned(&self.event, *id);
                (*id, ListEntry::Read(HookExplanation::deleted(*id, delivery)))
            }
            Entry::Unreadable(id, unreadable) => (*id, Unreadable::clone(unreadable).into()),
        })
    }

    async fn hook(&self, hook: &Hook) -> Result<ListEntry<HookExplanation>, Problem> {
        let accepted_at = self.event.seq.at();
        let then = version_at(self.deps.stored_hooks.as_ref(), hook, accepted_at).await?;
        let judged = Judged::new(hook, then, &self.event);
        let subject = Subject { event: &self.event, hook, judged: &judged, fanout: &self.fanout };
        if !self.fanout.chosen.contains(&hook.id) {
            return Ok(ListEntry::Read(HookExplanation::passed_over(&subject)));
        }
        let id = DeliveryId { event: self.event.seq, hook: hook.id };
        let row = match self.deps.log.get(&self.tenant.id, id).await {
            Ok(row) => row,
            Err(StoreError::Unreadable(unreadable)) => return Ok(unreadable.into()),
            Err(error) => return Err(error.into()),
        };
        let holds = holds::holds(self.deps, &self.tenant, hook, &self.event, row.as_ref(), self.now).await;
        let holds = match holds.listed(hook.id)? {
            Ok(holds) => holds,
            // Such as its profile.
            Err(of) => return Ok(Unreadable { id: hook.id.to_string(), why: of.to_string() }.into()),
        };
        Ok(ListEntry::Read(HookExplanation::chosen(&subject, row.as_ref(), holds)))
    }
}
