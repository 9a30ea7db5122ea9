//! Enums of names that say what each of them means: in the code, and in the
//! API's document. A name without a meaning does not compile.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

/// An enum of names, each with its text and its meaning. It reads no others;
/// one that reads names of newer versions is made by `words!`.
#[macro_export]
macro_rules! choices {
    (
        $(#[doc = $doc:literal])+
        #[derive($($derive:ident),+ $(,)?)]
        $(#[$other:meta])*
        $vis:vis enum $type:ident {
            $($(#[doc = $about:literal])+ $(#[default $($never:ident)?])? $name:ident = $text:literal,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive($($derive),+)]
        $(#[$other])*
        $vis enum $type {
            $($(#[doc = $about])+ $(#[default $($never)?])? #[serde(rename = $text)] $name,)+
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::choices::schema(&[$($doc),+], &[$(($text, &[$($about),+])),+])
            }
        }

        impl utoipa::ToSchema for $type {}
    };
}

/// What the document says of an enum: the lines about it, and each value with
/// the lines about that. Readers find the meanings in its description, and
/// generators of clients in `x-enum-descriptions`, in the order of the values.
pub fn schema(about: &[&str], values: &[(&str, &[&str])]) -> RefOr<Schema> {
    let joined = |lines: &[&str], by: &str| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(by);
    let meanings: Vec<String> = values.iter().map(|(_, lines)| joined(lines, " ")).collect();
    let mut description = joined(about, "\n") + "\n";
    for ((value, _), meaning) in values.iter().zip(&meanings) {
        description += &format!("\n- `{value}`: {meaning}");
    }
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .enum_values(Some(values.iter().map(|(value, _)| *value)))
        .extensions(Some(ExtensionsBuilder::new().add("x-enum-descriptions", meanings).build()))
        .into()
}
