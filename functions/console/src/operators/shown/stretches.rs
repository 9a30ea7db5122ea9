//! Lists look at so much a request. Where a filter finds nothing in that, they answer with an empty page and
//! where to go on; this goes on, for as long as somebody may be kept waiting.

use std::time::Duration;

use api_client::Refusal;
use tokio::time::Instant;

use crate::api::List;

/// As far as lists of all tenants reach back.
const STRETCHES: usize = 20;
/// For so long, where a store on this machine answers: whoever wants more turns the page.
const PATIENCE: Duration = Duration::from_millis(35);
/// A store whose quickest answer takes longer is far away, and there a page more costs more than waiting.
const NEAR: Duration = Duration::from_millis(100);
const PATIENCE_AFAR: Duration = Duration::from_secs(2);

/// The first page from `cursor` on that has something on it, or the last one that there was time for.
pub(super) async fn first_found<T, F>(cursor: &str, mut page: impl FnMut(String) -> F) -> Result<List<T>, Refusal>
where
    F: Future<Output = Result<List<T>, Refusal>>,
{
    let (began, mut quickest, mut stretches) = (Instant::now(), Duration::MAX, 0);
    let mut cursor = cursor.to_owned();
    loop {
        let asked = Instant::now();
        let found = page(cursor).await?;
        quickest = quickest.min(asked.elapsed());
        stretches += 1;
        let patience = if quickest < NEAR { PATIENCE } else { PATIENCE_AFAR };
        let has_time = stretches < STRETCHES && began.elapsed() < patience;
        match found.next_cursor {
            Some(next) if found.items.is_empty() && has_time => cursor = next,
            next_cursor => return Ok(List { next_cursor, ..found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::api::Entry;

    /// A store whose answers take so long, the last one again and again, and have so many empty pages before
    /// one with something on it. What is found, how often it was asked, and how long that took.
    async fn found(latencies: &[u64], empty: usize) -> (List<String>, usize, Duration) {
        let (asked, began) = (RefCell::new(Vec::new()), Instant::now());
        let list = first_found("0", |cursor| {
            asked.borrow_mut().push(cursor);
            let number = asked.borrow().len();
            let latency = latencies.get(number - 1).or(latencies.last()).copied().unwrap_or_default();
            async move {
                tokio::time::sleep(Duration::from_millis(latency)).await;
                let items = if number > empty { vec![Entry::Fine(number.to_string())] } else { Vec::new() };
                Ok(List { items, next_cursor: Some(number.to_string()), total: None })
            }
        });
        let list = list.await.expect("nothing is refused");
        let asked = asked.into_inner();
        assert!(asked.iter().enumerate().all(|(number, cursor)| *cursor == number.to_string()), "{asked:?}");
        (list, asked.len(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_near_store_is_asked_for_a_moment() {
        let (list, asked, took) = found(&[10], usize::MAX).await;
        assert_eq!((asked, took), (4, Duration::from_millis(40)));
        // Whoever turns the page goes on there.
        assert_eq!((list.items.len(), list.next_cursor.as_deref()), (0, Some("4")));
        // The rest of a near store's patience is gone with one answer that takes longer.
        assert_eq!(found(&[40], usize::MAX).await.1, 1);
        assert_eq!(found(&[99], usize::MAX).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_far_store_is_waited_for() {
        let (list, asked, took) = found(&[150], usize::MAX).await;
        assert_eq!((asked, took), (14, Duration::from_millis(2_100)));
        assert_eq!(list.next_cursor.as_deref(), Some("14"));
        assert_eq!(found(&[2_500], usize::MAX).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_near_store_that_was_slow_once_is_not_taken_for_a_far_one() {
        assert_eq!(found(&[30, 90, 10], usize::MAX).await.1, 2);
        assert_eq!(found(&[150, 10], usize::MAX).await.1, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_goes_on_behind_what_is_found_or_further_than_lists_reach() {
        let (list, asked, _) = found(&[10], 2).await;
        assert_eq!((list.items.len(), asked, list.next_cursor.as_deref()), (1, 3, Some("3")));
        assert_eq!(found(&[150], 5).await.1, 6);
        assert_eq!(found(&[0], usize::MAX).await.1, STRETCHES);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_list_and_a_refusal_are_told_at_once() {
        let end =
            first_found("", |_| async { Ok(List { items: Vec::<Entry<()>>::new(), next_cursor: None, total: None }) });
        assert!(end.await.is_ok_and(|list| list.items.is_empty() && list.next_cursor.is_none()));
        let refusal = Refusal::new(http::StatusCode::BAD_REQUEST, "no");
        let refused = first_found::<(), _>("", |_| std::future::ready(Err(refusal.clone())));
        assert!(refused.await.is_err_and(|refusal| refusal.detail == "no"));
    }
}
