//! Who is asking, and may they: keys and sessions as bearer token or HTTP Basic.

mod authenticate;
mod key_cache;
mod throttle;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::capability::{Capabilities, Capability};
use domain::ids::TenantId;
use domain::key::{ApiKey, KeyHash, Scope};
use domain::portal::PortalSession;
use domain::time::Timestamp;

use crate::Deps;
use crate::input::{IdempotencyKey, Segments, segment};
use crate::problem::Problem;
use authenticate::{Caller, Freshness, address_of, authenticate};
pub(crate) use authenticate::{presented, refused};
pub use key_cache::KeyCache;
pub use throttle::Throttle;

/// The least that an operator's key has, in characters: a key that is made at
/// random and as short as that is not found by trying.
pub const MIN_OPERATOR_KEY_CHARS: usize = 16;

/// The key that the deployment gives its operator, of which only the SHA-256 is
/// known here. Without one, only keys that were created are the operator's.
#[derive(Clone, Debug)]
pub struct OperatorKey(Option<KeyHash>);

impl OperatorKey {
    pub fn new(key: &str) -> Self {
        Self(Some(KeyHash::of(key)))
    }

    pub fn from_sha256(hash: Option<[u8; 32]>) -> Self {
        Self(hash.map(KeyHash::from_sha256))
    }

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub fn matches(&self, token: &str) -> bool {
        !token.is_empty() && self.0.as_ref().is_some_and(|hash| hash.matches(token))
    }
}

/// The operator; may do everything.
pub struct Operator;

/// Somebody who may do more than publish, for what is no tenant's own.
pub(crate) struct Anybody;

/// Somebody who may do everything within the tenant of the path.
pub(crate) struct InTenant(pub(crate) TenantId);

/// Somebody who may publish for the tenant of the path.
pub(crate) struct MayPublish(pub(crate) TenantId);

macro_rules! in_portals {
    ($($(#[$doc:meta])* $name:ident needs $capability:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) TenantId);

        impl FromRequestParts<Arc<Deps>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
                authorize(parts, deps, Need::Portal(Capability::$capability), Freshness::Now).await.map(Self)
            }
        }
    )*};
}

// Who looks after the whole tenant may do each of these, and so may a portal's key or
// session that has the capability.
in_portals! {
    /// Somebody who may see the hooks of the tenant of the path, their log and the catalogue.
    InPortal needs View;
    /// Somebody who may create, change and delete the hooks of the tenant of the path.
    MayManage needs Manage;
    /// Somebody who may see the secrets of the hooks of the tenant of the path.
    MayRevealSecret needs RevealSecret;
    /// Somebody who may replace them.
    MayRotate needs Rotate;
    /// Somebody who may send test events to the hooks of the tenant of the path.
    MayTest needs Test;
    /// Somebody who may send deliveries of the tenant of the path again.
    MaySendAgain needs SendAgain;
    /// Somebody who may decide plans of the tenant of the path.
    MayApprove needs Approve;
}

/// Somebody who may propose plans for the tenant of the path.
pub(crate) struct MayPropose(pub(crate) TenantId);

impl FromRequestParts<Arc<Deps>> for MayPropose {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, Need::Propose, Freshness::Now).await.map(Self)
    }
}

/// Whether the operator is asking; known as [`Actor`] is.
#[derive(Clone, Copy)]
pub(crate) struct IsOperator(pub(crate) bool);

/// Whether somebody asks who may only propose plans, and see nothing; known as [`Actor`] is.
#[derive(Clone, Copy)]
pub(crate) struct IsPlanner(pub(crate) bool);

/// Somebody with a portal session, for what is the session's own.
pub(crate) struct InSession(pub(crate) Arc<PortalSession>);

/// Where a request came from, as far as that is known.
pub(crate) struct Requester(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<Deps>> for Requester {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Deps>) -> Result<Self, Infallible> {
        Ok(Self(address_of(parts)))
    }
}

/// Who is asking, as the audit trail names them; known after one of the above.
#[derive(Clone)]
pub(crate) struct Actor(pub(crate) String);

/// With which key or session it is asked, each of the operators' keys by itself; known as [`Actor`] is, and
/// after [`Operator`].
#[derive(Clone)]
pub(crate) struct AskedWith(String);

