//! Work that all who need the same thing wait for together. It is begun by the
//! first of them, goes on while one is left, and ends when nobody is.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Work that others may join.
pub(crate) type Joined<T> = Shared<BoxFuture<'static, T>>;
/// Resolves when the work has to make room for others.
pub(crate) type Displaced = oneshot::Receiver<()>;

pub(crate) struct SharedWork<K, T> {
    under_way: Arc<Mutex<HashMap<K, UnderWay<T>>>>,
    limit: Limit,
    number: AtomicU64,
}

/// How much is under way at most. What has waited longest makes room, once it has
/// waited for `min_wait`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) max: usize,
    pub(crate) min_wait: Duration,
}

struct UnderWay<T> {
    number: u64,
    since: Instant,
    work: WeakShared<BoxFuture<'static, T>>,
    /// Dropping it tells the work that it is displaced.
    _displace: oneshot::Sender<()>,
}

/// There is too much already, and all of it is new.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl<K, T> SharedWork<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(limit: Limit) -> Self {
        Self { under_way: Arc::default(), limit, number: AtomicU64::new(0) }
    }

    /// The work for `key` that is under way, or the one that `begin` makes.
    pub(crate) fn join<F>(&self, key: K, begin: impl FnOnce(Displaced) -> F) -> Result<Joined<T>, TooMuch>
    where
        F: Future<Output = T> + Send + 'static,
    {
        if let Some(work) = lock(&self.under_way).get(&key).and_then(|running| running.work.upgrade()) {
            return Ok(work);
        }
        let (displace, displaced) = oneshot::channel();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let place = Place { under_way: Arc::downgrade(&self.under_way), key: key.clone(), number };
        let work = begin(displaced);
        let work = async move {
            let _place = place;
            work.await
        };
        let work = work.boxed().shared();
        let weak = work.downgrade().ok_or(TooMuch)?;
        let running = UnderWay { number, since: Instant::now(), work: weak, _displace: displace };
        // What is not needed is dropped after the lock, which it takes itself.
        let other = self.admit(key, running)?;
        Ok(other.unwrap_or(work))
    }

    /// The work that somebody else has begun meanwhile.
    fn admit(&self, key: K, running: UnderWay<T>) -> Result<Option<Joined<T>>, TooMuch> {
        let mut under_way = lock(&self.under_way);
        if let Some(other) = under_way.get(&key).and_then(|other| other.work.upgrade()) {
            return Ok(Some(other));
        }
        if under_way.len() >= self.limit.max {
            let longest = under_way.iter().min_by_key(|(_, running)| running.since);
            let longest = longest.filter(|(_, running)| running.since.elapsed() >= self.limit.min_wait);
            let longest = longest.map(|(key, _)| key.clone()).ok_or(TooMuch)?;
            under_way.remove(&longest);
        }
        under_way.insert(key, running);
        Ok(None)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.under_way).len()
    }
}

/// The place of some work among all that is under way.
struct Place<K: Eq + Hash, T> {
    under_way: Weak<Mutex<HashMap<K, UnderWay<T>>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T> Drop for Place<K, T> {
    fn drop(&mut self) {
        let Some(under_way) = self.under_way.upgrade() else { return };
        let mut under_way = lock(&under_way);
        if under_way.get(&self.key).is_some_and(|running| running.number == self.number) {
            under_way.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(max: usize) -> SharedWork<u8, u8> {
        SharedWork::new(Limit { max, min_wait: Duration::from_secs(1) })
    }

    /// Says 1 when it is displaced, and nothing before.
    async fn endless(displaced: Displaced) -> u8 {
        let _ = displaced.await;
        1
    }

    #[tokio::test]
    async fn all_who_need_the_same_wait_for_one_work_which_ends_with_the_last_of_them() {
        let works = work(8);
        let begun = Arc::new(AtomicU64::new(0));
        let join = || {
            let begun = Arc::clone(&begun);
            let work = |_displaced| async move {
                tokio::task::yield_now().await;
                begun.fetch_add(1, Ordering::Relaxed);
                7
            };
            works.join(1, work).unwrap()
        };
        assert_eq!(tokio::join!(join(), join(), join()), (7, 7, 7));
        assert_eq!((begun.load(Ordering::Relaxed), works.len()), (1, 0));
        let (one, other) = (join(), join());
        drop(one);
        assert_eq!(works.len(), 1, "one is left");
        drop(other);
        assert_eq!((begun.load(Ordering::Relaxed), works.len()), (1, 0), "nobody is left, so it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_waited_longest_makes_room_but_not_what_is_new() {
        let works = work(2);
        let first = works.join(1, endless).unwrap();
        tokio::time::advance(Duration::from_millis(500)).await;
        let second = works.join(2, endless).unwrap();
        assert_eq!(works.join(3, endless).err(), Some(TooMuch));
        tokio::time::advance(Duration::from_millis(500)).await;
        let third = works.join(3, endless).unwrap();
        assert_eq!(first.await, 1, "it was displaced");
        assert_eq!(works.len(), 2);
        assert!(second.now_or_never().is_none() && third.now_or_never().is_none());
    }
}
