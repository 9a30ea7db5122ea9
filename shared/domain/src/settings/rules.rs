//! Settings that bind whoever stands below the layer that makes them, and which
//! of two values holds.

use super::{CircuitBreaker, NamePattern, Verification};
use crate::seconds::Seconds;

/// A setting that can only be made stricter further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    /// What holds where two layers set it, in words.
    pub holds: &'static str,
}

/// Of two limits the lower one; zero is no limit.
pub(super) fn lower_limit(above: &u32, below: &u32) -> u32 {
    if *above == 0 || *below == 0 { *above.max(below) } else { *above.min(below) }
}

/// Of two times the shorter one; zero is never.
pub(super) fn sooner(above: &Seconds, below: &Seconds) -> Seconds {
    let never = Seconds::new(0);
    if *above == never || *below == never { *above.max(below) } else { *above.min(below) }
}

pub(super) fn fewer(above: &u32, below: &u32) -> u32 {
    *above.min(below)
}

pub(super) fn either(above: &bool, below: &bool) -> bool {
    *above || *below
}

pub(super) fn both(above: &bool, below: &bool) -> bool {
    *above && *below
}

pub(super) fn all_match(above: &NamePattern, below: &NamePattern) -> NamePattern {
    above.and(below)
}

pub(super) fn opens_earlier(above: &CircuitBreaker, below: &CircuitBreaker) -> CircuitBreaker {
    match (above.failures, below.failures) {
        (0, _) => below.clone(),
        (_, 0) => above.clone(),
        (above_failures, below_failures) => CircuitBreaker {
            failures: above_failures.min(below_failures),
            probe_after: above.probe_after.max(below.probe_after),
            unknown: below.unknown.clone(),
        },
    }
}

/// How the endpoint is asked stays as above says. A header does: many servers return a header such as
/// `x-request-id` whatever it says, and would verify themselves unasked.
pub(super) fn verified_first(above: &Verification, below: &Verification) -> Verification {
    match (above.required, below.required) {
        (false, _) => below.clone(),
        (true, false) => above.clone(),
        (true, true) => Verification {
            per_hour: above.per_hour.min(below.per_hour),
            unknown: below.unknown.clone(),
            ..above.clone()
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::settings::{Settings, Verification};

    fn seconds() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), 1..4_u32]
    }

    fn settings() -> impl Strategy<Value = Settings> {
        let kinds = vec![
            serde_json::json!({ "header": "a" }),
            serde_json::json!({ "header": "b" }),
            serde_json::json!({ "kind": "options", "origin": "a.example.com", "rate": 5 }),
        ];
        let verification = (any::<bool>(), 1..4_u32, prop::sample::select(kinds));
        let pattern = prop::sample::select(vec!["", "[a-z]+", "[a-c]*", "x|y"]);
        let limits = (seconds(), (seconds(), 1..4_u32), seconds(), 0..4_u32);
        let (locked, optional) = ((any::<bool>(), any::<bool>()), any::<bool>());
        let open = prop::collection::vec(prop::sample::select(Settings::RULES), 0..6);
        (verification, pattern, limits, locked, optional, open).prop_map(
            |((required, per_hour, mut verification), pattern, limits, locked, optional, open)| {
                verification["required"] = required.into();
                verification["per_hour"] = per_hour.into();
                let (rate, (failures, probe_after), disable_after, most) = limits;
                let document = serde_json::json!({
                    "verification": verification,
                    "name_pattern": pattern, "rate_limit": rate, "disable_after": disable_after, "max_hooks": most,
                    "circuit_breaker": { "failures": failures, "probe_after": probe_after },
                    "url_locked": locked.0, "secret_optional": optional,
                    "name_required": locked.1, "get_without_auth": locked.0 != locked.1,
                });
                let mut settings: Settings = serde_json::from_value(document).unwrap();
                assert_eq!(settings.decided().len(), Settings::RULES.len(), "a rule that this test leaves out");
                open.iter().for_each(|rule| assert!(settings.reset(rule.name)));
                settings
            },
        )
    }

    fn bound(mut below: Settings, above: &Settings) -> Settings {
        below.bind(above);
        below
    }

    /// How an endpoint is asked is whose word comes last.
    fn apart_from_the_kind(below: &Settings, above: &Settings) -> Vec<&'static str> {
        let (mut below, mut above) = (below.clone(), above.clone());
        for settings in [&mut below, &mut above] {
            settings.verification.iter_mut().for_each(|verification| {
                *verification = Verification {
                    required: verification.required,
                    per_hour: verification.per_hour,
                    ..Verification::none()
                };
            });
        }
        below.lifts(&above)
    }

    proptest! {
        #[test]
        fn what_is_bound_lifts_nothing_and_is_not_bound_further(above in settings(), below in settings()) {
            let once = bound(below.clone(), &above);
            prop_assert_eq!(once.lifts(&above), Vec::<&str>::new());
            prop_assert_eq!(apart_from_the_kind(&once, &below), Vec::<&str>::new(), "it keeps its own strictness");
            prop_assert_eq!(bound(below.clone(), &Settings::unbound()).lifts(&below), Vec::<&str>::new());
            prop_assert_eq!(bound(Settings::unbound(), &above).lifts(&above), Vec::<&str>::new());
            prop_assert_eq!(below.lifts(&Settings::unbound()), Vec::<&str>::new(), "nothing is weaker");
            prop_assert_eq!(bound(once.clone(), &above), once);
        }

        #[test]
        fn who_binds_first_does_not_matter_for_what_holds(one in settings(), two in settings(), hook in settings()) {
            let this = bound(bound(hook.clone(), &one), &two);
            let that = bound(bound(hook, &two), &one);
            prop_assert_eq!(apart_from_the_kind(&this, &that), Vec::<&str>::new());
        }
    }
}
