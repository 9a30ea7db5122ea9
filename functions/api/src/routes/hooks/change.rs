//! A change of a hook: checked first, then written with all that follows from it.

use std::time::Duration;

use contract::ports::PlacedDocument;
use domain::capability::Capability;
use domain::hook::Hook;
use domain::settings::Complete;
use domain::strict::Members;
use domain::tenant::Tenant;
use domain::verification::mentions_key;

use super::event_patterns::HookWarning;
use super::rules::{GivenSecret, Written, comply};
use super::settings::HookSettings;
use super::{KEY_PLACED, changes, uids};
use crate::Deps;
use crate::auth::{Access, Limits};
use crate::entity_tag::IfMatch;
use crate::problem::{FieldError, Problem};

/// When what has waited for a hook goes out at the latest.
const SURE_CATCH_UP: Duration = Duration::from_secs(10);

/// With whose rights a hook is changed.
pub(crate) struct Changer<'a> {
    pub(crate) access: Access,
    pub(crate) may_rotate: bool,
    /// None where whoever may do all has asked.
    pub(crate) limits: Option<&'a Limits>,
}

/// A change that may be made, and is not yet.
pub(crate) struct HookChange {
    pub(crate) old: Hook,
    pub(crate) new: Hook,
    settled: Complete,
    pub(crate) warnings: Vec<HookWarning>,
}

impl HookChange {
    pub(crate) async fn of(
        deps: &Deps,
        tenant: &Tenant,
        old: Hook,
        body: &Members,
        by: Changer<'_>,
    ) -> Result<Self, Problem> {
        let (mut settings, wrong) = HookSettings::read(body)?;
        let mut new = old.clone();
        let (secret, mut errors) = (GivenSecret::of(settings.fields.secret.take()), Vec::new());
        if !matches!(secret, GivenSecret::Keep)
            && let Some(limits) = by.limits
        {
            limits.check(Capability::Rotate)?;
        }
        if let Some(key) = &old.verification_key {
            let named = body.iter().filter(|(_, value)| mentions_key(value.get(), key));
            errors.extend(named.map(|(field, _)| FieldError::new(field, KEY_PLACED)));
        }
        let events = settings.events();
        let given = settings.apply(&mut new, &deps.addresses, deps.clock.now(), &mut errors);
        let written = Written {
            tenant,
            old: Some(&old),
            hook: &mut new,
            given,
            events: &events,
            secret,
            access: by.access,
            may_rotate: by.may_rotate,
        };
        let (settled, warnings) = comply(deps, written, wrong, errors).await?;
        Ok(Self { old, new, settled, warnings })
    }

    /// Writes it, and `beside` in the same transaction.
    pub(crate) async fn commit(
        self,
        deps: &Deps,
        access: Access,
        beside: &[PlacedDocument],
        if_match: &IfMatch,
    ) -> Result<Hook, Problem> {
        let Self { old, mut new, settled, .. } = self;
        new.updated_at = deps.clock.now();
        new.version = old.version + 1;
        changes::ask_for_removal(deps, Some(&old), &new).await?;
        uids::take(deps, Some(&old), &new).await?;
        changes::prepare(deps, Some(&old), &mut new, &settled, access).await?;
        let is_resumed = !old.enabled && new.enabled;
        if is_resumed {
            // Should this process die after the change, what waits goes out all the same.
            let sure = new.updated_at.saturating_add(SURE_CATCH_UP);
            deps.jobs.send_one(changes::catch_up(&new, Some(sure))).await?;
        }
        deps.hooks.update_with(&old, &new, beside).await.map_err(|error| if_match.or_conflict(error))?;
        if is_resumed {
            deps.jobs.send_one(changes::catch_up(&new, None)).await?;
        }
        if old.uid != new.uid {
            uids::release(deps, &old).await?;
        }
        Ok(new)
    }
}
