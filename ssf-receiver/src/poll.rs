//! Receiving by poll (RFC 8936): one poll at a time, which settles what the last one brought and waits for more.
//!
//! A SET goes through the very steps of one that is pushed; [`Round`] says what is told of it, and [`Pace`] when.

mod pace;
mod round;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ssf_types::{
    error::{Chain, ErrCode},
    id::Jti,
    poll::PollRequest,
    push::PushError,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use self::{
    pace::{Pace, Page, WAIT_MIN},
    round::{Round, Verdict},
};
use crate::{
    answer::Answer,
    client::{
        Http,
        poll::{PollAnswer, PollAt, PollError},
    },
    clock,
    keys::RETRY_AFTER,
    tasks::Stop,
    transmitter::Shared,
};

/// Counts polls.
const POLLS: &str = "ssf_receiver_polls_total";

/// Longest wait for an answer: Transmitters hold a poll for 30 s or so, and a long answer takes its time.
const POLL_TIMEOUT: Duration = Duration::from_secs(45);

/// Longest wait for the answer to the last poll: less than the patience of a successor that waits for the database.
const LAST_POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// Most SETs of an answer that are looked at together: enough for one fetch of keys to serve them all, and few enough
/// to leave the database to others in between.
const SETS_TOGETHER: usize = 64;

/// How polling goes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PollStatus {
    /// How many polls were answered since the start.
    pub answered: u64,
    /// Why the last poll got no answer that could be read; `None` if it got one.
    pub last_error: Option<String>,
}

/// Why polling ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// It was told to.
    Stopped,
    /// The stream is not where it was.
    Gone,
}

/// Polls one stream.
pub(crate) struct Poller {
    shared: Arc<Shared>,
    http: Http,
    round: Round,
    pace: Pace,
}

impl Poller {
    pub(crate) fn new(shared: Arc<Shared>, http: Http) -> Self {
        Self {
            shared,
            http,
            round: Round::default(),
            pace: Pace::default(),
        }
    }

    /// Polls until it is told to stop, or the stream is gone.
    pub(crate) async fn run(&mut self, at: &PollAt, stop: &mut Stop) -> Ended {
        loop {
            let request = self.round.request();
            let asked = Instant::now();
            let answer = tokio::select! {
                biased;
                () = stop.told() => break,
                answer = self.http.poll(at, &request, POLL_TIMEOUT) => answer,
            };
            let is_gone = matches!(&answer, Err(PollError::Gone(_)));
            let wait = match answer {
                Ok(answer) => self.answered(&request, answer, asked.elapsed()).await,
                Err(error) => self.failed(&request, &error),
            };
            tokio::select! {
                biased;
                () = stop.told() => break,
                () = sleep(wait) => {}
            }
            if is_gone {
                return Ended::Gone;
            }
        }
        self.take_leave(at).await;
        Ended::Stopped
    }

    /// Takes the SETs of an answer, and says how long to wait.
    async fn answered(
        &mut self,
        request: &PollRequest,
        PollAnswer { response, unnamed }: PollAnswer,
        took: Duration,
    ) -> Duration {
        count("answered");
        self.shared.polls.send_modify(|polls| {
            polls.answered += 1;
            polls.last_error = None;
        });
        self.shared.hearing.heard();
        self.round.answered(request);
        let mut page = self.take(response.sets).await;
        if unnamed > 0 {
            page.unsettled += unnamed;
            tracing::error!(
                sets = unnamed,
                "SETs came under names that are not 1 to 255 bytes without control characters: they cannot be taken"
            );
        }
        if page.unsettled > 0 {
            tracing::warn!(
                sets = page.unsettled,
                "SETs cannot be taken now, and stay with the transmitter"
            );
        }
        self.pace.after_answer(request, page, took, jitter())
    }

