//! Makes one object of each schema that is put together from several.
//!
//! A flattened struct is documented as `allOf` its parts. Where a part refuses
//! the fields it does not know, it refuses those of the other parts as well, and
//! nothing but `{}` would comply with all of them.

use std::collections::BTreeMap;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOf, Object, Schema};

type Schemas = BTreeMap<String, RefOr<Schema>>;

pub(super) fn join(schemas: &mut Schemas) {
    let joined: Vec<(String, Object)> =
        schemas.iter().filter_map(|(name, schema)| Some((name.clone(), object(schema, schemas)?))).collect();
    for (name, object) in joined {
        schemas.insert(name, RefOr::T(Schema::Object(object)));
    }
}

/// None for what is not made of objects alone.
fn object(schema: &RefOr<Schema>, schemas: &Schemas) -> Option<Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(Schema::AllOf(parts)) => sum(parts, schemas),
        RefOr::T(_) => None,
        RefOr::Ref(link) => object(schemas.get(link.ref_location.strip_prefix("#/components/schemas/")?)?, schemas),
    }
}

fn sum(parts: &AllOf, schemas: &Schemas) -> Option<Object> {
    let mut whole = Object::new();
    for part in &parts.items {
        let part = object(part, schemas)?;
        whole.properties.extend(part.properties);
        whole.required.extend(part.required);
        whole.additional_properties = part.additional_properties.or(whole.additional_properties);
    }
    whole.description.clone_from(&parts.description);
    Some(whole)
}
