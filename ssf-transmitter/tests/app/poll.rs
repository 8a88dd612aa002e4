//! Polls that are answered at once, that wait, and that nobody waits for any more.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use futures_util::FutureExt;
use serde_json::Value;
use ssf_transmitter::{
    app::poll::{self, Caller, PollAnswer, PollError, Poller, Polls, Unreached},
    domain::{issuer::IssuerName, mint::Minted, profile::Profile, stream::Stream},
    ports::{Clock, SignError, Signer, StreamStore},
    testing::{ManualClock, MemoryStore},
};
use ssf_types::{
    poll::PollRequest,
    set::{Algorithm, CompactSet},
    uri::Issuer,
};
use tokio::time::Instant;

use super::{fixture::*, held_store::HeldStore};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Puts claims into a SET as they are, after a while; it cannot do so for SETs about `broken`.
#[derive(Default)]
struct PlainSigner {
    takes: Duration,
    is_broken: AtomicBool,
    /// What it was to sign with, most recently last.
    asked: Mutex<Vec<Option<Algorithm>>>,
}

impl Signer for PlainSigner {
    async fn sign(
        &self,
        _: &IssuerName,
        algorithm: Option<Algorithm>,
        minted: Minted,
    ) -> Result<CompactSet, SignError> {
        self.asked.lock().unwrap().push(algorithm);
        tokio::time::sleep(self.takes).await;
        let claims = serde_json::to_vec(&minted.in_dialect()).unwrap();
        let text = String::from_utf8(claims.clone()).unwrap();
        if self.is_broken.load(Ordering::SeqCst) && text.contains(r#""id":"broken""#) {
            return Err(SignError(Box::new(io::Error::other("no key"))));
        }
        let unsigned = |_: &[u8]| Ok::<_, io::Error>(b"signature".to_vec());
        Ok(CompactSet::compose("e30", &claims, unsigned).unwrap())
    }
}

/// One stream in a world, and a place to poll it.
struct Booth {
    world: World,
    stream: Stream,
    signer: PlainSigner,
    polls: Polls,
    unreached: Unreached,
    issuer: Issuer,
}

impl Booth {
    async fn new() -> Self {
        let world = World::new();
        let stream = world.polled_stream().await;
        let (polls, unreached) = poll::polls(1);
        Self {
            world,
            stream,
            signer: PlainSigner::default(),
            polls,
            unreached,
            issuer: Issuer::parse("https://tr.example.com").unwrap(),
        }
    }

