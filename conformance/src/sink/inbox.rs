//! What came to one push endpoint, and how it is answered.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};
use url::Url;

use super::http::Received;
use crate::{
    context::locked,
    exchange::{Answer, Exchange, NoAnswer, Request},
    set::RawSet,
};

/// Most pushes that are kept; who sends more is told from their number.
const PUSHES_MAX: usize = 500;

/// How a push is answered.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// With this.
    Answer(Answer),
    /// With this, after a while.
    AnswerAfter(Duration, Answer),
    /// The connection is closed without a word.
    HangUp,
}

impl Reaction {
    /// 202 without a body: the SET is acknowledged.
    pub fn acknowledge() -> Self {
        Self::status(202)
    }

    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer {
            status,
            ..Answer::default()
        })
    }

    /// A status with a header; `name` is in lower case.
    pub fn with_header(status: u16, name: &str, value: &str) -> Self {
        Self::Answer(Answer {
            status,
            headers: vec![(name.to_owned(), value.to_owned())],
            ..Answer::default()
        })
    }

    /// 400 with a body of this type.
    pub fn refuse(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(Answer {
            status: 400,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.into(),
        })
    }

    /// 400 with an error code (RFC 8935 §2.3).
    pub fn refuse_with(code: &str) -> Self {
        let body = serde_json::json!({ "err": code, "description": "ssf-conformance refuses it" });
        let media_type = ("content-type".to_owned(), "application/json".to_owned());
        let language = ("content-language".to_owned(), "en".to_owned());
        Self::Answer(Answer {
            status: 400,
            headers: vec![media_type, language],
            body: body.to_string().into_bytes(),
        })
    }
}

/// What a push was answered with.
#[derive(Clone, Debug)]
pub struct Answered {
    /// When the answer was sent.
    pub at: Instant,
    /// What it was.
    pub result: Result<Answer, NoAnswer>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Push {
    /// The request, as it came.
    pub request: Request,
    /// Path and query, as they came.
    pub target: String,
    /// The SET, if the body is one.
    pub set: Option<RawSet>,
    /// How many requests with the same `jti` came before.
    pub earlier: usize,
    /// When it had come.
    pub came: Instant,
    /// The answer, once there is one.
    pub answered: Option<Answered>,
}

impl Push {
    /// The `jti` of its SET.
    pub fn jti(&self) -> Option<&str> {
        self.set.as_ref()?.claims.get("jti")?.as_str()
    }

    /// All values of a header; `name` is in lower case.
    pub fn header<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let named = move |(found, _): &&(String, String)| found == name;
        let values = self.request.headers.iter().filter(named);
        values.map(|(_, value)| value.as_str())
    }

    /// What is told of it in a report.
    pub(crate) fn exchange(&self) -> Exchange {
        let unanswered = || {
            Err(NoAnswer::Unreachable {
                reason: "the tester had not answered when the case ended".to_owned(),
            })
        };
        let (took, result) = match &self.answered {
            Some(Answered { at, result }) => (at.duration_since(self.came), result.clone()),
            None => (Duration::ZERO, unanswered()),
        };
        Exchange::new(self.request.clone(), result, took)
    }
}

/// Decides how a push is answered.
type Plan = Box<dyn Fn(&Push) -> Reaction + Send + Sync>;

/// A push endpoint.
pub struct Inbox {
    url: Url,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    plan: Plan,
    pushes: Vec<Push>,
    /// How many came, kept or not.
    count: usize,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({})", self.url)
    }
}

impl Inbox {
    /// One that acknowledges what comes.
    pub(super) fn at(url: Url) -> Self {
        Self {
            url,
            state: Mutex::new(State {
                plan: Box::new(|_| Reaction::acknowledge()),
                pushes: Vec::new(),
                count: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Where it is for the Transmitter.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Says how pushes are answered from now on.
    pub fn answer(&self, plan: impl Fn(&Push) -> Reaction + Send + Sync + 'static) {
        locked(&self.state).plan = Box::new(plan);
    }

    /// All that came.
    pub fn pushes(&self) -> Vec<Push> {
        locked(&self.state).pushes.clone()
    }

    /// Those that came from the `from`th on.
    pub fn pushes_from(&self, from: usize) -> Vec<Push> {
        let state = locked(&self.state);
        state.pushes.get(from..).unwrap_or_default().to_vec()
    }

    /// How many came.
    pub fn count(&self) -> usize {
        locked(&self.state).count
    }

    /// Waits until `look` finds something in what came.
    pub async fn until<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&[Push]) -> Option<T>,
    ) -> Option<T> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // From here on nothing is missed.
                changed.as_mut().enable();
                if let Some(found) = look(&locked(&self.state).pushes) {
                    return found;
                }
                changed.await;
            }
        };
        timeout(patience, found).await.ok()
    }

    /// Takes a request, and decides how it is answered; the place is where it is kept.
    pub(super) fn take(&self, received: Received) -> (Option<usize>, Reaction) {
        let mut url = self.url.clone();
        url.set_query(received.target.split_once('?').map(|(_, query)| query));
        let set = str::from_utf8(&received.body);
        let set = set.ok().and_then(|text| RawSet::parse(text).ok());
        let mut push = Push {
            request: Request {
                method: received.method,
                url,
                headers: received.headers,
                body: received.body,
            },
            target: received.target,
            set,
            earlier: 0,
            came: Instant::now(),
            answered: None,
        };
        let mut state = locked(&self.state);
        let jti = push.jti().map(str::to_owned);
        let same = |before: &&Push| jti.is_some() && before.jti() == jti.as_deref();
        push.earlier = state.pushes.iter().filter(same).count();
        let reaction = (state.plan)(&push);
        state.count += 1;
        let place = state.pushes.len();
        let is_kept = place < PUSHES_MAX;
        if is_kept {
            state.pushes.push(push);
        }
        drop(state);
        self.changed.notify_waiters();
        (is_kept.then_some(place), reaction)
    }

    /// Notes what a request was answered with.
    pub(super) fn note(&self, place: Option<usize>, result: Result<Answer, NoAnswer>) {
        let mut state = locked(&self.state);
        if let Some(push) = place.and_then(|place| state.pushes.get_mut(place)) {
            let at = Instant::now();
            push.answered = Some(Answered { at, result });
        }
        drop(state);
        self.changed.notify_waiters();
    }
}
