//! What follows from a change to a hook, besides the change itself.

use domain::health::Health;
use domain::hook::Hook;
use domain::settings::Complete;

use crate::Deps;
use crate::problem::Problem;

/// Completes `new` before it is stored in the place of `old`, and lets its
/// health start anew where it has to: counters kept from before would disable a
/// hook again at its first failure.
pub(super) async fn prepare(
    deps: &Deps,
    old: Option<&Hook>,
    new: &mut Hook,
    settings: &Complete,
) -> Result<(), Problem> {
    if settings.verification.required {
        new.provide_verification_key(deps.random.as_ref());
    }
    let was_enabled = old.is_none_or(|old| old.enabled);
    if new.enabled {
        (new.disabled_reason, new.disabled_at) = (None, None);
    } else if was_enabled {
        new.disabled_reason = Some("disabled by request".to_owned());
        new.disabled_at = Some(deps.clock.now());
    }
    let moved = old.is_some_and(|old| old.url != new.url);
    if moved || !was_enabled && new.enabled {
        let now = deps.clock.now();
        let renew = |health: &mut Health| {
            health.reset(now, &settings.circuit_breaker);
            if moved {
                health.unverify();
            }
        };
        deps.hook_health.circuits.change(&new.tenant, new.id, renew).await?;
    }
    Ok(())
}
