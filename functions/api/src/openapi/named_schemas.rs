//! Gives what generators make types of a name: variants of a tagged union, what
//! lists hold, and times. What no operation leads to is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Discriminator, KnownFormat, Object, Schema};
use utoipa::openapi::schema::{SchemaFormat, SchemaType, Type};
use utoipa::openapi::{OpenApi, Ref, RefOr};

type Schemas = BTreeMap<String, RefOr<Schema>>;

const PLACE: &str = "#/components/schemas/";

pub(super) fn prepare(document: &mut OpenApi) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    name_variants(schemas);
    for schema in schemas.values_mut() {
        walk(schema, &mut |schema| {
            if let RefOr::T(Schema::Object(object)) = schema {
                object.properties.iter_mut().for_each(|(name, property)| format_time(name, property));
            }
            true
        });
    }
    leave_out_unused(document);
}

/// A variant that is written out within `oneOf` has no name that a generator
/// could use; it becomes `AuthBasic`, which the tag leads to.
fn name_variants(schemas: &mut Schemas) {
    let mut named = Schemas::new();
    for (name, schema) in schemas.iter_mut() {
        let RefOr::T(Schema::OneOf(union)) = schema else { continue };
        let Some(tag) = union.items.first().and_then(tag_of).map(|(tag, _)| tag) else { continue };
        let values: Option<Vec<String>> =
            union.items.iter().map(|one| tag_of(one).filter(|(key, _)| *key == tag).map(|(_, value)| value)).collect();
        let Some(values) = values else { continue };
        let mut discriminator = Discriminator::new(tag);
        for (variant, value) in union.items.iter_mut().zip(values) {
            let own = format!("{name}{}", pascal(&value));
            discriminator.mapping.insert(value, format!("{PLACE}{own}"));
            named.insert(own.clone(), std::mem::replace(variant, Ref::from_schema_name(own).into()));
        }
        union.discriminator = Some(discriminator);
    }
    schemas.append(&mut named);
}

/// The property with one possible value, and that value.
fn tag_of(variant: &RefOr<Schema>) -> Option<(String, String)> {
    let RefOr::T(Schema::Object(object)) = variant else { return None };
    object.properties.iter().find_map(|(name, property)| {
        let RefOr::T(Schema::Object(property)) = property else { return None };
        match property.enum_values.as_deref() {
            Some([Value::String(value)]) => Some((name.clone(), value.clone())),
            _ => None,
        }
    })
}

fn pascal(snake: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    snake.split('_').map(capital).collect()
}

/// What is written out again, as in lists, is a link to what has a name.
pub(super) fn link_inlined(schemas: &mut Schemas) {
    let known: Vec<(String, RefOr<Schema>)> = schemas
        .iter()
        .filter(|(_, schema)| match schema {
            RefOr::T(Schema::Object(object)) => !object.properties.is_empty() || object.enum_values.is_some(),
            RefOr::T(Schema::AllOf(_)) => true,
            _ => false,
        })
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    for (root, schema) in schemas.iter_mut() {
        walk(schema, &mut |schema| match known.iter().find(|(name, known)| name != root && known == schema) {
            Some((name, _)) => {
                *schema = Ref::from_schema_name(name).into();
                false
            }
            None => true,
        });
    }
}

/// Times are text in the code, and told by their names.
fn format_time(name: &str, property: &mut RefOr<Schema>) {
    let is_time = matches!(name, "at" | "since" | "until" | "timestamp")
        || ["_at", "_since", "_until"].iter().any(|end| name.ends_with(end));
    if let RefOr::T(Schema::Object(property)) = property
        && is_time
        && is_text(property)
    {
        property.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    }
}

fn is_text(property: &Object) -> bool {
    match &property.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    }
}

/// From the outside in, as long as `enter` says so.
fn walk(schema: &mut RefOr<Schema>, enter: &mut impl FnMut(&mut RefOr<Schema>) -> bool) {
    if !enter(schema) {
        return;
    }
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                walk(items, enter);
            }
        }
        Schema::Object(object) => {
            object.properties.values_mut().for_each(|property| walk(property, enter));
            if let Some(AdditionalProperties::RefOr(schema)) = object.additional_properties.as_deref_mut() {
                walk(schema, enter);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(|item| walk(item, enter)),
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| walk(item, enter)),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(|item| walk(item, enter)),
        _ => {}
    }
}

fn leave_out_unused(document: &mut OpenApi) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    let mut used = BTreeSet::new();
    let mut open = Vec::new();
    collect_links(&json(&document.paths), &mut open);
    collect_links(&json(&document.webhooks), &mut open);
    while let Some(name) = open.pop() {
        if used.insert(name.clone())
            && let Some(schema) = schemas.get(&name)
        {
            collect_links(&json(schema), &mut open);
        }
    }
    schemas.retain(|name, _| used.contains(name));
}

fn json(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).expect("the document holds nothing that JSON cannot express")
}

fn collect_links(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(text.strip_prefix(PLACE).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect_links(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect_links(member, found)),
        _ => {}
    }
}
