//! What the document says of the body that makes a hook: that of a change, of which two
//! fields have to be there.

use std::borrow::Cow;

use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Object, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::settings::HookSettings;

const REQUIRED: [&str; 2] = ["url", "events"];

pub(crate) struct NewHook;

impl PartialSchema for NewHook {
    fn schema() -> RefOr<Schema> {
        let mut schema = HookSettings::schema();
        if let RefOr::T(Schema::AllOf(parts)) = &mut schema {
            parts.description =
                Some("A hook's own fields, and any of the settings it shares with profiles.".to_owned());
            parts.items.iter_mut().for_each(|part| {
                if let RefOr::T(Schema::Object(fields)) = part {
                    require(fields);
                }
            });
        }
        schema
    }
}

impl ToSchema for NewHook {
    fn name() -> Cow<'static, str> {
        "NewHook".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        HookSettings::schemas(schemas);
    }
}

fn require(fields: &mut Object) {
    for name in REQUIRED {
        let kind = match fields.properties.get_mut(name) {
            Some(RefOr::T(Schema::Object(field))) => &mut field.schema_type,
            Some(RefOr::T(Schema::Array(field))) => &mut field.schema_type,
            _ => continue,
        };
        if let SchemaType::Array(kinds) = kind {
            kinds.retain(|kind| *kind != Type::Null);
            if let [one] = kinds.as_slice() {
                *kind = SchemaType::Type(one.clone());
            }
        }
        fields.required.push(name.to_owned());
    }
}
