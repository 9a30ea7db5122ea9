//! Headers that say one thing. Of two, some would go by the first and others by the last, and
//! whoever sent them would not learn which one counted.

use http::HeaderMap;

use crate::FieldError;

/// Those that the API reads. `If-Match` is a list, which several lines may make; a `traceparent`
/// that is there twice is none.
pub const OF_THE_API: [&str; 3] = ["Authorization", "Idempotency-Key", "WebHook-Allowed-Rate"];

/// One entry for each of these headers that is there more than once.
pub fn repeated(headers: &HeaderMap, names: &[&'static str]) -> Vec<FieldError> {
    let is_repeated = |name: &&&'static str| headers.get_all(**name).iter().nth(1).is_some();
    let repeated = names.iter().filter(is_repeated);
    repeated.map(|name| FieldError::new(*name, "is given more than once; send this header once")).collect()
}
