//! What a case has in its hands: requests, a record of them, expectations, and chance.
//!
//! Two kinds of conditions keep verdicts apart. What a case is *about* it expects ([`Context::expect`]): broken, the case
//! fails. What it merely *relies on* has to be given ([`Answered::given_success`], [`Context::stream`]): if it is not,
//! the case is not run, since another case is about that.

mod answered;
mod call;
mod delivery;
mod gathered;
mod push;
mod same;
mod stream;
mod subjects;
mod upkeep;

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};

pub use self::{
    answered::Answered,
    call::{Call, Credential, INTERVAL_MAX, Operation},
    delivery::{Arrived, Polled},
    gathered::{Gathering, Sample},
    push::{PushStream, has_state, is_about, is_verification},
    stream::{POLL, PUSH, Stream},
    upkeep::kid,
};
pub(crate) use self::{gathered::Gatherings, same::is_same};
use crate::{
    case::{Case, Stop},
    chance::Chance,
    exchange::Exchange,
    record::Record,
    run::Run,
    target_file::TargetFile,
};

/// What one case has in its hands.
#[derive(Debug)]
pub struct Context {
    run: Arc<Run>,
    case: &'static Case,
    record: Mutex<Record>,
    chance: Mutex<Chance>,
    /// What it judges by that was gathered for others as well.
    recorded: Mutex<Vec<Gathering>>,
    description: String,
}

impl Context {
    pub(crate) fn new(run: Arc<Run>, case: &'static Case) -> Self {
        let mut chance = Chance::of(run.seed(), case.id);
        Self {
            description: format!("{} {}", run.description(), chance.word()),
            chance: Mutex::new(chance),
            run,
            case,
            record: Mutex::default(),
            recorded: Mutex::default(),
        }
    }

    /// The target, as its file describes it.
    pub fn target(&self) -> &TargetFile {
        self.run.target()
    }

    /// The metadata of the Transmitter.
    ///
    /// # Errors
    /// There is none, which other cases judge.
    pub fn metadata(&self) -> Result<&Map<String, Value>, Stop> {
        let document = self.run.discovery().document();
        document.map_err(|reason| Stop::blocked(format!("no metadata: {reason}")))
    }

    /// The case's own chance: a word of 16 hexadecimal digits.
    pub fn word(&self) -> String {
        locked(&self.chance).word()
    }

    /// An id that nobody gave out, in the shape of one that was: what refuses it does not refuse its shape.
    pub fn id_like(&self, id: &str) -> String {
        locked(&self.chance).id_like(id)
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

    /// Expects one of these status codes.
    pub fn expect_status(&self, answered: &Answered, expected: &[u16]) -> bool {
        let codes: Vec<String> = expected.iter().map(u16::to_string).collect();
        let found = answered.status();
        self.expect(
            expected.contains(&found),
            format!("{}: the status", answered.asked()),
            codes.join(" or "),
            found,
        )
    }

    /// Expects one of the 2xx.
    pub fn expect_success(&self, answered: &Answered) -> bool {
        let found = answered.status();
        let what = format!("{}: the status", answered.asked());
        self.expect((200..300).contains(&found), what, "one of the 2xx", found)
    }

    /// Expects that a member has this value; arrays may have another order.
    pub fn expect_member(&self, object: &Map<String, Value>, name: &str, expected: &Value) -> bool {
        let found = object.get(name);
        self.expect(
            found.is_some_and(|found| is_same(found, expected)),
            name,
            expected,
            found.map_or("nothing".to_owned(), Value::to_string),
        )
    }

    /// Records something that is allowed and worth knowing.
    pub fn note(&self, text: impl Display) {
        self.record().notes.push(text.to_string());
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn case(&self) -> &'static Case {
        self.case
    }

    pub(crate) fn keep(&self, exchange: Exchange) {
        self.record().exchanges.push(exchange);
    }

    /// Whether the requests of a gathering have to be recorded, since they are not yet.
    fn records(&self, gathering: Gathering) -> bool {
        let mut recorded = locked(&self.recorded);
        let is_new = !recorded.contains(&gathering);
        if is_new {
            recorded.push(gathering);
        }
        is_new
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        locked(&self.record)
    }
}

/// What is behind a lock; whoever panicked while holding it left whole values there.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
