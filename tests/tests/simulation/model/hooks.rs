use std::collections::BTreeSet;
use std::sync::Arc;

use contract::ports::{Hooks, StoreError, StoreResult, Subscriptions};
use domain::hook::{Hook, Subscription};
use domain::ids::{EventType, HookId, TenantId};
use proptest::prelude::*;

use super::{Pair, hold_to, modelled};
use crate::dice::Dice;
use crate::plan;

#[derive(Clone, Debug)]
enum Call {
    Get(usize),
    /// What was read so many versions ago is changed to ask for these.
    Update {
        hook: usize,
        ago: usize,
        patterns: usize,
        enabled: bool,
    },
    Delete(usize),
    Match {
        event_type: usize,
        limit: usize,
    },
    MatchFromNowhere(usize),
}

const HOOKS: usize = 4;
const PATTERNS: [&[&str]; 4] = [&["*"], &["order.*"], &["order.paid", "order.*"], &["invoice"]];
const TYPES: [&str; 3] = ["order.paid", "invoice", "other"];

fn calls() -> impl Strategy<Value = Call> {
    let ago = prop_oneof![4 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        4 => (0..HOOKS).prop_map(Call::Get),
        8 => (0..HOOKS, ago, 0..PATTERNS.len(), any::<bool>())
            .prop_map(|(hook, ago, patterns, enabled)| Call::Update { hook, ago, patterns, enabled }),
        1 => (0..HOOKS).prop_map(Call::Delete),
        8 => (0..TYPES.len(), 1..6_usize).prop_map(|(event_type, limit)| Call::Match { event_type, limit }),
        1 => (0..TYPES.len()).prop_map(Call::MatchFromNowhere),
    ]
}

/// All that was ever stored of each hook.
type Histories = Vec<Vec<Hook>>;

fn begin(pair: &Pair) -> Histories {
    let mut dice = Dice::new(7);
    pair.sim.lock().page_size = 2;
    let made = (0..HOOKS).map(|number| plan::hook(number, &mut dice)).collect::<Vec<_>>();
    for hook in &made {
        pair.real(pair.real.hooks.create(hook)).unwrap();
        pair.sim.lock().hooks.insert(hook.id, vec![(plan::LONG_AGO, Some(Arc::new(hook.clone())))]);
    }
    made.into_iter().map(|hook| vec![hook]).collect()
}

/// Pages may be of any length up to their limit, and in any order, so that only all of them compare.
async fn all_matching(
    subscriptions: &dyn Subscriptions,
    tenant: &TenantId,
    event_type: &EventType,
    limit: usize,
) -> StoreResult<Vec<Subscription>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = subscriptions.matching(tenant, event_type, limit, cursor.as_deref()).await?;
        assert!(page.items.len() <= limit, "a page of {} where {limit} were asked for", page.items.len());
        found.extend(page.items.into_iter().map(|row| row.unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort_by_key(|row| row.hook);
    Ok(found)
}

#[test]
fn hooks_are_read_written_and_matched_as_in_the_real_store() {
    let make = |pair: &Pair, histories: &mut Histories, call: &Call| {
        let tenant = pair.tenant();
        let real = &pair.real;
        match *call {
            Call::Get(hook) => {
                let id = histories[hook][0].id;
                pair.agree(Hooks::get(&pair.model, &tenant, id), real.hooks.get(&tenant, id)).map(drop)
            }
            Call::Update { hook, ago, patterns, enabled } => {
                let history = &mut histories[hook];
                let old = &history[history.len().saturating_sub(ago + 1)];
                let events = PATTERNS[patterns].iter().map(|pattern| pattern.parse().unwrap()).collect();
                let new = Hook { events, enabled, version: old.version + 1, ..old.clone() };
                if pair.agree(pair.model.update_with(old, &new, &[]), real.hooks.update(old, &new))? {
                    history.push(new);
                }
                pair.settle();
                Ok(())
            }
            Call::Delete(hook) => {
                let id = histories[hook][0].id;
                let was_there = pair.real(real.hooks.delete(&tenant, id, None)).unwrap();
                prop_assert_eq!(delete(pair, id), was_there);
                pair.settle();
                Ok(())
            }
            Call::Match { event_type, limit } => {
                let event_type = TYPES[event_type].parse().unwrap();
                let model = all_matching(&pair.model, &tenant, &event_type, limit);
                pair.agree(model, all_matching(&*real.subscriptions, &tenant, &event_type, limit))?;
                let found = modelled(all_matching(&pair.model, &tenant, &event_type, limit)).unwrap();
                let ids: BTreeSet<_> = found.iter().map(|row| row.hook).collect();
                prop_assert_eq!(ids.len(), found.len(), "each once");
                Ok(())
            }
            Call::MatchFromNowhere(event_type) => {
                let (event_type, nowhere) = (TYPES[event_type].parse().unwrap(), Some("nowhere"));
                let model = pair.model.matching(&tenant, &event_type, 1, nowhere);
                pair.agree(model, real.subscriptions.matching(&tenant, &event_type, 1, nowhere))?;
                let answer = modelled(pair.model.matching(&tenant, &event_type, 1, nowhere));
                prop_assert!(matches!(answer, Err(StoreError::BadCursor)));
                Ok(())
            }
        }
    };
    hold_to(calls(), begin, make, |_, _| Ok(()));
}

/// As the runs do it, which have no call for it.
fn delete(pair: &Pair, id: HookId) -> bool {
    let mut state = pair.sim.lock();
    let now = state.now;
    let was_there = state.hook_at(id, now).is_some();
    state.hooks.get_mut(&id).unwrap().push((now, None));
    was_there
}
