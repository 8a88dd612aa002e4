//! What a case of a push endpoint has in its hands: SETs to push, a record of the answers, and expectations.
//!
//! As everywhere, what a case is *about* it expects, and what it *relies on* has to be given: the sound SETs before and after
//! a spoilt one ([`Probe::refuses`]) are relied on, since another case is about those.

mod refusals;
mod sessions;

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::Value;
use url::Url;

use super::{
    dialect::Way,
    run::{Carried, PushRun},
    set::Set,
};
use crate::{
    case::{Case, Stop},
    context::{Answered, locked},
    exchange::{Answer, Exchange, NoAnswer, Request},
    peer::{
        Operation,
        host::{Delivery, Host, Seen},
    },
    record::Record,
    target_file::Limits,
};

/// Most requests of the Receiver that are recorded for one case.
const KEPT_MAX: usize = 10;

/// What one case has in its hands.
#[derive(Debug)]
pub struct Probe {
    run: Arc<PushRun>,
    case: &'static Case,
    record: Mutex<Record>,
    made: AtomicU32,
}

impl Probe {
    pub(super) fn new(run: Arc<PushRun>, case: &'static Case) -> Self {
        Self {
            run,
            case,
            record: Mutex::default(),
            made: AtomicU32::new(0),
        }
    }

    /// A SET without a fault and with a `jti` of its own.
    pub fn sound(&self) -> Set {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.run.sound(&format!("{}-{number}", self.case.id))
    }

    /// Whether SETs are written in this way.
    ///
    /// # Errors
    /// The dialect of the run does not have it, or there is none.
    pub fn given_way(&self, way: Way) -> Result<(), Stop> {
        match self.run.dialect() {
            Some(dialect) if dialect.has(way) => Ok(()),
            Some(dialect) => {
                let name = dialect.as_str();
                Err(Stop::not_offered(format!(
                    "SETs of {name} have no such thing"
                )))
            }
            None => Err(Stop::not_configured("needs a dialect (dialect)")),
        }
    }

    /// Pushes a SET.
    ///
    /// # Errors
    /// Nobody answers, which breaks whatever case it is.
    pub async fn push(&self, set: &Set) -> Result<Answered, Stop> {
        self.send(self.request(set)?).await
    }

