//! Does the signing, on as many blocking threads at most as there are cores.
//!
//! A thread takes one piece of work after the other for as long as there is any: under load, none is put to sleep and woken
//! again for each signature, which would cost a fifth of it.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::{sync::oneshot, task::spawn_blocking};

/// Work that waits, and how many threads are at it. Clones are the same.
pub(super) struct Signers<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    threads_max: usize,
}

struct State<T> {
    waiting: VecDeque<Job<T>>,
    threads: usize,
}

/// One piece of work, and who waits for it. There are as many as callers, which their windows and limits bound.
struct Job<T> {
    work: Box<dyn FnOnce() -> T + Send>,
    answer: oneshot::Sender<T>,
}

impl<T: Send + 'static> Signers<T> {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::of(cores)
    }

    fn of(threads_max: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            threads: 0,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            threads_max,
        }))
    }

    /// Does this work in its turn; `None` if it panicked, or the process ends.
    pub(super) async fn run(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(work);
        if self.0.add(Job { work, answer }) {
            let shared = Arc::clone(&self.0);
            spawn_blocking(move || shared.work());
        }
        answered.await.ok()
    }
}

impl<T> Shared<T> {
    /// Adds work; whether a further thread is to begin.
    fn add(&self, job: Job<T>) -> bool {
        let mut state = self.state();
        state.waiting.push_back(job);
        let begins = state.threads < self.threads_max;
        state.threads += usize::from(begins);
        begins
    }

    /// What a thread does from its beginning to its end.
    fn work(&self) {
        while let Some(job) = self.next() {
            // Nobody signs for those who have hung up.
            if job.answer.is_closed() {
                continue;
            }
            // What panics fails alone: the thread goes on with what others wait for.
            if let Ok(done) = catch_unwind(AssertUnwindSafe(job.work)) {
                let _ = job.answer.send(done);
            }
        }
    }

    /// What a thread does next. If there is nothing, it does not count from this moment on: what comes then begins another.
    fn next(&self) -> Option<Job<T>> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.threads -= usize::from(next.is_none());
        next
    }

    /// Nothing panics while it is locked.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Signers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Signers")
            .field("waiting", &state.waiting.len())
            .field("threads", &state.threads)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for Signers<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn everything_is_done_and_no_more_at_once_than_may_be() {
        let signers = Signers::of(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for number in 0..500_u32 {
            let (signers, now, most) = (signers.clone(), Arc::clone(&now), Arc::clone(&most));
            let work = move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
                number
            };
            callers.spawn(async move { signers.run(work).await });
        }
        let mut done: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
        done.sort_unstable();
        assert!(done.into_iter().eq(0..500));
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn work_that_panics_fails_alone() {
        let signers = Signers::<u8>::of(1);
        let panics = signers.run(|| panic!("on purpose"));
        assert_eq!(panics.await, None);
        assert_eq!(signers.run(|| 2).await, Some(2));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_left_undone() {
        let signers = Signers::<u8>::of(1);
        let (begun, begins) = oneshot::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let signers = signers.clone();
            async move {
                let work = move || {
                    let _ = begun.send(());
                    let _ = ends.recv();
                    1
                };
                signers.run(work).await
            }
        });
        begins.await.unwrap();
        let (done, is_done) = oneshot::channel::<()>();
        let given_up = signers.run(move || {
            let _ = done.send(());
            2
        });
        assert_eq!(given_up.now_or_never(), None);
        end.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Some(1));
        assert_eq!(signers.run(|| 3).await, Some(3));
        assert!(is_done.await.is_err());
    }
}
