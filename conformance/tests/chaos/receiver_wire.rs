//! Each chaos of the receiver shows on the wire where it is on, and not where it is off.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use ssf_conformance::{
    peer::{
        Operation,
        chaos::{Chosen, Given, Journal, Kind, Peers, Receipts, Receiving, Taking},
        host::{self, Host, Seen},
    },
    push::Security,
    target_file::PushSettings,
    wire,
};

use super::{PATIENCE, TOKEN, served_with};

/// How many SETs there are: verifications that it asks for.
const SETS: usize = 40;

pub(super) fn given(issuer: &str, taking: Taking, chosen: Chosen) -> Given {
    Given {
        issuer: issuer.to_owned(),
        token: TOKEN.to_owned(),
        taking,
        events: Vec::new(),
        subjects: Vec::new(),
        wire: wire::Settings::default(),
        chosen,
    }
}

/// Asks for verifications, and waits until each of the SETs has its answer.
async fn lived_through(receiving: Receiving, verifications: usize) -> Receipts {
    for _ in 0..verifications {
        assert!(receiving.verify().await);
    }
    let arrived = |receipts: &Receipts| receipts.acknowledged() + receipts.refused() == SETS;
    receiving.until(PATIENCE, arrived).await;
    receiving.end(PATIENCE).await
}

/// What a transmitter tells of its pushes, and what the receiver tells.
async fn pushed(chosen: Chosen) -> (Vec<String>, Receipts) {
    let (journal, mut lines) = Journal::open();
    let served = served_with(Chosen::none(), journal);
    let taking = Taking::Pushes(PushSettings::default(), None);
    let given = given(served.issuer(), taking, chosen);
    let receiving = Receiving::start(given, Journal::closed()).await.unwrap();
    let receipts = lived_through(receiving, SETS).await;
    drop(served);
    let mut told = Vec::new();
    while let Ok(line) = lines.try_recv() {
        told.push(line);
    }
    told.retain(|line| line.starts_with("push "));
    (told, receipts)
}

/// A transmitter that writes down what it is asked for, and for so long waits for what becomes of a SET.
pub(super) fn host(settle: Duration) -> Arc<Host> {
    let settings = host::Settings {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        security: Security::Plain,
        token: TOKEN.to_owned(),
        audience: "https://rp.example.com".to_owned(),
        inactivity: Duration::from_hours(24),
        settle,
        wire: wire::Settings::default(),
    };
    Host::start(settings).unwrap()
}

/// The polls that a transmitter saw, and what the receiver tells.
async fn polled(chosen: Chosen) -> (Vec<Seen>, Receipts) {
    let host = host(PATIENCE);
    let given = given(host.issuer(), Taking::Polls, chosen);
    let receiving = Receiving::start(given, Journal::closed()).await.unwrap();
    // The host keeps the first back.
    let receipts = lived_through(receiving, SETS + 1).await;
    let polls = host.log(<[Seen]>::to_vec).into_iter();
    let polls = polls.filter(|seen| seen.operation == Some(Operation::Poll));
    (polls.collect(), receipts)
}

fn acks(poll: &Seen) -> Vec<String> {
    let body = poll.object().unwrap();
    let acks = body
        .get("ack")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    acks.map(|jti| jti.as_str().unwrap().to_owned()).collect()
}

