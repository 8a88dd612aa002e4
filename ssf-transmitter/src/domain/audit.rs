//! The audit log: who did what to what, in a chain that shows each later change.
//!
//! Whoever changes something leaves an entry that it begins and one that tells how it ended. Each entry is linked to the
//! one before by a keyed hash: without the key, which is not in the database, nobody can change, remove or insert an
//! entry so that the chain still holds. What a chain cannot show by itself is that its end was cut off together with the
//! head; for that, a head that was written down elsewhere is compared.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value, json};
use ssf_types::time::Timestamp;

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

/// The keyed hash of a link.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// Takes the output of a keyed hash.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A place in the chain: number and hash of an entry. As text: `7:` and 64 hexadecimal digits.
///
/// The default is the place before the first entry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Counts from one, without gaps.
    pub seq: u64,
    /// Covers the entry, its number and the hash before.
    pub hash: ChainHash,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// The text is not a place in the chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a head is a number, a colon and 64 hexadecimal digits, as audit verify prints it")]
pub struct LinkError;

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (seq, digits) = text.split_once(':').ok_or(LinkError)?;
        let seq = seq.parse().map_err(|_| LinkError)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(LinkError);
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = &digits[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| LinkError)?;
        }
        Ok(Self {
            seq,
            hash: ChainHash(hash),
        })
    }
}

/// An entry in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The entry.
    pub entry: Entry,
    /// The hash of the entry before.
    pub previous: ChainHash,
    /// Its own place.
    pub link: Link,
}

impl Record {
    /// The entry as it is shown; details that somebody changed into something else than JSON are shown as text.
    pub fn shown(&self) -> Value {
        let entry = &self.entry;
        let details = serde_json::from_str(&entry.details);
        json!({
            "seq": self.link.seq,
            "at": entry.at,
            "actor": { "kind": entry.actor_kind, "id": entry.actor_id },
            "action": entry.action,
            "target": entry.target,
            "phase": entry.phase,
            "result": entry.result,
            "begun": entry.begun,
            "details": details.unwrap_or_else(|_| json!(entry.details)),
            "hash": self.link.hash.to_string(),
        })
    }
}

/// The chain does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// An entry is not the one that was written under its number.
    #[error("audit entry {0} was changed or inserted")]
    Changed(u64),
    /// There is no entry of this number.
    #[error("audit entry {0} was deleted")]
    Deleted(u64),
    /// An entry stands where none was written.
    #[error("audit entry {0} was inserted")]
    Inserted(u64),
    /// All entries hold, and a head does not fit them.
    #[error(
        "audit entry {0} is not the one that the head names: the head, or all from there on, was replaced"
    )]
    Head(u64),
}

/// Follows the chain from its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    last: Link,
}

