//! One page of the hooks that an explanation is about: those there are, merged in
//! order of id with those that are gone and that the event went to.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use contract::cursor;
use contract::ports::{StoreError, Unreadable};
use domain::event::Event;
use domain::hook::Hook;
use domain::ids::HookId;

use super::fanout::Fanout;
use crate::Deps;
use crate::problem::Problem;

pub(super) enum Entry {
    Hook(Arc<Hook>),
    /// The event went to it, and it is gone.
    Deleted(HookId),
    Unreadable(HookId, Unreadable),
}

pub(super) struct HookPage {
    pub(super) entries: Vec<Entry>,
    /// Where the store's page began that these are of, and where the next begins.
    began: Option<String>,
    next: Option<Place>,
}

/// Where a list goes on: a page of the store, and the last hook shown, which may
/// lie within it.
#[derive(Clone, Default)]
struct Place {
    store: Option<String>,
    after: Option<HookId>,
}

impl HookPage {
    pub(super) async fn read(
        deps: &Deps,
        event: &Event,
        fanout: &Fanout,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let place = cursor.map(|cursor| Place::read(event, cursor)).transpose()?.unwrap_or_default();
        let found = deps.stored_hooks.list(&event.tenant, limit, place.store.as_deref()).await?;
        let mut entries = BTreeMap::new();
        let mut last = None;
        for row in found.items {
            let (id, entry) = match row {
                Ok(hook) => (hook.id, Entry::Hook(Arc::new(hook))),
                Err(unreadable) => {
                    let id: HookId = unreadable.id.parse().map_err(|_| Problem::internal())?;
                    (id, Entry::Unreadable(id, unreadable))
                }
            };
            last = Some(id);
            entries.insert(id, entry);
        }
        // Up to where this page is known to be complete.
        let end = match (&found.next, last) {
            (Some(_), Some(last)) => Bound::Included(last),
            _ => Bound::Unbounded,
        };
        let start = place.after.map_or(Bound::Unbounded, Bound::Excluded);
        let is_left = |id: &HookId| place.after.is_none_or(|after| *id > after);
        entries.retain(|id, _| is_left(id));
        let is_range = match (start, end) {
            (Bound::Excluded(start), Bound::Included(end)) => start < end,
            _ => true,
        };
        if is_range {
            for id in fanout.chosen.range((start, end)) {
                entries.entry(*id).or_insert(Entry::Deleted(*id));
            }
        }
        let is_cut = entries.len() > limit;
        let entries: Vec<Entry> = entries.into_values().take(limit).collect();
        let next = match found.next {
            _ if is_cut => entries.last().map(|last| Place { store: place.store.clone(), after: Some(last.id()) }),
            Some(store) => Some(Place { store: Some(store), after: last.max(place.after) }),
            None => None,
        };
        Ok(Self { entries, began: place.store, next })
    }

    pub(super) async fn of_one(deps: &Deps, event: &Event, fanout: &Fanout, id: HookId) -> Result<Self, Problem> {
        let entry = match deps.stored_hooks.get(&event.tenant, id).await {
            Ok(Some(hook)) => Entry::Hook(hook),
            Ok(None) if fanout.chosen.contains(&id) => Entry::Deleted(id),
            Ok(None) => return Err(Problem::not_found("hook")),
            Err(StoreError::Unreadable(unreadable)) => Entry::Unreadable(id, unreadable),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { entries: vec![entry], began: None, next: None })
    }

    /// The cursor behind this page, or behind the hook with which it was `cut`.
    pub(super) fn cursor_after(self, event: &Event, cut: Option<HookId>) -> Option<String> {
        let next = match cut {
            Some(last) => Some(Place { store: self.began, after: Some(last) }),
            None => self.next,
        };
        next.map(|place| place.write(event))
    }
}

impl Entry {
    fn id(&self) -> HookId {
        match self {
            Self::Hook(hook) => hook.id,
            Self::Deleted(id) | Self::Unreadable(id, _) => *id,
        }
    }
}

impl Place {
    /// A cursor is of one event of one tenant.
    fn list(event: &Event) -> String {
        format!("explain/{}/{}", event.tenant, event.seq)
    }

    fn read(event: &Event, cursor: &str) -> Result<Self, Problem> {
        let text: String = cursor::decode_as(Self::list(event), cursor)?;
        let (after, store) = text.split_once('.').ok_or(StoreError::BadCursor)?;
        let after = Some(after).filter(|after| !after.is_empty()).map(str::parse).transpose();
        Ok(Self {
            store: Some(store.to_owned()).filter(|store| !store.is_empty()),
            after: after.map_err(|_| StoreError::BadCursor)?,
        })
    }

    fn write(self, event: &Event) -> String {
        let after = self.after.map(|after| after.to_string()).unwrap_or_default();
        let text = format!("{after}.{}", self.store.unwrap_or_default());
        cursor::encode(Self::list(event), text.as_bytes())
    }
}
