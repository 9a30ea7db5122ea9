pub(crate) mod batch;
mod new_event;
pub(crate) mod stored;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::traces::{self, Span, SpanKind};
use domain::ids::TenantId;
use domain::trace_context::TraceContext;
use serde::{Deserialize, Serialize};
use services::runtime::metrics;
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::auth::MayPublish;
use crate::event_validation::ValidationBudget;
use crate::input::{Body, IdempotencyKey, Query, Traceparent};
use crate::problem::Problem;
pub(crate) use new_event::check_data_size;
use new_event::{NewEvent, Terms};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishQuery {
    /// Whether an `id` that was given is compared with what was published before. By default it is
    /// on one machine and is not on AWS, where it costs one consistent read of the event of that
    /// id for each event.
    #[param(required = false)]
    check_duplicate: Option<bool>,
    /// Whether an `id` that was published before is refused, also with the same content: by another
    /// request, that is, than the one with this `Idempotency-Key`. It is compared, then.
    #[param(required = false)]
    unique: Option<bool>,
}

impl PublishQuery {
    fn compares(&self, deps: &Deps) -> bool {
        self.unique == Some(true) || self.check_duplicate.unwrap_or(deps.duplicates.usual)
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: String,
    /// When it happened: as given, or the time of publishing.
    timestamp: String,
    /// The same event was published before under this id, and this one is dropped. Absent where
    /// that is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    duplicate: bool,
}

/// Publishing, as a span below what the publisher did.
fn begin(deps: &Deps, tenant: &TenantId, given: Option<TraceContext>) -> Option<Span> {
    let mut span = traces::begin("publish", SpanKind::Server, given, deps.clock.now())?;
    span.set("hookline.tenant.id", tenant.as_str());
    Some(span)
}

/// Publish an event
///
/// Once this answers 202 the event is durable. An id that was published before is accepted again
/// and dropped; where it is compared, the answer says so, and another event under that id is
/// refused. `Idempotency-Key` names the request: sent again, it publishes nothing more.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events", operation_id = "events.publish", tag = "events",
    params(("tenant" = String, Path), PublishQuery, ("traceparent" = Option<String>, Header, description = "Where it stands in a trace (W3C Trace Context): requests to endpoints carry it on. One that cannot be read is none")), request_body(content = NewEvent, examples(
        ("shortest" = (summary = "What happened, and its data", value = json!({ "type": "post.published", "data": { "post_id": 1 } }))),
        ("whole" = (summary = "With an id, so that it is published once, a time and channels; dropped if it cannot be sent for a day", value = json!({
            "id": "post-1-published", "type": "post.published", "data": { "post_id": 1, "platform": "linkedin" },
            "timestamp": "2026-01-31T09:15:00Z", "channels": ["posts"], "ttl": 86_400
        })))
    )), responses(
    (status = 202, body = Accepted),
    (status = 409, description = "Another event has this `id`: `fingerprints` are what both say. With `unique`, also the same one"),
    (status = 503, description = "Not accepted as far as is known; try again after `Retry-After` seconds, under the same `id`")
))]
pub(crate) async fn publish(
    MayPublish(tenant): MayPublish,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PublishQuery>,
    IdempotencyKey(key): IdempotencyKey,
    Traceparent(given): Traceparent,
    event: Body<NewEvent>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let mut span = begin(&deps, &tenant, given);
    let (event, wrong) = event.open()?;
    let (compare, unique) = (query.compares(&deps), query.unique == Some(true));
    let traceparent = span.as_ref().map(Span::context).or(given);
    let terms = Terms { compare, unique, key: key.as_deref(), traceparent };
    let checked = event.check(wrong, &tenant, &deps, &mut ValidationBudget::default(), terms).await?;
    let checked = checked.compared(&tenant, &deps, terms.unique).await?;
    if let Some(span) = &mut span {
        span.set("hookline.event.id", checked.id.as_str());
    }
    let answer = match checked.is_accepted {
        true => Ok(()),
        false => deps.queue.send_one(checked.message.clone()).await,
    };
    let accepted = checked.sent(&tenant, &deps, answer)?;
    metrics::accepted(1);
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}
