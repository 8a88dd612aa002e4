//! The audit log: who did what to what, in a chain that shows each later change.
//!
//! Whoever changes something leaves an entry that it begins and one that tells how it ended. Each entry is linked to the
//! one before by a keyed hash: without the key, which is not in the database, nobody can change, remove or insert an
//! entry so that the chain still holds. What a chain cannot show by itself is that its end was cut off together with the
//! head; for that, a head that was written down elsewhere is compared.

mod chain;

use std::fmt;

use serde_json::{Map, Value, json};
use ssf_types::time::Timestamp;

pub use self::chain::{Broken, Chain, ChainHash, Link, LinkError, Record};
use super::id::{OperatorId, ReceiverId, SourceId};

/// Longest value among the details of an entry, in bytes; longer ones are cut.
const DETAIL_BYTES_MAX: usize = 256;

/// Who acted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Actor {
    kind: &'static str,
    id: String,
}

impl Actor {
    /// An operator, over HTTP.
    pub fn operator(id: OperatorId) -> Self {
        Self::new("operator", id.to_string())
    }

    /// A Receiver, over HTTP.
    pub fn receiver(id: ReceiverId) -> Self {
        Self::new("receiver", id.to_string())
    }

    /// A source, over HTTP.
    pub fn source(id: SourceId) -> Self {
        Self::new("source", id.to_string())
    }

    /// The transmitter itself; `part` says which rule of it, such as `inactivity`.
    pub fn system(part: &'static str) -> Self {
        Self::new("system", part.to_owned())
    }

    /// Somebody with a shell, who is a user of the operating system.
    pub fn command_line(uid: u32) -> Self {
        Self::new("cli", format!("uid {uid}"))
    }

    fn new(kind: &'static str, id: String) -> Self {
        Self { kind, id }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// A stream was created.
    CreateStream,
    /// A stream's configuration was changed or replaced.
    ChangeStream,
    /// A stream was deleted.
    DeleteStream,
    /// A stream was enabled, paused or disabled.
    SetStreamStatus,
    /// A verification was requested.
    VerifyStream,
    /// Subjects were added to a stream, or removed from it.
    ChangeSubjects,
    /// A Receiver was registered.
    AddReceiver,
    /// A Receiver was given other credentials.
    RotateReceiver,
    /// A Receiver was given another profile.
    SetProfile,
    /// A Receiver was bound to hosts, or to none.
    BindPushHosts,
    /// A Receiver was removed, with its streams.
    RemoveReceiver,
    /// A signing key was made that is going to sign.
    RotateKey,
    /// A signing key was brought in from outside.
    ImportKey,
    /// A signing key was told to sign from then on.
    ActivateKey,
    /// A signing key was told to sign no longer.
    RetireKey,
    /// A signing key was removed at once and for good.
    RemoveKey,
    /// An operator was added.
    AddOperator,
    /// An operator got another token.
    RotateOperator,
    /// An operator was removed.
    RemoveOperator,
    /// A source was added.
    AddSource,
    /// A source got another token.
    RotateSource,
    /// A source was given another quota.
    SetQuota,
    /// A source was removed.
    RemoveSource,
    /// An operator had deliveries sent once more.
    ReplayDeliveries,
    /// A Receiver had SETs of its stream sent once more.
    ResendSets,
    /// The numbers of streams were begun anew, because the database is an earlier one again.
    BeginEpochs,
    /// An operator handed in events, or somebody tried to hand in some that it must not.
    HandInEvents,
}

impl Action {
    /// The action as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateStream => "stream.create",
            Self::ChangeStream => "stream.change",
            Self::DeleteStream => "stream.delete",
            Self::SetStreamStatus => "stream.status",
            Self::VerifyStream => "stream.verify",
            Self::ChangeSubjects => "stream.subjects",
            Self::AddReceiver => "receiver.add",
            Self::RotateReceiver => "receiver.rotate",
            Self::SetProfile => "receiver.profile",
            Self::BindPushHosts => "receiver.push_hosts",
            Self::RemoveReceiver => "receiver.remove",
            Self::RotateKey => "key.rotate",
            Self::ImportKey => "key.import",
            Self::ActivateKey => "key.activate",
            Self::RetireKey => "key.retire",
            Self::RemoveKey => "key.remove",
            Self::AddOperator => "operator.add",
            Self::RotateOperator => "operator.rotate",
            Self::RemoveOperator => "operator.remove",
            Self::AddSource => "source.add",
            Self::RotateSource => "source.rotate",
            Self::SetQuota => "source.set",
            Self::RemoveSource => "source.remove",
            Self::ReplayDeliveries => "deliveries.replay",
            Self::ResendSets => "stream.replay",
            Self::BeginEpochs => "stream.begin_epochs",
            Self::HandInEvents => "events.hand_in",
        }
    }
}

