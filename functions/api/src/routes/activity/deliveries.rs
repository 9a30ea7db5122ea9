use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::{StoreError, StoreResult, TimeRange};
use domain::activity::Activity;
use domain::delivery::{AttemptOutcome, Status};
use domain::ids::{DeliveryId, HookId, TenantId};
use domain::settings::StatusRange;
use domain::strict::known;
use domain::time::Timestamp;
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::walk::{Found, Scope, Walk};
use super::{EntryFilter, parsed, refuse};
use crate::Deps;
use crate::auth::{InPortal, Operator};
use crate::input::{Query, limit, page_size};
use crate::listed::ListEntry;
use crate::problem::Problem;
use crate::routes::deliveries::DeliveryView;

/// Rows that are read at a time.
const AT_A_TIME: usize = 16;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    #[serde(default, deserialize_with = "known")]
    status: Option<Status>,
    /// How the last attempt ended
    #[serde(default, deserialize_with = "known")]
    outcome: Option<AttemptOutcome>,
    /// Status code of the last answer: exact (`503`) or a class (`5xx`)
    #[param(pattern = "^[1-5](xx|[0-9]{2})$")]
    code: Option<String>,
    /// Only events of this type; a pattern such as `post.*` takes those below
    event_type: Option<String>,
    /// Only events with this channel
    channel: Option<String>,
    /// Only deliveries to this hook
    hook: Option<String>,
    /// Only deliveries of this event id
    event: Option<String>,
    /// Only event ids that begin so
    event_prefix: Option<String>,
    /// Only what changed last at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only what changed last before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListedDelivery {
    /// Whose it is, where all tenants are listed
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(flatten)]
    delivery: DeliveryView,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListedDeliveries {
    #[schema(inline)]
    items: Vec<ListEntry<ListedDelivery>>,
    /// Pass it as `cursor` to read on; null on the last page. A page may hold fewer than
    /// `limit` entries, also none, while there are more.
    next_cursor: Option<String>,
}

struct Filter {
    entry: EntryFilter,
    status: Option<Status>,
    outcome: Option<AttemptOutcome>,
    codes: Option<StatusRange>,
}

impl Filter {
    fn admits(&self, entry: &Activity) -> bool {
        let attempt = entry.attempt.as_ref();
        let code = attempt.and_then(|attempt| attempt.status_code);
        entry.hook.is_some()
            && self.entry.admits(entry)
            && self.status.is_none_or(|status| status == entry.status)
            && self.outcome.is_none_or(|outcome| attempt.is_some_and(|attempt| attempt.outcome == outcome))
            && self.codes.is_none_or(|range| code.is_some_and(|code| (range.low..=range.high).contains(&code)))
    }
}

async fn list_of(deps: &Deps, scope: Scope, query: DeliveryQuery) -> Result<Json<ListedDeliveries>, Problem> {
    let limit = limit(query.limit)?;
    let mut errors = Vec::new();
    let filter = Filter {
        entry: EntryFilter {
            event_type: parsed("event_type", query.event_type.as_ref(), &mut errors),
            channel: parsed("channel", query.channel.as_ref(), &mut errors),
            id: parsed("event", query.event.as_ref(), &mut errors),
            id_prefix: query.event_prefix,
            hook: parsed("hook", query.hook.as_ref(), &mut errors),
        },
        status: query.status,
        outcome: query.outcome,
        codes: parsed("code", query.code.as_ref(), &mut errors),
    };
    refuse(errors)?;
    let shows_tenant = matches!(scope, Scope::All);
    let times = TimeRange { since: query.since, until: query.until };
    let mut walk = Walk::new(deps, scope, "deliveries", times, query.cursor.as_deref())?;
    let (mut items, mut shown, mut hooks) = (Vec::new(), HashSet::new(), Hooks::default());
    loop {
        let mut candidates: Vec<Found> = Vec::new();
        while items.len() + candidates.len() < limit {
            let Some(found) = walk.next().await? else { break };
            if found.entry.as_ref().map_or(true, |entry| filter.admits(entry)) {
                candidates.push(found);
            }
        }
        if candidates.is_empty() {
            break;
        }
        hooks.learn(deps, &candidates).await?;
        let mut views = stream::iter(candidates).map(|found| view(deps, &hooks, found)).buffered(AT_A_TIME);
        while let Some(found) = views.next().await {
            match found? {
                Some((id, delivery)) if shown.insert(id.clone()) => {
                    let tenant = shows_tenant.then(|| id.0.clone());
                    items.push(delivery.map(|delivery| ListedDelivery { tenant, delivery }));
                }
                _ => {}
            }
        }
    }
    Ok(Json(ListedDeliveries { items, next_cursor: walk.cursor() }))
}

