//! How every operation is refused, which follows from what it takes. So no route
//! repeats it.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, HeaderBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::idempotency::Way;
use crate::input::MAX_IDEMPOTENCY_KEY_BYTES;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

pub(super) fn complete(document: &mut OpenApi) {
    for (path, methods) in &mut document.paths.paths {
        if let Some(operation) = &mut methods.post
            && Way::of(path) != Way::Repeatable
        {
            take_a_key(operation);
        }
        let changes = [&mut methods.put, &mut methods.patch].into_iter().flatten().map(|operation| (operation, true));
        let others = [&mut methods.get, &mut methods.post, &mut methods.delete].into_iter().flatten();
        for (operation, changes) in changes.chain(others.map(|operation| (operation, false))) {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(absent_is_not_null);
            }
            operation.parameters.iter_mut().flatten().for_each(a_header_is_no_null);
            // What a route says itself is more exact.
            for (status, description) in refusals(path, operation, changes) {
                let refusal = || RefOr::T(ResponseBuilder::new().description(description).build());
                operation.responses.responses.entry(status.to_owned()).or_insert_with(refusal);
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response {
                    complete_response(status, response);
                }
            }
        }
    }
}

/// What is sent again does nothing more.
fn take_a_key(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    let is_one = |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.name == IDEMPOTENCY_KEY);
    if !parameters.iter().any(is_one) {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^[\t -~]*[!-~][\t -~]*$"))
            .max_length(Some(MAX_IDEMPOTENCY_KEY_BYTES));
        let parameter = ParameterBuilder::new()
            .name(IDEMPOTENCY_KEY)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .schema(Some(text));
        parameters.push(RefOr::T(parameter.build()));
    }
    for (status, description) in [
        ("409", "The request with this `Idempotency-Key` is under way; ask again after `Retry-After` seconds"),
        ("422", "Another request was sent with this `Idempotency-Key`"),
    ] {
        let refusal = || RefOr::T(ResponseBuilder::new().description(description).build());
        operation.responses.responses.entry(status.to_owned()).or_insert_with(refusal);
    }
}

/// A body that can be left out is an `Option` of its type, which is documented
/// as that or null; null is refused.
fn absent_is_not_null(content: &mut RefOr<Content>) {
    if let RefOr::T(Content { schema: Some(schema), .. }) = content
        && let RefOr::T(Schema::OneOf(either)) = schema
        && let Some(link @ RefOr::Ref(_)) = either.items.iter().find(|one| matches!(one, RefOr::Ref(_)))
    {
        *schema = link.clone();
    }
}

/// A header that can be left out is an `Option` of its type, and has no way to say null.
fn a_header_is_no_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(Parameter {
        parameter_in: ParameterIn::Header, schema: Some(RefOr::T(Schema::Object(schema))), ..
    }) = parameter
        && let SchemaType::Array(types) = &schema.schema_type
        && let Some(only) = types.iter().find(|one| **one != Type::Null)
    {
        schema.schema_type = SchemaType::Type(only.clone());
    }
}

fn refusals(path: &str, operation: &Operation, changes: bool) -> Vec<(&'static str, &'static str)> {
    let open = operation.security.is_some();
    let queried = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query | ParameterIn::Header),
        RefOr::Ref(_) => false,
    });
    let body = operation.request_body.is_some();
    [
        (queried || body, "400", if body { "The body is not JSON" } else { "A parameter is wrong" }),
        (!open, "401", "No key, or none that is known"),
        (!open, "403", "This key may not do it"),
        (path.contains('{'), "404", "There is no such thing, or it is not this key's tenant's"),
        (changes, "409", "Somebody else changed it at the same time; read it again and retry"),
        (body, "413", "It is too large"),
        (body, "422", "A field is wrong"),
        (!open, "429", "Too many keys that are not known; wait for `Retry-After` seconds"),
        (!open, "503", "Not now; try again after `Retry-After` seconds"),
    ]
    .into_iter()
    .filter_map(|(applies, status, description)| applies.then_some((status, description)))
    .collect()
}

const CHALLENGE: (&str, Type, &str) = ("WWW-Authenticate", Type::String, "The schemes that keys can be given in");
const RETRY_AFTER: (&str, Type, &str) = ("Retry-After", Type::Integer, "Seconds to wait before trying again");
const RATE_LIMIT: (&str, Type, &str) =
    ("RateLimit", Type::String, "Which quota is used up (`r=0`), and for how many seconds (`t`)");
const RATE_LIMIT_POLICY: (&str, Type, &str) =
    ("RateLimit-Policy", Type::String, "The quotas: `q` requests in `w` seconds; absent where it is the endpoint's");

fn complete_response(status: &str, response: &mut Response) {
    let code = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.description.is_empty() {
        code.canonical_reason().unwrap_or("Answer").clone_into(&mut response.description);
    }
    if code.is_client_error() || code.is_server_error() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response.content = [("application/problem+json".to_owned(), RefOr::T(problem))].into_iter().collect();
    }
    let headers = match code {
        StatusCode::UNAUTHORIZED => &[CHALLENGE][..],
        StatusCode::SERVICE_UNAVAILABLE => &[RETRY_AFTER],
        StatusCode::TOO_MANY_REQUESTS => &[RETRY_AFTER, RATE_LIMIT, RATE_LIMIT_POLICY],
        _ => return,
    };
    for (name, kind, description) in headers.iter().cloned() {
        let header = HeaderBuilder::new()
            .schema(Some(RefOr::T(ObjectBuilder::new().schema_type(kind).into())))
            .description(Some(description))
            .build();
        response.headers.entry(name.to_owned()).or_insert(RefOr::T(header));
    }
}