fn brought(poll: &Seen) -> Vec<String> {
    let Some((answer, _)) = &poll.answer else {
        return Vec::new();
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let sets = body["sets"].as_object();
    sets.map(|sets| sets.keys().cloned().collect())
        .unwrap_or_default()
}

/// By how many polls each SET is acknowledged after the one that first brought it.
fn delays(polls: &[Seen]) -> Vec<usize> {
    let mut first = BTreeMap::new();
    let mut delays = Vec::new();
    for (at, poll) in polls.iter().enumerate() {
        for jti in acks(poll) {
            if let Some(came) = first.remove(&jti) {
                delays.push(at - came);
            }
        }
        for jti in brought(poll) {
            first.entry(jti).or_insert(at);
        }
    }
    delays
}

/// Whether this happens where it is on; what happens where it is off, does not.
#[expect(clippy::too_many_lines, reason = "one observation for each kind")]
async fn observes(kind: Kind, chosen: Chosen) -> (bool, Receipts) {
    let began = Instant::now();
    match kind {
        Kind::Busy => {
            let (lines, receipts) = pushed(chosen).await;
            let is_put_off = |line: &String| line.ends_with("→ 429") || line.ends_with("→ 503");
            (lines.iter().any(is_put_off), receipts)
        }
        Kind::BrokenAnswers => {
            let (lines, receipts) = pushed(chosen).await;
            let is_broken = |line: &String| line.ends_with("no answer");
            let shows = lines.iter().any(is_broken);
            assert_eq!(receipts.came_again, 0);
            (shows, receipts)
        }
        Kind::Duplicates => {
            let (lines, receipts) = pushed(chosen).await;
            assert_eq!(
                lines.iter().any(|line| line.ends_with("no answer")),
                receipts.came_again > 0
            );
            (receipts.came_again > 0, receipts)
        }
        Kind::Refusals => {
            let (lines, receipts) = pushed(chosen).await;
            (lines.iter().any(|line| line.contains("→ 400")), receipts)
        }
        Kind::Slow => {
            let (_, receipts) = pushed(chosen).await;
            let late = receipts
                .struck
                .get(&Kind::Slow)
                .copied()
                .unwrap_or_default();
            let shortest = Duration::from_millis(50) * u32::try_from(late).unwrap();
            (late > 0 && began.elapsed() >= shortest, receipts)
        }
        Kind::OddJson => {
            let (polls, receipts) = polled(chosen).await;
            let is_odd = |poll: &Seen| {
                let body = Value::Object(poll.object().unwrap()).to_string();
                poll.request.body != body.as_bytes()
            };
            (polls.iter().any(is_odd), receipts)
        }
        Kind::OddPolls => {
            let (polls, receipts) = polled(chosen).await;
            let is_odd = |poll: &Seen| poll.object().unwrap().contains_key("maxEvents");
            (polls.iter().any(is_odd), receipts)
        }
        Kind::LateAcknowledgements => {
            let (polls, receipts) = polled(chosen).await;
            (delays(&polls).iter().any(|delay| *delay > 1), receipts)
        }
        Kind::PartialAcknowledgements => {
            let mut slowly = chosen;
            // So that polls bring several.
            slowly.kinds.insert(Kind::Slow);
            let (polls, receipts) = polled(slowly).await;
            assert!(polls.iter().any(|poll| brought(poll).len() > 1));
            (polls.iter().all(|poll| acks(poll).len() <= 1), receipts)
        }
        Kind::RepeatedAcknowledgements => {
            let (polls, receipts) = polled(chosen).await;
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for jti in polls.iter().flat_map(acks) {
                *times.entry(jti).or_default() += 1;
            }
            (times.values().any(|times| *times > 1), receipts)
        }
        Kind::AbandonedPolls => {
            let (polls, receipts) = polled(chosen).await;
            let overlaps = |pair: &[Seen]| {
                let answered = pair[0].answer.as_ref();
                answered.is_none_or(|(_, at)| *at > pair[1].at)
            };
            // Or its answer came in time, and was not read.
            let is_unread = delays(&polls).iter().any(|delay| *delay > 1);
            (is_unread || polls.windows(2).any(overlaps), receipts)
        }
        Kind::OddIds
        | Kind::ReservedIds
        | Kind::ExtraMembers
        | Kind::AudienceLists
        | Kind::OddHeaders
        | Kind::SmallAnswers
        | Kind::EmptyAnswers
        | Kind::Disorder
        | Kind::UnaskedVerifications
        | Kind::EarlyPush
        | Kind::KeyRotation
        | Kind::StatusChanges => unreachable!("no receiver does that"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_chaos_of_a_receiver_shows_where_it_is_on_and_not_where_it_is_off() {
    for kind in Peers::Receiver.kinds() {
        let name = kind.name();
        let (shows, receipts) = observes(kind, Chosen::only(kind, 3)).await;
        assert!(shows, "{name} does not show");
        assert!(receipts.struck.contains_key(&kind), "{name} is not counted");
        assert!(receipts.is_coped_with(), "{name}: {receipts:?}");
        let (shows, receipts) = observes(kind, Chosen::none()).await;
        assert!(!shows, "{name} shows where it is off");
        assert!(!receipts.struck.contains_key(&kind), "{name} is counted");
    }
}
