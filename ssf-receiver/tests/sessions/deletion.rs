//! Which sessions are deleted, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use ssf_receiver::{
    Receiver, SessionKeys,
    revocation::Fingerprint,
    sessions::{
        MemorySessions, RegisteredSession, SessionId, SessionStore, SessionStoreError, ValueStore,
        Written,
    },
};
use ssf_types::{subject::SimpleSubject, time::Timestamp};

use super::{
    T,
    common::{Transmitter, email, signed},
    contract::id,
    eventually, keys, pushed, receiver,
};

const TTL: Duration = Duration::from_hours(1);
const RECOVERY_ACTIVATED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/recovery-activated";

async fn stored(sessions: &MemorySessions, name: &str, keys: &SessionKeys) {
    sessions.save(&id(name), name, TTL).await.unwrap();
    sessions.register(&id(name), keys, TTL).await.unwrap();
}

async fn has(sessions: &MemorySessions, name: &str) -> bool {
    sessions.load(&id(name)).await.unwrap().is_some()
}

/// A session with a name of its own, in a tenant.
fn named(receiver: &Receiver, person: &str, sid: &str) -> SessionKeys {
    let acme = SimpleSubject::Opaque { id: "acme".into() };
    let session = receiver
        .session(Timestamp::from_secs(T - 1))
        .email(format!("{person}@example.com"))
        .identifier("tenant", acme)
        .sid(sid);
    receiver.keys(&session)
}

fn opaque(id: &str) -> Value {
    json!({ "format": "opaque", "id": id })
}

#[actix_web::test]
async fn a_session_that_may_go_on_is_not_deleted() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    stored(&sessions, "asked", &keys(&receiver, "alice", -1)).await;
    stored(&sessions, "ended", &keys(&receiver, "bob", -1)).await;
    stored(&sessions, "later", &keys(&receiver, "bob", 1)).await;
    let deleting = receiver.delete_sessions("sessions", sessions.clone());
    deleting.await.unwrap();
    let mut claims = transmitter.claims("1", &email("alice@example.com"), T);
    claims["events"] = json!({ RECOVERY_ACTIVATED: {} });
    claims["toe"] = T.into();
    let set = signed(&Transmitter::header(), &claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    assert_eq!(answer.await.status(), 202);
    pushed(&transmitter, &receiver, "2", &email("bob@example.com")).await;
    let is_deleted = async || !has(&sessions, "ended").await;
    eventually("the one is deleted", is_deleted).await;
    assert!(has(&sessions, "asked").await);
    assert!(has(&sessions, "later").await);
}

#[actix_web::test]
async fn a_complex_subject_deletes_the_sessions_that_it_selects() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    for (name, person) in [("a1", "alice"), ("a2", "alice"), ("b1", "bob")] {
        stored(&sessions, name, &named(&receiver, person, name)).await;
    }
    let deleting = receiver.delete_sessions("sessions", sessions.clone());
    deleting.await.unwrap();
    let members = |user: &str, session: &str| {
        let user = email(&format!("{user}@example.com"));
        let tenant = opaque("acme");
        json!({ "format": "complex", "user": user, "session": opaque(session), "tenant": tenant })
    };
    // Nobody has both.
    pushed(&transmitter, &receiver, "1", &members("bob", "a2")).await;
    pushed(&transmitter, &receiver, "2", &members("alice", "a1")).await;
    let is_deleted = async || !has(&sessions, "a1").await;
    eventually("the one is deleted", is_deleted).await;
    assert!(has(&sessions, "a2").await);
    assert!(has(&sessions, "b1").await);
}

/// A store that is away for a few questions.
#[derive(Clone)]
struct Away {
    sessions: MemorySessions,
    left: Arc<AtomicUsize>,
}

impl Away {
    fn check(&self) -> Result<(), SessionStoreError> {
        let fewer = |left: usize| left.checked_sub(1);
        let left = (self.left).fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        match left {
            Ok(_) => Err(SessionStoreError::Failed("no route".into())),
            Err(_) => Ok(()),
        }
    }
}

impl SessionStore for Away {
    async fn register(
        &self,
        id: &SessionId,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        self.sessions.register(id, keys, ttl).await
    }

    async fn extend(&self, id: &SessionId, ttl: Duration) -> Result<(), SessionStoreError> {
        self.sessions.extend(id, ttl).await
    }

    async fn withdraw(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        self.sessions.withdraw(id).await
    }

    async fn find(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<RegisteredSession>, SessionStoreError> {
        self.check()?;
        self.sessions.find(fingerprint).await
    }

    async fn end(&self, ids: &[SessionId]) -> Result<(), SessionStoreError> {
        self.check()?;
        self.sessions.end(ids).await
    }
}

#[actix_web::test]
async fn a_store_that_is_away_is_asked_again() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    stored(&sessions, "a", &keys(&receiver, "alice", -1)).await;
    let away = Away {
        sessions: sessions.clone(),
        left: Arc::new(2.into()),
    };
    receiver.delete_sessions("sessions", away).await.unwrap();
    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    let is_deleted = async || !has(&sessions, "a").await;
    eventually("it is deleted", is_deleted).await;
}
