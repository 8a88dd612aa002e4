//! One receiver, several Transmitters: each with its own endpoint, keys and sessions.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::sync::atomic::Ordering;

use common::{AUDIENCE, Transmitter, email, now, signed_with, started, until};
use serde_json::json;
use ssf_receiver::{Builder, Receiver, StartError, StreamState, guard::Decision};
use ssf_types::{
    audience::Audience, jose::SigningKey, secret::AuthorizationHeader, set::Algorithm,
    time::Timestamp, uri::Issuer,
};

const SET: Option<&str> = Some("application/secevent+jwt");

/// A Transmitter with keys of its own, and the credentials that it pushes with.
struct Peer {
    transmitter: Transmitter,
    key: SigningKey,
    authorization: String,
}

impl Peer {
    fn start(number: usize) -> Self {
        let transmitter = Transmitter::start();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        *transmitter.state.keys.lock().unwrap() = vec![key.clone()];
        Self {
            transmitter,
            key,
            authorization: format!("Bearer of-{number}"),
        }
    }

    fn issuer(&self) -> Issuer {
        Issuer::parse(self.transmitter.issuer.as_str()).unwrap()
    }

    fn builder(&self, path: &str) -> Builder {
        let endpoint = format!("http://127.0.0.1:9{path}");
        Receiver::builder(&self.transmitter.issuer, endpoint).existing_stream(
            Audience::new([AUDIENCE]).unwrap(),
            AuthorizationHeader::parse(self.authorization.as_str()).unwrap(),
        )
    }

    /// A SET that this Transmitter issues, if `key` is its own.
    fn set(&self, jti: &str, key: &SigningKey) -> String {
        let subject = email("alice@example.com");
        let claims = self.transmitter.claims(jti, &subject, now());
        let header = json!({ "alg": "ES256", "kid": key.kid(), "typ": "secevent+jwt" });
        signed_with(key, &header, &claims.to_string())
    }
}

/// Those whose session of alice goes on.
fn allowed(receiver: &Receiver) -> Vec<bool> {
    let began = Timestamp::from_secs(now() - 60);
    let each = receiver.transmitters().map(|transmitter| {
        let session = transmitter.session(began).email("alice@example.com");
        receiver.decide(&session) == Decision::Allow
    });
    each.collect()
}

#[actix_web::test]
async fn t43_of_three_transmitters_crossed_with_endpoints_and_keys_only_what_matches_is_taken() {
    let peers: Vec<Peer> = (0..3).map(Peer::start).collect();
    let [one, two, three] = [0, 1, 2].map(|place| peers[place].builder(&format!("/{place}")));
    let receiver = started(one.in_memory().and(two.and(three))).await;
    let pushed_to: Vec<_> = receiver.transmitters().collect();
    for (place, endpoint) in pushed_to.iter().enumerate() {
        for (issuing, issuer) in peers.iter().enumerate() {
            for (signing, signer) in peers.iter().enumerate() {
                if place == issuing && issuing == signing {
                    continue;
                }
                let jti = format!("{place}-{issuing}-{signing}");
                let set = issuer.set(&jti, &signer.key);
                let authorization = Some(peers[place].authorization.as_str());
                let answer = endpoint.accept(authorization, SET, set.as_bytes()).await;
                // Its key may come: it is not refused for ever, and not taken either.
                let expected = if place == issuing { 503 } else { 400 };
                assert_eq!(answer.status(), expected, "{jti}");
            }
        }
        let other = Some(peers[(place + 1) % 3].authorization.as_str());
        let set = peers[place].set("other", &peers[place].key);
        let answer = endpoint.accept(other, SET, set.as_bytes()).await;
        assert!(answer.body().contains("authentication_failed"));
    }
    assert_eq!(allowed(&receiver), [true, true, true]);
    for (place, peer) in peers.iter().enumerate() {
        let set = peer.set("own", &peer.key);
        let authorization = Some(peer.authorization.as_str());
        let answer = pushed_to[place]
            .accept(authorization, SET, set.as_bytes())
            .await;
        assert_eq!(answer.status(), 202);
        let expected: Vec<bool> = (0..3).map(|other| other > place).collect();
        assert_eq!(allowed(&receiver), expected);
        assert_eq!(pushed_to[place].status().acknowledged, 1);
    }
}

#[actix_web::test]
async fn after_a_restart_each_transmitter_has_its_own_revocations_whatever_the_order() {
    let peers: Vec<Peer> = (0..2).map(Peer::start).collect();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("r.db").display());
    let receiver = peers[0]
        .builder("/a")
        .and(peers[1].builder("/b"))
        .database(&url);
    let receiver = started(receiver).await;
    let second = receiver.transmitter(&peers[1].issuer()).unwrap();
    let authorization = Some(peers[1].authorization.as_str());
    let set = peers[1].set("1", &peers[1].key);
    assert_eq!(
        second
            .accept(authorization, SET, set.as_bytes())
            .await
            .status(),
        202
    );
    assert_eq!(allowed(&receiver), [true, false]);
    drop(second);
    receiver.stop().await;
    drop(receiver);
    let again = peers[1]
        .builder("/b")
        .and(peers[0].builder("/a"))
        .database(&url);
    assert_eq!(allowed(&again.start().await.unwrap()), [false, true]);
}

#[actix_web::test]
async fn one_transmitter_that_is_away_keeps_no_other_from_being_served() {
    let peers: Vec<Peer> = (0..2).map(Peer::start).collect();
    peers[0]
        .transmitter
        .state
        .down
        .store(true, Ordering::SeqCst);
    let receiver = peers[0]
        .builder("/a")
        .and(peers[1].builder("/b"))
        .in_memory();
    let receiver = receiver.start().await.unwrap();
    let [away, here] = [0, 1].map(|place| receiver.transmitter(&peers[place].issuer()).unwrap());
    here.ready().await;
    let pending = || {
        matches!(
            away.status().stream,
            StreamState::Pending {
                last_error: Some(_)
            }
        )
    };
    until("one is away", pending).await;
    let set = peers[1].set("1", &peers[1].key);
    let authorization = Some(peers[1].authorization.as_str());
    assert_eq!(
        here.accept(authorization, SET, set.as_bytes())
            .await
            .status(),
        202
    );
    peers[0]
        .transmitter
        .state
        .down
        .store(false, Ordering::SeqCst);
    receiver.ready().await;
}

#[actix_web::test]
async fn transmitters_that_could_be_taken_for_each_other_are_not_served() {
    let peers: Vec<Peer> = (0..2).map(Peer::start).collect();
    let both = |path| {
        peers[0]
            .builder("/a")
            .in_memory()
            .and(peers[1].builder(path))
    };
    assert!(matches!(
        both("/a").start().await,
        Err(StartError::SamePath)
    ));
    let with_slash = format!("{}/", peers[0].transmitter.issuer);
    let same = Receiver::polling(with_slash).management_token("x");
    let same = peers[0].builder("/a").in_memory().and(same);
    assert!(matches!(same.start().await, Err(StartError::SameIssuer)));
    let other = peers[1].builder("/b").in_memory();
    let two = peers[0].builder("/a").in_memory().and(other);
    assert!(matches!(two.start().await, Err(StartError::TwoDatabases)));
    assert!(both("/b").start().await.is_ok());
}