    /// Notes why there is no answer, and says how long to wait.
    fn failed(&mut self, request: &PollRequest, error: &PollError) -> Duration {
        let retry_after = match error {
            // Somebody else has the stream for now; whatever waits is not lost.
            PollError::Elsewhere => {
                count("elsewhere");
                tracing::debug!("another poll of the stream is under way");
                let nothing = Page::default();
                let wait = self
                    .pace
                    .after_answer(request, nothing, Duration::ZERO, jitter());
                return wait.max(WAIT_MIN);
            }
            PollError::Refused { retry_after, .. } => *retry_after,
            PollError::Unwritable(_)
            | PollError::Unanswered(_)
            | PollError::Gone(_)
            | PollError::WrongMediaType
            | PollError::Faulty(_) => None,
        };
        count("failed");
        let error = Chain(error).to_string();
        tracing::warn!(error, "a poll failed");
        self.shared.polls.send_modify(|polls| {
            polls.last_error = Some(error);
        });
        self.round.failed();
        self.pace.after_failure(retry_after, jitter())
    }

    /// Has each SET go through the steps, several at a time; their order means nothing (RFC 8936 §2.3).
    async fn take(&mut self, sets: BTreeMap<Jti, String>) -> Page {
        let mut page = Page::default();
        let mut under_way = JoinSet::new();
        for (name, token) in sets {
            if under_way.len() == SETS_TOGETHER {
                self.settle_next(&mut under_way, &mut page).await;
            }
            under_way.spawn(judged(Arc::clone(&self.shared), name, token));
        }
        while !under_way.is_empty() {
            self.settle_next(&mut under_way, &mut page).await;
        }
        page
    }

    /// Waits for the verdict on one SET.
    async fn settle_next(&mut self, under_way: &mut JoinSet<(Jti, Verdict)>, page: &mut Page) {
        // One whose task broke off has no verdict: it comes again.
        let (name, verdict) = match under_way.join_next().await {
            Some(Ok(judged)) => judged,
            Some(Err(_)) => {
                page.unsettled += 1;
                return;
            }
            None => return,
        };
        match &verdict {
            Verdict::Taken | Verdict::Refused(_) => page.settled += 1,
            Verdict::NotNow => page.unsettled += 1,
        }
        self.round.settle(name, verdict);
    }

    /// Tells with a last poll what became of the SETs that came last (RFC 8936 §2.4.2).
    ///
    /// If it fails they come again, and are known.
    async fn take_leave(&mut self, at: &PollAt) {
        let Some(request) = self.round.last_request() else {
            return;
        };
        match self.http.poll(at, &request, LAST_POLL_TIMEOUT).await {
            Ok(_) => self.round.answered(&request),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the last poll failed: its SETs will come again");
            }
        }
    }
}

/// Has one SET go through the steps.
#[tracing::instrument(name = "polled", skip_all, fields(set.jti = %name))]
async fn judged(shared: Arc<Shared>, name: Jti, token: String) -> (Jti, Verdict) {
    let answer = shared.counted(taken(&shared, &name, &token).await);
    let verdict = match answer.error() {
        _ if answer.is_acknowledgement() => Verdict::Taken,
        Some(error) => Verdict::Refused(error.clone()),
        None => Verdict::NotNow,
    };
    (name, verdict)
}

async fn taken(shared: &Arc<Shared>, name: &Jti, token: &str) -> Answer {
    let received_at = clock::now();
    let arrived = match shared.verified(token.as_bytes(), received_at).await {
        Ok(arrived) => arrived,
        Err(answer) => return answer,
    };
    // What is acknowledged is the name: it must not stand for another SET (RFC 8936 §2.3).
    if arrived.set.claims().jti != *name {
        let text = "the jti of the SET is not the name that it came under";
        return Answer::refused(PushError::new(ErrCode::InvalidRequest, text));
    }
    // In a task of its own: polling may end meanwhile, which must not come between the database and what is in memory.
    let shared = Arc::clone(shared);
    let answer = tokio::spawn(async move { shared.take(&arrived).await });
    answer
        .await
        .unwrap_or_else(|_| Answer::unavailable(RETRY_AFTER))
}

fn count(result: &'static str) {
    metrics::counter!(POLLS, "result" => result).increment(1);
}

fn jitter() -> f64 {
    rand::random_range(0.0..1.0)
}