/// How an action ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It has happened.
    Done,
    /// It was not to be, and changed nothing.
    Refused,
    /// Something broke: whether it has happened is to be seen from what is stored.
    Failed,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What else is to be known of an action: short values, none of them a secret or an identifier of a subject.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details(Map<String, Value>);

impl Details {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a value, which is cut if it is long.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        let mut value = value.to_string();
        value.truncate(value.floor_char_boundary(DETAIL_BYTES_MAX));
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

/// An action that is about to be taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Act {
    /// Who takes it.
    pub actor: Actor,
    /// What it is.
    pub action: Action,
    /// On what: a noun, and the identifier if it has one yet, as in `stream/0192…`.
    pub target: String,
    /// What else there is to know.
    pub details: Details,
}

impl Act {
    /// An action of `actor` on what is called `noun` and `id`.
    pub fn on(actor: Actor, action: Action, noun: &'static str, id: impl fmt::Display) -> Self {
        let mut target = format!("{noun}/{id}");
        target.truncate(target.floor_char_boundary(DETAIL_BYTES_MAX));
        Self {
            actor,
            action,
            target,
            details: Details::none(),
        }
    }

    /// An action of `actor` that makes a new `noun`.
    pub fn making(actor: Actor, action: Action, noun: &'static str) -> Self {
        Self {
            actor,
            action,
            target: noun.to_owned(),
            details: Details::none(),
        }
    }

    /// The action with what else there is to know.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.details = self.details.with(name, value);
        self
    }

    /// The entry before its effect.
    pub fn begin(&self, at: Timestamp) -> Entry {
        self.entry(at, "begun", None, None, &self.details)
    }

    /// The entry after its effect; `begun` is the number of the entry before.
    pub fn end(&self, at: Timestamp, begun: u64, ending: Ending, details: &Details) -> Entry {
        self.entry(at, "ended", Some(ending.as_str()), Some(begun), details)
    }

    fn entry(
        &self,
        at: Timestamp,
        phase: &str,
        result: Option<&str>,
        begun: Option<u64>,
        details: &Details,
    ) -> Entry {
        Entry {
            at,
            actor_kind: self.actor.kind.to_owned(),
            actor_id: self.actor.id.clone(),
            action: self.action.as_str().to_owned(),
            target: self.target.clone(),
            phase: phase.to_owned(),
            result: result.map(str::to_owned),
            begun,
            details: Value::Object(details.0.clone()).to_string(),
        }
    }
}

/// An entry as it is kept: texts, so that one that another version wrote can be checked and shown, too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// `operator`, `receiver`, `source`, `system` or `cli`.
    pub actor_kind: String,
    /// Which of them.
    pub actor_id: String,
    /// What was done, such as `stream.create`.
    pub action: String,
    /// On what.
    pub target: String,
    /// `begun` or `ended`.
    pub phase: String,
    /// `done`, `refused` or `failed`; absent while nobody knows.
    pub result: Option<String>,
    /// Of one that has ended, the number of the entry with which it began.
    pub begun: Option<u64>,
    /// A JSON object.
    pub details: String,
}

impl Entry {
    /// Links the entry to the one before.
    pub fn link(self, previous: Link, mac: impl Fn(&[u8]) -> ChainHash) -> Record {
        let seq = previous.seq + 1;
        let hash = mac(&self.linked_text(seq, previous.hash));
        Record {
            entry: self,
            previous: previous.hash,
            link: Link { seq, hash },
        }
    }

    /// What the hash of a link covers. JSON keeps the members apart, whatever they hold.
    fn linked_text(&self, seq: u64, previous: ChainHash) -> Vec<u8> {
        json!([
            seq,
            self.at.as_millis(),
            self.actor_kind,
            self.actor_id,
            self.action,
            self.target,
            self.phase,
            self.result,
            self.begun,
            self.details,
            previous.to_string(),
        ])
        .to_string()
        .into_bytes()
    }
}

#[cfg(test)]
mod tests;
