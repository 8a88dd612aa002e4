//! What no definition names.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::value::RawValue;

/// Members that no definition names; their bytes are kept, so that nothing is lost on the way through.
///
/// They are what reading leaves over ([`Members::rest`](super::Members::rest)), and are added in the same way. They are written as they stand,
/// after the members that are defined, so that none of them may have the name of one. Printing them for debugging shows
/// their names alone.
///
/// ```
/// use ssf_types::{id::StreamId, json::Members, stream::VerificationRequest};
///
/// let mut request = VerificationRequest::new(StreamId::parse("f67e39a0")?, None);
/// request.extra = Members::parse(r#"{"x_trace":"7"}"#)?.rest();
/// assert_eq!(serde_json::to_string(&request)?, r#"{"stream_id":"f67e39a0","x_trace":"7"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Extra(pub(super) BTreeMap<String, Box<RawValue>>);

impl Extra {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of the member `name`.
    pub fn json(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// Puts a member in, in the place of one of the same name.
    ///
    /// # Errors
    /// `value` cannot be written as JSON.
    pub fn put(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        let raw = serde_json::value::to_raw_value(value)?;
        self.0.insert(name.to_owned(), raw);
        Ok(())
    }

    /// Takes a member out, if it is there, and gives its JSON text.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let raw = self.0.remove(name)?;
        Some(raw.get().to_owned())
    }

    /// Adds the members of `others`, which come in the place of those of the same name.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The members' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.names().all(|name| self.json(name) == other.json(name))
    }
}

impl Eq for Extra {}
