//! Whether a hook asks for an event, and by what it passes it over if not.

use super::event::Event;
use super::filter::UnmetCondition;
use super::hook::Hook;

#[derive(Clone, Debug)]
pub enum Judgement {
    Wanted,
    /// Its time was over when the event was accepted.
    Expired,
    /// None of its patterns matches the type.
    Type,
    /// It asks for channels, and the event has none of them.
    Channel,
    /// What its filter asks for that `data` does not meet.
    Filter(Vec<UnmetCondition>),
    /// Its filter decides, and the payload it decided by was expunged.
    Unknown,
}

impl Hook {
    /// What matching makes of this hook and an event.
    pub fn judge(&self, event: &Event) -> Judgement {
        if self.has_expired(event.seq.at()) {
            return Judgement::Expired;
        }
        if !self.subscription().asks_for(&event.id, &event.event_type) {
            return Judgement::Type;
        }
        if !self.channels.is_empty() && self.channels.is_disjoint(&event.channels) {
            return Judgement::Channel;
        }
        match (&self.filter, &event.data) {
            (None, _) => Judgement::Wanted,
            (Some(_), None) => Judgement::Unknown,
            (Some(filter), Some(data)) => match filter.explain(data) {
                unmet if unmet.is_empty() => Judgement::Wanted,
                unmet => Judgement::Filter(unmet),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn hook(settings: &Value) -> Hook {
        let mut hook = json!({
            "tenant": "acme", "id": "hook_01M7YRY66B9CZNF4GV85GH11D0", "url": "https://a.example.com/", "events": [],
            "enabled": true, "secrets": [], "created_at": "2026-01-31T09:30:00Z",
            "updated_at": "2026-01-31T09:30:00Z", "version": 1,
        });
        hook.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        serde_json::from_str(&hook.to_string()).unwrap()
    }

    fn event(settings: &Value) -> Event {
        let mut event = json!({
            "tenant": "acme", "id": "e", "seq": "seq_01M7YRY66B9CZNF4GV85GH11D0", "type": "a",
            "timestamp": "2026-01-31T09:30:00Z", "expires_at": "2026-03-31T09:30:00Z",
        });
        event.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        serde_json::from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn without_a_payload_only_a_filter_cannot_be_judged() {
        let gone = event(&json!({}));
        assert!(matches!(hook(&json!({ "events": ["a"] })).judge(&gone), Judgement::Wanted));
        let filtered = |events: &str| hook(&json!({ "events": [events], "filter": { "a": [1] } }));
        assert!(matches!(filtered("a").judge(&gone), Judgement::Unknown));
        assert!(matches!(filtered("b").judge(&gone), Judgement::Type));
    }

    proptest! {
        #[test]
        fn a_hook_is_judged_to_want_what_matching_sends_to_it(
            patterns in proptest::collection::vec(r"a|b|a\.\*|\*", 1..3),
            channels in proptest::collection::vec("[xy]", 0..2),
            filter in proptest::option::of("[12]"),
            kind in r"a|b|a\.b", on in proptest::collection::vec("[xy]", 0..2), value in "[12]",
        ) {
            let mut settings = json!({ "events": patterns, "channels": channels });
            if let Some(filter) = filter {
                settings["filter"] = json!({ "n": [filter] });
            }
            let (hook, event) = (hook(&settings), event(&json!({ "type": kind, "channels": on, "data": { "n": value } })));
            let matches = hook.events.iter().any(|pattern| pattern.matches(&event.event_type));
            let wanted = matches && hook.subscription().wants(&event.channels, event.data.as_ref().unwrap());
            prop_assert_eq!(matches!(hook.judge(&event), Judgement::Wanted), wanted);
        }
    }
}
