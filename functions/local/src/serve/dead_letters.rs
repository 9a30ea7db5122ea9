//! `/v1/dead-letters`, for the operator. On AWS these are queues of their own,
//! and SQS redrives them.

use std::sync::Arc;
use std::time::Duration;

use api::{ListEntry, Operator, PageQuery, Problem, Query, Segments, limit, segment};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use contract::ports::{Clock as _, SystemClock};
use contract::stage::causes;
use domain::time::Timestamp;
use embedded::{DeadLetter, DeadLetterId, DeadLetters, RedriveError};
use local::Engine;
use serde::Serialize;

const DEAD_LETTER: &str = "dead letter";
/// What is too old is out of sight at once, so nobody waits for this.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

#[derive(Serialize)]
struct List {
    items: Vec<ListEntry<View>>,
    next_cursor: Option<String>,
}

/// A message holds what its publisher sent, so it is shown on request only.
#[derive(Serialize)]
struct View {
    id: String,
    queue: String,
    message_id: String,
    reason: String,
    at: Timestamp,
    age_seconds: u64,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl View {
    fn of(letter: DeadLetter) -> Self {
        let id = letter.id().to_string();
        let DeadLetter { queue, message_id, reason, body, at, .. } = letter;
        let age_seconds = SystemClock.now().since(at).as_secs();
        Self { id, queue, message_id, reason, at, age_seconds, size: body.len(), body: Some(body) }
    }
}

pub(super) fn routes(engine: &Engine) -> Router {
    Router::new()
        .route("/v1/dead-letters", get(list))
        .route("/v1/dead-letters/{id}", get(show).delete(delete))
        .route("/v1/dead-letters/{id}/redrive", post(redrive))
        .layer(Extension(engine.dead_letters.clone()))
        .with_state(Arc::new(engine.api.clone()))
}

/// Deletes what is too old, now and then.
pub(super) async fn expire(letters: DeadLetters) {
    loop {
        match letters.expire().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "{count} dead letters were deleted after their retention"),
            Err(error) => tracing::warn!(error = %causes(&error), "old dead letters were not deleted"),
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

async fn list(
    _: Operator,
    Extension(letters): Extension<DeadLetters>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List>, Problem> {
    let found = letters.list(limit(page.limit)?, page.cursor.as_deref())?;
    let items = ListEntry::all(found.items, |letter| View { body: None, ..View::of(letter) });
    Ok(Json(List { items, next_cursor: found.next }))
}

async fn show(
    _: Operator,
    Extension(letters): Extension<DeadLetters>,
    segments: Segments,
) -> Result<Json<View>, Problem> {
    Ok(Json(View::of(letters.get(&named(&segments)?)?.ok_or_else(absent)?)))
}

async fn redrive(
    _: Operator,
    Extension(letters): Extension<DeadLetters>,
    segments: Segments,
) -> Result<StatusCode, Problem> {
    match letters.redrive(&named(&segments)?).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(RedriveError::NotFound) => Err(absent()),
        Err(error @ RedriveError::TooEarly) => Err(Problem::conflict(format!("{error}; try again"))),
        Err(RedriveError::Queue(error)) => Err(error.into()),
        Err(RedriveError::Store(error)) => Err(error.into()),
    }
}

async fn delete(
    _: Operator,
    Extension(letters): Extension<DeadLetters>,
    segments: Segments,
) -> Result<StatusCode, Problem> {
    if letters.delete(&named(&segments)?).await? { Ok(StatusCode::NO_CONTENT) } else { Err(absent()) }
}

fn named(segments: &Segments) -> Result<DeadLetterId, Problem> {
    segment(segments, "id", DEAD_LETTER)
}

fn absent() -> Problem {
    Problem::not_found(DEAD_LETTER)
}