/// A delivery as it is now, named by its tenant and its id. None where another entry is the one
/// that tells of it, or it is gone.
async fn view(
    deps: &Deps,
    hooks: &Hooks,
    found: Found,
) -> Result<Option<((String, String), ListEntry<DeliveryView>)>, Problem> {
    let tenant = found.tenant;
    let entry = match found.entry {
        Ok(entry) => entry,
        Err(unreadable) => return Ok(Some(((tenant.to_string(), unreadable.id.clone()), unreadable.into()))),
    };
    let Some(hook) = entry.hook else { return Ok(None) };
    // The log of a hook goes with it, at once to all who look.
    if !hooks.exist(&tenant, hook) {
        return Ok(None);
    }
    let id = DeliveryId { event: entry.event, hook };
    let name = (tenant.to_string(), id.to_string());
    let row = match deps.log.get(&tenant, id).await {
        Err(StoreError::Unreadable(unreadable)) => return Ok(Some((name, unreadable.into()))),
        row => row?,
    };
    if !entry.is_latest_of(row.as_ref()) {
        return Ok(None);
    }
    let view = row.map_or_else(|| DeliveryView::waiting(&entry, id), |row| DeliveryView::from(&row));
    Ok(Some((name, ListEntry::Read(view))))
}

/// Which hooks there are, each asked for once in a request.
#[derive(Default)]
struct Hooks(HashMap<(TenantId, HookId), bool>);

impl Hooks {
    async fn learn(&mut self, deps: &Deps, found: &[Found]) -> StoreResult<()> {
        for one in found {
            let Some(hook) = one.entry.as_ref().ok().and_then(|entry| entry.hook) else { continue };
            let name = (one.tenant.clone(), hook);
            if let Entry::Vacant(unknown) = self.0.entry(name) {
                unknown.insert(deps.hooks.exists(&one.tenant, hook).await?);
            }
        }
        Ok(())
    }

    fn exist(&self, tenant: &TenantId, hook: HookId) -> bool {
        self.0.get(&(tenant.clone(), hook)).copied().unwrap_or_default()
    }
}

/// The deliveries of a tenant, over all its hooks, the last change first
///
/// A delivery that changes while a list is read moves to its beginning.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/deliveries", operation_id = "deliveries.list", tag = "deliveries",
    params(("tenant" = String, Path), DeliveryQuery), responses((status = 200, body = ListedDeliveries)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<ListedDeliveries>, Problem> {
    list_of(&deps, Scope::Tenant(tenant), query).await
}

/// The deliveries of all tenants, the last change first
///
/// Of the last 31 days, or since `since`. Where more than 100 tenants were active in an hour,
/// those are listed in groups of 100.
#[utoipa::path(get, path = "/v1/deliveries", operation_id = "deliveries.list_all", tag = "deliveries", params(DeliveryQuery),
    responses((status = 200, body = ListedDeliveries)))]
pub(crate) async fn list_all(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<ListedDeliveries>, Problem> {
    list_of(&deps, Scope::All, query).await
}
