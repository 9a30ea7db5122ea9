//! Access tokens of OAuth 2 client credentials (RFC 6749, section 4.4).

mod grant;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use contract::ports::{HttpRequest, HttpSender, SendFailure, SendFault};
use domain::delivery::AttemptOutcome;
use domain::ids::{HookId, TenantId};
use domain::seconds::Seconds;
use domain::secret::Secret;
use domain::settings::Auth;
use quick_cache::sync::Cache;
use services::delivery::request::TOKEN_TIMEOUT;
use services::delivery::resolved_hook::ResolvedHook;
use services::repositories::fresh_cache::FreshCache;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::exchange::Courier;
use crate::shared_work::{Limit, SharedWork};
use grant::Grant;

const KEPT: usize = 4_096;
/// Every hook may have one fetch under way.
const FETCHES: Limit = Limit { max: usize::MAX, min_wait: Duration::ZERO };

type Name = (TenantId, HookId);
/// The versions of hook, tenant and profiles that say what to ask for.
type Versions = [u64; 4];
/// The inner error is the hook owner's to fix, as a wrong URL is; the outer one
/// is ours.
type Fetched<T> = Result<Result<T, SendFailure>, SendFault>;

/// The tokens that this process holds, one for each hook that needs one.
#[derive(Clone)]
pub struct Tokens {
    held: Arc<FreshCache<Name, Token>>,
    /// One fetch for all who wait for the same token.
    fetches: Arc<SharedWork<(Name, Versions), Fetched<Token>>>,
    /// What the servers took that do not take what is tried first.
    methods: Arc<Cache<Name, ClientAuth>>,
}

#[derive(Clone)]
struct Token {
    text: Secret,
    /// What it was asked for with; a hook that was changed needs another one.
    auth: Auth,
}

/// How the client proves who it is (RFC 6749, section 2.3.1). Servers take one of
/// them, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientAuth {
    Body,
    Basic,
}

impl ClientAuth {
    fn other(self) -> Self {
        match self {
            Self::Body => Self::Basic,
            Self::Basic => Self::Body,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Body => "with client_secret in the form",
            Self::Basic => "with HTTP Basic",
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            held: Arc::new(FreshCache::new(KEPT)),
            fetches: Arc::new(SharedWork::new(FETCHES)),
            methods: Arc::new(Cache::new(KEPT)),
        }
    }
}

impl Tokens {
    pub(crate) async fn get(&self, courier: &Courier, hook: &ResolvedHook) -> Fetched<Secret> {
        let revision = hook.revision();
        let versions = [revision.hook, revision.tenant, revision.profile, revision.base];
        self.obtain(courier, (hook.tenant.id.clone(), hook.hook.id), versions, &hook.settings.auth).await
    }

    async fn obtain(&self, courier: &Courier, name: Name, versions: Versions, auth: &Auth) -> Fetched<Secret> {
        let held = self.held.get(&name, courier.clock.read()).filter(|token| token.auth == *auth);
        if let Some(token) = held {
            return Ok(Ok(token.text));
        }
        let begin = |_displaced| {
            let (tokens, courier, auth) = (self.clone(), courier.clone(), auth.clone());
            let name = name.clone();
            async move { tokens.fetch(&courier, name, auth).await }
        };
        let fetch = self.fetches.join((name.clone(), versions), begin);
        let fetched = fetch.map_err(|_| SendFault("too many tokens are being fetched".to_owned()))?.await?;
        Ok(fetched.map(|token| token.text))
    }

    /// Unless somebody has renewed it meanwhile.
    pub(crate) fn forget(&self, hook: &ResolvedHook, refused: &Secret) {
        self.held.remove_if(&(hook.tenant.id.clone(), hook.hook.id), |token| token.text == *refused);
    }

