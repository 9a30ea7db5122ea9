//! Headers that are sent along.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use http::StatusCode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Hook, Place};
use crate::svix::access::Access;
use crate::svix::answer::Refused;
use crate::svix::fields::{Body, Query};

/// What a secret shows in the API, and what leaves it as it is.
const MASK: &str = "********";
/// Headers whose values are never shown, beside those whose names say so.
const SENSITIVE: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
const TELLING: [&str; 6] = ["auth", "key", "password", "secret", "signature", "token"];
/// How often a change is made anew because of another one at the same time.
const TRIES: usize = 5;
const TRY_AGAIN: Duration = Duration::from_millis(50);

fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SENSITIVE.contains(&&*name) || name.split(['-', '_']).any(|word| TELLING.contains(&word))
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: Option<String>,
    #[serde(default)]
    secret: bool,
}

#[derive(Serialize)]
pub(crate) struct Headers {
    headers: Map<String, Value>,
    sensitive: Vec<String>,
}

/// Headers as the API takes them.
pub(super) fn as_setting(headers: &Map<String, Value>) -> Result<Vec<Value>, Refused> {
    headers.iter().map(|(name, value)| one(name, value)).collect()
}

fn one(name: &str, value: &Value) -> Result<Value, Refused> {
    match value.as_str() {
        Some(text) if text == MASK => {
            Err(Refused::of(&["body", "headers", name], "is what stands for a secret: send the value itself"))
        }
        Some(text) => Ok(json!({ "name": name, "value": text, "secret": is_sensitive(name) })),
        None => Err(Refused::of(&["body", "headers", name], "expected a text")),
    }
}

pub(crate) async fn get_headers(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(query): Query,
) -> Result<Json<Headers>, Refused> {
    query.end("none")?;
    let hook = Place::of(&app, &endpoint)?.hook(&access).await?;
    let all: Vec<Header> = serde_json::from_value(hook.headers).unwrap_or_default();
    let (sensitive, open): (Vec<Header>, Vec<Header>) = all.into_iter().partition(|header| header.secret);
    // One without a value of its own has one of the event's.
    let open = open.into_iter().filter_map(|header| Some((header.name, header.value?.into())));
    let sensitive = sensitive.into_iter().map(|header| header.name).collect();
    Ok(Json(Headers { headers: open.collect(), sensitive }))
}

pub(crate) async fn put_headers(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<StatusCode, Refused> {
    let headers = body.required::<Map<String, Value>>("headers", "names and texts");
    body.end("headers")?;
    let body = json!({ "headers": as_setting(&headers.unwrap_or_default())? });
    access.api().patch::<IgnoredAny>(&Place::of(&app, &endpoint)?.path(&[]), &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn patch_headers(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<StatusCode, Refused> {
    let given = body.required::<Map<String, Value>>("headers", "names and texts, or null for those to remove");
    let removed = body.read::<Vec<String>>("deleteHeaders", "names").value().unwrap_or_default();
    body.end("headers, deleteHeaders")?;
    let given = given.unwrap_or_default();
    let place = Place::of(&app, &endpoint)?;
    for _ in 0..TRIES {
        let (hook, tag) = access.api().get_tagged::<Hook>(&place.path(&[])).await?;
        let body = json!({ "headers": merged(hook.headers, &given, &removed)? });
        let api = access.api();
        let api = tag.as_ref().map_or(api, |tag| api.if_match(tag));
        match api.patch::<IgnoredAny>(&place.path(&[]), &body).await {
            Ok(_) => return Ok(StatusCode::NO_CONTENT),
            // Somebody else has changed it meanwhile. Until their change is on disk, what is read is as it was before.
            Err(refusal) if refusal.status == StatusCode::PRECONDITION_FAILED => {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(Refused::later("others changed the endpoint at the same time: send this again"))
}

/// What is there already, with what is given and without what is removed.
fn merged(present: Value, given: &Map<String, Value>, removed: &[String]) -> Result<Vec<Value>, Refused> {
    let present: Vec<Value> = serde_json::from_value(present).unwrap_or_default();
    let is = |header: &Value, name: &str| header["name"].as_str().is_some_and(|one| one.eq_ignore_ascii_case(name));
    let goes =
        |header: &Value| given.keys().any(|name| is(header, name)) || removed.iter().any(|name| is(header, name));
    // Secrets that stay are masked, which leaves them as they are.
    let mut headers: Vec<Value> = present.into_iter().filter(|header| !goes(header)).collect();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        headers.push(one(name, value)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::is_sensitive;

    #[test]
    fn headers_that_hold_secrets_are_known_by_their_names() {
        for name in ["Authorization", "X-Auth-Token", "x-api-key", "X_SECRET"] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["x-env", "X-Author", "monkey"] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
