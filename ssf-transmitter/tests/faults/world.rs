//! An installation with a stream, somebody who hands events in, and what is found out in the end.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use crate::{
    event::Event,
    found::Found,
    order::overtaken,
    published::Published,
    receiver::{Receiver, Taken},
    rig::{Answer, Installation, Transmitter, client, stream_for, text, value},
    source::{Answers, Source},
};

pub(crate) const ISSUER: &str = "https://tr.example.com";

/// The name of the Receiver that is always there.
const NAME: &str = "rp";

/// How long anything that has to come may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Between two looks at what costs little to look at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Between two runs of the command that tells the ledger.
const LEDGER_LOOK: Duration = Duration::from_millis(500);

/// Everything of one fault.
pub(crate) struct World {
    pub(crate) installation: Installation,
    /// The keys that SETs are verified with.
    pub(crate) published: Published,
    pub(crate) receiver: Receiver,
    /// Of the Receiver.
    pub(crate) token: String,
    pub(crate) stream: String,
    pub(crate) source: Source,
}

impl World {
    /// Makes a stream at a node that was just started for the first time.
    pub(crate) async fn at(node: &Transmitter, installation: Installation) -> Self {
        let output = installation.run(&["source", "add", "hr"]);
        let source_token = value(&text(&output.stdout), "source_token").unwrap();
        let address = node.address.to_string();
        let published = Published::by(ISSUER, move || vec![address.clone()]);
        let receiver = Receiver::new(NAME, &published);
        let token = installation.add_receiver(NAME);
        let stream = create(node, &token, &receiver).await;
        Self {
            installation,
            published,
            receiver,
            token,
            stream,
            source: Source::at(node.address, source_token),
        }
    }

    /// Waits until all that was accepted has arrived, and compares.
    pub(crate) async fn found(&self, injected: &'static str) -> Found {
        self.found_at(std::slice::from_ref(&self.receiver), injected)
            .await
    }

    /// The same, where all of these have a stream.
    pub(crate) async fn found_at(&self, all: &[Receiver], injected: &'static str) -> Found {
        let answers = self.source.answers();
        let has_all = |one: &Receiver| {
            let enough = one.events() >= answers.accepted.len();
            enough && one.look(|taken| is_whole(taken, &answers))
        };
        until(LOOK, || all.iter().all(has_all)).await;
        // Before the comparison: what it finds pending may still be on its way to be taken again.
        let imbalance = self.imbalance().await;
        let mut found = Found::after(injected);
        for one in all {
            compare(&mut found, one, &answers);
        }
        found.check(imbalance.is_some(), "something is left undelivered");
        found.imbalance = imbalance.unwrap_or_default();
        found
    }

    /// By what the ledger is off, once nothing is left.
    async fn imbalance(&self) -> Option<u64> {
        let mut imbalance = None;
        until(LEDGER_LOOK, || {
            let lines = text(&self.installation.run(&["ledger"]).stdout);
            let number = |name| value(&lines, name).and_then(|number| number.parse().ok());
            let is_over = number("pending") == Some(0) && number("waiting") == Some(0);
            imbalance = number("imbalance").filter(|_| is_over);
            imbalance.is_some()
        })
        .await;
        imbalance
    }
}

/// Whether everything that was accepted has arrived.
fn is_whole(taken: &Taken, answers: &Answers) -> bool {
    let mut accepted = answers.accepted.iter();
    accepted.all(|event| taken.came.contains_key(event))
}

fn compare(found: &mut Found, receiver: &Receiver, answers: &Answers) {
    receiver.look(|taken| {
        let is_accepted = |event: &Event| answers.accepted.contains(event);
        let arrived = taken.came.iter().filter(|(event, _)| is_accepted(event));
        let places: Vec<(&Event, usize)> =
            arrived.map(|(event, came)| (event, came.place)).collect();
        let arrived = places.len() as u64;
        let expected = answers.accepted.len() as u64;
        found.expected += expected;
        found.delivered += arrived;
        found.lost += expected - arrived;
        found.overtaken += overtaken(places.into_iter()) as u64;
        found.repeated += taken.repeated();
        let renamed = taken.came.values().filter(|came| came.jtis.len() > 1);
        found.renamed += renamed.count() as u64;
        let is_known = |event: &Event| is_accepted(event) || answers.doubtful.contains(event);
        let unexpected = taken.came.keys().filter(|event| !is_known(event));
        found.unexpected += unexpected.count() as u64 + taken.strange;
        found.unverified += taken.unverified;
    });
}

/// Makes a stream to a Receiver, and returns its id.
pub(crate) async fn create(node: &Transmitter, token: &str, receiver: &Receiver) -> String {
    let request = client().post(node.url("/ssf/stream"));
    let request = request.json(&stream_for(&receiver.url()));
    let answer = Answer::to(request.bearer_auth(token)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["stream_id"].as_str().unwrap().to_owned()
}

/// Waits until something holds, which is looked at so often; whether it came to that.
pub(crate) async fn until(every: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(every).await;
    }
    true
}

/// Does what keeps a thread for a while.
pub(crate) async fn blocking(work: impl FnOnce() + Send + 'static) {
    spawn_blocking(work).await.unwrap();
}
