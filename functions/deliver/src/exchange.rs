//! One HTTP exchange: the request is built, authorised, sent and answered.

use std::time::Duration;

use shared::domain::delivery::Outcome;
use shared::domain::seconds::Seconds;
use shared::domain::settings::Auth;
use shared::effective::EffectiveHook;
use shared::ports::{HttpResult, SendFailure};
use shared::request::{self, Moment, Subject};
use shared::time::Timestamp;

use crate::Deps;

/// Unauthorized: a token may have been revoked before its time.
const UNAUTHORIZED: u16 = 401;

pub(crate) async fn run(
    deps: &Deps,
    hook: &EffectiveHook,
    subjects: &[Subject<'_>],
    id: &str,
    at: Timestamp,
) -> HttpResult {
    if !matches!(hook.settings.auth, Auth::Oauth2 { .. }) {
        return send(deps, hook, subjects, id, Moment { at, token: None }, Duration::ZERO).await;
    }
    let mut spent = Duration::ZERO;
    loop {
        let token = match deps.tokens.get(deps, hook).await {
            Ok(token) => token,
            Err(failure) => return HttpResult { answer: Err(failure), duration: spent },
        };
        let result = send(deps, hook, subjects, id, Moment { at, token: Some(&token) }, spent).await;
        let refused = matches!(&result.answer, Ok(response) if response.status == UNAUTHORIZED);
        if !refused || !spent.is_zero() {
            return HttpResult { duration: spent + result.duration, ..result };
        }
        // Once, with a new token, in what is left of this attempt's time.
        deps.tokens.forget(hook, &token);
        spent = result.duration.max(Duration::from_millis(1));
    }
}

async fn send(
    deps: &Deps,
    hook: &EffectiveHook,
    subjects: &[Subject<'_>],
    id: &str,
    moment: Moment<'_>,
    spent: Duration,
) -> HttpResult {
    match request::build(hook, subjects, id, moment) {
        Ok(mut request) => {
            let left = request.timeout.total.duration().saturating_sub(spent);
            request.timeout.total = Seconds::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            deps.sender.send(request).await
        }
        Err(error) => HttpResult {
            answer: Err(SendFailure { outcome: Outcome::InvalidRequest, detail: error.to_string() }),
            duration: Duration::ZERO,
        },
    }
}
