//! Which hooks fail, over all tenants, the most failures first, and which were disabled for it.
//!
//! A row says where to look, and whoever reads it looks at the hook and its health: a row that
//! came late, or stayed because somebody died, misleads nobody. It is written where failures in
//! a row have doubled, so a hook that has failed a million times was written twenty times, and
//! one that fails now and then and goes well the next time is not written at all.

use std::sync::Arc;

use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Document, Documents, Page, StoreError, StoreResult};
use contract::stage::causes;
use domain::health::Health;
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};
use domain::time::Timestamp;

/// What a hook is listed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// By the power of two of its failures in a row.
    Failing(u8),
    /// Since then, and not by its owner.
    Disabled(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    Failing,
    Disabled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubledHook {
    pub tenant: TenantId,
    pub hook: HookId,
    pub trouble: Trouble,
}

impl TroubleKind {
    fn partition(self) -> String {
        match self {
            Self::Failing => DocumentKind::FailingHooks.partition(&[]),
            Self::Disabled => DocumentKind::DisabledHooks.partition(&[]),
        }
    }
}

impl Trouble {
    pub fn kind(self) -> TroubleKind {
        match self {
            Self::Failing(_) => TroubleKind::Failing,
            Self::Disabled(_) => TroubleKind::Disabled,
        }
    }

    /// Names are in the order of lists: the most failures first, and who was disabled last.
    fn rank(self) -> String {
        match self {
            Self::Failing(power) => format!("{:03}", u8::MAX - power),
            Self::Disabled(at) => format!("{:019}", i64::MAX - at.as_millis()),
        }
    }

    fn read(kind: TroubleKind, rank: &str) -> Option<Self> {
        Some(match kind {
            TroubleKind::Failing => Self::Failing(u8::MAX - rank.parse::<u8>().ok()?),
            TroubleKind::Disabled => {
                Self::Disabled(Timestamp::from_millis(i64::MAX.checked_sub(rank.parse::<i64>().ok()?)?))
            }
        })
    }

    /// Whether it is still so.
    pub fn is_of(self, hook: &Hook, health: &Health) -> bool {
        match self {
            Self::Failing(power) => health.failing_power() == Some(power),
            Self::Disabled(at) => !hook.enabled && hook.disabled_at == Some(at),
        }
    }
}

impl TroubledHook {
    /// A `#` is in no tenant's id.
    fn name(&self) -> String {
        format!("{}#{}#{}", self.trouble.rank(), self.tenant, self.hook)
    }

    fn read(kind: TroubleKind, name: &str) -> Option<Self> {
        let mut parts = name.split('#');
        let trouble = Trouble::read(kind, parts.next()?)?;
        Some(Self { tenant: parts.next()?.parse().ok()?, hook: parts.next()?.parse().ok()?, trouble })
    }
}

pub struct FailingHooks {
    documents: Arc<dyn Documents>,
}

impl FailingHooks {
    /// Nothing caches these documents.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents }
    }

    /// After the health of a hook was written. What fails is only logged: the next doubling
    /// writes it, or the next reader takes it away.
    pub(super) async fn follow(&self, tenant: &TenantId, hook: HookId, before: Option<u8>, after: Option<u8>) {
        if before == after {
            return;
        }
        let row = |power| TroubledHook { tenant: tenant.clone(), hook, trouble: Trouble::Failing(power) };
        let written = async {
            if let Some(power) = after {
                self.put(&row(power)).await?;
            }
            if let Some(power) = before {
                self.remove(&row(power)).await?;
            }
            StoreResult::Ok(())
        };
        if let Err(error) = written.await {
            tracing::warn!(tenant.id = %tenant, hook.id = %hook, error = %causes(&error), "the list of failing hooks does not tell how often hook {hook} fails");
        }
    }

    pub(super) async fn put(&self, row: &TroubledHook) -> StoreResult<()> {
        let document = Document { name: row.name(), version: 1, body: "{}".to_owned() };
        match self.documents.put(&row.trouble.kind().partition(), &document).await {
            // It is there already.
            Err(StoreError::Conflict) => Ok(()),
            other => other,
        }
    }

    pub async fn remove(&self, row: &TroubledHook) -> StoreResult<()> {
        self.documents.delete(&row.trouble.kind().partition(), &row.name()).await.map(drop)
    }

    /// A row that cannot be read is left out: it would say nothing but where to look.
    pub async fn list(&self, kind: TroubleKind, limit: usize, cursor: Option<&str>) -> StoreResult<Page<TroubledHook>> {
        let page = self.documents.list(&kind.partition(), limit, cursor).await?;
        let items = page.items.iter().flatten().filter_map(|row| TroubledHook::read(kind, &row.name)).collect();
        Ok(Page { items, next: page.next })
    }
}
