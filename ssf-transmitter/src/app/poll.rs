//! Answering polls, at once or as soon as there is something (RFC 8936).

mod call;
mod out;
mod steps;
mod waiting;

use std::{collections::BTreeMap, time::Duration};

use ssf_types::{
    audience::Audience,
    error::Chain,
    id::{Epoch, Jti, StreamId},
    poll::{PollRequest, PollResponse},
    set::Algorithm,
    uri::Issuer,
};
use tokio::time::Instant;
use tracing::{error, info, warn};

pub use self::{
    call::Caller,
    out::{Answer, HandedOut, Unreached},
};
use self::{
    out::Returns,
    steps::Steps,
    waiting::{Called, NotJoined, Turn, Waiting},
};
use super::{ids, measure};
use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        id::ReceiverId,
        issuer::IssuerName,
        mint,
        poll::{OUT_FOR, sets_wanted, settlements},
        profile::Profile,
        sequence::CLAIM_BYTES_MAX,
        stream::Stream,
    },
    ports::{Clock, PollSettled, PollStep, PollStore, Polled, Signer, StoreError, StreamStore},
};

/// Bytes of claims that every SET has beside its event, its subject, the issuer and the audience: names, times, ids.
const CLAIMS_BYTES: usize = 512;

/// What all polls of a process share. Clones are the same.
#[derive(Clone, Debug)]
pub struct Polls {
    waiting: Waiting,
    returns: Returns,
    steps: Steps,
}

/// Makes room for at most `waiting_max` polls that wait; the other half gets the answers that reached nobody.
pub fn polls(waiting_max: usize) -> (Polls, Unreached) {
    let (returns, unreached) = out::returns();
    let polls = Polls {
        waiting: Waiting::new(waiting_max),
        returns,
        steps: Steps::new(),
    };
    (polls, unreached)
}

impl Polls {
    /// Has the poll that waits on a stream, if there is one, look at what has become of it.
    pub fn call(&self, stream: &StreamId) {
        self.waiting.call(stream);
    }

    /// Ends the waiting of all polls, and lets none wait any more: each is answered with what there is.
    pub fn close(&self) {
        self.waiting.close();
    }
}

/// What answering polls needs; it is borrowed from whoever serves.
#[derive(Clone, Copy, Debug)]
pub struct Poller<'a, S, G, C> {
    /// Where deliveries are kept.
    pub store: &'a S,
    /// Signs SETs.
    pub signer: &'a G,
    /// Tells the time.
    pub clock: &'a C,
    /// What all polls share.
    pub polls: &'a Polls,
    /// The `iss` of the SETs.
    pub issuer: &'a Issuer,
    /// How the Receiver reads SETs.
    pub profile: Profile,
    /// How long a poll waits.
    pub timeout: Duration,
}

/// The answer to a poll.
#[derive(Debug)]
#[non_exhaustive]
pub struct PollAnswer {
    /// The SETs.
    pub response: PollResponse,
    /// Offers them again at once, unless it is told that they arrived.
    pub handed_out: HandedOut,
}

/// A poll is not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// The Receiver has no such stream, or it is not polled.
    #[error("there is no stream to poll here")]
    NotFound,
    /// The poll would have to wait, and too many do. What it settled is settled.
    #[error("too many polls wait: poll again later, or with returnImmediately")]
    TooMany,
    /// The store did not do it.
    #[error("the poll cannot be answered")]
    Store(#[source] StoreError),
}

/// What a poll wants, without what it settles: that is not kept while it waits.
struct Asked<'a> {
    receiver: ReceiverId,
    stream: &'a StreamId,
    issuer: IssuerName,
    audience: Audience,
    sets_max: usize,
    overhead_bytes: usize,
}

/// What a step found.
struct Found {
    deliveries: Vec<Delivery>,
    more_available: bool,
    signing_alg: Option<Algorithm>,
    epoch: Option<Epoch>,
    handed_out: HandedOut,
}

