//! The secret that signs.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::Place;
use crate::svix::access::Access;
use crate::svix::answer::Refused;
use crate::svix::fields::{Body, Given, Query};

#[derive(Deserialize)]
struct Secrets {
    secret: Option<String>,
    public_key: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Secret {
    key: String,
}

/// The prefix may be left out.
pub(super) fn with_prefix(secret: String) -> String {
    if secret.starts_with("whsec_") || secret.starts_with("whsk_") { secret } else { format!("whsec_{secret}") }
}

pub(crate) async fn get_secret(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(query): Query,
) -> Result<Json<Secret>, Refused> {
    query.end("none")?;
    let place = Place::of(&app, &endpoint)?;
    let secrets: Secrets = access.api().get(&place.path(&["secret"]), &[]).await?;
    secrets.shown().map(Json)
}

impl Secrets {
    /// Of a pair of keys, the public one, which is what receivers have.
    fn shown(self) -> Result<Secret, Refused> {
        let key = self.public_key.or(self.secret).ok_or_else(Refused::not_found)?;
        Ok(Secret { key })
    }
}

pub(crate) async fn rotate_secret(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    Body(mut body): Body,
) -> Result<Response, Refused> {
    let key = body.text("key");
    let overlap = body.read::<u32>("gracePeriodSeconds", "a number of seconds from 0 to 604800");
    body.end("key, gracePeriodSeconds")?;
    let place = Place::of(&app, &endpoint)?;
    let mut fields = Map::new();
    fields.extend(key.value().map(|key| ("secret".to_owned(), with_prefix(key).into())));
    if let Given::Value(overlap) = overlap {
        fields.insert("overlap".to_owned(), overlap.into());
    }
    let secrets: Secrets = access.once().post(&place.path(&["secret", "rotate"]), &fields).await?;
    Ok(match is_of_the_second_generation(&headers) {
        true => Json(secrets.shown()?).into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    })
}

/// SDKs of the second generation read the new secret out of the answer; some of the first take no
/// answer but 204.
fn is_of_the_second_generation(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let version = agent.and_then(|agent| agent.strip_prefix("svix-libs/")?.split('.').next()?.parse::<u32>().ok());
    version.is_some_and(|major| major >= 2)
}
