//! The OpenAPI 3.1 document, made from the handlers themselves.

mod flatten_schemas;
mod named_schemas;
mod operations;
pub(crate) mod webhooks;

use axum::http::header;
use axum::response::IntoResponse;
use domain::payload::Variant;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookline",
        description = "Publish events; every matching hook gets a signed HTTP request, retried until it lands or gives up.",
    ),
    security(("bearer" = []), ("basic" = [])),
    servers((url = "/", description = "The deployment that this document comes from")),
    components(schemas(Problem, Variant)),
    tags(
        (name = "tenants", description = "Accounts, projects or organisations that own hooks, and their API keys"),
        (name = "portal", description = "Letting customers look after their hooks: one-time links, and the sessions they lead to"),
        (name = "hooks", description = "Where to send, for which events, how to sign, how to retry"),
        (name = "profiles", description = "Settings that hooks share, and what requests look like with them"),
        (name = "event types", description = "Which events there are, and what their data looks like"),
        (name = "identity", description = "The keys with which the deployment itself signs requests"),
        (name = "events", description = "Publishing"),
        (name = "deliveries", description = "What was sent, what was answered, and sending it again"),
        (name = "plans", description = "Changes that are proposed and approved, and what was changed automatically"),
        (name = "replays", description = "Sending many deliveries again, as a job"),
        (name = "health", description = "Whether it answers, and whether what it stands on is sound"),
    )
)]
struct Document;

pub(crate) fn base() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn finish(mut document: utoipa::openapi::OpenApi) -> String {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The operator's key, or a tenant's"))
        .build();
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Tenant id as user name, key as password"))
        .build();
    operations::complete(&mut document);
    webhooks::own::add(&mut document);
    let components = document.components.get_or_insert_default();
    named_schemas::link_inlined(&mut components.schemas);
    flatten_schemas::join(&mut components.schemas);
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("basic", SecurityScheme::Http(basic));
    named_schemas::prepare(&mut document);
    document.to_pretty_json().expect("the document holds nothing that JSON cannot express")
}

pub(crate) fn serve(document: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document)
}
