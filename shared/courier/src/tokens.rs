//! Access tokens of OAuth 2 client credentials (RFC 6749, section 4.4).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{HttpRequest, SendFailure};
use domain::delivery::AttemptOutcome;
use domain::ids::{HookId, TenantId};
use domain::secret::Secret;
use domain::settings::Auth;
use serde::Deserialize;
use services::delivery::request::TOKEN_TIMEOUT;
use services::delivery::resolved_hook::ResolvedHook;
use services::repositories::fresh_cache::FreshCache;
use url::form_urlencoded;

use crate::exchange::Courier;

const KEPT: usize = 4_096;
/// A token is renewed this long before it expires, so that it lasts the request.
const MARGIN: Duration = Duration::from_secs(30);
/// Where the server names no lifetime.
const USUAL_LIFETIME: Duration = Duration::from_secs(300);

/// The tokens that this process holds, one for each hook that needs one.
#[derive(Clone)]
pub struct Tokens(Arc<FreshCache<(TenantId, HookId), Token>>);

#[derive(Clone)]
struct Token {
    text: Secret,
    /// What it was asked for with; a hook that was changed needs another one.
    auth: Auth,
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self(Arc::new(FreshCache::new(KEPT)))
    }
}

impl Tokens {
    pub(crate) async fn get(&self, courier: &Courier, hook: &ResolvedHook) -> Result<Secret, SendFailure> {
        let now = courier.clock.read();
        let auth = &hook.settings.auth;
        if let Some(token) = self.0.get(&name(hook), now).filter(|token| token.auth == *auth) {
            return Ok(token.text);
        }
        let (token, lifetime) = fetch(courier, auth).await?;
        self.0.insert(name(hook), token.clone(), now, lifetime);
        Ok(token.text)
    }

    /// Unless somebody has renewed it meanwhile.
    pub(crate) fn forget(&self, hook: &ResolvedHook, refused: &Secret) {
        self.0.remove_if(&name(hook), |token| token.text == *refused);
    }
}

fn name(hook: &ResolvedHook) -> (TenantId, HookId) {
    (hook.tenant.id.clone(), hook.hook.id)
}

/// The token, and for how long it may be used.
async fn fetch(courier: &Courier, auth: &Auth) -> Result<(Token, Duration), SendFailure> {
    let Auth::Oauth2 { token_url, client_id, client_secret, scope, .. } = auth else {
        return Err(failed("the hook does not use OAuth 2"));
    };
    let url = token_url.parse().map_err(|_| failed("token_url is not a URL"))?;
    let request = HttpRequest {
        method: "POST",
        url,
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ],
        body: Bytes::from(form(client_id, client_secret, scope.as_deref())),
        timeout: TOKEN_TIMEOUT.clone(),
    };
    // What went wrong there is the hook owner's to fix, as a wrong URL is.
    let response = courier.sender.send(request).await.answer.map_err(|failure| SendFailure {
        detail: format!("could not obtain a token: {}", failure.detail),
        outcome: AttemptOutcome::Auth,
    })?;
    if response.status != 200 {
        return Err(failed(&format!("the token endpoint answered {}", response.status)));
    }
    let grant: Grant = serde_json::from_slice(&response.body)
        .map_err(|_| failed("the token endpoint's answer holds no access_token"))?;
    let lifetime = grant.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let lifetime = lifetime.unwrap_or(USUAL_LIFETIME).saturating_sub(MARGIN);
    Ok((Token { text: Secret::new(grant.access_token), auth: auth.clone() }, lifetime))
}

fn form(client_id: &str, client_secret: &Secret, scope: Option<&str>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", client_id);
    form.append_pair("client_secret", client_secret.reveal());
    if let Some(scope) = scope {
        form.append_pair("scope", scope);
    }
    form.finish()
}

fn failed(detail: &str) -> SendFailure {
    SendFailure { outcome: AttemptOutcome::Auth, detail: detail.to_owned() }
}
