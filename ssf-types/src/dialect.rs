//! Dialects: what peers write and read that is not quite SSF 1.0.
//!
//! A dialect is data: a name, the [deviations](Deviation) that it tolerates in reading, and those that it commits in
//! writing. It turns JSON text into JSON text, in front of the strict readers and behind the writers of this crate, which
//! never learn of it; members that it has nothing to say about keep their bytes. [`Dialect::SSF_1_0`] is the default and
//! changes nothing. Whoever meets a peer that no name here fits composes a dialect with [`Dialect::new`].
//!
//! Two things are no matter of dialect, whoever the peer is: an issuer is compared byte for byte, and an endpoint has TLS.
//!
//! ```
//! use ssf_types::dialect::{Body, Deviation, Dialect};
//!
//! let request = r#"{
//!     "delivery": {
//!         "delivery_method": "https://schemas.openid.net/secevent/risc/delivery-method/push",
//!         "url": "https://rp.example.com/events"
//!     }
//! }"#;
//! let reading = Dialect::RISC_2018.read(Body::CreateStream, request)?;
//! assert_eq!(
//!     reading.text,
//!     r#"{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#
//! );
//! assert_eq!(reading.deviations, [Deviation::DeliveryMemberNames, Deviation::RiscDeliveryMethods]);
//! # Ok::<(), ssf_types::json::JsonError>(())
//! ```

mod body;
mod claims;
mod deviation;
mod event;
mod known;
mod object;
mod recognise;
mod stream;
mod subject;
mod written;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use self::object::Object;
pub use self::{body::Body, deviation::Deviation, recognise::Recognised, written::InDialect};
use crate::{
    json::{JsonError, Members},
    metadata::WellKnown,
    push::Acknowledge,
    stream::StreamStatus,
};

/// The `stream_id` under which the one stream of a peer that gives its streams no ids is known here.
///
/// An event about the stream that has no subject is read as being about this one; it is never sent.
pub const IMPLICIT_STREAM: &str = "implicit";

/// The way in which a peer, or a generation of the specifications, speaks: a name and two lists of deviations.
///
/// In configuration it is a string, the name: `"okta"`.
///
/// ```
/// use ssf_types::dialect::Dialect;
///
/// let dialect: &'static Dialect = serde_json::from_str(r#""okta""#)?;
/// assert_eq!(dialect, &Dialect::OKTA);
/// assert_eq!(Dialect::named("esperanto"), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Dialect {
    /// The name in configuration: words and numbers joined by hyphens.
    pub name: &'static str,
    /// Who speaks it, for people.
    pub title: &'static str,
    /// What is tolerated in reading.
    pub reads: &'static [Deviation],
    /// What is done differently in writing.
    pub writes: &'static [Deviation],
    /// Where such a Transmitter's metadata is.
    pub well_known: WellKnown,
    /// How the streams of such a Transmitter are managed.
    pub management: Management,
    /// The members of the request that creates a stream which such a Receiver wants to see again in the answer.
    pub echoes: &'static [&'static str],
    /// The answers with which such a Receiver acknowledges a push.
    ///
    /// A Transmitter that knows its Receiver to deviate does well to count every 2xx, whatever this says; a tester reports
    /// the difference.
    pub acknowledge: Acknowledge,
    /// Whether such a Receiver looks for a `status` in the configuration of a stream.
    pub shows_status: bool,
}

/// How the streams of a Transmitter are managed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Management {
    /// Several streams with ids: POST creates (201), PATCH updates, PUT replaces, DELETE answers 204 (SSF 1.0 §8.1.1).
    Streams,
    /// One stream without an id: POST creates and updates it (200), DELETE answers 200 (RISC profile 2018 §4.1, SSE draft 1 §7.1).
    OneStream,
}

