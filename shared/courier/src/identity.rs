//! Signatures of the deployment itself, over a request that is complete.

use std::sync::Arc;

use contract::ports::{HttpRequest, OsRandom, SendFailure, SendFault};
use contract::stage::causes;
use domain::delivery::AttemptOutcome;
use domain::identity::Identity;
use domain::random::Random as _;
use domain::settings::MASK;
use domain::signature::{Message, NONCE_BYTES, SignatureSetting, masked_message, sign_message};
use services::delivery::request::{InvalidHook, SendContext};
use services::delivery::resolved_hook::ResolvedHook;

use crate::Courier;

const NONE_MADE: &str =
    "the deployment has no identity to sign with: its operator makes one with POST /v1/identity/rotate";
const NOT_REACHED: &str =
    "the deployment has no public address that is an https origin, so nobody could find the keys it signs with";

fn settings(hook: &ResolvedHook) -> impl Iterator<Item = &SignatureSetting> {
    hook.settings.signatures.iter().filter(|setting| setting.scheme.is_of_deployment())
}

/// The keys that this hook's requests are signed with, or why there are none; looked up only where the
/// hook asks for it.
pub(crate) async fn find(
    courier: &Courier,
    hook: &ResolvedHook,
) -> Result<Result<Option<Arc<Identity>>, SendFailure>, SendFault> {
    if settings(hook).next().is_none() {
        return Ok(Ok(None));
    }
    let found = courier.identity.get().await;
    let found = found.map_err(|error| SendFault(format!("the identity cannot be read: {}", causes(&error))))?;
    let missing = || SendFailure { outcome: AttemptOutcome::InvalidRequest, detail: NONE_MADE.to_owned() };
    Ok(found.map(Some).ok_or_else(missing))
}

/// Adds what the deployment signs. Without its keys, as for a request that is only shown, what would
/// prove who sent it is masked: within its time, whoever reads it could send it as well.
pub(crate) fn sign(hook: &ResolvedHook, moment: SendContext<'_>, request: &mut HttpRequest) -> Result<(), InvalidHook> {
    for setting in settings(hook) {
        let Some(identity) = moment.identity else {
            request.headers.extend(masked_message(setting, MASK));
            continue;
        };
        let agent = hook.public_url.as_ref().and_then(|url| url.https_origin());
        let agent = agent.ok_or(InvalidHook::Identity(NOT_REACHED))?;
        let key = identity.signing(moment.at).ok_or(InvalidHook::Identity(NONE_MADE))?;
        // Not from an injected source: a nonce must never repeat.
        let mut nonce = [0_u8; NONCE_BYTES];
        OsRandom.fill(&mut nonce);
        let message = Message { method: request.method, url: &request.url, body: &request.body };
        let headers = sign_message(setting, &key.secret, &agent, message, moment.at, &nonce)?;
        request.headers.extend(headers);
    }
    Ok(())
}
