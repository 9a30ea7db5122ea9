//! Requests as an API Gateway HTTP API hands them over (payload version 2.0), and answers as it takes them.
//!
//! The gateway has decoded the path: `%23` arrives as `#`, `%5C` as `\` and
//! `%2F` as `/`. Parsed as a URL, such a path would end at a `#` or `?`, lose
//! its tabs, and climb at each `..`. So it is not parsed: all that a path
//! cannot hold is encoded again, and the router decodes it once, as it does on
//! one machine.
//!
//! What the gateway loses cannot be had back. It takes `%2F` for a slash, AWS
//! also ends a path at `%3F` and decodes it twice. What arrives then is a path
//! like any other, for which the key has to be good enough.

use std::sync::Arc;

use aws::client::Aws;
use aws::emf::Emf;
use aws::traces::{self, TraceExport};
use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt as _;

use crate::{ClientAddress, Problem};

pub type GatewayEvent = ApiGatewayV2httpRequest;
pub type Answer = ApiGatewayV2httpResponse;

/// All but the slash and what RFC 3986 lets stand in a segment (`pchar`). The
/// percent sign is among it, because the gateway leaves none that encodes.
const NOT_IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Answers the gateway until the environment is shut down.
pub async fn serve(router: Router, aws: &Aws) -> Result<(), Error> {
    let (emf, clock) = (Arc::new(Emf::start()?), Arc::clone(&aws.clock));
    let traces = Arc::new(TraceExport::start()?);
    let service = service_fn(move |event: LambdaEvent<GatewayEvent>| {
        let (router, emf, clock, traces) = (router.clone(), Arc::clone(&emf), Arc::clone(&clock), Arc::clone(&traces));
        async move {
            let answer = answer(router, event.payload).await;
            emf.write_now_and_then(clock.as_ref());
            traces::flush(traces.as_ref().as_ref()).await;
            answer
        }
    });
    lambda_runtime::run_concurrent(service).await
}

/// What the router answers to an event.
pub async fn answer(router: Router, event: GatewayEvent) -> Result<Answer, Error> {
    let response = match request(event) {
        Ok(request) => router.oneshot(request).await?,
        Err(problem) => problem.into_response(),
    };
    write(response).await
}

/// The request that the gateway was sent.
pub fn request(event: GatewayEvent) -> Result<Request<Body>, Problem> {
    let body = match event.body {
        Some(text) if event.is_base64_encoded => {
            let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, "the body could not be read");
            Body::from(STANDARD.decode(text).map_err(unreadable)?)
        }
        text => Body::from(text.unwrap_or_default()),
    };
    let mut request = Request::new(body);
    *request.uri_mut() = target(event.raw_path.as_deref(), event.raw_query_string.as_deref())?;
    *request.method_mut() = event.request_context.http.method;
    *request.headers_mut() = event.headers;
    if let Some(cookies) = event.cookies.and_then(|cookies| HeaderValue::try_from(cookies.join("; ")).ok()) {
        request.headers_mut().insert(header::COOKIE, cookies);
    }
    // Who sent it, as the gateway saw it.
    if let Some(address) = event.request_context.http.source_ip.and_then(|address| address.parse().ok()) {
        request.extensions_mut().insert(ClientAddress(address));
    }
    Ok(request)
}

/// A decoded path and a query as it was sent. A stage in the path stays there:
/// the template has none.
fn target(path: Option<&str>, query: Option<&str>) -> Result<Uri, Problem> {
    let path = path.filter(|path| path.starts_with('/')).ok_or_else(|| Problem::not_found("route"))?;
    let mut target = utf8_percent_encode(path, NOT_IN_A_PATH).to_string();
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        target.push('?');
        target.push_str(query);
    }
    let malformed = |_| Problem::new(StatusCode::BAD_REQUEST, "the query holds characters that have to be encoded");
    PathAndQuery::try_from(target).map(Uri::from).map_err(malformed)
}

/// Read to its end: Lambda sends answers whole.
async fn write(response: Response) -> Result<Answer, Error> {
    let (mut head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, usize::MAX).await?;
    let mut answer = Answer::default();
    answer.status_code = head.status.as_u16().into();
    for cookie in head.headers.get_all(header::SET_COOKIE) {
        answer.cookies.push(cookie.to_str()?.to_owned());
    }
    head.headers.remove(header::SET_COOKIE);
    answer.headers = head.headers;
    // What is compressed is no text, and the gateway takes it in Base64.
    answer.is_base64_encoded = answer.headers.contains_key(header::CONTENT_ENCODING);
    answer.body = Some(match answer.is_base64_encoded {
        true => STANDARD.encode(text).into(),
        false => String::from_utf8(text.into())?.into(),
    });
    Ok(answer)
}
