//! Faults: what is wrong with a transmitter, and which cases have to find it.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Asked, CoverageFault, Entrance, Forgets, Idling, Keeps, Namesakes, OptOut, Reply, Rotation,
    Site, chaos::Mischief, pusher::Attempt,
};
use crate::{
    checks::Verdict,
    exchange::{Answer, Request},
};

/// One thing that is wrong with a transmitter.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What is wrong, as a sentence; unique.
    pub name: &'static str,
    /// All cases that find it, with their verdicts: no other may find anything.
    pub found: &'static [(&'static str, Verdict)],
    /// How it is done.
    pub breaks: Breaks,
}

/// The members of a JSON object.
pub type Members = serde_json::Map<String, Value>;

/// What a fault spoils.
#[derive(Clone, Copy, Debug)]
pub enum Breaks {
    /// What the transmitter publishes.
    Site(fn(&mut Site)),
    /// A request, before the transmitter looks at it.
    Request(fn(&mut Asked)),
    /// An answer, before it is sent.
    Answer(fn(&Asked, &mut Reply)),
    /// Both, for what has to be undone again so that nobody else notices.
    Both(fn(&mut Asked), fn(&Asked, &mut Reply)),
    /// Header and claims of each SET, before it is signed.
    Set(fn(&mut Members, &mut Members)),
    /// The text of the claims, before it is signed.
    Payload(fn(String) -> Vec<u8>),
    /// A push, before it is sent.
    Push(fn(&Attempt, &mut Request)),
    /// The answer to a push, before the transmitter looks at it; if there is none, its status is 0.
    PushAnswer(fn(&Attempt, &mut Answer)),
    /// What the transmitter does with its streams.
    Rules(fn(&mut Rules)),
}

/// What a transmitter does with its streams, where a spoilt request or answer does not tell it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and a transmitter has one at most"
)]
pub struct Rules {
    /// What is wrong with two streams that have one description.
    pub namesakes: Option<Namesakes>,
    /// A stream is verified once.
    pub verifies_once: bool,
    /// What happens while the stream is paused is kept in another order, or not all of it.
    pub keeps: Option<Keeps>,
    /// What is wrong with what an opt-out ends.
    pub opt_out: Option<OptOut>,
    /// An event is told in one SET wherever the streams of several Receivers push to one URL.
    pub one_set_for_one_url: bool,
    /// Streams that are deleted stay.
    pub keeps_deleted_streams: bool,
    /// A SET that was offered is forgotten.
    pub forgets_what_was_offered: bool,
    /// To acknowledge what is not there is an error.
    pub refuses_unknown_acknowledgements: bool,
    /// Whoever polls a stream that never had a SET is held for a while.
    pub holds_first_polls: bool,
    /// Events are sent although the stream is paused.
    pub sends_while_paused: bool,
    /// Events that happen while the stream is paused are dropped.
    pub drops_while_paused: bool,
    /// Events that happen while the stream is disabled are kept.
    pub keeps_while_disabled: bool,
    /// A Receiver that has a stream gets no second one: 409.
    pub allows_one_stream: bool,
    /// Streams are pushed alone.
    pub pushes_alone: bool,
    /// A type of events that configurations do not name.
    pub hides: Option<&'static str>,
    /// A type of events that configurations name besides those that there are.
    pub offers_besides: Option<&'static str>,
    /// Verifications of a stream that are less than a second apart are refused with 429, as the configuration says.
    pub spaces_verifications: bool,
    /// A push that failed is repeated at once.
    pub repeats_at_once: bool,
    /// Pushes follow redirects.
    pub follows_redirects: bool,
    /// The Transmitter does not announce that it changed a status to this.
    pub keeps_quiet_about: Option<&'static str>,
    /// What the Receiver asked for is announced as well.
    pub announces_what_was_asked_for: bool,
    /// What the Transmitter decides on is announced, and does not happen.
    pub announces_alone: bool,
    /// Pushes go to whoever shows some certificate.
    pub trusts_any_certificate: bool,
    /// Bodies may be of any length.
    pub takes_long_bodies: bool,
    /// `jti` of SETs is a number that goes up.
    pub numbers_sets: bool,
    /// What it does when another key has to sign.
    pub rotation: Option<Rotation>,
    /// What it forgets when it begins again.
    pub forgets: Option<Forgets>,
    /// How it is reached.
    pub entrance: Entrance,
    /// What is wrong with whom streams cover.
    pub coverage: Option<CoverageFault>,
    /// Idle streams are stopped, in this way.
    pub idling: Option<Idling>,
}

