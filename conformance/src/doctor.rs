//! Looks at all that a run needs, one thing after the other, and tells what to fix: the preflight, which does not end with the first
//! thing that is not in order.

mod adapter;
mod address;
mod receiver;
mod served;
mod transmitter;

use std::fmt;

pub use self::{receiver::of_receiver, transmitter::of_transmitter};

/// What was found of one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What was looked at.
    pub of: String,
    /// What it is like.
    pub state: State,
}

/// What something is like.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// In order.
    Fine(String),
    /// To be fixed, and how.
    Faulty(String),
    /// Not there: cases that need it are not run.
    Absent(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.state {
            State::Fine(text) => ("ok", text),
            State::Faulty(text) => ("fix", text),
            State::Absent(text) => ("-", text),
        };
        write!(f, "{word:<4} {:<24} {text}", self.of)
    }
}

/// What was found so far, in order.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, of: impl Into<String>, state: State) {
        let of = of.into();
        self.0.push(Finding { of, state });
    }
}