impl AskedWith {
    /// The deployment's own key has no id. That it is not called as [`Actor`] calls all operators tells what
    /// is known by this from what was known by that.
    fn of(caller: &Caller) -> Self {
        Self(match caller {
            Caller::Operator(None) => "deployment".to_owned(),
            Caller::Operator(Some(key)) => key.id.to_string(),
            Caller::Key(key) => key.id.to_string(),
            Caller::Session(session) => session.actor(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a request with this idempotency key is known by: the same key of somebody else is another one's.
    pub(crate) fn request(&self, key: &str) -> String {
        // Neither holds a line feed, so no two requests make the same text.
        format!("{}\n{key}", self.0)
    }
}

/// When the key or session ends with which it is asked; known as [`Actor`] is.
#[derive(Clone, Copy)]
pub(crate) struct AskedUntil(pub(crate) Option<Timestamp>);

impl AskedUntil {
    fn of(caller: &Caller) -> Self {
        Self(match caller {
            Caller::Operator(key) => key.as_ref().and_then(|key| key.expires_at),
            Caller::Key(key) => key.expires_at,
            Caller::Session(session) => Some(session.expires_at),
        })
    }
}

/// A request with its `Idempotency-Key`, if it has one.
pub(crate) struct NamedRequest {
    pub(crate) asked_with: AskedWith,
    pub(crate) key: Option<String>,
}

impl FromRequestParts<Arc<Deps>> for NamedRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        let asked_with = parts.extensions.get::<AskedWith>().cloned().ok_or_else(Problem::internal)?;
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(parts, deps).await?;
        Ok(Self { asked_with, key })
    }
}

/// Whether a customer is asking or who looks after the tenant; known as [`Actor`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Portal,
    Full,
}

/// Whether a caller has a further capability, besides the one that the route asks for;
/// known as [`Actor`] is. None holds whoever chose no capabilities.
#[derive(Clone)]
pub(crate) struct Limits(Option<Capabilities>);

impl Limits {
    pub(crate) fn allow(&self, capability: Capability) -> bool {
        self.0.as_ref().is_none_or(|all| all.allow(capability))
    }

    pub(crate) fn check(&self, capability: Capability) -> Result<(), Problem> {
        if self.allow(capability) { Ok(()) } else { Err(lacks(capability)) }
    }

    /// All that a caller may do with the hooks of its tenant.
    pub(crate) fn capabilities(&self, access: Access) -> Vec<Capability> {
        match (&self.0, access) {
            (Some(chosen), _) => chosen.known(),
            (None, Access::Portal) => Capabilities::usual().known(),
            (None, Access::Full) => Capability::ALL.to_vec(),
        }
    }

    /// The same of what a portal key may only do that was made for it.
    pub(crate) fn has_chosen(&self, capability: Capability, access: Access) -> bool {
        self.0.as_ref().map_or(access != Access::Portal, |all| all.allow(capability))
    }
}

macro_rules! known {
    ($($name:ident),*) => {$(
        impl FromRequestParts<Arc<Deps>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &Arc<Deps>) -> Result<Self, Problem> {
                parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
            }
        }
    )*};
}

// Once one of the above has found out who asks.
known!(IsPlanner, IsOperator, Limits, Access, Actor, AskedWith, AskedUntil);

impl FromRequestParts<Arc<Deps>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        let caller = authenticate(parts, deps, Freshness::Now).await?;
        parts.extensions.insert(AskedWith::of(&caller));
        match caller {
            Caller::Operator(_) => Ok(Self),
            Caller::Key(_) | Caller::Session(_) => {
                Err(Problem::new(StatusCode::FORBIDDEN, "only the operator's key may do this"))
            }
        }
    }
}

impl FromRequestParts<Arc<Deps>> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        match authenticate(parts, deps, Freshness::Now).await? {
            Caller::Operator(_) => {}
            Caller::Key(key) => check_key(&key, Need::Portal(Capability::View))?,
            Caller::Session(session) => check_session(&session, Need::Portal(Capability::View))?,
        }
        Ok(Self)
    }
}

impl FromRequestParts<Arc<Deps>> for InTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, Need::Tenant, Freshness::Now).await.map(Self)
    }
}

impl FromRequestParts<Arc<Deps>> for MayPublish {
    type Rejection = Problem;

    /// Only publishing is worth a key that is remembered: it is the busy route,
    /// and what a revoked key can do there for some seconds leaves nothing behind.
    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, Need::Publish, Freshness::Remembered).await.map(Self)
    }
}