    async fn fetch(&self, courier: &Courier, name: Name, auth: Auth) -> Fetched<Token> {
        let read_at = courier.clock.read();
        let Auth::Oauth2 { token_url, client_id, client_secret, scope, parameters, .. } = &auth else {
            return Ok(Err(failed("the hook does not use OAuth 2".to_owned())));
        };
        let Ok(url) = token_url.parse() else { return Ok(Err(failed("token_url is not a URL".to_owned()))) };
        let client = Client { url, id: client_id, secret: client_secret, scope: scope.as_deref(), parameters };
        let known = self.methods.get(&name);
        let grant = match client.ask(courier.sender.as_ref(), known.unwrap_or(ClientAuth::Body)).await? {
            Ok((grant, method)) => {
                if known != Some(method) {
                    self.methods.insert(name.clone(), method);
                }
                grant
            }
            Err(detail) => return Ok(Err(failed(detail))),
        };
        let token = Token { text: grant.token, auth };
        self.held.insert(name, token.clone(), read_at, grant.lifetime);
        Ok(Ok(token))
    }
}

struct Client<'a> {
    url: Url,
    id: &'a str,
    secret: &'a Secret,
    scope: Option<&'a str>,
    parameters: &'a BTreeMap<String, String>,
}

impl Client<'_> {
    /// Asks in one way and, where that may be what is wrong, in the other. Both have
    /// to be done in the time of one.
    async fn ask(
        &self,
        sender: &dyn HttpSender,
        first: ClientAuth,
    ) -> Result<Result<(Grant, ClientAuth), String>, SendFault> {
        let started = Instant::now();
        let refusal = match self.request(sender, first, TOKEN_TIMEOUT.total.duration()).await? {
            Ok(Ok(grant)) => return Ok(Ok((grant, first))),
            Ok(Err(refusal)) if refusal.concerns_client => refusal,
            Ok(Err(refusal)) => return Ok(Err(refusal.detail)),
            Err(detail) => return Ok(Err(detail)),
        };
        let left = TOKEN_TIMEOUT.total.duration().saturating_sub(started.elapsed());
        let second = first.other();
        let other = match self.request(sender, second, left).await? {
            Ok(Ok(grant)) => return Ok(Ok((grant, second))),
            Ok(Err(refusal)) => refusal.detail,
            Err(detail) => detail,
        };
        Ok(Err(format!("{} {}; {}: {other}", refusal.detail, first.in_words(), second.in_words())))
    }

    async fn request(
        &self,
        sender: &dyn HttpSender,
        method: ClientAuth,
        time: Duration,
    ) -> Result<Result<Result<Grant, grant::Refusal>, String>, SendFault> {
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        if method == ClientAuth::Basic {
            headers.push(("authorization".to_owned(), format!("Basic {}", self.credentials())));
        }
        let mut timeout = TOKEN_TIMEOUT.clone();
        timeout.total = Seconds::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let body = Bytes::from(self.form(method));
        let request = HttpRequest { method: "POST", url: self.url.clone(), headers, body, timeout };
        Ok(match sender.send(request).await?.answer {
            Ok(response) => Ok(grant::read(&response)),
            Err(SendFailure { detail, .. }) => Err(match detail.strip_prefix("the hook's url ") {
                Some(refusal) => format!("token_url {refusal}"),
                None => format!("the token endpoint gave no token: {detail}"),
            }),
        })
    }

    fn form(&self, method: ClientAuth) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if method == ClientAuth::Body {
            form.append_pair("client_id", self.id);
            form.append_pair("client_secret", self.secret.reveal());
        }
        form.extend_pairs(self.parameters);
        if let Some(scope) = self.scope {
            form.append_pair("scope", scope);
        }
        form.finish()
    }

    /// Both parts are encoded as in a form before they are put together.
    fn credentials(&self) -> String {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        STANDARD.encode(format!("{}:{}", encode(self.id), encode(self.secret.reveal())))
    }
}

fn failed(detail: String) -> SendFailure {
    SendFailure { outcome: AttemptOutcome::Auth, detail }
}

#[cfg(test)]
mod tests;
