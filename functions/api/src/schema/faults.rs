//! What a check against a schema found, as everything else that is wrong is told.

use domain::invalid::join;
use domain::strict::MAX_FOUND;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::short;
use crate::problem::FieldError;

const TYPES: &str = "expected one of array, boolean, integer, null, number, object, string, or a list of them";

/// The first of them; of `root`, which is called `field`.
pub(super) fn told<'a>(
    field: &str,
    root: &Value,
    errors: impl IntoIterator<Item = ValidationError<'a>>,
) -> Vec<FieldError> {
    let mut found = Vec::new();
    for error in errors {
        let pointer = error.instance_path().as_str();
        let place = path(field, pointer, root);
        match error.kind() {
            ValidationErrorKind::Required { property: Value::String(name) } => {
                found.push(FieldError::new(short(&join(&place, name)), "is required"));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let unknown = |name: &String| FieldError::new(short(&join(&place, name)), "unknown field");
                found.extend(unexpected.iter().take(MAX_FOUND).map(unknown));
            }
            kind => found.push(FieldError::new(short(&place), words(kind, pointer, &error))),
        }
        if found.len() >= MAX_FOUND {
            break;
        }
    }
    found.truncate(MAX_FOUND);
    found
}

fn words(kind: &ValidationErrorKind, pointer: &str, error: &ValidationError<'_>) -> String {
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(only) } => format!("expected {only}"),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(types) } => {
            let types: Vec<String> = types.iter().map(|one| one.to_string()).collect();
            format!("expected one of {}", types.join(", "))
        }
        // Of a schema: this keyword is the only one that may be a name or a list of names.
        ValidationErrorKind::AnyOf { .. } if pointer.ends_with("/type") && pointer_is_of_schema(error) => {
            TYPES.to_owned()
        }
        ValidationErrorKind::Minimum { limit } => format!("expected {limit} or more"),
        ValidationErrorKind::Maximum { limit } => format!("expected {limit} or less"),
        ValidationErrorKind::MinLength { limit } => format!("expected at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("expected at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("expected at least {limit} entries"),
        ValidationErrorKind::MaxItems { limit } => format!("expected at most {limit} entries"),
        ValidationErrorKind::Enum { options } => short(&format!("expected one of {options}")),
        ValidationErrorKind::Constant { expected_value } => short(&format!("expected {expected_value}")),
        _ => short(&error.masked().to_string()),
    }
}

fn pointer_is_of_schema(error: &ValidationError<'_>) -> bool {
    error.schema_path().as_str().ends_with("/properties/type/anyOf")
}

/// A JSON pointer as a path such as `data.posts[1].title`.
pub(super) fn path(field: &str, pointer: &str, root: &Value) -> String {
    let (mut path, mut at) = (field.to_owned(), Some(root));
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        match at {
            Some(Value::Array(items)) => {
                path = format!("{path}[{name}]");
                at = name.parse::<usize>().ok().and_then(|index| items.get(index));
            }
            _ => {
                path = join(&path, &name);
                at = at.and_then(|value| value.get(&name));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::Schema;

    fn told(schema: &str, data: &str) -> Vec<String> {
        let errors = match Schema::compile(schema) {
            Ok(schema) => schema.check("data", data).err().unwrap_or_default(),
            Err(errors) => errors,
        };
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn all_that_violates_a_schema_is_told_in_paths_and_words_as_everywhere() {
        let schema = r#"{"type":"object","required":["post_id","at"],"additionalProperties":false,
            "properties":{"post_id":{"type":"integer"},"at":{},"tags":{"items":{"type":["string","null"]}},"n":{"maximum":3}}}"#;
        let mut told = told(schema, r#"{"tags":["a",1],"n":4,"x":1,"y":2}"#);
        told.sort();
        assert_eq!(
            told,
            [
                "data.at: is required",
                "data.n: expected 3 or less",
                "data.post_id: is required",
                "data.tags[1]: expected one of null, string",
                "data.x: unknown field",
                "data.y: unknown field",
            ]
        );
        let types = r#"{"properties":{"x":{"type":"text"},"y":{"minLength":-1}}}"#;
        let told = super::tests::told(types, "1");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("schema.properties.x.type: expected one of array, boolean"), "{told:?}");
        assert_eq!(told[1], "schema.properties.y.minLength: expected 0 or more");
    }

    #[test]
    fn at_most_32_are_told() {
        assert_eq!(told(r#"{"items":false}"#, &format!("[{}1]", "1,".repeat(100))).len(), 32);
    }
}
