//! A tenant's document: the requests that its events become.

use domain::payload::DataSchema;
use domain::settings::Complete;
use domain::tenant::Tenant;
use serde_json::{Map, Value, json};
use services::repositories::catalogue::KnownEventType;

use super::schemas::{Components, link, pascal};
use super::{body, request};

const TEXT: &str = "What is sent to hooks of this tenant that leave everything to its settings and its profile. A hook \
                    may have a payload, headers and signatures of its own.";

pub(crate) fn document(tenant: &Tenant, settings: &Complete, known: &[KnownEventType]) -> Value {
    let (mut webhooks, mut components) = (Map::new(), Components::default());
    for KnownEventType { entry, .. } in known.iter().filter(|known| !known.entry.archived) {
        let name = entry.name.as_str();
        let own = components.name(&pascal(name));
        let data = components.name(&format!("{own}Data"));
        let given = entry.schema.as_ref().and_then(|schema| serde_json::from_str(schema.get()).ok());
        let schema = components.adopt(&data, &given.unwrap_or(json!({})));
        let body = body(entry, settings, DataSchema { link: &link(&data), schema: &schema });
        webhooks.insert(name.to_owned(), request(entry, settings, &link(&own), &body));
        components.insert(own, body);
    }
    let title = if tenant.name.is_empty() { tenant.id.as_str() } else { &tenant.name };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Webhooks of {title}"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": TEXT,
            "license": { "name": "Proprietary", "identifier": "LicenseRef-Proprietary" },
        },
        "servers": [{ "url": "/", "description": "The endpoint of a hook" }],
        "tags": [{ "name": "events", "description": "What happened" }],
        "paths": {},
        "webhooks": webhooks,
        "components": { "schemas": components.into_value() },
    })
}
