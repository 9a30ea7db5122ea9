//! Reading what is stored as JSON, and saying what is wrong with it without
//! quoting it: a row may hold secrets.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::ports::{StoreError, StoreResult};

/// Why a row is not what it should be.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Cut short, or overwritten.
    NotJson,
    /// It is JSON, and something in it is missing or has a value that this
    /// version does not know.
    At(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("it is damaged: it is not JSON"),
            Self::At(path) if path == "." => f.write_str("a part of it is missing"),
            Self::At(path) => write!(f, "what it says at {path} is incomplete or not known to this version"),
        }
    }
}

impl std::error::Error for Fault {}

/// Parses a row. Only when that fails it is parsed again to learn where.
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> StoreResult<T> {
    serde_json::from_slice(json).map_err(|error| {
        let fault = match serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(json)) {
            Err(located) if error.is_data() => Fault::At(located.path().to_string()),
            _ => Fault::NotJson,
        };
        StoreError::Corrupt(fault.into())
    })
}

#[cfg(test)]
mod tests {
    use super::from_json;
    use crate::stage::causes;
    use domain::settings::Settings;

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_not_by_what_it_says() {
        for (row, why) in [
            (r#"{"signatures":[{"scheme":"hush"}]}"#, "at signatures[0].scheme is incomplete"),
            (r#"{"batch":{}}"#, "at batch is incomplete"),
            (r#"{"method":"hush"#, "it is not JSON"),
            ("", "it is not JSON"),
        ] {
            let error = causes(&from_json::<Settings>(row.as_bytes()).unwrap_err());
            assert!(error.contains(why) && !error.contains("hush"), "{row}: {error}");
        }
    }
}