impl Chain {
    /// The place that was reached.
    pub fn last(&self) -> Link {
        self.last
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// It is not the next one.
    pub fn follow(
        &mut self,
        record: &Record,
        mac: impl Fn(&[u8]) -> ChainHash,
    ) -> Result<(), Broken> {
        let expected = self.last.seq + 1;
        let found = record.link.seq;
        if found < expected {
            return Err(Broken::Inserted(found));
        }
        if found > expected {
            return Err(Broken::Deleted(expected));
        }
        if record.previous != self.last.hash || *record != record.entry.clone().link(self.last, mac)
        {
            return Err(Broken::Changed(found));
        }
        self.last = record.link;
        Ok(())
    }

    /// Compares the place that was reached with a head of the same number.
    ///
    /// # Errors
    /// They differ.
    pub fn meets(&self, head: Link) -> Result<(), Broken> {
        if self.last == head {
            return Ok(());
        }
        Err(Broken::Head(head.seq))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Any function that differs with its input will do.
    fn mac(bytes: &[u8]) -> ChainHash {
        let mut hash = [0_u8; 32];
        for (at, byte) in bytes.iter().enumerate() {
            hash[at % 32] = hash[at % 32].rotate_left(3) ^ byte;
        }
        ChainHash::new(hash)
    }

    fn act() -> Act {
        let actor = Actor::receiver(ReceiverId::new(Uuid::from_u128(1)));
        Act::on(actor, Action::DeleteStream, "stream", "f67e39a0").with("status", "paused")
    }

    fn chain() -> Vec<Record> {
        let mut last = Link::default();
        let mut records = Vec::new();
        for at in 1..=4 {
            let record = act().begin(Timestamp::from_secs(at)).link(last, mac);
            last = record.link;
            records.push(record);
        }
        records
    }

    fn checked(records: &[Record]) -> Result<Link, Broken> {
        let mut chain = Chain::default();
        for record in records {
            chain.follow(record, mac)?;
        }
        Ok(chain.last())
    }

    #[test]
    fn an_action_is_told_before_and_after_its_effect() {
        let begun = act().begin(Timestamp::from_secs(5));
        assert_eq!((begun.phase.as_str(), &begun.result), ("begun", &None));
        assert_eq!(begun.actor_kind, "receiver");
        assert_eq!(begun.actor_id, "00000000000000000000000000000001");
        assert_eq!(begun.action, "stream.delete");
        assert_eq!(begun.target, "stream/f67e39a0");
        assert_eq!(begun.details, r#"{"status":"paused"}"#);
        let details = Details::none().with("dropped", 3);
        let ended = act().end(Timestamp::from_secs(6), 17, Ending::Done, &details);
        assert_eq!((ended.phase.as_str(), ended.begun), ("ended", Some(17)));
        assert_eq!(ended.result.as_deref(), Some("done"));
        assert_eq!(ended.details, r#"{"dropped":"3"}"#);
    }

    #[test]
    fn a_detail_is_cut_where_a_character_ends() {
        let details = Details::none().with("name", "ü".repeat(200));
        assert_eq!(details.0["name"].as_str().unwrap().len(), 256);
        let details = Details::none().with("name", format!("x{}", "ü".repeat(200)));
        assert_eq!(details.0["name"].as_str().unwrap().len(), 255);
    }

    #[test]
    fn a_chain_as_it_was_written_holds() {
        let records = chain();
        assert_eq!(checked(&records), Ok(records[3].link));
        assert_eq!(checked(&[]), Ok(Link::default()));
    }

    #[test]
    fn each_changed_member_is_noticed_and_the_entry_named() {
        let changes: [fn(&mut Record); 12] = [
            |record| record.entry.at = Timestamp::from_secs(9),
            |record| record.entry.actor_kind = "operator".into(),
            |record| record.entry.actor_id = "2".into(),
            |record| record.entry.action = "stream.create".into(),
            |record| record.entry.target = "stream/2".into(),
            |record| record.entry.phase = "ended".into(),
            |record| record.entry.result = Some("done".into()),
            |record| record.entry.begun = Some(1),
            |record| record.entry.details = "{}".into(),
            |record| record.previous = ChainHash::new([1; 32]),
            |record| record.link.hash = ChainHash::new([1; 32]),
            |record| {
                let entry = record.entry.clone();
                // Linked anew, as somebody without the key would do it.
                *record = entry.link(
                    Link {
                        seq: 1,
                        hash: record.previous,
                    },
                    |_| ChainHash::new([7; 32]),
                );
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut records = chain();
            change(&mut records[1]);
            assert_eq!(
                checked(&records),
                Err(Broken::Changed(2)),
                "change {number}"
            );
        }
    }

    #[test]
    fn a_deleted_and_an_inserted_entry_are_named() {
        let mut records = chain();
        records.remove(1);
        assert_eq!(checked(&records), Err(Broken::Deleted(2)));
        let mut records = chain();
        records.insert(2, records[1].clone());
        assert_eq!(checked(&records), Err(Broken::Inserted(2)));
        let mut records = chain();
        let mut copy = records[1].clone();
        copy.link.seq = 5;
        records.push(copy);
        assert_eq!(checked(&records), Err(Broken::Changed(5)));
    }

    #[test]
    fn a_head_that_was_written_down_shows_that_the_end_was_replaced() {
        let records = chain();
        let mut chain = Chain::default();
        chain.follow(&records[0], mac).unwrap();
        assert_eq!(chain.meets(records[0].link), Ok(()));
        let other = Link {
            hash: ChainHash::new([3; 32]),
            ..records[0].link
        };
        assert_eq!(chain.meets(other), Err(Broken::Head(1)));
    }

    #[test]
    fn a_head_survives_being_written_down() {
        let link = chain()[1].link;
        assert_eq!(link.to_string().parse(), Ok(link));
        for text in [
            "",
            "7",
            "7:",
            "x:00",
            &format!("1:{}", "ü".repeat(32)),
            "-1:00",
        ] {
            assert_eq!(text.parse::<Link>(), Err(LinkError), "{text}");
        }
    }
}
