//! Sending many again: what the API is asked for, whoever asks.

use api_client::Calls;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api::Replay;
use crate::failure::Failure;

/// Just what was counted: with the same bounds, so nothing that came since.
pub(crate) fn of_counted(counted: &Replay) -> Value {
    let mut body = Map::from_iter([
        ("kind".to_owned(), json!(counted.kind)),
        ("until".to_owned(), json!(counted.until)),
        ("rate".to_owned(), json!(counted.rate)),
    ]);
    for (name, value) in [("since", &counted.since), ("only_status", &counted.only_status)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    body.into()
}

/// Well done as well where it was over before.
pub(crate) async fn cancel(api: Calls<'_>, path: &[&str]) -> Result<(), Failure> {
    match api.delete(path).await {
        Err(refusal) if refusal.status != StatusCode::CONFLICT => Err(refusal.into()),
        _ => Ok(()),
    }
}
