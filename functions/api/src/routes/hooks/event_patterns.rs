//! Whether a hook asks for events that there are.

use std::collections::BTreeSet;

use domain::hook::Hook;
use domain::ids::EventType;
use domain::operational;
use domain::pattern::Pattern;
use domain::tenant::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::problem::{FieldError, Problem};

/// How alike a name must be to be worth mentioning, from 0 to 1.
const ALIKE: f64 = 0.7;

/// What is stored as it was asked for, and may not be what was meant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HookWarning {
    /// Such as `events[0]`
    field: String,
    message: String,
}

/// Complains about patterns that match no event type the tenant knows, as far as the
/// hook did not have them before: in `errors` where the catalogue is strict, else in
/// what it returns. Where nothing is known, anything may come.
pub(super) async fn check(
    deps: &Deps,
    tenant: &Tenant,
    (old, new): (Option<&Hook>, &Hook),
    given: &[String],
    errors: &mut Vec<FieldError>,
) -> Result<Vec<HookWarning>, Problem> {
    let had = old.map(|old| &old.events);
    let is_new = |pattern: &Pattern| had.is_none_or(|had| !had.contains(pattern));
    let parsed = given.iter().enumerate().filter_map(|(index, text)| Some((index, text.parse::<Pattern>().ok()?)));
    let asked: Vec<(usize, Pattern)> =
        parsed.filter(|(_, pattern)| is_new(pattern) && pattern.as_str() != "*").collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let is_strict = deps.catalogue.is_strict(tenant).await?;
    let known = Known::read(deps, tenant, new, is_strict).await?;
    if known.is_empty() && !is_strict {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    for (index, pattern) in asked {
        let Some(message) = known.complaint(&pattern) else { continue };
        let field = format!("events[{index}]");
        match is_strict {
            true => errors.push(FieldError::new(field, message)),
            false => warnings.push(HookWarning { field, message }),
        }
    }
    Ok(warnings)
}

#[derive(Default)]
struct Known {
    published: BTreeSet<EventType>,
    archived: BTreeSet<EventType>,
}

impl Known {
    async fn read(deps: &Deps, tenant: &Tenant, hook: &Hook, is_strict: bool) -> Result<Self, Problem> {
        let mut known = Self::default();
        // What the hook's own profile lists is meant to come as well, where it can.
        let profile = deps.resolved.profile(hook.profile.as_ref(), tenant).await?;
        let own = profile.event_types.iter().filter(|_| !is_strict);
        let own = own.map(|entry| (entry.name.clone(), entry.archived));
        let all = deps.catalogue.all(tenant).await?;
        let of_tenant = all.into_iter().flatten().map(|known| (known.entry.name, known.entry.archived));
        for (name, is_archived) in own.chain(of_tenant) {
            known.published.remove(&name);
            known.archived.remove(&name);
            let into = if is_archived { &mut known.archived } else { &mut known.published };
            into.insert(name);
        }
        Ok(known)
    }

    fn is_empty(&self) -> bool {
        self.published.is_empty() && self.archived.is_empty()
    }

    /// What is wrong with a pattern, if anything is.
    fn complaint(&self, pattern: &Pattern) -> Option<String> {
        let is_of_plans = |known: &str| known.parse().is_ok_and(|known| pattern.matches(&known));
        let is_own =
            operational::TYPES.contains(&pattern.as_str()) || operational::PLAN_TYPES.into_iter().any(is_of_plans);
        if is_own || self.published.iter().any(|known| pattern.matches(known)) {
            return None;
        }
        if self.archived.iter().any(|known| pattern.matches(known)) {
            return Some(format!(
                "{} matches only event types that are archived and not published any more",
                pattern.as_str()
            ));
        }
        let hint = self.nearest(pattern.as_str()).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        Some(format!("{} matches no event type of the catalogue{hint}", pattern.as_str()))
    }

    fn nearest(&self, text: &str) -> Option<&EventType> {
        let alike = |name: &&EventType| strsim::jaro_winkler(name.as_str(), text);
        self.published
            .iter()
            .map(|name| (alike(&name), name))
            .filter(|(alike, _)| *alike >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, name)| name)
    }
}
