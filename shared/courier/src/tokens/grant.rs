//! What token endpoints answer (RFC 6749, sections 5.1 and 5.2), as far as they
//! keep to it.

use std::time::Duration;

use contract::ports::HttpResponse;
use domain::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

/// A token is renewed this long before it expires, so that it lasts the request;
/// one that lasts less than twice as long, at half its time.
const MARGIN: Duration = Duration::from_secs(30);
/// Where the server names no lifetime.
const USUAL_LIFETIME: Duration = Duration::from_secs(300);
/// How much of what a server says is told, in characters.
const TOLD_CHARS: usize = 200;

#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Secret,
    /// For how long it may be used.
    pub(super) lifetime: Duration,
}

/// Why there is no token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) detail: String,
    /// The server may take the client's secret in another way.
    pub(super) concerns_client: bool,
}

#[derive(Deserialize)]
struct Success {
    access_token: Value,
    #[serde(default)]
    expires_in: Value,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    #[serde(default)]
    error_description: Value,
}

pub(super) fn read(response: &HttpResponse) -> Result<Grant, Refusal> {
    let refused = |why: &str| {
        let detail = format!("the token endpoint answered {}{why}", response.status);
        Err(Refusal { detail, concerns_client: false })
    };
    if !(200..300).contains(&response.status) {
        return Err(failure(response));
    }
    let Ok(success) = serde_json::from_slice::<Success>(&response.body) else {
        return match (&response.remark, serde_json::from_slice::<Value>(&response.body)) {
            (Some(remark), _) => refused(&format!(", but {remark}")),
            // Some say no with a status that says yes.
            (None, Ok(Value::Object(fields))) if fields.contains_key("error") => Err(failure(response)),
            (None, Ok(_)) => refused(" without an access_token"),
            (None, Err(_)) => refused(", but not with JSON"),
        };
    };
    let Value::String(token) = success.access_token else { return refused(", but its access_token is no text") };
    if token.is_empty() || !token.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return refused(", but its access_token cannot be sent in a header");
    }
    let seconds = match &success.expires_in {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    let lifetime = match seconds {
        Some(seconds) if seconds <= 0.0 => Duration::ZERO,
        seconds => seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(USUAL_LIFETIME),
    };
    Ok(Grant { token: Secret::new(token), lifetime: lifetime.saturating_sub(MARGIN.min(lifetime / 2)) })
}

fn failure(response: &HttpResponse) -> Refusal {
    let told = serde_json::from_slice::<Failure>(&response.body).ok();
    let error = told.as_ref().map(|told| told.error.as_str());
    let words = match &told {
        None => String::new(),
        Some(Failure { error, error_description: Value::String(description) }) => {
            format!(": {} ({})", shown(error), shown(description))
        }
        Some(Failure { error, .. }) => format!(": {}", shown(error)),
    };
    Refusal {
        detail: format!("the token endpoint answered {}{words}", response.status),
        concerns_client: matches!(response.status, 200..300 | 400 | 401)
            && matches!(error, None | Some("invalid_client" | "invalid_request")),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(TOLD_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<(String, u64), String> {
        let response = HttpResponse::new(status, Vec::new(), body.to_owned().into());
        match read(&response) {
            Ok(grant) => Ok((grant.token.reveal().to_owned(), grant.lifetime.as_secs())),
            Err(refusal) => Err(refusal.detail),
        }
    }

    #[test]
    fn lifetimes_are_taken_however_they_are_written() {
        for (expires_in, seconds) in [
            ("3600", 3_570),
            (r#""3600""#, 3_570),
            (r#"" 3600.5 ""#, 3_570),
            ("40", 20),
            ("0", 0),
            ("-1", 0),
            ("null", 270),
            (r#""soon""#, 270),
            ("[]", 270),
            ("1e300", 270),
            (r#""nan""#, 270),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{expires_in}}}"#);
            assert_eq!(answer(200, &body), Ok(("t".to_owned(), seconds)), "{expires_in}");
        }
        assert_eq!(answer(201, r#"{"access_token":"t"}"#), Ok(("t".to_owned(), 270)));
    }

    #[test]
    fn why_there_is_no_token_is_told_as_it_is() {
        for (status, body, expected) in [
            (401, r#"{"error":"invalid_client"}"#, "401: invalid_client"),
            (400, r#"{"error":"invalid_scope","error_description":"no\nsuch"}"#, "400: invalid_scope (nosuch)"),
            (200, r#"{"error":"slow_down"}"#, "200: slow_down"),
            (503, "busy", "503"),
            (200, "<html>", "200, but not with JSON"),
            (200, "{}", "200 without an access_token"),
            (200, r#"{"access_token":7}"#, "200, but its access_token is no text"),
            (200, r#"{"access_token":"a b"}"#, "200, but its access_token cannot be sent in a header"),
        ] {
            assert_eq!(answer(status, body), Err(format!("the token endpoint answered {expected}")), "{body}");
        }
        let cut =
            HttpResponse { remark: Some("it broke off".to_owned()), ..HttpResponse::new(200, vec![], "{".into()) };
        assert_eq!(read(&cut).unwrap_err().detail, "the token endpoint answered 200, but it broke off");
    }

    #[test]
    fn only_what_may_be_a_question_of_how_the_secret_is_sent_is_tried_in_another_way() {
        for (status, body, expected) in [
            (401, "", true),
            (400, r#"{"error":"invalid_client"}"#, true),
            (400, r#"{"error":"invalid_request"}"#, true),
            (400, r#"{"error":"invalid_scope"}"#, false),
            (403, "", false),
            (500, "", false),
        ] {
            let response = HttpResponse::new(status, Vec::new(), body.to_owned().into());
            assert_eq!(read(&response).unwrap_err().concerns_client, expected, "{status} {body}");
        }
    }
}
