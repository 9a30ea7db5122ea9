use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ulid::Ulid;

use super::item::{Item, SK};
use super::lookups;
use super::row_kind::RowKind;
use super::table::{Consistency, DynamoTable, KeyRange, SortOrder};
use contract::cursor;
use contract::ports::{Listed, Match, OfRow as _, Page, StoreError, StoreResult, Subscriptions};
use domain::hook::{Hook, Subscription};
use domain::ids::{EventType, HookId, TenantId};
use domain::pattern::Pattern;
use domain::unknown::Unknown;

/// Which hooks match, from the table `hooks`: one query per pattern that could.
#[derive(Clone, Debug)]
pub struct DynamoSubscriptions {
    table: DynamoTable,
}

impl DynamoSubscriptions {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: DynamoTable::new(client, hooks_table) }
    }
}

pub(super) fn partition(tenant: &TenantId, pattern: &Pattern) -> String {
    RowKind::Subscription.partition(&[tenant.as_str(), pattern.as_str()])
}

/// The rows of a hook, one under each of its patterns. `unknown` is what a newer
/// version wrote into them.
pub(super) fn items(hook: &Hook, unknown: Unknown) -> impl Iterator<Item = Item> {
    let subscription = Subscription { unknown, ..hook.subscription() };
    hook.events
        .iter()
        .map(move |pattern| Item::new(partition(&hook.tenant, pattern), hook.id.0.to_string()).document(&subscription))
}

/// Where a list of matches goes on: in the query of which pattern, and after
/// which hook in it.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    pattern: usize,
    after: Option<Ulid>,
}

impl Position {
    fn encode(self, list: &str) -> String {
        let after = self.after.map(|id| id.to_string()).unwrap_or_default();
        cursor::encode(list, format!("{}.{after}", self.pattern).as_bytes())
    }

    fn decode(list: &str, cursor: &str) -> StoreResult<Self> {
        let text: String = cursor::decode_as(list, cursor)?;
        let (pattern, after) = text.split_once('.').ok_or(StoreError::BadCursor)?;
        let after = match after {
            "" => None,
            id => Some(Ulid::from_string(id).map_err(|_| StoreError::BadCursor)?),
        };
        Ok(Self { pattern: pattern.parse().map_err(|_| StoreError::BadCursor)?, after })
    }
}

#[async_trait]
impl Subscriptions for DynamoSubscriptions {
    async fn matching(
        &self,
        tenant: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>> {
        let patterns = Pattern::all_matching(event_type);
        let list = format!("m#{tenant}#{event_type}");
        let mut at = cursor.map_or(Ok(Position::default()), |c| Position::decode(&list, c))?;
        let mut items: Vec<Listed<Match>> = Vec::new();
        // Rows that another pattern decides count as well, so that a page is a
        // bounded amount of work whatever the hooks look like.
        let mut budget = limit.max(1);

        while let Some(pattern) = patterns.get(at.pattern) {
            if budget == 0 {
                return Ok(Page { items, next: Some(at.encode(&list)) });
            }
            let pk = partition(tenant, pattern);
            let query = |range| self.table.query(&pk, range, SortOrder::Ascending, budget, Consistency::Eventual);
            let rows = match at.after {
                None => lookups::first_rows(&pk, budget, Box::pin(query(KeyRange::All))).await?,
                Some(id) => Arc::new(query(KeyRange::After(id.to_string())).await?),
            };
            budget = budget.saturating_sub(rows.items.len());
            for row in &rows.items {
                let hook: Ulid = row.get_parsed(SK)?;
                at.after = Some(hook);
                let subscription = row.get_document::<Subscription>().listed(HookId(hook))?;
                if subscription.as_ref().map_or(true, |row| row.is_decided_by(pattern, event_type)) {
                    items.push(subscription);
                }
            }
            if !rows.more {
                at = Position { pattern: at.pattern + 1, after: None };
            }
        }
        Ok(Page { items, next: None })
    }
}