    fn poller(&self) -> Poller<'_, MemoryStore, PlainSigner, ManualClock> {
        self.poller_of(&self.world.store)
    }

    fn poller_of<'b, S>(&'b self, store: &'b S) -> Poller<'b, S, PlainSigner, ManualClock> {
        Poller {
            store,
            signer: &self.signer,
            clock: &self.world.clock,
            polls: &self.polls,
            profile: Profile::Strict,
            issuer: &self.issuer,
            timeout: TIMEOUT,
        }
    }

    async fn poll(&self, body: &str) -> Result<PollAnswer, PollError> {
        let request = PollRequest::parse(body.as_bytes()).unwrap();
        let poller = self.poller();
        poller
            .poll(self.stream.receiver, &self.stream.id, request)
            .await
    }

    /// The SETs of an answer that arrives.
    async fn sets(&self, body: &str) -> usize {
        let answer = self.poll(body).await.unwrap();
        answer.handed_out.arrived();
        answer.response.sets.len()
    }

    /// Looks as the loop does after a commit.
    async fn look(&self, caller: &mut Caller) {
        let (store, clock) = (&self.world.store, &self.world.clock);
        caller.look(store, clock, &self.polls).await.unwrap();
    }

    async fn take_back(&mut self) {
        let answer = self.unreached.next().now_or_never().unwrap();
        let (store, clock) = (&self.world.store, &self.world.clock);
        answer.take_back(store, clock, &self.polls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_answered_with_what_there_is_under_the_jti_in_each_set() {
    let booth = Booth::new().await;
    booth.world.happens_to(&["a", "b", "c"]).await;
    let answer = booth.poll(r#"{"maxEvents":2}"#).await.unwrap();
    assert!(answer.response.more_available);
    assert_eq!(answer.response.sets.len(), 2);
    for (jti, set) in &answer.response.sets {
        let claims = BASE64.decode(set.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["jti"], jti.as_str());
        assert_eq!(claims["iss"], "https://tr.example.com");
        assert_eq!(claims["aud"], "https://rp.example.com");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_an_event_and_is_answered_with_it_at_once() {
    let booth = Booth::new().await;
    let mut caller = Caller::new(booth.world.clock.now());
    let began = Instant::now();
    let mut waiting = Box::pin(booth.sets("{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    booth.look(&mut caller).await;
    assert!(waiting.as_mut().now_or_never().is_none(), "nothing came");
    booth.world.happens_to(&["a"]).await;
    booth.look(&mut caller).await;
    assert_eq!(waiting.await, 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_answered_with_sets_of_the_algorithm_that_was_asked_for_meanwhile() {
    let booth = Booth::new().await;
    let mut caller = Caller::new(booth.world.clock.now());
    let mut waiting = Box::pin(booth.sets("{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    let asks = |stream: &Stream| {
        let mut stream = stream.clone();
        stream.signing_alg = Some(Algorithm::EdDsa);
        Ok::<_, ()>(stream)
    };
    let (store, now) = (&booth.world.store, booth.world.clock.now());
    let (receiver, id) = (booth.stream.receiver, &booth.stream.id);
    store.change_stream(receiver, id, now, asks).await.unwrap();
    booth.world.happens_to(&["a"]).await;
    booth.look(&mut caller).await;
    assert_eq!(waiting.await, 1);
    let asked = booth.signer.asked.lock().unwrap().clone();
    assert_eq!(asked, [Some(Algorithm::EdDsa)]);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_in_vain_is_answered_when_its_time_is_over() {
    let booth = Booth::new().await;
    let began = Instant::now();
    assert_eq!(booth.sets("{}").await, 0);
    assert_eq!(began.elapsed(), TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_want_to_wait_or_wants_nothing_is_answered_at_once() {
    let booth = Booth::new().await;
    let began = Instant::now();
    assert_eq!(booth.sets(r#"{"returnImmediately":true}"#).await, 0);
    assert_eq!(booth.sets(r#"{"maxEvents":0}"#).await, 0);
    booth.world.happens_to(&["a"]).await;
    let answer = booth.poll(r#"{"maxEvents":0}"#).await.unwrap();
    assert!(answer.response.more_available);
    assert_eq!(booth.sets("{}").await, 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_newer_poll_releases_the_older_which_gets_nothing() {
    let booth = Booth::new().await;
    let mut caller = Caller::new(booth.world.clock.now());
    let mut older = Box::pin(booth.sets("{}"));
    assert!(older.as_mut().now_or_never().is_none());
    let mut newer = Box::pin(booth.sets("{}"));
    assert!(newer.as_mut().now_or_never().is_none());
    assert_eq!(older.now_or_never(), Some(0));
    booth.world.happens_to(&["a"]).await;
    booth.look(&mut caller).await;
    assert_eq!(newer.await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_does_not_wait_releases_nobody_and_its_acknowledgement_is_heard() {
    let booth = Booth::new().await;
    booth.world.happens_to(&["a", "a"]).await;
    let answer = booth.poll("{}").await.unwrap();
    answer.handed_out.arrived();
    let mut waiting = Box::pin(booth.sets("{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    let jti = answer.response.sets.keys().next().unwrap();
    let acknowledge = format!(r#"{{"maxEvents":0,"ack":["{jti}"]}}"#);
    assert_eq!(booth.sets(&acknowledge).await, 0);
    assert_eq!(
        waiting.now_or_never(),
        Some(1),
        "what was held back is there"
    );
}

#[tokio::test(start_paused = true)]
async fn so_many_polls_wait_and_the_next_one_is_told_so_unless_there_is_something() {
    let booth = Booth::new().await;
    let other = booth.world.polled_stream().await;
    let poller = booth.poller();
    let poll = |body: &str| {
        let request = PollRequest::parse(body.as_bytes()).unwrap();
        poller.poll(other.receiver, &other.id, request)
    };
    let mut waiting = Box::pin(booth.sets("{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    let refused = poll("{}").await.unwrap_err();
    assert!(matches!(refused, PollError::TooMany));
    let at_once = poll(r#"{"returnImmediately":true}"#).await.unwrap();
    assert_eq!(at_once.response.sets.len(), 0);
    booth.world.happens_to(&["a"]).await;
    let answer = poll("{}").await.unwrap();
    assert_eq!(answer.response.sets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn polls_of_a_stream_that_is_held_keep_no_other_stream_from_an_answer() {
    let booth = Booth::new().await;
    let other = booth.world.polled_stream().await;
    booth.world.happens_to(&["a"]).await;
    let store = HeldStore {
        memory: &booth.world.store,
        held: booth.stream.id.clone(),
    };
    let poller = booth.poller_of(&store);
    let acknowledge = || {
        let body = br#"{"returnImmediately":true,"ack":["unknown"]}"#;
        PollRequest::parse(body).unwrap()
    };
    let (receiver, id) = (booth.stream.receiver, &booth.stream.id);
    let mut held: Vec<_> = (0..20)
        .map(|_| Box::pin(poller.poll(receiver, id, acknowledge())))
        .collect();
    for one in &mut held {
        assert!(one.as_mut().now_or_never().is_none());
    }
    let answer = poller.poll(other.receiver, &other.id, acknowledge());
    let answer = answer.now_or_never().unwrap().unwrap();
    assert_eq!(answer.response.sets.len(), 1);
    drop(held);
    let again = booth.sets(r#"{"returnImmediately":true}"#);
    assert_eq!(again.now_or_never(), Some(1), "whoever hangs up makes way");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_did_not_arrive_is_offered_again_at_once() {
    let mut booth = Booth::new().await;
    booth.world.happens_to(&["a"]).await;
    drop(booth.poll("{}").await.unwrap());
    assert_eq!(booth.sets(r#"{"returnImmediately":true}"#).await, 0);
    booth.take_back().await;
    assert_eq!(booth.sets("{}").await, 1);
    booth.world.clock.advance(Duration::from_secs(59));
    assert_eq!(booth.sets(r#"{"returnImmediately":true}"#).await, 0);
    booth.world.clock.advance(Duration::from_secs(1));
    assert_eq!(booth.sets("{}").await, 1, "nobody has acknowledged it");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_while_the_answer_is_signed_leaves_its_sets_to_others() {
    let mut booth = Booth::new().await;
    booth.signer.takes = Duration::from_secs(1);
    booth.world.happens_to(&["a"]).await;
    let mut hung_up = Box::pin(booth.sets("{}"));
    assert!(hung_up.as_mut().now_or_never().is_none());
    drop(hung_up);
    booth.take_back().await;
    assert_eq!(booth.sets("{}").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_cannot_be_signed_is_left_out_and_comes_later() {
    let booth = Booth::new().await;
    booth.signer.is_broken.store(true, Ordering::SeqCst);
    booth.world.happens_to(&["a", "broken"]).await;
    assert_eq!(booth.sets("{}").await, 1);
    booth.signer.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(booth.sets(r#"{"returnImmediately":true}"#).await, 0);
    booth.world.clock.advance(Duration::from_mins(1));
    assert_eq!(booth.sets("{}").await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_all_that_wait_and_lets_nobody_wait_any_more() {
    let booth = Booth::new().await;
    let mut waiting = Box::pin(booth.sets("{}"));
    assert!(waiting.as_mut().now_or_never().is_none());
    booth.polls.close();
    assert_eq!(waiting.now_or_never(), Some(0));
    assert_eq!(booth.sets("{}").now_or_never(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_pushed_or_another_receivers_is_not_polled() {
    let booth = Booth::new().await;
    let pushed = booth.world.stream().await;
    for (receiver, stream) in [
        (pushed.receiver, &pushed.id),
        (pushed.receiver, &booth.stream.id),
    ] {
        let request = PollRequest::default();
        let refused = booth.poller().poll(receiver, stream, request).await;
        assert!(matches!(refused, Err(PollError::NotFound)));
    }
}
