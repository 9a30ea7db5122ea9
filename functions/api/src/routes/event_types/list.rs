//! Filtering and paging event types, which are in order of name.

use ::contract::ports::Listed;
use ::domain::event_type::Source;
use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::entries::EventTypeView;
use crate::input::{limit, page_size};
use crate::listed::ListEntry;
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventTypeQuery {
    /// Only archived ones, or only others
    archived: Option<bool>,
    /// Only deprecated ones, or only others
    deprecated: Option<bool>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantEventTypeQuery {
    /// Only those of this catalogue
    #[param(inline)]
    pub(super) source: Option<Source>,
    /// Only archived ones, or only others
    archived: Option<bool>,
    /// Only deprecated ones, or only others
    deprecated: Option<bool>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

impl TenantEventTypeQuery {
    pub(super) fn rest(&self) -> EventTypeQuery {
        let Self { archived, deprecated, limit, ref cursor, .. } = *self;
        EventTypeQuery { archived, deprecated, limit, cursor: cursor.clone() }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventTypeList {
    #[schema(inline)]
    items: Vec<ListEntry<EventTypeView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

/// One page of those that are asked for. A cursor is the name of the last one
/// of its page, so it stays valid while entries come and go.
pub(super) fn select(
    known: Vec<Listed<EventTypeView>>,
    source: Option<Source>,
    query: &EventTypeQuery,
) -> Result<Json<EventTypeList>, Problem> {
    let limit = limit(query.limit)?;
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let passes = |item: &EventTypeView| {
        source.is_none_or(|source| item.source == source)
            && query.archived.is_none_or(|archived| item.archived == archived)
            && query.deprecated.is_none_or(|deprecated| item.deprecated == deprecated)
    };
    let is_filtered = source.is_some() || query.archived.is_some() || query.deprecated.is_some();
    let mut items: Vec<(String, Listed<EventTypeView>)> = known
        .into_iter()
        .filter(|row| row.as_ref().map_or(!is_filtered, passes))
        .map(|row| (row.as_ref().map_or_else(|unreadable| &unreadable.id, |item| &item.name).clone(), row))
        .filter(|(name, _)| after.as_ref().is_none_or(|after| name > after))
        .take(limit + 1)
        .collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(&last.0));
    let items = items.into_iter().map(|(_, row)| ListEntry::of(row, |item| item)).collect();
    Ok(Json(EventTypeList { items, next_cursor }))
}

fn read_cursor(text: &str) -> Result<String, Problem> {
    let name = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Problem::bad_parameter("cursor", "expected the next_cursor of an earlier answer"))
}
