pub(crate) mod operator;
mod shown_scope;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::capability::{Capabilities, Capability};
use domain::choices;
use domain::ids::{KeyId, TenantId};
use domain::key::{ApiKey, KeyHash, Scope, TokenId, generate_token};
use domain::strict::WrongFields;
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::portal::links::chosen_capabilities;
use super::subscriptions::end_of_key;
use crate::Deps;
use crate::auth::InTenant;
use crate::input::{Body, Segments, check_name, refuse, segment};
use crate::listed::ListEntry;
use crate::problem::{FieldError, Problem};

/// Keys of one tenant, or of the operator, that have not expired.
const MAX_KEYS: usize = 100;
/// Portal keys of a tenant beside them; links are made often.
const MAX_PORTAL_KEYS: usize = 1_000;
/// Seven days: a link to a portal should not outlive the visit by much.
const MAX_PORTAL_SECONDS: u64 = 7 * 24 * 3_600;
/// Ten years.
const MAX_SECONDS: u64 = 3_650 * 24 * 3_600;

choices! {
    /// What a key of a tenant may do.
    #[derive(Clone, Copy, Deserialize)]
    pub(crate) enum TenantScope {
        /// Everything within the tenant.
        Tenant = "tenant",
        /// Publish events, and nothing else.
        Publish = "publish",
        /// What a customer's portal needs, as its capabilities say: see and change hooks,
        /// see their log, the events and the catalogue, send again. No keys, no publishing.
        Portal = "portal",
        /// Propose plans, and nothing else.
        Planner = "planner",
    }
}

impl From<TenantScope> for Scope {
    fn from(scope: TenantScope) -> Self {
        match scope {
            TenantScope::Tenant => Self::Tenant,
            TenantScope::Publish => Self::Publish,
            TenantScope::Portal => Self::Portal,
            TenantScope::Planner => Self::Planner,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// For people, up to 200 characters.
    #[schema(max_length = 200)]
    #[serde(default)]
    name: String,
    scope: TenantScope,
    /// What a portal key may do; `view`, `manage`, `test` and `send_again` when absent.
    #[schema(min_items = 1)]
    capabilities: Option<Vec<Capability>>,
    /// Seconds after which it is refused, up to 315,360,000; it does not expire
    /// when absent. A portal key needs it, up to 604,800.
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    id: String,
    name: String,
    #[schema(value_type = shown_scope::Scope)]
    scope: Scope,
    /// What it may do, of a portal key
    #[schema(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Vec<Capability>>,
    created_at: String,
    /// Null: it does not expire
    expires_at: Option<String>,
    /// To the minute; null when it was never used
    last_used_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself. It is shown here and never again.
    key: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    #[schema(inline)]
    items: Vec<ListEntry<KeyView>>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let capabilities = key.is_for_a_portal().then(|| key.portal_capabilities().known());
        let scope = key.shown_scope();
        Self {
            id: key.id.to_string(),
            name: key.name,
            scope,
            capabilities,
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
        }
    }
}

/// Create an API key
#[utoipa::path(post, path = "/v1/tenants/{tenant}/keys", operation_id = "keys.create", tag = "tenants",
    params(("tenant" = String, Path)), request_body(content = NewKey, examples(
        ("publisher" = (summary = "For a backend that publishes", value = json!({ "name": "backend", "scope": "publish" }))),
        ("portal" = (summary = "For a portal of your own, for an hour", value = json!({ "name": "Jane", "scope": "portal", "capabilities": ["view", "test"], "expires_in": 3_600 })))
    )), responses(
    (status = 201, body = CreatedKey),
    (status = 409, description = "Limit reached: at most 100 keys, and 1,000 portal keys")
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    new: Body<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    // While a tenant is being deleted its keys still work; none may be added.
    deps.tenants.get(&tenant).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    let (new, wrong) = new.open()?;
    let mut errors = Vec::new();
    let scope = Scope::from(new.scope);
    let capabilities = new.capabilities.map(|chosen| {
        if scope != Scope::Portal {
            errors.push(FieldError::new("capabilities", "is for portal keys; what others may do is their scope"));
        }
        chosen_capabilities(&chosen, &mut errors)
    });
    let limited = scope == Scope::Portal && capabilities.is_some();
    let rights = Rights { scope: if limited { Scope::Limited } else { scope }, capabilities };
    add(&deps, Some(tenant), new.name, rights, new.expires_in, (wrong, errors)).await
}

/// What a new key may do.
struct Rights {
    scope: Scope,
    /// Of a limited key.
    capabilities: Option<Capabilities>,
}

async fn add(
    deps: &Deps,
    tenant: Option<TenantId>,
    name: String,
    Rights { scope, capabilities }: Rights,
    expires_in: Option<u64>,
    (wrong, mut errors): (WrongFields, Vec<FieldError>),
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let portal = matches!(scope, Scope::Portal | Scope::Limited);
    check_name(&name, &mut errors);
    let longest = if portal { MAX_PORTAL_SECONDS } else { MAX_SECONDS };
    if expires_in.is_some_and(|seconds| !(1..=longest).contains(&seconds)) || (portal && expires_in.is_none()) {
        errors.push(FieldError::new("expires_in", format!("expected 1 to {longest} seconds")));
    }
    refuse(wrong, errors)?;
    make_room(deps, tenant.as_ref(), portal).await?;
    let now = deps.clock.now();
    let id = KeyId::new(deps.clock.now(), deps.random.as_ref());
    let token = generate_token(tenant.as_ref(), TokenId::Key(id), deps.random.as_ref());
    let key = ApiKey {
        tenant,
        id,
        name,
        scope,
        capabilities,
        hash: KeyHash::of(token.reveal()),
        created_at: now,
        expires_at: expires_in.map(|seconds| now.saturating_add(Duration::from_secs(seconds))),
        last_used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    };
    deps.keys.create(&key).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { view: key.into(), key: token.reveal().to_owned() })))
}

