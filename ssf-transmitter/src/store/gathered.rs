//! Questions that come while others are answered are answered together, in the next turn.
//!
//! So what a transaction costs is shared by as many as wait for it, and one that comes alone waits for nobody. Behind a turn
//! that answered several, the next lingers for a crowd at least as large, but not long.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turn, Notify, oneshot, oneshot::error::TryRecvError},
    time::{Instant, timeout_at},
};

/// How long a turn lingers at most, unless told otherwise.
const LINGER: Duration = Duration::from_millis(5);

/// Questions `Q` that wait for their answers `A`.
#[derive(Debug)]
pub(super) struct Gathered<Q, A> {
    waiting: Mutex<VecDeque<(Q, oneshot::Sender<A>)>>,
    came: Notify,
    /// With how many the last one answered.
    turn: Turn<usize>,
    linger: Duration,
}

impl<Q, A> Default for Gathered<Q, A> {
    fn default() -> Self {
        Self::lingering(LINGER)
    }
}

impl<Q, A> Gathered<Q, A> {
    /// A turn lingers so long at most.
    pub(super) fn lingering(linger: Duration) -> Self {
        Self {
            waiting: Mutex::default(),
            came: Notify::default(),
            turn: Turn::default(),
            linger,
        }
    }

    /// The answer to `question`. Whoever has the turn has `answer` say those to at most `most` questions, in their order.
    ///
    /// `None` if the turn in which it was to be answered was broken off.
    pub(super) async fn ask<F: Future<Output = Vec<A>>>(
        &self,
        question: Q,
        most: usize,
        answer: impl Fn(Vec<Q>) -> F,
    ) -> Option<A> {
        let (seat, mut answered) = oneshot::channel();
        self.waiting().push_back((question, seat));
        self.came.notify_one();
        loop {
            let mut turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.ok(),
                turn = self.turn.lock() => turn,
            };
            match answered.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => {}
            }
            if *turn > 1 {
                self.linger(most.min(*turn * 2)).await;
            }
            let (questions, seats): (Vec<Q>, Vec<_>) = self.first(most).into_iter().unzip();
            *turn = questions.len();
            for (seat, answer) in seats.into_iter().zip(answer(questions).await) {
                // Whoever asked may have gone.
                let _ = seat.send(answer);
            }
        }
    }

    async fn linger(&self, wanted: usize) {
        let until = Instant::now() + self.linger;
        while self.waiting().len() < wanted && timeout_at(until, self.came.notified()).await.is_ok()
        {
        }
    }

    fn first(&self, most: usize) -> Vec<(Q, oneshot::Sender<A>)> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(most);
        waiting.drain(..count).collect()
    }

    /// Each step leaves the queue whole, so that a panic elsewhere is no reason to stop.
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Q, oneshot::Sender<A>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{sync::Semaphore, task::JoinSet, task::yield_now};

    use super::*;

    /// Answers each question with itself and with how many were answered together, once it may.
    struct Place {
        gathered: Gathered<u32, (u32, usize)>,
        may: Semaphore,
    }

    impl Place {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                gathered: Gathered::default(),
                may: Semaphore::new(0),
            })
        }

        async fn ask(&self, question: u32) -> Option<(u32, usize)> {
            let answer = |questions: Vec<u32>| async move {
                self.may.acquire().await.unwrap().forget();
                let together = questions.len();
                questions.into_iter().map(|one| (one, together)).collect()
            };
            self.gathered.ask(question, 3, answer).await
        }
    }

    async fn asked(place: &Arc<Place>, questions: &[u32]) -> JoinSet<Option<(u32, usize)>> {
        let mut all = JoinSet::new();
        for &question in questions {
            let place = Arc::clone(place);
            all.spawn(async move { place.ask(question).await });
        }
        for _ in 0..100 {
            yield_now().await;
        }
        all
    }

    async fn answers(asked: JoinSet<Option<(u32, usize)>>) -> Vec<(u32, usize)> {
        let mut answers: Vec<_> = asked.join_all().await.into_iter().flatten().collect();
        answers.sort_unstable();
        answers
    }

    #[tokio::test]
    async fn one_that_comes_alone_is_answered_at_once() {
        let place = Place::new();
        place.may.add_permits(1);
        assert_eq!(place.ask(1).await, Some((1, 1)));
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_answered_together_in_its_order_and_within_bounds() {
        let place = Place::new();
        let first = asked(&place, &[1]).await;
        let others = asked(&place, &[2, 3, 4, 5]).await;
        place.may.add_permits(3);
        assert_eq!(answers(first).await, [(1, 1)]);
        assert_eq!(answers(others).await, [(2, 3), (3, 3), (4, 3), (5, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_crowd_the_next_lingers_for_another_and_then_for_nobody() {
        let place = Place::new();
        place.may.add_permits(10);
        assert_eq!(answers(asked(&place, &[1]).await).await, [(1, 1)]);
        let begun = Instant::now();
        let crowd = asked(&place, &[2, 3]).await;
        assert_eq!(answers(crowd).await, [(2, 1), (3, 1)]);
        place.may.forget_permits(10);
        let first = asked(&place, &[4]).await;
        let crowd = asked(&place, &[5, 6]).await;
        place.may.add_permits(10);
        assert_eq!(answers(first).await, [(4, 1)]);
        assert_eq!(answers(crowd).await, [(5, 2), (6, 2)]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(place.ask(7).await, Some((7, 1)));
        assert_eq!(begun.elapsed(), LINGER);
        assert_eq!(place.ask(8).await, Some((8, 1)));
        assert_eq!(begun.elapsed(), LINGER);
    }

    #[tokio::test]
    async fn those_whose_turn_is_broken_off_are_told_and_the_next_goes_on() {
        let place = Place::new();
        let first = asked(&place, &[1]).await;
        let mut leader = asked(&place, &[2]).await;
        let others = asked(&place, &[3]).await;
        let later = asked(&place, &[4, 5]).await;
        place.may.add_permits(1);
        assert_eq!(answers(first).await, [(1, 1)]);
        let second = asked(&place, &[]).await;
        leader.abort_all();
        while leader.join_next().await.is_some() {}
        place.may.add_permits(2);
        assert_eq!(answers(others).await, []);
        assert_eq!(answers(later).await, [(5, 1)]);
        assert_eq!(answers(second).await, []);
    }
}