    /// The request that pushes a SET, to be changed.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn request(&self, set: &Set) -> Result<Request, Stop> {
        Ok(self.body(self.compact(set)?.into_bytes()))
    }

    /// A SET in compact form.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn compact(&self, set: &Set) -> Result<String, Stop> {
        let compact = set.compact(self.run.keys());
        compact.map_err(|_| Stop::blocked("the key does not sign"))
    }

    /// The request that pushes any body.
    pub fn body(&self, body: Vec<u8>) -> Request {
        self.run.request(body)
    }

    /// Makes a request.
    ///
    /// # Errors
    /// Nobody answers, which breaks whatever case it is.
    pub async fn send(&self, request: Request) -> Result<Answered, Stop> {
        let carried = self.run.carry(request).await;
        self.told(carried)
    }

    fn told(&self, carried: Carried) -> Result<Answered, Stop> {
        let Carried {
            exchanges,
            result,
            asked,
        } = carried;
        self.keep(exchanges);
        match result {
            Ok(answer) => Ok(Answered::new(asked, answer)),
            Err(error) => {
                self.require(false, asked, "an answer", error)?;
                Err(Stop::Broken)
            }
        }
    }

    /// Makes a request that may be left without an answer.
    ///
    /// # Errors
    /// It is.
    pub async fn answer(&self, request: Request) -> Result<Answer, NoAnswer> {
        let carried = self.run.carry(request).await;
        self.keep(carried.exchanges);
        carried.result
    }

    /// Records what shows something.
    pub fn keep(&self, exchanges: impl IntoIterator<Item = Exchange>) {
        let masks = self.run.masks();
        let kept = exchanges
            .into_iter()
            .map(|exchange| masks.mask_exchange(exchange));
        self.record().exchanges.extend(kept);
    }

    /// Relies on a sound SET being accepted.
    ///
    /// # Errors
    /// It is not.
    pub async fn given_accepted(&self) -> Result<(), Stop> {
        let answered = self.push(&self.sound()).await?;
        answered.given_success()?;
        Ok(())
    }

    /// All that the Receiver asked for which is like this; the first few of them are recorded.
    ///
    /// # Errors
    /// It asked for nothing that is.
    pub fn asked(&self, fits: impl Fn(&Seen) -> bool) -> Result<Vec<Seen>, Stop> {
        let wanted = |seen: &&Seen| seen.answer.is_some() && fits(seen);
        let asked: Vec<Seen> = self
            .host()?
            .log(|log| log.iter().filter(wanted).cloned().collect());
        if asked.is_empty() {
            return Err(Stop::not_offered(
                "the receiver has not asked for this so far",
            ));
        }
        self.keep(asked.iter().take(KEPT_MAX).filter_map(Seen::exchange));
        Ok(asked)
    }

    /// The same for an operation.
    ///
    /// # Errors
    /// It did not ask for that.
    pub fn did(&self, operation: Operation) -> Result<Vec<Seen>, Stop> {
        self.asked(|seen| seen.operation == Some(operation))
    }

    /// How long things may take.
    pub fn limits(&self) -> &Limits {
        self.run.limits()
    }

    /// Where the Receiver has its stream.
    ///
    /// # Errors
    /// The SETs do not go by one.
    pub fn host(&self) -> Result<&Host, Stop> {
        let host = self.run.host().map(Arc::as_ref);
        host.ok_or_else(|| Stop::not_offered("a push endpoint has no such thing"))
    }

    /// Where SETs are pushed to.
    ///
    /// # Errors
    /// They are polled, or there is no stream.
    pub fn pushed_to(&self) -> Result<Url, Stop> {
        let Some(host) = self.run.host() else {
            return Ok(self.run.url().clone());
        };
        match host.delivery() {
            Some(Delivery::Push) => {
                let url = host.pushed_to();
                url.ok_or_else(|| Stop::blocked("the endpoint_url is no URL"))
            }
            Some(Delivery::Poll) => Err(Stop::not_offered("its stream is polled")),
            None => Err(Stop::blocked("there is no stream that is enabled")),
        }
    }

    /// Delivers SETs together under these names, where the stream is polled.
    ///
    /// # Errors
    /// The key does not sign, or the Receiver does not poll.
    pub async fn deliver(&self, sets: &[(String, Set)]) -> Result<Vec<Answered>, Stop> {
        let mut tokens = Vec::new();
        for (name, set) in sets {
            tokens.push((name.clone(), self.compact(set)?));
        }
        let told = self.host()?.deliver_all(&tokens).await;
        told.into_iter()
            .map(|told| self.told(told.into()))
            .collect()
    }

    /// Expects that a SET is accepted, while a plain one is.
    ///
    /// # Errors
    /// Why the case did not go on to its end.
    pub async fn accepts(&self, odd: Set) -> Result<(), Stop> {
        self.given_accepted().await?;
        let answered = self.push(&odd).await?;
        self.expect_accepted(&answered);
        Ok(())
    }

    /// Expects 202, and tells the reason of a refusal.
    pub fn expect_accepted(&self, answered: &Answered) -> bool {
        let status = answered.status();
        let found = format!("{status} with {}", answered.shown_body());
        let what = format!("{}: the answer", answered.asked());
        self.expect(status == 202, what, "202", found)
    }

    /// Expects one of these status codes.
    pub fn expect_status(&self, answered: &Answered, expected: &[u16]) -> bool {
        let codes: Vec<String> = expected.iter().map(u16::to_string).collect();
        let found = answered.status();
        let what = format!("{}: the status", answered.asked());
        self.expect(expected.contains(&found), what, codes.join(" or "), found)
    }

    /// What pushes show in `Authorization`.
    ///
    /// # Errors
    /// None was given.
    pub fn authorization(&self) -> Result<&str, Stop> {
        let needed = || Stop::not_configured("needs what pushes show (--authorization-env)");
        self.run.authorization().ok_or_else(needed)
    }

    /// Where a key of a stranger is served, for a SET to name; and how often it was asked for so far.
    pub fn lure(&self) -> (String, Option<usize>) {
        match self.run.lure() {
            Some((lure, asked)) => (lure, Some(asked)),
            None => ("https://ssf-conformance.invalid/jwks.json".to_owned(), None),
        }
    }

    /// The name of the issuer's key.
    pub fn kid(&self) -> &str {
        self.run.keys().own.kid()
    }

    /// The name of the key that the issuer publishes in the middle of the run.
    ///
    /// # Errors
    /// It publishes none.
    pub fn next_kid(&self) -> Result<&str, Stop> {
        let next = self.run.keys().next.as_ref();
        let next = next.ok_or_else(|| Stop::blocked("the issuer publishes no other key"))?;
        Ok(next.kid())
    }

    /// The public half of a key that the issuer does not publish.
    pub fn foreign_jwk(&self) -> &Value {
        self.run.keys().foreign.jwk()
    }

    /// The name of that key.
    pub fn foreign_kid(&self) -> &str {
        self.run.keys().foreign.kid()
    }

    /// Records an expectation and whether it is met; returns the same.
    pub fn expect(
        &self,
        holds: bool,
        what: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> bool {
        let found = self.run.masks().mask(&found.to_string());
        let (what, expected) = (what.to_string(), expected.to_string());
        self.record().expect(holds, what, expected, found)
    }

    /// Records an expectation on which the rest of the case depends.
    ///
    /// # Errors
    /// It is not met.
    pub fn require(
        &self,
        holds: bool,
        what: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> Result<(), Stop> {
        if self.expect(holds, what, expected, found) {
            return Ok(());
        }
        Err(Stop::Broken)
    }

    /// Records something that is allowed and worth knowing.
    pub fn note(&self, text: impl Display) {
        self.record().notes.push(text.to_string());
    }

    pub(super) fn case(&self) -> &'static Case {
        self.case
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        locked(&self.record)
    }
}
