//! Hooks that fail, rest or were disabled for it, over all tenants.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::{Listed, LogFilter, StoreError, StoreResult, Unreadable};
use domain::choices;
use domain::delivery::AttemptOutcome;
use domain::health::{Circuit, Health};
use domain::ids::TenantId;
use domain::tenant::Tenant;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use services::health::failing_hooks::{TroubleKind, TroubledHook};
use utoipa::{IntoParams, ToSchema};

use super::health::NEWEST;
use super::views::HookView;
use crate::Deps;
use crate::auth::Operator;
use crate::input::{Query, limit, page_size};
use crate::listed::ListEntry;
use crate::problem::Problem;
use crate::routes::deliveries::AttemptView;

/// Rows that one request looks at.
const MOST_ROWS: usize = 200;
/// Hooks that are looked at at a time.
const AT_A_TIME: usize = 16;

choices! {
    /// What a hook is listed for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
    pub(crate) enum HookTrouble {
        /// It is enabled and fails: twice in a row, or a delivery has failed for good.
        #[default]
        Failing = "failing",
        /// Of those, its circuit is open.
        Resting = "resting",
        /// Hookline has disabled it.
        Disabled = "disabled",
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FailingQuery {
    /// `failing` by default
    #[serde(default)]
    #[param(inline)]
    state: HookTrouble,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FailingHook {
    /// Whose it is
    tenant: String,
    /// The last of its attempts that failed, as far as it is among its newest deliveries
    last_failed_attempt: Option<AttemptView>,
    #[serde(flatten)]
    hook: HookView,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FailingHookList {
    #[schema(inline)]
    items: Vec<ListEntry<FailingHook>>,
    /// Pass it as `cursor` to read on; null on the last page. A page may hold fewer than
    /// `limit` entries, also none, while there are more.
    next_cursor: Option<String>,
}

/// The hooks of all tenants that fail
///
/// Those with the most failures in a row come first, to the power of two: of hooks that failed 64 to 127 times, none
/// stands behind one that failed 63 times. Those that were disabled come in the order of when, the last one first.
#[utoipa::path(get, path = "/v1/hooks", operation_id = "hooks.list_failing", tag = "hooks", params(FailingQuery),
    responses((status = 200, body = FailingHookList)))]
pub(crate) async fn list_all(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<FailingQuery>,
) -> Result<Json<FailingHookList>, Problem> {
    let limit = limit(query.limit)?;
    let kind = if query.state == HookTrouble::Disabled { TroubleKind::Disabled } else { TroubleKind::Failing };
    let (mut found, mut owners, mut cursor) = (Vec::new(), HashMap::new(), query.cursor);
    let mut left = MOST_ROWS;
    loop {
        let rows = (limit - found.len()).min(left);
        let page = deps.hook_health.circuits.failing.list(kind, rows, cursor.as_deref()).await?;
        for row in &page.items {
            if !owners.contains_key(&row.tenant) {
                owners.insert(row.tenant.clone(), owner(&deps, &row.tenant).await?);
            }
        }
        let look = async |row: TroubledHook| look_at(&deps, query.state, &row, &owners).await;
        let entries: Vec<_> = stream::iter(page.items).map(look).buffered(AT_A_TIME).try_collect().await?;
        found.extend(entries.into_iter().flatten());
        (cursor, left) = (page.next, left - rows);
        if cursor.is_none() || left == 0 || found.len() == limit {
            break;
        }
    }
    if kind == TroubleKind::Failing {
        found.sort_by_key(|(failures, _)| Reverse(*failures));
    }
    Ok(Json(FailingHookList { items: found.into_iter().map(|(_, entry)| entry).collect(), next_cursor: cursor }))
}

/// Whose hooks are looked at, if they are still there.
type Owner = Listed<Option<Arc<Tenant>>>;

async fn owner(deps: &Deps, tenant: &TenantId) -> StoreResult<Owner> {
    match deps.tenants.get(tenant).await {
        Err(StoreError::Unreadable(unreadable)) => Ok(Err(unreadable)),
        found => found.map(Ok),
    }
}

/// A hook and its failures in a row. None of what is not so any more; its row goes.
async fn look_at(
    deps: &Deps,
    state: HookTrouble,
    row: &TroubledHook,
    owners: &HashMap<TenantId, Owner>,
) -> Result<Option<(u32, ListEntry<FailingHook>)>, Problem> {
    let hook = match deps.hooks.get(&row.tenant, row.hook).await {
        // How much that one fails nobody knows, so it is seen first.
        Err(StoreError::Unreadable(unreadable)) => return Ok(Some((u32::MAX, unreadable.into()))),
        found => found?,
    };
    let health = deps.hook_health.circuits.health.current(&row.tenant, row.hook).await?;
    let owner = match owners.get(&row.tenant) {
        Some(Err(Unreadable { why, .. })) => {
            let why = format!("its tenant {} cannot be read: {why}", row.tenant);
            return Ok(Some((u32::MAX, Unreadable { id: row.hook.to_string(), why }.into())));
        }
        Some(Ok(owner)) => owner.as_ref(),
        None => None,
    };
    let (Some(hook), Some(owner)) = (hook.filter(|hook| row.trouble.is_of(hook, &health)), owner) else {
        deps.hook_health.circuits.failing.remove(row).await?;
        return Ok(None);
    };
    let is_shown = match state {
        HookTrouble::Failing => hook.enabled,
        HookTrouble::Resting => hook.enabled && health.circuit != Circuit::Closed,
        HookTrouble::Disabled => true,
    };
    if !is_shown {
        return Ok(None);
    }
    let mut health = Health::clone(&health);
    let newest = deps.log.list(&row.tenant, row.hook, &LogFilter::default(), NEWEST, None).await?;
    let attempts = newest.items.iter().flatten().filter_map(|delivery| delivery.last_attempt.as_ref());
    attempts.clone().for_each(|attempt| health.learn_of(attempt));
    let failed = attempts.filter(|attempt| attempt.outcome != AttemptOutcome::Success);
    let last_failed_attempt = failed.max_by_key(|attempt| attempt.at).map(AttemptView::from);
    let view = HookView::listed(deps, owner, &hook, &health).await?;
    let entry = view.map(|hook| FailingHook { tenant: row.tenant.to_string(), last_failed_attempt, hook });
    Ok(Some((health.consecutive_failures, entry)))
}
