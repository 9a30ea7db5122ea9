//! The log of a webhook: one item for each request that was made.

use axum::extract::Path;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::account::Account;
use super::answer::{Answer, List, Refused, date, done, raw};
use super::fields::Query;

/// Deliveries that are read at once.
const READ_AT_ONCE: &str = "100";
/// Deliveries that are looked at to say how many executions there are.
const COUNTED: usize = 2_000;
/// How deep a page may be: all before it is read for it.
const DEEPEST: usize = 20_000;
/// Deliveries whose requests are made again at the same time.
const AT_A_TIME: usize = 8;

#[derive(Deserialize)]
struct Deliveries {
    items: Vec<Delivery>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    id: String,
    /// None of one that cannot be read.
    #[serde(default)]
    attempt_count: usize,
}

#[derive(Deserialize)]
struct Attempts {
    attempts: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Attempt {
    number: usize,
    at: String,
    duration_us: u64,
    status_code: Option<u16>,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Execution {
    id: String,
    webhook_payload_id: String,
    created: String,
    /// 0 where nothing was answered.
    response_code: u16,
    /// In seconds.
    execution_time: Box<RawValue>,
    /// As it was sent; null where it is kept no more.
    payload: Box<RawValue>,
}

/// Executions of a delivery that belong to a page, counted from the newest one.
struct Wanted {
    delivery: String,
    skip: usize,
    take: usize,
}

/// The newest event first, and of its attempts the last one.
pub(crate) async fn list(account: Account, Path(id): Path<String>, Query(mut query): Query) -> Answer<List<Execution>> {
    let (page, count) = query.page();
    let start = page.saturating_mul(count);
    if start >= DEEPEST {
        query.refuse(
            "_page",
            format!("expected less than {}: the log goes back {DEEPEST} requests here", DEEPEST / count),
        );
    }
    query.end("_page, _count")?;
    let (wanted, total) = find(&account, &id, start, count).await?;
    let account = &account;
    let pages = stream::iter(wanted).map(async |wanted| executions(account, &wanted).await).buffered(AT_A_TIME);
    let items: Vec<Vec<Execution>> = pages.try_collect().await?;
    done(List { items: items.into_iter().flatten().collect(), total })
}

/// Where the executions from `start` on are, and how many there are in all: as many as the
/// [`COUNTED`] newest deliveries have, and at least one more than was listed where that is not all.
async fn find(account: &Account, hook: &str, start: usize, count: usize) -> Result<(Vec<Wanted>, usize), Refused> {
    let (mut wanted, mut total, mut looked_at) = (Vec::new(), 0_usize, 0);
    let end = start.saturating_add(count);
    let mut cursor: Option<String> = None;
    loop {
        let mut asked = vec![("limit", READ_AT_ONCE)];
        asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let path = account.path(&["hooks", hook, "deliveries"]);
        let Deliveries { items, next_cursor } = account.api().get(&path, &asked).await?;
        for Delivery { id, attempt_count } in items {
            looked_at += 1;
            let from = start.max(total);
            let to = end.min(total + attempt_count);
            if from < to {
                wanted.push(Wanted { delivery: id, skip: from - total, take: to - from });
            }
            total += attempt_count;
        }
        cursor = next_cursor;
        if cursor.is_none() || looked_at >= DEEPEST || (looked_at >= COUNTED && total > end) {
            return Ok((wanted, total));
        }
    }
}

async fn executions(account: &Account, wanted: &Wanted) -> Result<Vec<Execution>, Refused> {
    let Wanted { delivery, skip, take } = wanted;
    let Attempts { attempts } = account.api().get(&account.path(&["deliveries", delivery]), &[]).await?;
    let newest_first = attempts.into_iter().rev().skip(*skip).take(*take);
    // One that cannot be read is an entry of another kind.
    let read = newest_first.filter_map(|attempt| serde_json::from_value::<Attempt>(attempt).ok());
    Ok(read.map(|attempt| Execution::of(delivery, &attempt)).collect())
}

impl Execution {
    fn of(delivery: &str, attempt: &Attempt) -> Self {
        let (seconds, micros) = (attempt.duration_us / 1_000_000, attempt.duration_us % 1_000_000);
        Self {
            id: format!("{delivery}-{}", attempt.number),
            webhook_payload_id: delivery.to_owned(),
            created: date(&attempt.at),
            response_code: attempt.status_code.unwrap_or_default(),
            execution_time: raw(&format!("{seconds}.{micros:06}")),
            payload: raw(attempt.request.as_ref().map_or("null", |request| &request.body)),
        }
    }
}
