//! The body a receiver gets. `data` is copied in as the bytes that were
//! published; nothing is parsed and written again.

use crate::time::Timestamp;

use super::ids::EventType;

/// `{"type","timestamp","data"}`, the envelope Standard Webhooks recommends.
pub fn standard(event_type: &EventType, timestamp: Timestamp, data: &str) -> Vec<u8> {
    // An event type cannot hold a character that JSON would escape.
    format!(r#"{{"type":"{event_type}","timestamp":"{timestamp}","data":{data}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keeps_its_bytes() {
        let data = r#"{"b":1.10, "a":1e3,"é":"\u00e9"}"#;
        let body = standard(&"post.published".parse().unwrap(), Timestamp::from_millis(0), data);
        let expected = format!(r#"{{"type":"post.published","timestamp":"1970-01-01T00:00:00.000Z","data":{data}}}"#);
        assert_eq!(body, expected.as_bytes());
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }
}