impl Dialect {
    /// Makes a dialect that does not differ from SSF 1.0 yet.
    ///
    /// ```
    /// use ssf_types::dialect::{Body, Deviation, Dialect};
    ///
    /// static ACME: Dialect = Dialect::new("acme", "Acme's identity provider").reading(&[Deviation::NumericTxn]);
    /// assert_eq!(ACME.read(Body::Claims, r#"{"txn":8675309}"#)?.text, r#"{"txn":"8675309"}"#);
    /// # Ok::<(), ssf_types::json::JsonError>(())
    /// ```
    pub const fn new(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            reads: &[],
            writes: &[],
            well_known: WellKnown::Ssf,
            management: Management::Streams,
            echoes: &[],
            acknowledge: Acknowledge::Strict202,
            shows_status: false,
        }
    }

    /// The same dialect, tolerating these deviations.
    #[must_use]
    pub const fn reading(mut self, deviations: &'static [Deviation]) -> Self {
        self.reads = deviations;
        self
    }

    /// The same dialect, committing these deviations.
    #[must_use]
    pub const fn writing(mut self, deviations: &'static [Deviation]) -> Self {
        self.writes = deviations;
        self
    }

    /// The same dialect, with metadata in another place.
    #[must_use]
    pub const fn found_at(mut self, well_known: WellKnown) -> Self {
        self.well_known = well_known;
        self
    }

    /// The same dialect, with streams managed differently.
    #[must_use]
    pub const fn managed(mut self, management: Management) -> Self {
        self.management = management;
        self
    }

    /// The same dialect, with members of a request that come again in the answer.
    #[must_use]
    pub const fn echoing(mut self, members: &'static [&'static str]) -> Self {
        self.echoes = members;
        self
    }

    /// The same dialect, with other answers that acknowledge a push.
    #[must_use]
    pub const fn acknowledging(mut self, answers: Acknowledge) -> Self {
        self.acknowledge = answers;
        self
    }

    /// The same dialect, with a `status` in the configuration of a stream.
    #[must_use]
    pub const fn showing_status(mut self) -> Self {
        self.shows_status = true;
        self
    }

    /// The dialect of that name, if there is one.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|dialect| dialect.name == name)
    }

    /// Turns what the peer wrote into what SSF 1.0 asks for.
    ///
    /// `text` is JSON that [`crate::json::check`] has passed, of the length that the strict reader allows. The strict
    /// reader still has to read the result: what it would refuse of the peer's meaning it refuses here as well.
    ///
    /// # Errors
    /// The text is no JSON object (for [`Body::Streams`]: neither an array of objects nor an object). A dialect that
    /// tolerates nothing does not look.
    pub fn read<'t>(&self, body: Body<'_>, text: &'t str) -> Result<Reading<'t>, JsonError> {
        if self.reads.is_empty() {
            return Ok(Reading::untouched(text));
        }
        if let Body::Streams(_) = body {
            return self.read_list(body, text);
        }
        let mut object = Object::parse(text)?;
        let deviations = self.undo(body, &mut object);
        if deviations.is_empty() {
            return Ok(Reading::untouched(text));
        }
        Ok(Reading {
            text: Cow::Owned(object.to_json()),
            deviations,
        })
    }

    /// Turns what SSF 1.0 asks for into what the peer reads.
    ///
    /// What the dialect cannot tell without loss is left as SSF 1.0 has it; each [`Deviation`] says where.
    ///
    /// # Errors
    /// As for [`Dialect::read`].
    pub fn write<'t>(&self, body: Body<'_>, text: &'t str) -> Result<Cow<'t, str>, JsonError> {
        if self.writes.is_empty() {
            return Ok(Cow::Borrowed(text));
        }
        if let Body::Streams(_) = body {
            return self.write_list(body, text);
        }
        let mut object = Object::parse(text)?;
        if !self.commit(body, &mut object) {
            return Ok(Cow::Borrowed(text));
        }
        Ok(Cow::Owned(object.to_json()))
    }

    /// Reads the claims of a SET.
    ///
    /// # Errors
    /// As for [`Dialect::read`].
    pub fn read_claims<'t>(&self, claims: &'t str) -> Result<Reading<'t>, JsonError> {
        self.read(Body::Claims, claims)
    }

    /// Copies the members that the peer wants to see again from the request that created a stream into the answer.
    ///
    /// Both are JSON objects that [`crate::json::check`] has passed; the request is as the peer wrote it. `aud` of a
    /// stream is the Transmitter's to choose: this is for one that lets the peer choose it.
    ///
    /// # Errors
    /// One of the texts is no JSON object.
    pub fn echo<'t>(&self, request: &str, answer: &'t str) -> Result<Cow<'t, str>, JsonError> {
        if self.echoes.is_empty() {
            return Ok(Cow::Borrowed(answer));
        }
        let request = Object::parse(request)?;
        let mut answer = Object::parse(answer)?;
        for name in self.echoes {
            if let Some(json) = request.json(name) {
                answer.put(name, json.to_owned());
            }
        }
        Ok(Cow::Owned(answer.to_json()))
    }

    /// Puts the status of a stream into its configuration, for a peer that looks for it there.
    ///
    /// `configuration` is a JSON object that [`crate::json::check`] has passed.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn show_status<'t>(
        &self,
        status: StreamStatus,
        configuration: &'t str,
    ) -> Result<Cow<'t, str>, JsonError> {
        if !self.shows_status {
            return Ok(Cow::Borrowed(configuration));
        }
        let mut configuration = Object::parse(configuration)?;
        configuration.put_text("status", status.as_str());
        Ok(Cow::Owned(configuration.to_json()))
    }

    fn undo(&self, body: Body<'_>, object: &mut Object<'_>) -> Vec<Deviation> {
        let mut met = Vec::new();
        for deviation in Deviation::ALL {
            if self.reads.contains(deviation) && deviation.undo(body, object) {
                met.push(*deviation);
            }
        }
        met
    }

    fn commit(&self, body: Body<'_>, object: &mut Object<'_>) -> bool {
        let mut any = false;
        for deviation in Deviation::ALL.iter().rev() {
            any |= self.writes.contains(deviation) && deviation.commit(body, object);
        }
        any
    }

    fn read_list<'t>(&self, body: Body<'_>, text: &'t str) -> Result<Reading<'t>, JsonError> {
        let mut met = std::collections::BTreeSet::new();
        let alone =
            self.reads.contains(&Deviation::StreamsNotListed) && Members::parse(text).is_ok();
        let items = if alone {
            met.insert(Deviation::StreamsNotListed);
            vec![text]
        } else {
            list(text)?
        };
        let mut streams = Vec::with_capacity(items.len());
        for item in items {
            let mut object = Object::parse(item)?;
            met.extend(self.undo(body, &mut object));
            streams.push(object.to_json());
        }
        if met.is_empty() {
            return Ok(Reading::untouched(text));
        }
        Ok(Reading {
            text: Cow::Owned(format!("[{}]", streams.join(","))),
            deviations: met.into_iter().collect(),
        })
    }

    fn write_list<'t>(&self, body: Body<'_>, text: &'t str) -> Result<Cow<'t, str>, JsonError> {
        let mut streams = Vec::new();
        for item in list(text)? {
            let mut object = Object::parse(item)?;
            self.commit(body, &mut object);
            streams.push(object.to_json());
        }
        Ok(Cow::Owned(match streams.as_slice() {
            [one] if self.writes.contains(&Deviation::StreamsNotListed) => one.clone(),
            several => format!("[{}]", several.join(",")),
        }))
    }
}

/// The entries of a list; how many there may be is for the strict reader to say.
fn list(text: &str) -> Result<Vec<&str>, JsonError> {
    let items: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|_| JsonError::invalid("the answer", "an array of stream configurations"))?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

impl Default for &'static Dialect {
    fn default() -> Self {
        &Dialect::SSF_1_0
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for &'static Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        let known: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name).collect();
        Dialect::named(&name).ok_or_else(|| {
            de::Error::custom(format!("a dialect must be one of {}", known.join(", ")))
        })
    }
}

/// A text as SSF 1.0 has it, and how the peer's text differed.
///
/// Printing it for debugging shows the deviations alone: the text may name somebody.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reading<'t> {
    /// The JSON text, for a strict reader; borrowed where there was nothing to do.
    pub text: Cow<'t, str>,
    /// The deviations that were met, each once, in the order of [`Deviation::ALL`].
    pub deviations: Vec<Deviation>,
}

impl<'t> Reading<'t> {
    fn untouched(text: &'t str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            deviations: Vec::new(),
        }
    }
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("deviations", &self.deviations)
            .finish_non_exhaustive()
    }
}
