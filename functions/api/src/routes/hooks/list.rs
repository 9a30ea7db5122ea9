//! Filtering, ordering and paging the hooks of a tenant.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::ports::Listed;
use domain::choices;
use domain::health::Health;
use domain::hook::Hook;
use domain::ids::{EventType, HookId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::input::{limit, page_size};
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only hooks that would get events of this type
    #[param(pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    event: Option<String>,
    /// Only hooks whose name contains this, in upper or lower case
    name: Option<String>,
    enabled: Option<bool>,
    /// `created` by default
    #[param(inline)]
    order: Option<Order>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
    /// Counts pages from 0, in the place of `cursor`
    page: Option<usize>,
}

impl ListQuery {
    pub(super) fn orders_by_execution(&self) -> bool {
        matches!(self.order, Some(Order::LastExecution | Order::LastExecutionDescending))
    }
}

choices! {
    /// What hooks are ordered by. A `-` in front reverses it.
    #[derive(Clone, Copy, Deserialize)]
    pub(crate) enum Order {
        /// When they were made, the oldest first.
        Created = "created",
        /// The newest first.
        CreatedDescending = "-created",
        /// When they were changed, the longest ago first.
        Modified = "modified",
        /// The last change first.
        ModifiedDescending = "-modified",
        /// Their names, from A to Z.
        Name = "name",
        /// Their names, from Z to A.
        NameDescending = "-name",
        /// Their descriptions, from A to Z.
        Description = "description",
        /// Their descriptions, from Z to A.
        DescriptionDescending = "-description",
        /// Their last requests: those without any first, then the longest ago.
        LastExecution = "last_execution",
        /// The last request first, those without any last.
        LastExecutionDescending = "-last_execution",
        /// Disabled ones first.
        Enabled = "enabled",
        /// Enabled ones first.
        EnabledDescending = "-enabled",
    }
}

impl Order {
    fn is_descending(self) -> bool {
        matches!(
            self,
            Self::CreatedDescending
                | Self::ModifiedDescending
                | Self::NameDescending
                | Self::DescriptionDescending
                | Self::LastExecutionDescending
                | Self::EnabledDescending
        )
    }

    /// What hooks are compared by; the id makes it unique.
    fn key(self, row: &Listed<Hook>, healths: &HashMap<HookId, Health>) -> (String, String) {
        let hook = match row {
            Ok(hook) => hook,
            // By whatever else hooks are compared, it has none.
            Err(unreadable) => return (String::new(), unreadable.id.clone()),
        };
        let value = match self {
            Self::Created | Self::CreatedDescending => hook.created_at.to_string(),
            Self::Modified | Self::ModifiedDescending => hook.updated_at.to_string(),
            Self::Name | Self::NameDescending => hook.name.to_lowercase(),
            Self::Description | Self::DescriptionDescending => hook.description.to_lowercase(),
            Self::LastExecution | Self::LastExecutionDescending => {
                // What was never executed comes before everything that was.
                let last = healths.get(&hook.id).and_then(|health| health.last_execution);
                last.map_or_else(String::new, |at| at.to_string())
            }
            Self::Enabled | Self::EnabledDescending => u8::from(hook.enabled).to_string(),
        };
        (value, hook.id.to_string())
    }
}

pub(crate) struct Selection {
    pub(crate) items: Vec<Listed<Hook>>,
    pub(crate) next: Option<String>,
    pub(crate) total: usize,
}

pub(crate) fn select(
    hooks: Vec<Listed<Hook>>,
    healths: &HashMap<HookId, Health>,
    query: &ListQuery,
) -> Result<Selection, Problem> {
    let limit = limit(query.limit)?;
    let order = query.order.unwrap_or(Order::Created);
    let event: Option<EventType> = match &query.event {
        Some(text) => Some(text.parse().map_err(|error| Problem::bad_parameter("event", format!("{error}")))?),
        None => None,
    };
    let name = query.name.as_deref().map(str::to_lowercase);
    let passes = |hook: &Hook| {
        event.as_ref().is_none_or(|event| hook.events.iter().any(|pattern| pattern.matches(event)))
            && name.as_ref().is_none_or(|name| hook.name.to_lowercase().contains(name))
            && query.enabled.is_none_or(|enabled| hook.enabled == enabled)
    };
    let is_filtered = event.is_some() || name.is_some() || query.enabled.is_some();
    let mut matching: Vec<((String, String), Listed<Hook>)> = hooks
        .into_iter()
        .filter(|row| row.as_ref().map_or(!is_filtered, passes))
        .map(|row| (order.key(&row, healths), row))
        .collect();
    matching.sort_by(|(a, _), (b, _)| if order.is_descending() { b.cmp(a) } else { a.cmp(b) });
    let total = matching.len();
    let start = match (&query.cursor, query.page) {
        (Some(_), Some(_)) => return Err(Problem::bad_parameter("page", "goes with no cursor")),
        (None, page) => page.unwrap_or_default().saturating_mul(limit),
        (Some(text), None) => {
            let last = read_cursor(text)?;
            matching.partition_point(|(key, _)| if order.is_descending() { *key >= last } else { *key <= last })
        }
    };
    let page: Vec<_> = matching.into_iter().skip(start).take(limit).collect();
    let next = page.last().filter(|_| start + page.len() < total).map(|(key, _)| write_cursor(key));
    Ok(Selection { items: page.into_iter().map(|(_, hook)| hook).collect(), next, total })
}

fn write_cursor(key: &(String, String)) -> String {
    let json = serde_json::to_vec(key).expect("two strings are always JSON");
    URL_SAFE_NO_PAD.encode(json)
}

fn read_cursor(text: &str) -> Result<(String, String), Problem> {
    let json = URL_SAFE_NO_PAD.decode(text).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| Problem::bad_parameter("cursor", "expected the next_cursor of an earlier answer"))
}
