//! The kinds of chaos.

/// Whose chaos it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peers {
    /// A transmitter's.
    Transmitter,
    /// A receiver's.
    Receiver,
}

/// Something that a peer may do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Ids have unusual characters.
    OddIds,
    /// The ids of streams have characters that a query cannot hold as they are.
    ReservedIds,
    /// JSON is written in unusual ways.
    OddJson,
    /// There are members that nobody defined.
    ExtraMembers,
    /// `aud` is a list.
    AudienceLists,
    /// Headers are written in unusual ways.
    OddHeaders,
    /// Polls bring few SETs.
    SmallAnswers,
    /// Polls are not held for long.
    EmptyAnswers,
    /// SETs come in another order.
    Disorder,
    /// A stream begins with a verification.
    UnaskedVerifications,
    /// It comes before the answer to the creation.
    EarlyPush,
    /// SETs come again.
    Duplicates,
    /// The key is another one from time to time.
    KeyRotation,
    /// Streams are paused for a moment.
    StatusChanges,
    /// Requests are put off.
    Busy,
    /// Answers take a while.
    Slow,
    /// Answers break off.
    BrokenAnswers,
    /// Polls ask for unusual numbers.
    OddPolls,
    /// SETs are acknowledged later.
    LateAcknowledgements,
    /// They are acknowledged one by one.
    PartialAcknowledgements,
    /// They are acknowledged again.
    RepeatedAcknowledgements,
    /// Polls are given up.
    AbandonedPolls,
    /// Sound SETs are refused.
    Refusals,
}

/// All kinds, in the order in which they are told, each with its name and with what happens.
const TRANSMITTER: &[Row] = &[
    (
        Kind::OddIds,
        "odd-ids",
        "ids of streams, SETs and keys have unusual characters: ~ and . in those of streams, quotes, slashes and other scripts in jti and kid",
    ),
    (
        Kind::ReservedIds,
        "reserved-ids",
        "ids of streams have characters such as = and &, which have to be escaped in a query; SSF 1.0 §8.1.1 advises against them",
    ),
    (
        Kind::OddJson,
        "odd-json",
        "members stand in another order each time, with unusual white space and escapes, also in header and claims of SETs",
    ),
    (
        Kind::ExtraMembers,
        "extra-members",
        "metadata, keys, configurations, polls, SETs and events have members that nobody defined, and the JWK set keys of unknown types",
    ),
    (
        Kind::AudienceLists,
        "audience-lists",
        "aud is a list of two, in configurations and SETs",
    ),
    (
        Kind::OddHeaders,
        "odd-headers",
        "media types have parameters and capitals, and there are headers that nobody defined",
    ),
    (
        Kind::SmallAnswers,
        "small-answers",
        "a poll brings one or two SETs, with moreAvailable",
    ),
    (
        Kind::EmptyAnswers,
        "empty-answers",
        "a poll that waits is answered without SETs after less than a second",
    ),
    (
        Kind::Disorder,
        "disorder",
        "SETs come in another order than that in which they were made",
    ),
    (
        Kind::UnaskedVerifications,
        "unasked-verifications",
        "a stream begins with a verification without state that nobody asked for",
    ),
    (
        Kind::EarlyPush,
        "early-push",
        "what a pushed stream begins with is pushed before its creation is answered",
    ),
    (
        Kind::Duplicates,
        "duplicates",
        "the answer to a push, or the acknowledgement of a poll, counts as lost, so SETs come again",
    ),
    (
        Kind::KeyRotation,
        "key-rotation",
        "every few SETs a new key is published and signs at once; a key goes when nothing that it signed waits any more",
    ),
    (
        Kind::StatusChanges,
        "status-changes",
        "a stream is paused for less than a second, and both changes are announced",
    ),
    (
        Kind::Busy,
        "busy",
        "a request is put off: 429 or 503, with Retry-After in seconds, as a date, or without; no request fails more than twice in a row",
    ),
    (
        Kind::Slow,
        "slow",
        "an answer takes up to a second and a half",
    ),
    (
        Kind::BrokenAnswers,
        "broken-answers",
        "the answer to a poll or a GET breaks off in the middle",
    ),
];

