//! What the document has to say of every operation: its name, and how it is
//! refused, which follows from what it takes. So no route repeats it.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

pub(super) fn complete(document: &mut OpenApi) {
    for (path, methods) in &mut document.paths.paths {
        let changes = [&mut methods.put, &mut methods.patch].into_iter().flatten().map(|operation| (operation, true));
        let others = [&mut methods.get, &mut methods.post, &mut methods.delete].into_iter().flatten();
        for (operation, changes) in changes.chain(others.map(|operation| (operation, false))) {
            operation.operation_id = operation.operation_id.take().map(|handler| unique(path, &handler));
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(absent_is_not_null);
            }
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

/// Names of handlers are unique in their module only; what they are about makes
/// them so in the document: `hooks_create`.
fn unique(path: &str, handler: &str) -> String {
    let subject = path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or_default().replace('-', "_");
    if subject == handler { subject } else { format!("{subject}_{handler}") }
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

fn refusals(path: &str, operation: &Operation, changes: bool) -> Vec<(&'static str, &'static str)> {
    let open = operation.security.is_some();
    let queried = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
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

fn complete_response(status: &str, response: &mut Response) {
    let code = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.description.is_empty() {
        code.canonical_reason().unwrap_or("Answer").clone_into(&mut response.description);
    }
    if code.is_client_error() || code.is_server_error() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response.content = [("application/problem+json".to_owned(), RefOr::T(problem))].into_iter().collect();
    }
}
