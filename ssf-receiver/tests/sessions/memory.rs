//! Sessions in memory.

use std::time::Duration;

use ssf_receiver::sessions::{
    ActixStore, GONE_FOR, MemorySessions, SessionId, SessionStore, ValueStore, Written,
};

use super::{
    contract::{self, Rig, found, id, keys},
    ending, race,
};

const TTL: Duration = Duration::from_hours(1);

impl Rig for MemorySessions {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn put(&self, id: &SessionId) {
        self.save(id, "value", TTL).await.unwrap();
    }

    async fn has(&self, id: &SessionId) -> bool {
        self.load(id).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_store_in_memory_does_what_every_store_does() {
    contract::holds(&MemorySessions::default()).await;
    contract::is_bounded(&MemorySessions::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_by_itself_and_so_does_the_mark_of_one_that_is_gone() {
    let sessions = MemorySessions::default();
    for name in ["a", "b", "c"] {
        sessions.save(&id(name), "value", TTL).await.unwrap();
        sessions
            .register(&id(name), &keys("ann"), TTL)
            .await
            .unwrap();
    }
    sessions.extend(&id("b"), 2 * TTL).await.unwrap();
    sessions.end(&[id("c")]).await.unwrap();
    tokio::time::advance(TTL).await;
    assert_eq!(sessions.load(&id("a")).await.unwrap(), None);
    assert_eq!(
        sessions.load(&id("b")).await.unwrap().as_deref(),
        Some("value")
    );
    assert_eq!(found(&sessions, "ann").await, ["b"]);
    let again = sessions.save(&id("c"), "value", TTL).await;
    assert_eq!(again.unwrap(), Written::Gone);
    tokio::time::advance(GONE_FOR).await;
    let again = sessions.save(&id("c"), "value", TTL).await;
    assert_eq!(again.unwrap(), Written::Kept);
}

#[actix_web::test]
async fn t56_of_a_thousand_saves_to_memory_at_the_time_of_a_revocation_none_survives() {
    let sessions = MemorySessions::default();
    race::nobody_survives(ActixStore::new(sessions.clone()), sessions).await;
}

#[actix_web::test]
async fn a_request_under_way_brings_no_session_in_memory_back() {
    let sessions = MemorySessions::default();
    ending::comes_back_by_no_way(ActixStore::new(sessions.clone()), sessions).await;
}