/// The same of a receiver.
const RECEIVER: &[Row] = &[
    (
        Kind::OddJson,
        "odd-json",
        "members of what is asked for stand in another order each time, with unusual white space and escapes",
    ),
    (
        Kind::Duplicates,
        "duplicates",
        "a pushed SET is taken and its answer is lost, so it comes again",
    ),
    (
        Kind::Busy,
        "busy",
        "a push is put off: 429 or 503, with Retry-After in seconds, as a date, or without; no more than two pushes fail in a row",
    ),
    (
        Kind::Slow,
        "slow",
        "an answer to a push, or the next poll, takes up to a second and a half",
    ),
    (
        Kind::BrokenAnswers,
        "broken-answers",
        "a push is not answered: the connection is closed, and the SET is not taken",
    ),
    (
        Kind::OddPolls,
        "odd-polls",
        "polls ask for no SET, for one, or for billions, and wait or do not",
    ),
    (
        Kind::LateAcknowledgements,
        "late-acknowledgements",
        "a SET that was polled is acknowledged up to three polls later",
    ),
    (
        Kind::PartialAcknowledgements,
        "partial-acknowledgements",
        "what one poll brought is acknowledged one by one, the last first",
    ),
    (
        Kind::RepeatedAcknowledgements,
        "repeated-acknowledgements",
        "polls also acknowledge what was acknowledged before",
    ),
    (
        Kind::AbandonedPolls,
        "abandoned-polls",
        "the connection of a poll is closed before the answer is read",
    ),
    (
        Kind::Refusals,
        "refusals",
        "one in sixteen sound SETs is refused with access_denied",
    ),
];

/// A kind, its name, and what happens.
type Row = (Kind, &'static str, &'static str);

impl Peers {
    fn table(self) -> &'static [Row] {
        match self {
            Self::Transmitter => TRANSMITTER,
            Self::Receiver => RECEIVER,
        }
    }

    /// The kinds that there are here.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        self.table().iter().map(|(kind, _, _)| *kind)
    }

    /// The kind of this name.
    pub fn named(self, name: &str) -> Option<Kind> {
        let mut rows = self.table().iter();
        let found = rows.find(|(_, known, _)| *known == name);
        found.map(|(kind, _, _)| *kind)
    }

    /// What happens, as a sentence.
    pub fn about(self, kind: Kind) -> &'static str {
        let mut rows = self.table().iter();
        let found = rows.find(|(known, _, _)| *known == kind);
        found.map(|(_, _, about)| *about).unwrap_or_default()
    }
}

impl Kind {
    /// Its name, as options have it.
    pub fn name(self) -> &'static str {
        let mut rows = TRANSMITTER.iter().chain(RECEIVER);
        let found = rows.find(|(known, _, _)| *known == self);
        found.map(|(_, name, _)| *name).unwrap_or_default()
    }

    /// Whether it changes how things look alone, so that whoever judges the peer must not find it.
    pub fn is_of_form(self) -> bool {
        match self {
            Self::OddIds
            | Self::OddJson
            | Self::ExtraMembers
            | Self::AudienceLists
            | Self::OddHeaders
            | Self::SmallAnswers => true,
            Self::ReservedIds
            | Self::EmptyAnswers
            | Self::Disorder
            | Self::UnaskedVerifications
            | Self::EarlyPush
            | Self::Duplicates
            | Self::KeyRotation
            | Self::StatusChanges
            | Self::Busy
            | Self::Slow
            | Self::BrokenAnswers
            | Self::OddPolls
            | Self::LateAcknowledgements
            | Self::PartialAcknowledgements
            | Self::RepeatedAcknowledgements
            | Self::AbandonedPolls
            | Self::Refusals => false,
        }
    }
}
