//! Visits: of a customer with a portal session, of an operator with a key made for the visit.

use std::sync::{Arc, OnceLock};

use api_client::{Caller, Calls, Refusal};
use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use crate::Shared;
use crate::api::Branding;
use crate::cookies::{self, Area};
use crate::failure::Failure;
use crate::reader::{Language, Reader};
use crate::same_origin::form_token;
use crate::texts::Texts;

/// What the frame of a page needs to know of a visit; filled in once it is known.
#[derive(Clone, Default)]
pub(crate) struct Visitor(pub(crate) Arc<OnceLock<Visiting>>);

#[derive(Clone)]
pub(crate) enum Visiting {
    Portal(Arc<PortalSession>, String),
    Operator(String),
}

/// What `GET /v1/portal/session` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct PortalSession {
    pub(crate) tenant: String,
    pub(crate) user: Option<String>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) expires_at: String,
    pub(crate) landing: String,
    pub(crate) return_url: Option<String>,
    pub(crate) branding: Branding,
}

impl PortalSession {
    pub(crate) fn may(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|one| one == capability)
    }
}

/// A customer who looks after the hooks of one tenant.
pub(crate) struct PortalVisit {
    app: Shared,
    caller: Caller,
    pub(crate) reader: Reader,
    pub(crate) session: Arc<PortalSession>,
    /// What each form of this visit carries.
    pub(crate) form_token: String,
}

impl PortalVisit {
    pub(crate) fn api(&self) -> Calls<'_> {
        self.app.api.on_behalf_of(&self.caller)
    }

    /// `/v1/tenants/{tenant}/…`
    pub(crate) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "tenants", self.session.tenant.as_str()], rest].concat()
    }

    pub(crate) fn language(&self) -> Language {
        self.reader.language(self.session.branding.locale.as_deref())
    }

    pub(crate) fn texts(&self) -> &'static Texts {
        self.language().texts()
    }
}

/// An operator.
pub(crate) struct OperatorVisit {
    app: Shared,
    caller: Caller,
    pub(crate) reader: Reader,
    /// What each form of this visit carries.
    pub(crate) form_token: String,
    /// The id of the key that was made for this visit.
    pub(crate) key_id: String,
}

impl OperatorVisit {
    pub(crate) fn api(&self) -> Calls<'_> {
        self.app.api.on_behalf_of(&self.caller)
    }
}

impl FromRequestParts<Shared> for PortalVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Failure> {
        let (caller, token) = caller(parts, Area::Portal)?;
        let session: PortalSession = app.api.on_behalf_of(&caller).get(&["v1", "portal", "session"], &[]).await?;
        let (session, form_token) = (Arc::new(session), form_token(&token));
        note(parts, Visiting::Portal(Arc::clone(&session), form_token.clone()));
        Ok(Self { app: Arc::clone(app), caller, reader: reader(parts, app), session, form_token })
    }
}

impl FromRequestParts<Shared> for OperatorVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Failure> {
        let (caller, token) = caller(parts, Area::Console)?;
        // Only an operator's key may ask this. Much else of the API is for tenants as well.
        let _: serde::de::IgnoredAny = app.api.on_behalf_of(&caller).get(&["v1", "keys"], &[]).await?;
        let form_token = form_token(&token);
        note(parts, Visiting::Operator(form_token.clone()));
        let key_id = key_id(&token).unwrap_or_default().to_owned();
        Ok(Self { app: Arc::clone(app), caller, reader: reader(parts, app), form_token, key_id })
    }
}

/// The id of a key that was made, which stands in the middle of it.
pub(crate) fn key_id(token: &str) -> Option<&str> {
    token.split('.').nth(1).filter(|id| id.starts_with("key_"))
}

fn caller(parts: &Parts, area: Area) -> Result<(Caller, String), Failure> {
    let token = cookies::session(&parts.headers, area)
        .ok_or_else(|| Failure::from(Refusal::new(StatusCode::UNAUTHORIZED, "nobody is logged in")))?;
    Ok((Caller::with_token(parts, token), token.to_owned()))
}

fn note(parts: &Parts, visiting: Visiting) {
    if let Some(Visitor(visitor)) = parts.extensions.get() {
        let _ = visitor.set(visiting);
    }
}

pub(crate) fn reader(parts: &Parts, app: &Shared) -> Reader {
    parts.extensions.get().cloned().unwrap_or_else(|| Reader::of(parts, app.now()))
}

/// Whoever reads a page that needs no session.
impl FromRequestParts<Shared> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Self::Rejection> {
        Ok(reader(parts, app))
    }
}
