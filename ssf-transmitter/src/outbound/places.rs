//! How many requests are under way to one host.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most requests that are under way to one host unless told otherwise: two full windows of streams, so that many streams
/// of one host that is slow leave sockets for the others.
pub const HOST_REQUESTS_DEFAULT: u64 = 64;

/// A host and a port.
type Peer = (String, u16);

/// Places for requests at each host. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    /// The hosts to which something is under way, so that its size follows from what is going on.
    hosts: Mutex<HashMap<Peer, Arc<Semaphore>>>,
}

/// A place, or a turn in the queue for one; dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    peer: Peer,
    semaphore: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            hosts: Mutex::default(),
        }))
    }

    /// Waits for a place at the host; those who came first get theirs first.
    pub(super) async fn take(&self, host: &str, port: u16) -> Place {
        let (mut place, semaphore) = self.turn(host, port);
        // Nobody closes it.
        place.permit = semaphore.acquire_owned().await.ok();
        place
    }

    /// Takes a place at the host, if there is one and nobody waits for it.
    pub(super) fn try_take(&self, host: &str, port: u16) -> Option<Place> {
        let (mut place, semaphore) = self.turn(host, port);
        place.permit = Some(semaphore.try_acquire_owned().ok()?);
        Some(place)
    }

    fn turn(&self, host: &str, port: u16) -> (Place, Arc<Semaphore>) {
        let peer = (host.to_owned(), port);
        let semaphore = Arc::clone(
            self.0
                .lock()
                .entry(peer.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(self.0.most))),
        );
        let place = Place {
            shared: Arc::clone(&self.0),
            peer,
            semaphore: Some(Arc::clone(&semaphore)),
            permit: None,
        };
        (place, semaphore)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Peer, Arc<Semaphore>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut hosts = self.shared.lock();
        self.permit = None;
        self.semaphore = None;
        // Whoever else has a place or waits for one has a share, too, and gets it under the lock.
        if hosts
            .get(&self.peer)
            .is_some_and(|semaphore| Arc::strong_count(semaphore) == 1)
        {
            hosts.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_host_has_so_many_places_and_another_one_has_its_own() {
        let places = Places::new(2);
        let first = places.take("slow.example.com", 443).await;
        let _second = places.take("slow.example.com", 443).await;
        let third = places.take("slow.example.com", 443);
        let mut third = Box::pin(third);
        assert!(third.as_mut().now_or_never().is_none());
        assert!(
            places
                .take("slow.example.com", 8443)
                .now_or_never()
                .is_some()
        );
        assert!(places.take("rp.example.com", 443).now_or_never().is_some());
        drop(first);
        third.await;
    }

    #[tokio::test]
    async fn whoever_does_not_wait_gets_a_place_that_is_free_and_nobodys_turn() {
        let places = Places::new(1);
        let held = places.try_take("rp.example.com", 443).unwrap();
        assert!(places.try_take("rp.example.com", 443).is_none());
        let mut waiting = Box::pin(places.take("rp.example.com", 443));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        assert!(places.try_take("rp.example.com", 443).is_none());
        drop(waiting.await);
        assert!(places.try_take("rp.example.com", 443).is_some());
        assert_eq!(places.0.lock().len(), 0);
    }

    #[tokio::test]
    async fn a_host_is_forgotten_with_its_last_request_be_it_one_that_waited_in_vain() {
        let places = Places::new(1);
        let held = places.take("rp.example.com", 443).await;
        let mut waiting = Box::pin(places.take("rp.example.com", 443));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        assert_eq!(places.0.lock().len(), 1);
        drop(waiting);
        assert_eq!(places.0.lock().len(), 0);
    }
}
