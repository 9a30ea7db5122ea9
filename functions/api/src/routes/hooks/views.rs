//! Hooks as the API shows them.

use contract::ports::Unreadable;
use domain::filter::Filter;
use domain::health::Health;
use domain::hook::Hook;
use domain::metadata::Metadata;
use domain::settings::Complete;
use domain::tenant::Tenant;
use serde::Serialize;
use services::delivery::paused;
use utoipa::ToSchema;

use super::event_patterns::HookWarning;
use super::health::{self, HealthView};
use crate::Deps;
use crate::listed::ListEntry;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
#[schema(as = Hook)]
pub(crate) struct HookView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) url: String,
    /// Event types, prefixes such as `post.*`, or `*`
    pub(super) events: Vec<String>,
    pub(super) channels: Vec<String>,
    /// Which events' `data` it wants; null for all
    pub(super) filter: Option<Filter>,
    /// Your own name for it; null without one
    pub(super) uid: Option<String>,
    /// What you noted with it
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub(super) metadata: Metadata,
    pub(super) enabled: bool,
    /// Why it was disabled; null while it is enabled
    pub(super) disabled_reason: Option<String>,
    pub(super) disabled_at: Option<String>,
    /// From when on it gets nothing any more; null: it does not expire
    pub(super) expires_at: Option<String>,
    /// What waits for it while it is paused; null while it is not
    pub(super) waiting: Option<WaitingView>,
    pub(super) health: HealthView,
    /// The profile it uses
    pub(super) profile: String,
    /// Which settings the hook decides itself; the others are its profile's,
    /// its tenant's or the standard
    pub(super) own_settings: Vec<&'static str>,
    /// Every setting as it applies. Secrets in them are masked
    #[serde(flatten)]
    pub(super) settings: Complete,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

impl HookView {
    pub(crate) async fn of(deps: &Deps, tenant: &Tenant, hook: &Hook) -> Result<Self, Problem> {
        let health = Health::clone(&*deps.hook_health.health(&tenant.id, hook.id).await?);
        let health = health::complete(deps, &tenant.id, hook.id, health).await?;
        Self::with(deps, tenant, hook, &health).await
    }

    /// What keeps one from being shown, such as its profile that cannot be read, hides no other.
    pub(super) async fn listed(
        deps: &Deps,
        tenant: &Tenant,
        hook: &Hook,
        health: &Health,
    ) -> Result<ListEntry<Self>, Problem> {
        match Self::with(deps, tenant, hook, health).await {
            Ok(view) => Ok(ListEntry::Read(view)),
            Err(problem) if problem.is_unreadable() => {
                Ok(Unreadable { id: hook.id.to_string(), why: problem.detail().to_owned() }.into())
            }
            Err(problem) => Err(problem),
        }
    }

    pub(super) async fn with(deps: &Deps, tenant: &Tenant, hook: &Hook, health: &Health) -> Result<Self, Problem> {
        let masked = Hook { settings: hook.settings.clone().masked(), ..hook.clone() };
        let profile = deps.resolved.profile(hook.profile.as_ref(), tenant).await?;
        let settings = deps.resolved.settle(&masked, tenant).await?;
        Ok(Self {
            id: hook.id.to_string(),
            name: hook.name.clone(),
            description: hook.description.clone(),
            uid: hook.uid.as_ref().map(ToString::to_string),
            metadata: hook.metadata.clone(),
            url: hook.url.clone(),
            events: hook.events.iter().map(ToString::to_string).collect(),
            channels: hook.channels.iter().map(ToString::to_string).collect(),
            filter: hook.filter.clone(),
            enabled: hook.enabled,
            disabled_reason: hook.disabled_reason.clone(),
            disabled_at: hook.disabled_at.map(|at| at.to_string()),
            expires_at: hook.expires_at.map(|at| at.to_string()),
            waiting: WaitingView::of(deps, hook).await?,
            profile: profile.name.to_string(),
            own_settings: hook.settings.decided(),
            health: HealthView::new(health, &hook.url, &settings, deps.clock.now()),
            settings: settings.shown(),
            created_at: hook.created_at.to_string(),
            updated_at: hook.updated_at.to_string(),
        })
    }
}

/// Deliveries that came due while their hook is paused, and go out once it is enabled.
#[derive(Serialize, ToSchema)]
pub(crate) struct WaitingView {
    /// How many, counted up to 1,000
    pub(super) deliveries: u32,
    /// Whether there are no more than that
    pub(super) is_exact: bool,
    /// When the oldest of their events was accepted
    pub(super) oldest_accepted_at: Option<String>,
}

/// What is counted of it for each look at a hook.
const MOST_COUNTED: u32 = 1_000;

impl WaitingView {
    async fn of(deps: &Deps, hook: &Hook) -> Result<Option<Self>, Problem> {
        if !hook.is_paused() {
            return Ok(None);
        }
        let first = paused::first(deps.log.as_ref(), &hook.tenant, hook.id).await?;
        let deliveries = match first {
            Some(_) => paused::count(deps.log.as_ref(), hook, MOST_COUNTED + 1).await?,
            None => 0,
        };
        Ok(Some(Self {
            deliveries: deliveries.min(MOST_COUNTED),
            is_exact: deliveries <= MOST_COUNTED,
            oldest_accepted_at: first.map(|event| event.at().to_string()),
        }))
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedHook {
    #[serde(flatten)]
    pub(super) view: HookView,
    /// What signs the requests; null when nothing does. Also at
    /// `GET …/hooks/{hook}/secret`.
    pub(super) secret: Option<String>,
    /// What verifies them, where an Ed25519 key signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_key: Option<String>,
    /// What the endpoint has to return, where it has to verify itself. Also at
    /// `GET …/hooks/{hook}/secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verification_key: Option<String>,
    /// What may not be as it was meant
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<HookWarning>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChangedHook {
    #[serde(flatten)]
    pub(super) view: HookView,
    /// What may not be as it was meant
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<HookWarning>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HookList {
    #[schema(inline)]
    pub(super) items: Vec<ListEntry<HookView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(super) next_cursor: Option<String>,
    /// Hooks that match the filter, on all pages together.
    pub(super) total: usize,
}
