//! What the document shows of event types, the same for a tenant's and the operator's.

use serde_json::{Value, json};

pub(crate) fn entry() -> Value {
    json!({
        "name": "post.published",
        "description": "A post went live",
        "schema": {
            "type": "object",
            "required": ["post_id"],
            "properties": { "post_id": { "type": "integer" }, "platform": { "type": "string" } },
        },
        "example": { "post_id": 1, "platform": "linkedin" },
    })
}

pub(crate) fn change() -> Value {
    json!({ "description": "A post went live; use `post.live`", "deprecated": true })
}

pub(crate) fn catalogue() -> Value {
    let removed =
        json!({ "name": "post.removed", "description": "A post was taken down", "example": { "post_id": 1 } });
    json!({ "event_types": [entry(), removed] })
}
