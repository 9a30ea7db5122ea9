//! Links into the portal, and tokens for who writes one.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::answer::Refused;
use super::applications::{ApplicationIn, get_or_make};
use super::fields::{Body, Given};
use super::ids::{found, tenant_of};
use super::page::Source;

/// What may be done, and what the API calls it. Transformations have no counterpart.
const CAPABILITIES: [(&str, &[&str]); 5] = [
    ("ViewBase", &["view"]),
    ("ViewEndpointSecret", &["reveal_secret"]),
    ("ManageEndpointSecret", &["rotate"]),
    ("CreateAttempts", &["test", "send_again"]),
    ("ManageEndpoint", &["manage"]),
];
/// Seconds that a token lasts where nobody says: as long as the other system's.
const USUAL_EXPIRY: u32 = 7 * 24 * 3600;

#[derive(Deserialize)]
struct Link {
    link: String,
    code: String,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

#[derive(Serialize)]
pub(crate) struct PortalAccess {
    url: String,
    token: String,
}

pub(crate) async fn access(access: Access, Path(app): Path<String>, Body(mut body): Body) -> Result<Response, Refused> {
    let application = body.object("application", ApplicationIn::whole);
    let read_only = body.read::<bool>("readOnly", "true or false").value().unwrap_or(false);
    let capabilities = body.read::<Vec<String>>("capabilities", "names");
    let expiry = body.read::<u32>("expiry", "a number of seconds from 3600 to 604800");
    if matches!(expiry, Given::Value(expiry) if !(3_600..=604_800).contains(&expiry)) {
        body.refuse("expiry", "expected a number of seconds from 3600 to 604800");
    }
    let session = body.text("sessionId").value();
    let mut allowed: Vec<&str> = Vec::new();
    match &capabilities {
        Given::Value(names) => {
            for name in names {
                match CAPABILITIES.iter().find(|(theirs, _)| theirs == name) {
                    Some((_, ours)) => allowed.extend_from_slice(ours),
                    None => body.refuse("capabilities", format!("{name} has no counterpart here")),
                }
            }
        }
        _ => allowed = CAPABILITIES.iter().flat_map(|(_, ours)| *ours).copied().collect(),
    }
    if read_only {
        allowed = vec!["view"];
    }
    body.end("application, readOnly, capabilities, expiry, sessionId")?;
    let tenant = get_or_make(&access, &app, application).await?;
    let mut asked = Map::new();
    asked.insert("capabilities".to_owned(), json!(allowed));
    asked.insert("session_expires_in".to_owned(), expiry.value().unwrap_or(USUAL_EXPIRY).into());
    asked.extend(session.map(|session| ("user".to_owned(), session.into())));
    let path = ["v1", "tenants", &*tenant, "portal-links"];
    // One is for a browser, and one is used up for the token.
    let [first, second, third] = [1, 2, 3].map(|part| access.key_of(part));
    let api = access.api();
    let Link { link, .. } = api.once(first.as_ref()).post(&path, &asked).await?;
    let Link { code, .. } = api.once(second.as_ref()).post(&path, &asked).await?;
    let entered = api.once(third.as_ref()).post(&["v1", "portal", "sessions"], &json!({ "code": code })).await;
    match entered {
        Ok(Session { token }) => Ok(Json(PortalAccess { url: link, token }).into_response()),
        // Whoever has no rights was refused before.
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            Err(Refused::conflict("the token of this Idempotency-Key cannot be told again: send another key"))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Of a token that was made so; a key is ended where keys are.
pub(crate) async fn logout(access: Access, Body(body): Body) -> Result<StatusCode, Refused> {
    body.end("none")?;
    match access.api().delete(&["v1", "portal", "session"]).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) if refusal.status == StatusCode::FORBIDDEN => {
            let detail = "only tokens of app-portal-access can be logged out: delete an API key instead";
            Err(Refused::new(StatusCode::FORBIDDEN, "insufficient access", detail))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn expire_all(
    access: Access,
    Path(app): Path<String>,
    Body(mut body): Body,
) -> Result<StatusCode, Refused> {
    if !matches!(body.read::<u32>("expiry", "a number"), Given::Absent | Given::Null | Given::Value(0)) {
        body.refuse("expiry", "expected 0: sessions end at once");
    }
    let sessions = body.read::<Vec<String>>("sessionIds", "texts").value();
    body.end("expiry, sessionIds")?;
    let tenant = tenant_of(&app)?;
    let path = ["v1", "tenants", &*tenant, "portal-sessions"];
    let Some(users) = sessions.filter(|users| !users.is_empty()) else {
        access.api().delete(&path).await?;
        return Ok(StatusCode::NO_CONTENT);
    };
    for session in Source::new(&access, &path).all::<Value>(usize::MAX).await? {
        let is_one = session["user"].as_str().is_some_and(|user| users.iter().any(|one| one == user));
        if let Some(id) = session["id"].as_str().filter(|_| is_one) {
            // Somebody else may have ended it meanwhile.
            found(access.api().delete(&[path.as_slice(), &[id]].concat()).await)?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
