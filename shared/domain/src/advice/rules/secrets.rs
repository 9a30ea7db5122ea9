//! Secrets that have been in use for long.

use std::time::Duration;

use super::{Advice, AdviceKind, Case, ChangeKind, Evidence, PlannedChange, impact};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A secret that is older than a year.
pub(super) fn old(of: &Case<'_>) -> Option<Advice> {
    let since = of.hook.secret_since?;
    let age = of.history.now.since(since);
    // One that is being rotated is on its way.
    if age < YEAR || of.hook.hook.secrets.len() != 1 || of.hook.settings.signatures.is_empty() {
        return None;
    }
    let days = (age.as_secs() / 86_400) as f64;
    let title = format!("Rotate the secret of {}: it is {days} days old", of.name());
    let source = Some(format!("/v1/tenants/{}/hooks/{}/audit", of.history.tenant.id, of.hook.hook.id));
    let evidence = vec![Evidence { since: Some(since), source, ..Evidence::new("age of the secret", days).unit("d") }];
    let expected = impact(
        "A new secret signs from then on, and the old one as well for 7 days where the header holds a list: \
         the endpoint has to be given the new one within that time.",
    );
    let change = PlannedChange {
        hook: Some(of.hook.hook.id),
        overlap: Some(7 * 24 * 3_600),
        ..PlannedChange::new(ChangeKind::HookSecret)
    };
    Some(of.advise(AdviceKind::OldSecret, &title, change, evidence, expected))
}
