//! Sessions in Redis, our own and those of actix-session.

use std::time::Duration;

use actix_session::storage::{RedisSessionStore, SessionStore as _};
use actix_web::cookie::time;
use redis::aio::MultiplexedConnection;
use ssf_receiver::sessions::{
    ActixStore, RedisLayout, RedisSessions, SessionId, SessionStore, ValueStore, Written,
};

use super::{
    common::{Transmitter, email},
    contract::{self, Rig, fingerprints, id, keys},
    ending, eventually, pushed, race, receiver,
    recording::key,
    redis_server::{RedisServer, lasting},
};

const TTL: Duration = Duration::from_hours(1);

fn own(server: &RedisServer) -> RedisSessions {
    RedisSessions::open(&server.url(), RedisLayout::new("app")).unwrap()
}

/// Sessions of actix-session: the store that it has for them, and ours, which finds them.
async fn of_actix_session(server: &RedisServer) -> (RedisSessionStore, RedisSessions) {
    let stored = RedisSessionStore::new(server.url()).await.unwrap();
    let layout = RedisLayout::of_actix_session("ssf");
    (stored, RedisSessions::open(&server.url(), layout).unwrap())
}

impl Rig for RedisSessions {
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

#[actix_web::test]
async fn a_store_in_redis_does_what_every_store_does() {
    let server = RedisServer::start().await;
    contract::holds(&own(&server)).await;
    contract::is_bounded(&own(&server)).await;
}

#[actix_web::test]
async fn the_sessions_of_actix_session_are_found_where_it_keeps_them() {
    let server = RedisServer::start().await;
    let (_, sessions) = of_actix_session(&server).await;
    contract::holds(&sessions).await;
}

#[actix_web::test]
async fn t56_of_a_thousand_saves_to_redis_at_the_time_of_a_revocation_none_survives() {
    let server = RedisServer::start().await;
    let sessions = own(&server);
    race::nobody_survives(ActixStore::new(sessions.clone()), sessions).await;
}

#[actix_web::test]
async fn t56_of_a_thousand_saves_by_actix_session_at_the_time_of_a_revocation_none_survives() {
    let server = RedisServer::start().await;
    let (stored, sessions) = of_actix_session(&server).await;
    race::nobody_survives(stored, sessions).await;
}

#[actix_web::test]
async fn a_request_under_way_brings_no_session_in_redis_back() {
    let server = RedisServer::start().await;
    let sessions = own(&server);
    ending::comes_back_by_no_way(ActixStore::new(sessions.clone()), sessions).await;
    let (stored, sessions) = of_actix_session(&server).await;
    ending::comes_back_by_no_way(stored, sessions).await;
}

#[actix_web::test]
async fn by_itself_actix_session_gives_a_session_that_is_gone_another_name() {
    let server = RedisServer::start().await;
    let (stored, sessions) = of_actix_session(&server).await;
    let ttl = time::Duration::HOUR;
    let state = || [("person".to_owned(), "\"alice\"".to_owned())].into();
    let one = stored.save(state(), &ttl).await.unwrap();
    sessions.end(&[id(one.as_ref())]).await.unwrap();
    assert_eq!(stored.load(&one).await.unwrap(), None);
    let former = one.as_ref().to_owned();
    let revived = stored.update(one, state(), &ttl).await.unwrap();
    assert_ne!(revived.as_ref(), former);
    assert!(stored.load(&revived).await.unwrap().is_some());
}

/// The times of the keys that begin so.
fn of(all: &[(String, Option<Duration>)], beginning: &str) -> Vec<Duration> {
    let of_them = all.iter().filter(|(key, _)| key.starts_with(beginning));
    of_them.map(|(_, lasting)| lasting.unwrap()).collect()
}

#[actix_web::test]
async fn nothing_stays_in_redis_for_ever() {
    let server = RedisServer::start().await;
    let sessions = own(&server);
    for (name, ttl) in [("a", TTL), ("b", 3 * TTL), ("c", 2 * TTL)] {
        sessions.save(&id(name), "value", ttl).await.unwrap();
        let registered = sessions.register(&id(name), &keys("ann"), ttl).await;
        assert_eq!(registered.unwrap(), Written::Kept);
    }
    sessions.end(&[id("c")]).await.unwrap();
    let mut connection: MultiplexedConnection = server.connection().await;
    let all = lasting(&mut connection).await;
    let is_about = |lasting: Duration, ttl: Duration| {
        lasting <= ttl && lasting >= ttl.saturating_sub(Duration::from_mins(1))
    };
    for name in ["s", "k"] {
        let [a] = of(&all, &format!("app:{name}:a"))[..] else {
            panic!("{all:?}")
        };
        assert!(is_about(a, TTL), "{all:?}");
    }
    let under = of(&all, "app:u:");
    assert_eq!(under.len(), 2);
    assert!(under.iter().all(|one| is_about(*one, 3 * TTL)), "{all:?}");
    let gone = of(&all, "app:gone:c");
    assert!(is_about(gone[0], 24 * TTL), "{all:?}");
    assert_eq!(all.len(), 4 + 2 + 1, "{all:?}");

    sessions.extend(&id("a"), 5 * TTL).await.unwrap();
    let all = lasting(&mut connection).await;
    for beginning in ["app:s:a", "app:k:a", "app:u:"] {
        for lasting in of(&all, beginning) {
            assert!(is_about(lasting, 5 * TTL), "{all:?}");
        }
    }
    let (last, dan) = (id("d"), keys("dan"));
    let registered = sessions.register(&last, &dan, Duration::ZERO).await;
    assert_eq!(registered.unwrap(), Written::Kept);
    // It may end between two looks.
    let is_over = async || {
        let mut is_over = true;
        for fingerprint in fingerprints("dan") {
            is_over &= sessions.find(fingerprint).await.unwrap().is_empty();
        }
        is_over
    };
    eventually("it ends by itself", is_over).await;
}

#[actix_web::test]
async fn a_redis_that_is_away_is_asked_again_and_nothing_is_lost() {
    let mut server = RedisServer::start().await;
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = own(&server);
    for (name, person) in [("a", "alice"), ("b", "bob")] {
        let keys = super::keys(&receiver, person, -1);
        sessions.save(&id(name), "value", TTL).await.unwrap();
        sessions.register(&id(name), &keys, TTL).await.unwrap();
    }
    let deleting = receiver.delete_sessions("sessions", sessions.clone());
    deleting.await.unwrap();
    server.stop();
    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    assert!(sessions.load(&id("a")).await.is_err());
    server.start_again().await;
    let is_deleted = async || matches!(sessions.load(&id("a")).await, Ok(None));
    eventually("it is deleted", is_deleted).await;
    assert!(sessions.has(&id("b")).await);
    let again = sessions.save(&id("a"), "value", TTL).await;
    assert_eq!(again.unwrap(), Written::Gone);
}

#[actix_web::test]
async fn values_may_have_a_prefix_of_the_applications_own() {
    let server = RedisServer::start().await;
    let built = RedisSessionStore::builder(server.url()).cache_keygen(|id| format!("web/{id}"));
    let stored = built.build().await.unwrap();
    let layout = RedisLayout::of_actix_session("ssf").values("web/");
    let sessions = RedisSessions::open(&server.url(), layout).unwrap();
    let state = [("person".to_owned(), "\"alice\"".to_owned())].into();
    let one = stored.save(state, &time::Duration::HOUR).await.unwrap();
    sessions.end(&[id(one.as_ref())]).await.unwrap();
    assert_eq!(stored.load(&key(one.as_ref())).await.unwrap(), None);
}