/// What is wrong with one transmitter, which is one thing or nothing; and what it does that is hostile and not wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Spoilt {
    fault: Option<Arc<Fault>>,
    mischief: Option<Arc<Mischief>>,
}

impl Spoilt {
    /// With a fault, or with none.
    pub(super) fn by(fault: Option<&Fault>) -> Self {
        Self {
            fault: fault.copied().map(Arc::new),
            mischief: None,
        }
    }

    /// Without a fault, but hostile.
    pub(super) fn with(mischief: Arc<Mischief>) -> Self {
        Self {
            fault: None,
            mischief: Some(mischief),
        }
    }

    /// What it does that is not wrong.
    pub(super) fn mischief(&self) -> Option<&Mischief> {
        self.mischief.as_deref()
    }

    pub(super) fn site(&self, site: &mut Site) {
        if let Some(Breaks::Site(spoil)) = self.breaks() {
            spoil(site);
        }
        if let Some(mischief) = self.mischief() {
            mischief.site(site);
        }
    }

    pub(super) fn request(&self, asked: &mut Asked) {
        if let Some(Breaks::Request(spoil) | Breaks::Both(spoil, _)) = self.breaks() {
            spoil(asked);
        }
    }

    pub(super) fn answer(&self, asked: &Asked, reply: &mut Reply) {
        if let Some(Breaks::Answer(spoil) | Breaks::Both(_, spoil)) = self.breaks() {
            spoil(asked, reply);
        }
        if let Some(mischief) = self.mischief() {
            mischief.answer(asked, reply);
        }
    }

    pub(super) fn set(&self, stream: &str, header: &mut Members, claims: &mut Members) {
        if let Some(Breaks::Set(spoil)) = self.breaks() {
            spoil(header, claims);
        }
        if let Some(mischief) = self.mischief() {
            mischief.set(stream, header, claims);
        }
    }

    /// The text of a header.
    pub(super) fn header(&self, header: &Members) -> String {
        let header = Value::Object(header.clone());
        let odd = self.mischief().and_then(|mischief| mischief.text(&header));
        odd.unwrap_or_else(|| header.to_string())
    }

    /// The text of claims.
    pub(super) fn payload(&self, claims: Members) -> Vec<u8> {
        let claims = Value::Object(claims);
        let odd = self.mischief().and_then(|mischief| mischief.text(&claims));
        let claims = odd.unwrap_or_else(|| claims.to_string());
        match self.breaks() {
            Some(Breaks::Payload(spoil)) => spoil(claims),
            _ => claims.into_bytes(),
        }
    }

    pub(super) fn push(&self, attempt: &Attempt, request: &mut Request) {
        if let Some(Breaks::Push(spoil)) = self.breaks() {
            spoil(attempt, request);
        }
        if let Some(mischief) = self.mischief() {
            mischief.push(attempt, request);
        }
    }

    pub(super) fn push_answer(&self, attempt: &Attempt, answer: &mut Answer) {
        if let Some(Breaks::PushAnswer(spoil)) = self.breaks() {
            spoil(attempt, answer);
        }
        if let Some(mischief) = self.mischief() {
            mischief.push_answer(attempt, answer);
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        if let Some(Breaks::Rules(spoil)) = self.breaks() {
            spoil(&mut rules);
        }
        rules
    }

    fn breaks(&self) -> Option<Breaks> {
        self.fault.as_ref().map(|fault| fault.breaks)
    }
}
