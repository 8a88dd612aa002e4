//! Ends of attempts that are stored together.

use std::{future::Future, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout_at};

/// How many ends are worth waiting for, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) together: usize,
    pub(super) patience: Duration,
}

/// What ends soon behind the first: as many as are wanted in all, or what ends by then at the same time. Where nothing else is
/// under way, nothing is waited for.
pub(super) async fn gather<T, F: Future<Output = T>>(
    first: T,
    under_way: &mut FuturesUnordered<F>,
    wanted: Wanted,
) -> Vec<T> {
    let mut ended = vec![first];
    let until = Instant::now() + wanted.patience;
    while ended.len() < wanted.together
        && let Ok(Some(next)) = timeout_at(until, under_way.next()).await
    {
        ended.push(next);
    }
    while let Some(Some(next)) = under_way.next().now_or_never() {
        ended.push(next);
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(5);

    fn wanted(together: usize) -> Wanted {
        Wanted {
            together,
            patience: PATIENCE,
        }
    }

    /// What ends after these times, in milliseconds, and gives them.
    fn attempts(
        ends: impl IntoIterator<Item = u64>,
    ) -> FuturesUnordered<impl Future<Output = u64>> {
        let attempt = |millis| async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            millis
        };
        ends.into_iter().map(attempt).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_soon_is_stored_together() {
        let mut under_way = attempts([1, 2, 3, 4]);
        assert_eq!(gather(0, &mut under_way, wanted(3)).await, [0, 1, 2]);
        assert_eq!(under_way.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_keeps_nothing_waiting_for_long() {
        let mut under_way = attempts([3, 10_000]);
        let begun = Instant::now();
        assert_eq!(gather(0, &mut under_way, wanted(3)).await, [0, 3]);
        assert_eq!(begun.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_one_waits_for_nobody() {
        let begun = Instant::now();
        assert_eq!(gather(7, &mut attempts([]), wanted(16)).await, [7]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_already_is_taken_along() {
        let mut under_way = attempts([0, 0, 0]);
        let mut ended = gather(9, &mut under_way, wanted(1)).await;
        ended.sort_unstable();
        assert_eq!(ended, [0, 0, 0, 9]);
    }
}