impl FromRequestParts<Arc<Deps>> for InSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        match authenticate(parts, deps, Freshness::Now).await? {
            Caller::Session(session) => Ok(Self(session)),
            Caller::Operator(_) | Caller::Key(_) => {
                Err(Problem::new(StatusCode::FORBIDDEN, "only a portal session has this; a key has none"))
            }
        }
    }
}

/// Whether whoever asks may be allowed anything in this tenant, or anything that is no tenant's.
pub(crate) async fn may_ask_in(parts: &Parts, deps: &Deps, tenant: Option<&TenantId>) -> Result<bool, Problem> {
    Ok(match authenticate(parts, deps, Freshness::Now).await? {
        Caller::Operator(_) => true,
        Caller::Key(key) => tenant.is_some() && key.tenant.as_ref() == tenant,
        Caller::Session(session) => tenant == Some(&session.tenant),
    })
}

/// What a route asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Everything within the tenant.
    Tenant,
    Publish,
    /// Proposing plans.
    Propose,
    Portal(Capability),
}

async fn authorize(parts: &mut Parts, deps: &Deps, need: Need, freshness: Freshness) -> Result<TenantId, Problem> {
    let caller = authenticate(parts, deps, freshness).await?;
    let (actor, access, limits) = match &caller {
        Caller::Operator(_) => ("operator".to_owned(), Access::Full, None),
        Caller::Key(key) => {
            let access = if key.is_for_a_portal() { Access::Portal } else { Access::Full };
            let limits = (key.scope == Scope::Limited).then(|| key.portal_capabilities());
            (key.id.to_string(), access, limits)
        }
        Caller::Session(session) => (session.actor(), Access::Portal, Some(session.capabilities.clone())),
    };
    parts.extensions.insert(IsPlanner(matches!(&caller, Caller::Key(key) if key.scope == Scope::Planner)));
    parts.extensions.insert(IsOperator(matches!(caller, Caller::Operator(_))));
    parts.extensions.insert(AskedWith::of(&caller));
    parts.extensions.insert(AskedUntil::of(&caller));
    parts.extensions.insert(Actor(actor));
    parts.extensions.insert(access);
    parts.extensions.insert(Limits(limits));
    let Ok(params) = Segments::from_request_parts(parts, deps).await;
    let tenant: TenantId = segment(&params, "tenant", "tenant")?;
    // The same answer as for a tenant that does not exist.
    let not_found = || Err(Problem::not_found("tenant"));
    match caller {
        Caller::Operator(_) if deps.tenants.get(&tenant).await?.is_none() => not_found(),
        Caller::Operator(_) => Ok(tenant),
        Caller::Key(key) if key.tenant.as_ref() != Some(&tenant) => not_found(),
        Caller::Key(key) => check_key(&key, need).map(|()| tenant),
        Caller::Session(session) if session.tenant != tenant => not_found(),
        Caller::Session(session) => check_session(&session, need).map(|()| tenant),
    }
}

fn check_key(key: &ApiKey, need: Need) -> Result<(), Problem> {
    let forbidden = |detail| Err(Problem::new(StatusCode::FORBIDDEN, detail));
    match (key.scope, need) {
        (Scope::Operator | Scope::Tenant, _) | (Scope::Publish, Need::Publish) => Ok(()),
        (Scope::Publish, _) => forbidden("this key may only publish events"),
        (Scope::Planner, Need::Propose) => Ok(()),
        (Scope::Planner, _) => forbidden("this key may only propose plans"),
        (Scope::Portal | Scope::Limited, Need::Portal(capability)) => match key.allows(capability) {
            true => Ok(()),
            false => Err(lacks(capability)),
        },
        (Scope::Portal | Scope::Limited, _) => forbidden("this key may only look after hooks"),
        // A key of a newer version may do nothing here.
        (Scope::Unknown(_), _) => forbidden("this key's scope is not known to this version of Hookline"),
    }
}

fn check_session(session: &PortalSession, need: Need) -> Result<(), Problem> {
    match need {
        Need::Portal(capability) if session.capabilities.allow(capability) => Ok(()),
        Need::Portal(capability) => Err(lacks(capability)),
        Need::Tenant | Need::Publish | Need::Propose => {
            Err(Problem::new(StatusCode::FORBIDDEN, "a portal session may only look after hooks"))
        }
    }
}

fn lacks(capability: Capability) -> Problem {
    let detail = format!("this takes the capability `{}`, which was not given", capability.as_str());
    Problem::new(StatusCode::FORBIDDEN, detail)
}
