use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use contract::ports::{Check, Condition};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{MIN_OPERATOR_KEY_CHARS, Operator, OperatorKey, presented};

#[derive(Serialize, ToSchema)]
pub(crate) struct Diagnosis {
    /// The worst of all checks
    status: Condition,
    version: &'static str,
    checks: Vec<Check>,
}

/// Whether the deployment is sound, and what to do where it is not
///
/// Looks at what events and deliveries stand on, from inside the deployment.
/// Changes nothing.
#[utoipa::path(get, path = "/v1/doctor", operation_id = "health.examine", tag = "health", responses((status = 200, body = Diagnosis)))]
pub(crate) async fn examine(_: Operator, State(deps): State<Arc<Deps>>, headers: HeaderMap) -> Json<Diagnosis> {
    let mut checks = vec![operator_key(&deps.operator, presented(&headers).as_deref())];
    checks.extend(deps.doctor.examine().await);
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Condition::Ok);
    Json(Diagnosis { status, version: env!("CARGO_PKG_VERSION"), checks })
}

/// Of the deployment's key only the hash is known, so its length shows only
/// when it is what was asked with.
fn operator_key(operator: &OperatorKey, presented: Option<&str>) -> Check {
    const NAME: &str = "operator_key";
    if !operator.is_set() {
        let fix = "set OperatorKeySha256, so that somebody gets in when all keys that were created are lost";
        return Check::warning(NAME, "the deployment itself has none", fix);
    }
    match presented.filter(|key| operator.matches(key)) {
        Some(key) if key.chars().count() < MIN_OPERATOR_KEY_CHARS => Check::failed(
            NAME,
            format!("it has fewer than {MIN_OPERATOR_KEY_CHARS} characters"),
            "make a new one that cannot be guessed: openssl rand -base64 32",
        ),
        Some(_) => Check::ok(NAME, "set, and long enough"),
        None => Check::ok(NAME, "set; how long it is shows when it asks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_and_long_enough() {
        let short = OperatorKey::new("short");
        let long = OperatorKey::new("sixteen-characters");
        assert_eq!(operator_key(&OperatorKey::from_sha256(None), Some("x")).status, Condition::Warning);
        assert_eq!(operator_key(&short, Some("short")).status, Condition::Failed);
        assert_eq!(operator_key(&short, Some("another")).status, Condition::Ok);
        assert_eq!(operator_key(&long, Some("sixteen-characters")).status, Condition::Ok);
    }
}
