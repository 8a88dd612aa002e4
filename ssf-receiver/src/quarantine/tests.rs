use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ssf_types::{
    audience::Audience,
    event::caep::SessionRevoked,
    id::Jti,
    jose::SigningKey,
    secret::AuthorizationHeader,
    set::{Algorithm, SetClaims},
    subject::SimpleSubject,
    uri::Issuer,
};
use tokio::time::{sleep, timeout};

use super::*;
use crate::{
    answer::Answer, budget::REFILL, freshness::Freshness, freshness::Why, guard::Decision,
    keys::Scripted, receiver::Receiver,
};

const ISSUER: &str = "https://idp.example.com";
const T: u64 = 1_615_305_159;

fn audience() -> Audience {
    Audience::new(["https://rp.example.com/stream/1"]).unwrap()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn address(number: usize) -> String {
    format!("user-{number}@example.com")
}

fn claims(number: usize) -> SetClaims {
    let email = address(number);
    SetClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Jti::parse(number.to_string()).unwrap(),
        Timestamp::from_secs(T),
        audience(),
        SimpleSubject::Email { email }.into(),
        SessionRevoked::default().into(),
    )
}

/// A SET that ends the sessions of a user.
fn set_of(number: usize, key: &SigningKey) -> String {
    key.sign(&claims(number)).unwrap().into_string()
}

/// A receiver, and a Transmitter that pushes to it; neither has a network, so that a test may move the clock.
struct Stage {
    transmitter: Arc<Scripted>,
    receiver: Receiver,
    known: SigningKey,
}

impl Stage {
    async fn set() -> Self {
        let transmitter = Arc::new(Scripted::default());
        let known = key();
        let stage = Self {
            receiver: Receiver::builder(ISSUER, "https://rp.example.com/push")
                .in_memory()
                .existing_stream(audience(), AuthorizationHeader::parse("Bearer x").unwrap())
                .documents(Arc::clone(&transmitter))
                .start()
                .await
                .unwrap(),
            transmitter,
            known,
        };
        stage.publish(&stage.known);
        stage.receiver.ready().await;
        stage
    }

    fn publish(&self, key: &SigningKey) {
        self.transmitter.keys.lock().unwrap().push(key.clone());
    }

    fn goes_away(&self) {
        self.transmitter.is_away.store(true, Ordering::SeqCst);
    }

    /// Is there again, and waits until that is noticed.
    async fn comes_back(&self) {
        self.transmitter.is_away.store(false, Ordering::SeqCst);
        let before = self.fetches();
        self.until(REFILL * 2, || self.fetches() > before).await;
    }

    fn fetches(&self) -> usize {
        self.transmitter.fetches.load(Ordering::SeqCst)
    }

    async fn push(&self, set: &str) -> Answer {
        let media_type = Some("application/secevent+jwt");
        let set = set.as_bytes();
        self.receiver
            .accept(Some("Bearer x"), media_type, set)
            .await
    }

    async fn status(&self, set: &str) -> u16 {
        self.push(set).await.status()
    }

    fn is_signed_in(&self, number: usize) -> bool {
        let session = self.receiver.session(Timestamp::from_secs(T));
        self.receiver.decide(&session.email(address(number))) == Decision::Allow
    }

    fn all_are_over(&self, count: usize) -> bool {
        (0..count).all(|number| !self.is_signed_in(number))
    }

    fn quarantined(&self) -> usize {
        self.receiver.status().quarantined
    }

