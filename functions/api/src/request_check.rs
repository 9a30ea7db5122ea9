//! What an operation does not take is refused by name: parameters where its
//! document names none, and a body where it has none. Whatever is accepted has an
//! effect, and whoever sends `?dry_run=true` to a route without it has to learn that. The same goes
//! for headers of which only one can count.

use std::collections::HashSet;

use api_client::single_headers;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest as _, MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::input::{self, parse_query};
use crate::problem::{FieldError, Problem};

/// Operations by method and path, as they are documented.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    with_query: HashSet<(Method, String)>,
    with_body: HashSet<(Method, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Operations {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut all = Self::default();
        for (path, item) in &document.paths.paths {
            let methods = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in methods {
                let Some(operation) = operation else { continue };
                if takes_query(operation) {
                    all.with_query.insert((method.clone(), path.clone()));
                }
                if operation.request_body.is_some() {
                    all.with_body.insert((method, path.clone()));
                }
            }
        }
        all
    }
}

fn takes_query(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        // What it refers to is not looked up; the route itself refuses what it does not take.
        RefOr::Ref(_) => true,
    })
}

pub(crate) async fn check(
    State(operations): State<&'static Operations>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // One who asks for the head alone gets that of GET.
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let operation = (method, path.as_str().to_owned());
    if !operations.with_query.contains(&operation) && request.uri().query().is_some() {
        parse_query::<Nothing>(request.uri())?;
    }
    if !operations.with_body.contains(&operation) && !request.body().is_end_stream() {
        let (head, body) = request.into_parts();
        let limited = Request::from_parts(head.clone(), body);
        input::Body::<Nothing>::from_request(limited, &()).await?.checked()?;
        request = Request::from_parts(head, Body::empty());
    }
    Ok(next.run(request).await)
}

/// Before anybody looks for a key in them.
pub(crate) async fn refuse_repeated_headers(request: Request, next: Next) -> Result<Response, Problem> {
    let repeated = single_headers::repeated(request.headers(), &single_headers::OF_THE_API);
    if repeated.is_empty() {
        return Ok(next.run(request).await);
    }
    let errors = repeated.into_iter().map(|error| FieldError::new(error.field, error.message)).collect();
    Err(Problem::invalid(StatusCode::BAD_REQUEST, errors))
}
