//! What token endpoints answer (RFC 6749, sections 5.1 and 5.2), as far as they
//! keep to it.

use std::time::Duration;

use contract::ports::{HttpResponse, MAX_RESPONSE_BYTES};
use domain::secret::Secret;
use domain::strict::without_bom;
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

pub(super) fn read(response: &HttpResponse) -> Result<Grant, Refusal> {
    let refused = |why: &str| {
        let detail = format!("the token endpoint answered {}{why}", response.status);
        Err(Refusal { detail, concerns_client: false })
    };
    if !(200..300).contains(&response.status) {
        return Err(failure(response));
    }
    // Of a name that is given twice, the last one counts.
    let body = without_bom(&response.body);
    let mut fields = match (&response.remark, serde_json::from_slice::<Value>(body)) {
        (_, Ok(Value::Object(fields))) if fields.contains_key("access_token") => fields,
        (Some(remark), _) => return refused(&format!(", but {remark}")),
        // Some say no with a status that says yes.
        (None, Ok(Value::Object(fields))) if fields.contains_key("error") => return Err(failure(response)),
        (None, Ok(_)) => return refused(" without an access_token"),
        (None, Err(_)) if body.len() >= MAX_RESPONSE_BYTES => {
            return refused(&format!(", but with more than {} KiB", MAX_RESPONSE_BYTES / 1_024));
        }
        (None, Err(_)) => return refused(", but not with JSON"),
    };
    let Some(Value::String(token)) = fields.remove("access_token") else {
        return refused(", but its access_token is no text");
    };
    if token.is_empty() || !token.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return refused(", but its access_token cannot be sent in a header");
    }
    let seconds = match fields.get("expires_in") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        other => other.and_then(Value::as_f64),
    };
    let lifetime = match seconds {
        Some(seconds) if seconds <= 0.0 => Duration::ZERO,
        seconds => seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(USUAL_LIFETIME),
    };
    Ok(Grant { token: Secret::new(token), lifetime: lifetime.saturating_sub(MARGIN.min(lifetime / 2)) })
}

fn failure(response: &HttpResponse) -> Refusal {
    let told: Option<Value> = serde_json::from_slice(without_bom(&response.body)).ok();
    let field = |name: &str| told.as_ref().and_then(|told| told.get(name)).and_then(Value::as_str);
    let (error, location) = (field("error"), response.header("location"));
    let words = match (error, field("error_description"), location) {
        (Some(error), Some(description), _) => format!(": {} ({})", shown(error), shown(description)),
        (Some(error), None, _) => format!(": {}", shown(error)),
        (None, _, Some(location)) if (300..400).contains(&response.status) => {
            format!(", and redirects are not followed: {}", shown(location))
        }
        // In a shape of its own.
        _ => match shown(String::from_utf8_lossy(&response.body).trim()) {
            nothing if nothing.is_empty() => String::new(),
            text => format!(": {text}"),
        },
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
        assert_eq!(answer(200, "\u{feff}{\"access_token\":\"t\"}"), Ok(("t".to_owned(), 270)));
        let twice = r#"{"access_token":"s","access_token":"t","expires_in":1,"expires_in":40}"#;
        assert_eq!(answer(200, twice), Ok(("t".to_owned(), 20)));
    }

    #[test]
    fn why_there_is_no_token_is_told_as_it_is() {
        for (status, body, expected) in [
            (401, r#"{"error":"invalid_client"}"#, "401: invalid_client"),
            (400, r#"{"error":"invalid_scope","error_description":"no\nsuch"}"#, "400: invalid_scope (nosuch)"),
            (200, r#"{"error":"slow_down"}"#, "200: slow_down"),
            (503, "", "503"),
            (503, "<h1>busy</h1>\n", "503: <h1>busy</h1>"),
            (401, r#"{"code":null,"message":"Bad"}"#, r#"401: {"code":null,"message":"Bad"}"#),
            (400, r#"{"error":{"code":7}}"#, r#"400: {"error":{"code":7}}"#),
            (200, "<html>", "200, but not with JSON"),
            (200, "{}", "200 without an access_token"),
            (200, r#"{"access_token":7}"#, "200, but its access_token is no text"),
            (200, r#"{"access_token":"a b"}"#, "200, but its access_token cannot be sent in a header"),
        ] {
            assert_eq!(answer(status, body), Err(format!("the token endpoint answered {expected}")), "{body}");
        }
        let long = format!(r#"{{"access_token":"t","x":"{}"#, "x".repeat(MAX_RESPONSE_BYTES));
        let expected = "the token endpoint answered 200, but with more than 64 KiB";
        assert_eq!(answer(200, &long[..MAX_RESPONSE_BYTES]), Err(expected.to_owned()));
        let moved = HttpResponse::new(308, vec![("location".to_owned(), "/token/".to_owned())], "moved".into());
        let expected = "the token endpoint answered 308, and redirects are not followed: /token/";
        assert_eq!(read(&moved).unwrap_err().detail, expected);
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