/// Deletes keys that have expired, and complains when there are too many others.
async fn make_room(deps: &Deps, tenant: Option<&TenantId>, portal: bool) -> Result<(), Problem> {
    let now = deps.clock.now();
    // Those that cannot be read neither expire nor take anybody's room.
    let (expired, live): (Vec<_>, Vec<_>) =
        deps.keys.list(tenant).await?.into_iter().flatten().partition(|key| key.is_expired(now));
    for key in expired {
        deps.keys.delete(tenant, key.id).await?;
    }
    let count = live.iter().filter(|key| key.is_for_a_portal() == portal).count();
    let most = if portal { MAX_PORTAL_KEYS } else { MAX_KEYS };
    match count < most {
        true => Ok(()),
        false => {
            let what = if portal { "portal keys" } else { "keys" };
            Err(Problem::limit_reached(format!("limit reached: at most {most} {what}; delete one first")))
        }
    }
}

/// List API keys, the oldest first
///
/// Those that have expired are listed until another key is created.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/keys", operation_id = "keys.list", tag = "tenants",
    params(("tenant" = String, Path)), responses((status = 200, body = KeyList)))]
pub(crate) async fn list(InTenant(tenant): InTenant, State(deps): State<Arc<Deps>>) -> Result<Json<KeyList>, Problem> {
    let keys = deps.keys.list(Some(&tenant)).await?;
    Ok(Json(KeyList { items: ListEntry::all(keys, Into::into) }))
}

/// Revoke an API key
///
/// On AWS it may publish for up to five seconds more. Subscriptions that it has made at `/mcp/{tenant}` end within a
/// minute or two.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/keys/{key_id}", operation_id = "keys.delete", tag = "tenants",
    params(("tenant" = String, Path), ("key_id" = String, Path)), responses((status = 204)))]
pub(crate) async fn delete(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    revoke(&deps, Some(&tenant), segment(&params, "key_id", "key")?).await
}

async fn revoke(deps: &Deps, tenant: Option<&TenantId>, id: KeyId) -> Result<StatusCode, Problem> {
    end_of_key(deps, tenant, id).await?;
    let found = deps.keys.delete(tenant, id).await?;
    deps.key_cache.forget(id);
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("key")) }
}
