//! One-time links, made by a company's backend for one of its customers.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::capability::{Capabilities, Capability};
use domain::ids::{LinkId, TenantId};
use domain::key::{KeyHash, TokenId, generate_token};
use domain::portal::{PortalLink, check_https, check_landing};
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::audited::note_link;
use crate::auth::InTenant;
use crate::input::{Body, refuse};
use crate::problem::{FieldError, Problem};

/// Links of a tenant that can still be exchanged.
const MAX_LINKS: usize = 1_000;
/// Rows of others that are deleted to make room, so that no request takes long.
pub(super) const REMOVED_AT_ONCE: usize = 100;
const LINK_SECONDS: u64 = 600;
const MAX_LINK_SECONDS: u64 = 24 * 3_600;
const SESSION_SECONDS: u64 = 8 * 3_600;
const MAX_SESSION_SECONDS: u64 = 7 * 24 * 3_600;
const LANDING: &str = "/hooks";
const MAX_USER_CHARS: usize = 200;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPortalLink {
    /// What the session may do; `view`, `manage`, `test` and `send_again` when absent.
    #[schema(min_items = 1)]
    capabilities: Option<Vec<Capability>>,
    /// Short for the capability `view` alone.
    #[serde(default)]
    read_only: bool,
    /// Seconds in which the link can be used, up to 86,400; 600 when absent.
    #[schema(minimum = 1, maximum = 86_400)]
    link_expires_in: Option<u64>,
    /// Seconds that the session lasts, and each refresh of it, up to 604,800; 28,800
    /// when absent.
    #[schema(minimum = 1, maximum = 604_800)]
    session_expires_in: Option<u64>,
    /// The page that is shown first, as a path below `/portal`; `/hooks` when absent.
    #[schema(max_length = 512)]
    landing: Option<String>,
    /// The https address that the pages lead back to.
    #[schema(format = "uri", max_length = 2_048)]
    return_url: Option<String>,
    /// Whom it is for, up to 200 characters. The audit trail shows it.
    #[schema(max_length = 200)]
    user: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedPortalLink {
    id: String,
    /// The address to send the customer to. It works once.
    link: String,
    /// What `POST /v1/portal/sessions` takes, and what the link carries behind its `#`. It is
    /// shown here and never again.
    code: String,
    /// When the link ends unless it is used
    expires_at: String,
    #[schema(inline)]
    capabilities: Vec<Capability>,
    /// How long its session lasts
    session_expires_in: u64,
    landing: String,
    return_url: Option<String>,
    user: Option<String>,
    created_at: String,
}

/// Make a one-time link to the tenant's portal
///
/// Whoever opens it is in, without an account. The code stands behind the `#` of the address,
/// so that it is in no log of a server and no link scanner uses it up.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/portal-links", operation_id = "portal_links.create", tag = "portal",
    params(("tenant" = String, Path)), request_body(content = Option<NewPortalLink>, examples(
        ("customer" = (summary = "For a customer who looks after their hooks", value = json!({
            "user": "Jane, jane@acme.example", "capabilities": ["view", "manage"], "return_url": "https://app.example.com/settings"
        }))),
        ("support" = (summary = "For a look at one page", value = json!({ "user": "support", "read_only": true, "landing": "/deliveries", "session_expires_in": 3_600 })))
    )), responses(
    (status = 201, body = CreatedPortalLink),
    (status = 409, description = "Limit reached: at most 1,000 links that were not used; or the deployment does not know its public address")
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    new: Body<NewPortalLink>,
) -> Result<(StatusCode, Json<CreatedPortalLink>), Problem> {
    // While a tenant is being deleted its keys still work; no link may be added.
    deps.tenants.get(&tenant).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    let (new, wrong) = new.open()?;
    let mut errors = Vec::new();
    let capabilities = capabilities(new.capabilities.as_deref(), new.read_only, &mut errors);
    let seconds = |field, given: Option<u64>, usual, most, errors: &mut Vec<FieldError>| {
        let seconds = given.unwrap_or(usual);
        if !(1..=most).contains(&seconds) {
            errors.push(FieldError::new(field, format!("expected 1 to {most} seconds")));
        }
        seconds
    };
    let lasts = seconds("link_expires_in", new.link_expires_in, LINK_SECONDS, MAX_LINK_SECONDS, &mut errors);
    let session_seconds =
        seconds("session_expires_in", new.session_expires_in, SESSION_SECONDS, MAX_SESSION_SECONDS, &mut errors);
    let landing = new.landing.unwrap_or_else(|| LANDING.to_owned());
    if let Err(message) = check_landing(&landing) {
        errors.push(FieldError::new("landing", message));
    }
    if let Some(Err(message)) = new.return_url.as_deref().map(check_https) {
        errors.push(FieldError::new("return_url", message));
    }
    let user = new.user.filter(|user| !user.is_empty());
    if user.as_deref().is_some_and(|user| user.chars().count() > MAX_USER_CHARS || user.chars().any(char::is_control)) {
        let message = format!("expected at most {MAX_USER_CHARS} characters, and no control characters");
        errors.push(FieldError::new("user", message));
    }
    refuse(wrong, errors)?;
    let base = deps.public_url.as_ref().ok_or_else(|| {
        Problem::conflict(
            "this deployment does not know its public address, so it can make no link: set the template's parameter \
             PublicUrl, or HOOKLINE_PUBLIC_URL, to the address at which it is reached",
        )
    })?;
    make_room(&deps, &tenant).await?;
    let now = deps.clock.now();
    let id = LinkId::new(now, deps.random.as_ref());
    let code = generate_token(Some(&tenant), TokenId::Link(id), deps.random.as_ref());
    let link = PortalLink {
        tenant,
        id,
        hash: KeyHash::of(code.reveal()),
        capabilities,
        session_seconds,
        landing,
        return_url: new.return_url,
        user,
        created_at: now,
        expires_at: now.saturating_add(Duration::from_secs(lasts)),
        used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    };
    deps.portal_links.create(&link).await?;
    note_link(&deps.hook_health, &link).await?;
    let created = CreatedPortalLink {
        id: id.to_string(),
        link: format!("{base}/portal/enter#{}", code.reveal()),
        code: code.reveal().to_owned(),
        expires_at: link.expires_at.to_string(),
        capabilities: link.capabilities.known(),
        session_expires_in: link.session_seconds,
        landing: link.landing,
        return_url: link.return_url,
        user: link.user,
        created_at: link.created_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Those that were chosen, or the usual ones.
fn capabilities(chosen: Option<&[Capability]>, read_only: bool, errors: &mut Vec<FieldError>) -> Capabilities {
    match (chosen, read_only) {
        (Some(_), true) => {
            errors.push(FieldError::new("read_only", "is short for capabilities; leave one of the two out"));
            Capabilities::view_only()
        }
        (None, true) => Capabilities::view_only(),
        (Some(chosen), false) => chosen_capabilities(chosen, errors),
        (None, false) => Capabilities::usual(),
    }
}

pub(crate) fn chosen_capabilities(chosen: &[Capability], errors: &mut Vec<FieldError>) -> Capabilities {
    if chosen.is_empty() {
        errors.push(FieldError::new("capabilities", "expected at least one, such as view"));
    }
    Capabilities::of(chosen)
}

/// Deletes links that can be used no more, and complains when there are too many others.
async fn make_room(deps: &Deps, tenant: &TenantId) -> Result<(), Problem> {
    let now = deps.clock.now();
    // Those that cannot be read can be used by nobody, and take nobody's room.
    let (open, over): (Vec<_>, Vec<_>) =
        deps.portal_links.list(tenant).await?.into_iter().flatten().partition(|link| link.is_open(now));
    for link in over.iter().take(REMOVED_AT_ONCE) {
        deps.portal_links.delete(tenant, link.id).await?;
    }
    match open.len() < MAX_LINKS {
        true => Ok(()),
        false => Err(Problem::limit_reached(format!(
            "limit reached: at most {MAX_LINKS} links that were not used; they end by themselves, or with DELETE \
             /v1/tenants/{tenant}/portal-sessions"
        ))),
    }
}
