//! An answer that came, with what was asked.

use serde_json::{Map, Value};

use crate::{case::Stop, checks::shown, exchange::Answer};

/// Longest body that is shown as evidence, in characters.
const BODY_SHOWN_CHARS: usize = 200;

/// What to do about 409 to a request for a stream.
const NO_ROOM: &str = "as many streams as the receiver may have at once are there; set limits.streams to that number, and delete \
                       those that are not of this run";

/// What to do about 429 to a request for a verification.
const NO_TIME: &str =
    "it came too soon after another; have min_verification_interval be 10 s or less for this run";

/// An answer, and what it answers.
#[derive(Clone, Debug)]
pub struct Answered {
    asked: String,
    answer: Answer,
}

impl Answered {
    pub(crate) fn new(asked: String, answer: Answer) -> Self {
        Self { asked, answer }
    }

    /// Method and URL, for evidence.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.answer.body
    }

    /// The body as evidence, shortened.
    pub fn shown_body(&self) -> String {
        let text = String::from_utf8_lossy(&self.answer.body);
        match text.char_indices().nth(BODY_SHOWN_CHARS) {
            Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
            None if text.is_empty() => "an empty body".to_owned(),
            None => text.into_owned(),
        }
    }

    /// All values of a header; `name` is in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.answer.header(name)
    }

    /// The body as JSON, if it is any.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer.body).ok()
    }

    /// Relies on a status of the 2xx.
    ///
    /// # Errors
    /// The case cannot go on without.
    pub fn given_success(&self) -> Result<&Self, Stop> {
        if self.answer.is_success() {
            return Ok(self);
        }
        let (asked, status) = (&self.asked, self.answer.status);
        Err(Stop::blocked(format!("{asked} → {status}")))
    }

    /// Relies on the Receiver being allowed one more stream.
    ///
    /// # Errors
    /// It is not: the answer is 409.
    pub fn given_room(&self) -> Result<&Self, Stop> {
        self.given_status_other_than(409, NO_ROOM)
    }

    /// Relies on the request not coming too soon after another.
    ///
    /// # Errors
    /// It does: the answer is 429.
    pub fn given_time(&self) -> Result<&Self, Stop> {
        self.given_status_other_than(429, NO_TIME)
    }

    fn given_status_other_than(&self, status: u16, hint: &str) -> Result<&Self, Stop> {
        if self.answer.status != status {
            return Ok(self);
        }
        let asked = &self.asked;
        Err(Stop::blocked(format!("{asked} → {status}: {hint}")))
    }

    /// Relies on success and a JSON object.
    ///
    /// # Errors
    /// The case cannot go on without.
    pub fn given_object(&self) -> Result<Map<String, Value>, Stop> {
        let answer = &self.given_success()?.answer;
        let blocked = |fault: &str| Stop::blocked(format!("{}: {fault}", self.asked));
        answer.object().map_err(blocked)
    }

    /// Relies on success and a JSON array.
    ///
    /// # Errors
    /// The case cannot go on without.
    pub fn given_array(&self) -> Result<Vec<Value>, Stop> {
        match self.given_success()?.json() {
            Some(Value::Array(array)) => Ok(array),
            Some(other) => Err(Stop::blocked(format!(
                "{}: {} is not an array",
                self.asked,
                shown(&other)
            ))),
            None => Err(Stop::blocked(format!(
                "{}: the body is not JSON",
                self.asked
            ))),
        }
    }
}
