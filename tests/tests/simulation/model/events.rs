use contract::ports::{EventRef, Events as _, TimeRange};
use domain::event::{Event, FanoutPage};
use domain::ids::{EventSeq, HookId, TenantId};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{Pair, hold_to};
use crate::plan::{START, TENANT};
use crate::process::RETENTION;

#[derive(Clone, Debug)]
enum Call {
    Record(usize, Page),
    RecordPage(usize, Page),
    Get(usize),
    Unclaim(Vec<usize>),
}

#[derive(Clone, Debug)]
struct Page {
    number: u32,
    token: usize,
    hooks: u128,
}

const EVENTS: usize = 3;

fn calls() -> impl Strategy<Value = Call> {
    let page = |numbers: std::ops::Range<u32>| {
        (numbers, 0..3_usize, 0..3_u128).prop_map(|(number, token, hooks)| Page { number, token, hooks })
    };
    prop_oneof![
        (0..EVENTS, page(0..1)).prop_map(|(event, page)| Call::Record(event, page)),
        (0..EVENTS, page(1..4)).prop_map(|(event, page)| Call::RecordPage(event, page)),
        (0..EVENTS).prop_map(Call::Get),
        prop::collection::vec(0..EVENTS, 1..3).prop_map(Call::Unclaim),
    ]
}

/// The event of this number, as the holder of this token published it.
fn event(number: usize, token: usize) -> Event {
    let (tenant, id): (TenantId, _) = (TENANT.parse().unwrap(), format!("event-{number}").parse().unwrap());
    Event {
        seq: EventSeq::of_publication(&tenant, &id, &token.to_string(), START),
        tenant,
        id,
        event_type: "order.paid".parse().unwrap(),
        timestamp: START,
        channels: Default::default(),
        not_after: (token == 0).then_some(START),
        deliver_at: None,
        data: Some(RawValue::from_string(format!(r#"{{ "of": {token}}}"#)).unwrap().into()),
        expires_at: expires_at(),
        unknown: Unknown::NONE,
    }
}

fn expires_at() -> Timestamp {
    START.saturating_add(RETENTION)
}

fn page(page: &Page) -> FanoutPage {
    FanoutPage {
        number: page.number,
        token: page.token.to_string(),
        hooks: (0..page.hooks).map(|number| HookId(number.into())).collect(),
        next: (page.hooks > 1).then(|| "a cursor".to_owned()),
        unknown: Unknown::NONE,
    }
}

fn unclaimed(number: usize) -> EventRef {
    let Event { seq, id, .. } = event(number, 0);
    EventRef { seq, id }
}

#[test]
fn events_are_recorded_as_in_the_real_store() {
    let make = |pair: &Pair, (): &mut (), call: &Call| {
        let (model, real, tenant) = (&pair.model, &pair.real.events, pair.tenant());
        match call {
            Call::Record(number, of) => {
                let (event, page) = (event(*number, of.token), page(of));
                pair.agree(model.record(&event, &page), real.record(&event, &page))
            }
            Call::RecordPage(number, of) => {
                let (event, page) = (event(*number, of.token), page(of));
                pair.agree(model.record_page(&event, &page), real.record_page(&event, &page))
            }
            Call::Get(number) => {
                let id = event(*number, 0).id;
                pair.agree(contract::ports::Events::get(model, &tenant, &id), real.get(&tenant, &id))
            }
            Call::Unclaim(numbers) => {
                let events: Vec<_> = numbers.iter().map(|number| (unclaimed(*number), expires_at())).collect();
                pair.agree(model.unclaim(&tenant, &events), real.unclaim(&tenant, &events))
            }
        }
        .map(drop)
    };
    let end = |pair: &Pair, ()| {
        let tenant = pair.tenant();
        let noted: Vec<_> = pair.sim.lock().unclaimed.iter().copied().collect();
        let listed = pair.real(pair.real.events.unclaimed(&tenant, TimeRange::default(), 100, None)).unwrap();
        prop_assert_eq!(noted, listed.items.iter().map(|event| event.seq).collect::<Vec<_>>());
        Ok(())
    };
    hold_to(calls(), |_| (), make, end);
}
