//! Look-ups that wait at the same time share one.
//!
//! While a look-up of a key is under way, whoever asks for the same waits, and the next look-up answers all of them. So each
//! answer comes of a look-up that began after it was asked for: a change counts as soon as if everybody looked alone, and a
//! crowd costs as much as one.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// What is looked up under keys, by several at once.
#[derive(Debug)]
pub struct Together<K: Clone + Eq + Hash, V>(Arc<Mutex<Waiting<K, V>>>);

/// Those who wait, by key; a key is there while somebody looks for it.
type Waiting<K, V> = HashMap<K, Vec<Seat<K, V>>>;

/// Somebody who waits.
type Seat<K, V> = oneshot::Sender<Turn<K, V>>;

/// What somebody who waits is told.
#[derive(Debug)]
enum Turn<K: Clone + Eq + Hash, V> {
    Answered(V),
    /// It looks next, for others as well.
    Leads(Lead<K, V>),
}

impl<K: Clone + Eq + Hash, V> Default for Together<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Together<K, V> {
    /// What `look` finds under `key`, or another's look that begins after this call.
    pub async fn look<F: Future<Output = V>>(&self, key: K, look: impl FnOnce() -> F) -> V {
        let mut lead = match self.sit_down(key) {
            Place::Leads(lead) => lead,
            Place::Waits(turn) => match turn.await {
                Ok(Turn::Answered(value)) => return value,
                Ok(Turn::Leads(lead)) => lead,
                // Nobody is left who would look.
                Err(_) => return look().await,
            },
        };
        let value = look().await;
        for follower in mem::take(&mut lead.followers) {
            // Whoever asked may have hung up.
            let _ = follower.send(Turn::Answered(value.clone()));
        }
        value
    }

    /// Waits for those who look already, if there are any; else, the one who asks looks.
    fn sit_down(&self, key: K) -> Place<K, V> {
        let mut waiting = locked(&self.0);
        if let Some(seats) = waiting.get_mut(&key) {
            let (seat, turn) = oneshot::channel();
            seats.push(seat);
            return Place::Waits(turn);
        }
        waiting.insert(key.clone(), Vec::new());
        Place::Leads(Lead {
            waiting: Arc::clone(&self.0),
            key,
            followers: Vec::new(),
        })
    }
}

/// What somebody who asks has to do.
enum Place<K: Clone + Eq + Hash, V> {
    Leads(Lead<K, V>),
    Waits(oneshot::Receiver<Turn<K, V>>),
}

/// One who looks. When that ends, or is broken off wherever it is, the next one does for all who wait.
#[derive(Debug)]
struct Lead<K: Clone + Eq + Hash, V> {
    waiting: Arc<Mutex<Waiting<K, V>>>,
    key: K,
    /// Those who are answered by this look.
    followers: Vec<Seat<K, V>>,
}

impl<K: Clone + Eq + Hash, V> Drop for Lead<K, V> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.waiting);
        let mut seats = mem::take(&mut self.followers);
        if let Some(later) = waiting.get_mut(&self.key) {
            seats.append(later);
        }
        seats.retain(|seat| !seat.is_closed());
        let Some(next) = seats.pop() else {
            waiting.remove(&self.key);
            return;
        };
        // What is sent in vain is dropped, and passes on.
        drop(waiting);
        let _ = next.send(Turn::Leads(Self {
            waiting: Arc::clone(&self.waiting),
            key: self.key.clone(),
            followers: seats,
        }));
    }
}

/// Each step leaves the map whole, so that a panic elsewhere is no reason to stop.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
    };

    use tokio::{sync::Semaphore, task::JoinSet, task::yield_now};

    use super::*;

    /// A place to look that counts how often that happens, and lets each look end when it may.
    #[derive(Default)]
    struct Counting {
        together: Together<u8, u32>,
        looks: AtomicU32,
    }

    impl Counting {
        async fn look(&self, key: u8, ends: &Semaphore) -> u32 {
            let look = || async {
                let number = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
                ends.acquire().await.unwrap().forget();
                number
            };
            self.together.look(key, look).await
        }
    }

    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    fn crowd(place: &Arc<Counting>, ends: &Arc<Semaphore>, size: usize) -> JoinSet<u32> {
        let mut crowd = JoinSet::new();
        for _ in 0..size {
            let (place, ends) = (Arc::clone(place), Arc::clone(ends));
            crowd.spawn(async move { place.look(7, &ends).await });
        }
        crowd
    }

    #[tokio::test]
    async fn who_comes_during_a_look_is_answered_by_the_next_one_together() {
        let (place, ends) = (Arc::new(Counting::default()), Arc::new(Semaphore::new(0)));
        let first = crowd(&place, &ends, 1);
        settle().await;
        let others = crowd(&place, &ends, 5);
        settle().await;
        ends.add_permits(2);
        assert_eq!(first.join_all().await, [1]);
        assert_eq!(others.join_all().await, [2; 5]);
    }

    #[tokio::test]
    async fn other_keys_do_not_wait() {
        let (place, ends) = (Arc::new(Counting::default()), Arc::new(Semaphore::new(0)));
        let _first = crowd(&place, &ends, 1);
        settle().await;
        assert_eq!(place.look(8, &Semaphore::new(1)).await, 2);
    }

    #[tokio::test]
    async fn one_after_the_other_looks_alone() {
        let (place, ends) = (Counting::default(), Semaphore::new(2));
        assert_eq!(place.look(7, &ends).await, 1);
        assert_eq!(place.look(7, &ends).await, 2);
    }

    #[tokio::test]
    async fn a_look_that_is_broken_off_is_done_by_the_next() {
        let (place, ends) = (Arc::new(Counting::default()), Arc::new(Semaphore::new(0)));
        let mut first = crowd(&place, &ends, 1);
        settle().await;
        let others = crowd(&place, &ends, 3);
        settle().await;
        first.abort_all();
        while first.join_next().await.is_some() {}
        ends.add_permits(1);
        assert_eq!(others.join_all().await, [2; 3]);
    }

    #[tokio::test]
    async fn one_who_leads_and_hangs_up_leaves_nobody_waiting() {
        let (place, ends) = (Arc::new(Counting::default()), Arc::new(Semaphore::new(0)));
        let first = crowd(&place, &ends, 1);
        settle().await;
        let mut gone = crowd(&place, &ends, 1);
        settle().await;
        let other = crowd(&place, &ends, 1);
        settle().await;
        gone.abort_all();
        while gone.join_next().await.is_some() {}
        ends.add_permits(2);
        assert_eq!(first.join_all().await, [1]);
        assert_eq!(other.join_all().await, [2]);
        let looks = place.together.look(7, || async { 9 }).await;
        assert_eq!(looks, 9);
    }

    #[tokio::test]
    async fn a_look_that_never_ends_holds_up_its_own_key_alone() {
        let together: Arc<Together<u8, u8>> = Arc::default();
        let held = Arc::clone(&together);
        tokio::spawn(async move { held.look(1, pending).await });
        settle().await;
        assert_eq!(together.look(2, || async { 5 }).await, 5);
    }
}
