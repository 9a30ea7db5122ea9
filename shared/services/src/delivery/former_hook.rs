//! A hook as it was at some time, among the former versions that are kept.

use contract::ports::{Hooks, KEPT_REVISIONS, StoreError, StoreResult};
use domain::hook::Hook;
use domain::time::Timestamp;

/// The version of `present` that was current at this time; none when that one is
/// not kept any more or cannot be read, and for a hook that was made later.
///
/// Reads nothing where the hook was not changed since, and otherwise at most
/// seven former versions, however many there are.
pub async fn version_at(hooks: &dyn Hooks, present: &Hook, at: Timestamp) -> StoreResult<Option<Hook>> {
    if present.updated_at <= at {
        return Ok(Some(present.clone()));
    }
    if present.created_at > at {
        return Ok(None);
    }
    // The last that is not later than `at`. What is too old to be kept is surely not later.
    let (mut low, mut high) = (present.version.saturating_sub(KEPT_REVISIONS).max(1), present.version);
    let mut last = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match hooks.revision(&present.tenant, present.id, middle).await {
            Ok(Some(former)) if former.updated_at > at => high = middle,
            Ok(former) => {
                last = former;
                low = middle + 1;
            }
            // Nobody can tell when it began, so nothing is said of any time before it.
            Err(StoreError::Unreadable(_)) => {
                last = None;
                low = middle + 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}