impl<S: StreamStore + PollStore, G: Signer, C: Clock> Poller<'_, S, G, C> {
    /// Settles what the Receiver says, and hands out what there is, or what there is within the time that a poll waits.
    ///
    /// # Errors
    /// There is no such stream to poll, too many polls wait, or the store is not available.
    pub async fn poll(
        &self,
        receiver: ReceiverId,
        stream: &StreamId,
        request: PollRequest,
    ) -> Result<PollAnswer, PollError> {
        let deadline = Instant::now() + self.timeout;
        let asked = self.asked(receiver, stream, &request).await?;
        let settled = settlements(&request, self.clock.now());
        // Before the first look, so that nothing comes unnoticed between the two.
        let turn = request
            .waits()
            .then(|| self.polls.waiting.join(asked.stream));
        drop(request);
        let found = self.step(&asked, settled).await?;
        let found = match turn {
            Some(turn) if found.deliveries.is_empty() => {
                self.wait(&asked, turn, found, deadline).await?
            }
            Some(_) | None => found,
        };
        Ok(self.answer(&asked, found).await)
    }

    async fn asked<'s>(
        &self,
        receiver: ReceiverId,
        stream: &'s StreamId,
        request: &PollRequest,
    ) -> Result<Asked<'s>, PollError> {
        let found = self.store.stream(receiver, stream).await;
        let found = found.map_err(PollError::Store)?;
        let polled = found.filter(|stream| stream.delivery.is_poll());
        // The rest of it is of no use while the poll waits.
        let Stream {
            issuer,
            audience,
            sequence_epoch,
            ..
        } = polled.ok_or(PollError::NotFound)?;
        let audience_bytes: usize = audience.values().map(str::len).sum();
        let claim_bytes = sequence_epoch.map_or(0, |_| CLAIM_BYTES_MAX);
        Ok(Asked {
            receiver,
            stream,
            issuer,
            sets_max: sets_wanted(request),
            overhead_bytes: CLAIMS_BYTES
                + claim_bytes
                + self.issuer.as_str().len()
                + audience_bytes,
            audience,
        })
    }

    /// Looks again whenever the poll is called, until there is something or its waiting is over.
    async fn wait(
        &self,
        asked: &Asked<'_>,
        turn: Result<Turn, NotJoined>,
        nothing: Found,
        deadline: Instant,
    ) -> Result<Found, PollError> {
        let turn = match turn {
            Ok(turn) => turn,
            Err(NotJoined::Closed) => return Ok(nothing),
            Err(NotJoined::Full) => return Err(PollError::TooMany),
        };
        loop {
            match turn.called(deadline).await {
                Called::Look => {}
                Called::Over => return Ok(nothing),
            }
            let found = self.step(asked, BTreeMap::new()).await?;
            if !found.deliveries.is_empty() {
                return Ok(found);
            }
        }
    }

    async fn step(
        &self,
        asked: &Asked<'_>,
        settled: BTreeMap<Jti, DeliveryState>,
    ) -> Result<Found, PollError> {
        let queued = self.polls.steps.queue(asked.stream);
        let permit = queued.permit().await;
        let now = self.clock.now();
        let answer = ids::answer_id(now);
        // Before the step, so that a hang-up in its midst is noticed, too.
        let handed_out = self.polls.returns.hand_out(asked.stream, answer);
        let codes = codes(&settled);
        let step = PollStep {
            settled,
            sets_max: asked.sets_max,
            overhead_bytes: asked.overhead_bytes,
            answer,
            until: now.after(OUT_FOR),
        };
        let polled = self.store.poll(asked.receiver, asked.stream, step, now);
        let polled = polled.await.map_err(PollError::Store)?;
        drop(permit);
        let Polled::Done {
            settled,
            deliveries,
            more_available,
            signing_alg,
            epoch,
        } = polled
        else {
            handed_out.arrived();
            return Err(PollError::NotFound);
        };
        for accepted_at in &settled.accepted_at {
            measure::acknowledged("poll", *accepted_at, now);
        }
        report(asked, &settled, &codes, deliveries.len());
        if more_available {
            // For a poll that waits while another one settles: what was held back is there now.
            self.polls.call(asked.stream);
        }
        if deliveries.is_empty() {
            handed_out.arrived();
            return Ok(Found {
                deliveries,
                more_available,
                signing_alg,
                epoch,
                handed_out: HandedOut::nothing(),
            });
        }
        Ok(Found {
            deliveries,
            more_available,
            signing_alg,
            epoch,
            handed_out,
        })
    }

    /// Signs the SETs, several at once. One that cannot be signed is left out; it is offered again when its time with the
    /// Receiver is over, so that nobody asks for it without end.
    async fn answer(&self, asked: &Asked<'_>, found: Found) -> PollAnswer {
        let epoch = found.epoch.as_ref();
        let whom = (asked.receiver, &asked.audience);
        let mint = |delivery| mint::mint(self.issuer, whom, self.profile, epoch, delivery);
        let minted = found.deliveries.iter().map(mint).collect();
        let signed = self
            .signer
            .sign_all(&asked.issuer, found.signing_alg, minted);
        let mut sets = Vec::with_capacity(found.deliveries.len());
        for (delivery, set) in found.deliveries.iter().zip(signed.await) {
            match set {
                Ok(set) => sets.push((delivery.jti.clone(), set)),
                Err(error) => {
                    error!(set.jti = %delivery.jti, error = %Chain(&error), "not handed out without a signature");
                }
            }
        }
        metrics::counter!("ssf_poll_sets_total").increment(sets.len() as u64);
        PollAnswer {
            response: PollResponse::new(sets, found.more_available),
            handed_out: found.handed_out,
        }
    }
}

/// The codes of refusals, to be told once it is known which of them are about SETs of the stream.
fn codes(settled: &BTreeMap<Jti, DeliveryState>) -> BTreeMap<Jti, String> {
    let code = |(jti, state): (&Jti, &DeliveryState)| match state {
        DeliveryState::Quarantined { code, .. } => Some((jti.clone(), code.as_str().to_owned())),
        DeliveryState::Acknowledged { .. }
        | DeliveryState::Pending { .. }
        | DeliveryState::Dropped { .. } => None,
    };
    settled.iter().filter_map(code).collect()
}

fn report(
    asked: &Asked<'_>,
    settled: &PollSettled,
    codes: &BTreeMap<Jti, String>,
    handed_out: usize,
) {
    for jti in &settled.refused {
        let code = codes.get(jti).map(String::as_str).unwrap_or_default();
        warn!(stream.id = %asked.stream, set.jti = %jti, outcome = "refused", code, "delivery attempt ended");
    }
    let outcomes = [
        ("acknowledged", settled.acknowledged),
        ("refused", settled.refused.len() as u64),
    ];
    for (outcome, count) in outcomes {
        if count > 0 {
            metrics::counter!("ssf_delivery_attempts_total", "outcome" => outcome).increment(count);
        }
    }
    measure::quarantined("poll", settled.refused.len() as u64);
    if settled.ignored > 0 {
        metrics::counter!("ssf_poll_unknown_jtis_total").increment(settled.ignored);
    }
    if handed_out > 0 || *settled != PollSettled::default() {
        info!(
            stream.id = %asked.stream,
            sets.handed_out = handed_out,
            sets.acknowledged = settled.acknowledged,
            sets.refused = settled.refused.len(),
            sets.unknown = settled.ignored,
            "poll"
        );
    }
}