    /// Moves the clock until that is so.
    async fn until(&self, within: Duration, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(within, waiting).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn t48_half_an_hour_without_keys_loses_nothing_and_all_is_in_effect_soon_after_they_are_back()
{
    let stage = Stage::set().await;
    stage.goes_away();
    let newer = key();
    for minute in 0..30 {
        let status = stage.status(&set_of(minute, &newer)).await;
        assert_eq!(status, 503, "{minute}");
        sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(stage.quarantined(), 30);
    let freshness = stage.receiver.status().freshness;
    assert!(
        matches!(freshness, Freshness::Stale(Why::Silent)),
        "{freshness:?}"
    );
    assert!((0..30).all(|number| stage.is_signed_in(number)));
    // Keys that are known verify all the while.
    assert_eq!(stage.status(&set_of(30, &stage.known)).await, 202);

    stage.publish(&newer);
    stage.comes_back().await;
    stage
        .until(Duration::from_secs(5), || stage.all_are_over(31))
        .await;
    stage
        .until(Duration::from_secs(5), || stage.quarantined() == 0)
        .await;
    // Nobody was told that those were acknowledged; each is, when it comes again.
    assert_eq!(stage.receiver.status().acknowledged, 1);
    assert_eq!(stage.status(&set_of(0, &newer)).await, 202);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_a_moment_after_its_set_is_in_time_although_the_set_never_comes_again()
 {
    let stage = Stage::set().await;
    let newer = key();
    assert_eq!(stage.status(&set_of(0, &newer)).await, 503);
    stage.publish(&newer);
    stage.until(REFILL * 2, || !stage.is_signed_in(0)).await;
    assert_eq!(stage.quarantined(), 0);
}

#[tokio::test(start_paused = true)]
async fn t50_keys_that_are_rotated_for_every_set_lose_none_while_they_stay_published() {
    let stage = Stage::set().await;
    let refused = AtomicUsize::new(0);
    for number in 0..60 {
        let newer = key();
        stage.publish(&newer);
        let answer = stage.push(&set_of(number, &newer)).await;
        refused.fetch_add(usize::from(answer.error().is_some()), Ordering::SeqCst);
        sleep(Duration::from_secs(10)).await;
    }
    stage.until(REFILL * 2, || stage.all_are_over(60)).await;
    assert_eq!(refused.into_inner(), 0);
    // Five at once, and then one in half a minute, of which there were twenty to twenty-two.
    assert!(stage.fetches() <= 27, "{}", stage.fetches());
}

#[tokio::test(start_paused = true)]
async fn a_set_whose_key_never_comes_is_given_up_after_an_hour_and_its_repeat_told_invalid_key() {
    let stage = Stage::set().await;
    let stranger = key();
    let set = set_of(0, &stranger);
    assert_eq!(stage.status(&set).await, 503);
    sleep(Duration::from_mins(59)).await;
    assert_eq!(stage.quarantined(), 1);
    sleep(REFILL * 3).await;
    assert_eq!(stage.quarantined(), 0);

    let before = stage.fetches();
    let error = stage.push(&set).await.error().cloned().unwrap();
    assert_eq!(error.err.as_str(), "invalid_key");
    assert_eq!(stage.fetches(), before, "that is known without a look");
    // Should its key come after all, it counts.
    stage.publish(&stranger);
    sleep(Duration::from_mins(11)).await;
    assert_eq!(stage.status(&set).await, 202);
    assert!(!stage.is_signed_in(0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_while_keys_cannot_be_fetched() {
    let stage = Stage::set().await;
    stage.goes_away();
    let newer = key();
    assert_eq!(stage.status(&set_of(0, &newer)).await, 503);
    sleep(PATIENCE * 3).await;
    assert_eq!(stage.quarantined(), 1);
    stage.publish(&newer);
    stage.comes_back().await;
    stage
        .until(Duration::from_secs(5), || !stage.is_signed_in(0))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_set_that_its_key_did_not_sign_is_dropped_as_soon_as_the_key_is_here() {
    let stage = Stage::set().await;
    let (newer, stranger) = (key(), key());
    let forged = stranger.clone().with_kid(newer.kid().clone());
    let set = set_of(0, &forged);
    assert_eq!(stage.status(&set).await, 503);
    stage.publish(&newer);
    stage.until(REFILL * 2, || stage.quarantined() == 0).await;
    assert!(stage.is_signed_in(0));
    let error = stage.push(&set).await.error().cloned().unwrap();
    assert_eq!(error.err.as_str(), "invalid_key");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_fills_nothing() {
    let stage = Stage::set().await;
    let newer = key();
    let set = set_of(0, &newer);
    let media_type = Some("application/secevent+jwt");
    for secret in [None, Some("Bearer y")] {
        let answer = stage.receiver.accept(secret, media_type, set.as_bytes());
        assert_eq!(answer.await.status(), 400);
    }
    let mut elsewhere = claims(0);
    elsewhere.iss = Issuer::parse("https://other.example.com").unwrap();
    let elsewhere = newer.sign(&elsewhere).unwrap().into_string();
    for faulty in ["", "a.b.c", &elsewhere, &set[..set.len() / 2]] {
        assert_eq!(stage.status(faulty).await, 400, "{faulty}");
    }
    assert_eq!(stage.quarantined(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_left_a_set_is_not_kept_and_comes_again() {
    let stage = Stage::set().await;
    stage.goes_away();
    let newer = key();
    let long = |number: usize| {
        let mut claims = claims(number);
        let padding = "x".repeat(48 * 1000 - 100);
        claims.extra.put("padding", &padding).unwrap();
        newer.sign(&claims).unwrap().into_string()
    };
    let room = BYTES_MAX / long(0).len();
    for number in 0..=room {
        assert_eq!(stage.status(&long(number)).await, 503);
    }
    assert_eq!(stage.quarantined(), room);
    stage.publish(&newer);
    stage.comes_back().await;
    stage
        .until(Duration::from_secs(5), || stage.all_are_over(room))
        .await;
    assert!(stage.is_signed_in(room));
    assert_eq!(stage.status(&long(room)).await, 202);
}

#[tokio::test(start_paused = true)]
async fn keys_go_out_of_use_after_a_day_without_newer_ones_and_what_comes_then_is_kept() {
    let stage = Stage::set().await;
    stage.goes_away();
    sleep(Duration::from_mins(24 * 60 - 1)).await;
    assert_eq!(stage.status(&set_of(0, &stage.known)).await, 202);
    sleep(Duration::from_mins(2)).await;
    assert!(!stage.receiver.status().keys_loaded);
    assert_eq!(stage.status(&set_of(1, &stage.known)).await, 503);
    stage.comes_back().await;
    stage
        .until(Duration::from_secs(5), || !stage.is_signed_in(1))
        .await;
}

fn quarantined() -> Quarantined {
    Quarantined::new(ScopeId::default(), Vec::new())
}

fn fingerprint(number: usize) -> Fingerprint {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Fingerprint::from_bytes(bytes)
}

fn admit(quarantined: &Quarantined, number: usize, waits_for: WaitsFor) -> Admitted {
    let arrived_at = Timestamp::from_millis(number as u64);
    quarantined.admit(fingerprint(number), ("token", arrived_at), waits_for)
}

#[test]
fn so_many_wait_and_no_more_until_one_is_settled() {
    let quarantined = quarantined();
    for number in 0..SETS_MAX {
        let admitted = admit(&quarantined, number, WaitsFor::Keys);
        assert!(matches!(admitted, Admitted::New(_)), "{number}");
    }
    assert_eq!(
        admit(&quarantined, SETS_MAX, WaitsFor::Keys),
        Admitted::Full
    );
    assert_eq!(admit(&quarantined, 0, WaitsFor::Keys), Admitted::Known);
    quarantined.let_go(&[fingerprint(0)]);
    let admitted = admit(&quarantined, SETS_MAX, WaitsFor::Keys);
    assert!(matches!(admitted, Admitted::New(_)));
}

#[test]
fn of_those_that_were_given_up_the_oldest_are_forgotten() {
    let quarantined = quarantined();
    for number in 0..=GIVEN_UP_MAX {
        admit(&quarantined, number, WaitsFor::Keys);
        let (memory, forgotten) = quarantined.give_up(fingerprint(number));
        assert_eq!(memory.unwrap().token, None);
        let expected = (number == GIVEN_UP_MAX).then(|| fingerprint(0));
        assert_eq!(forgotten, expected);
    }
    assert!(!quarantined.was_given_up(fingerprint(0)));
    assert!(quarantined.was_given_up(fingerprint(1)));
    assert_eq!(quarantined.count(), 0);
}

#[test]
fn a_set_from_the_future_is_due_when_its_time_has_come() {
    let quarantined = quarantined();
    let at = Timestamp::from_millis;
    admit(&quarantined, 1, WaitsFor::Time(at(5000)));
    assert!(!quarantined.want_keys());
    assert_eq!(quarantined.due(at(4999)), []);
    assert_eq!(
        quarantined.next_time(at(4000)),
        Some(Duration::from_secs(1))
    );
    let due = quarantined.due(at(5000));
    assert_eq!(due[0].arrived_at, at(1), "it counts as of its arrival");
    assert_eq!(quarantined.next_time(at(9000)), Some(Duration::ZERO));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn what_another_instance_kept_or_gave_up_counts_here_too() {
    let waiting = |number, token: Option<&str>| Waiting {
        scope: ScopeId::default(),
        fingerprint: Fingerprint::from_bytes([number; 16]),
        token: token.map(Into::into),
        arrived_at: Timestamp::from_secs(T),
    };
    let own = waiting(1, Some("own"));
    let quarantined = Quarantined::new(ScopeId::default(), vec![own.clone()]);
    quarantined.adopt(vec![own, waiting(2, Some("other")), waiting(3, None)]);
    assert_eq!(quarantined.count(), 2);
    assert!(quarantined.was_given_up(Fingerprint::from_bytes([3; 16])));
    quarantined.adopt(vec![waiting(1, None)]);
    assert!(quarantined.was_given_up(Fingerprint::from_bytes([1; 16])));
    assert_eq!(quarantined.count(), 1);
}
