//! How the reference Receiver goes about its stream.

use super::{Misjudges, Overlooks, Scopes};
use crate::peer::Operation;

/// For how long a verification is waited for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Patience {
    /// For ever.
    #[default]
    Endless,
    /// For a moment.
    Brief,
    /// Until another SET has come.
    UntilTheNext,
}

/// How it goes about its stream, where a spoilt request does not tell it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and a receiver has one at most"
)]
pub struct Manners {
    /// Pushes need not show anything.
    pub is_open: bool,
    /// The first poll is later than the stream may be inactive.
    pub rests_before_it_polls: bool,
    /// Once a stream is pushed, nothing is asked for.
    pub asks_for_nothing_more: bool,
    /// Metadata is first looked for behind the issuer.
    pub looks_behind_the_issuer: bool,
    /// Metadata of another issuer is used.
    pub uses_foreign_metadata: bool,
    /// The `iss` of the answers to this is not looked at.
    pub believes: Option<Operation>,
    /// After 409 a stream is asked for again.
    pub insists_on_its_request: bool,
    /// Once its stream is gone, it does without.
    pub does_without: bool,
    /// A stream is made without a look at those that there are.
    pub makes_streams_blindly: bool,
    /// Which scopes a token is asked for with.
    pub scopes: Scopes,
    /// What passes in the transmitter's certificate that should not.
    pub overlooks: Option<Overlooks>,
    /// For how long a verification is waited for.
    pub patience: Patience,
    /// All verifications have one state.
    pub has_one_state: bool,
    /// A verification may have any state.
    pub takes_any_state: bool,
    /// A verification with another state is refused as if it were no SET.
    pub calls_states_invalid_requests: bool,
    /// Keys are fetched once.
    pub keeps_its_first_keys: bool,
    /// What comes under another name is taken.
    pub takes_any_name: bool,
    /// Answers with several SETs are passed over.
    pub passes_over_several: bool,
    /// What `moreAvailable` says of is not polled for soon.
    pub rests_where_there_is_more: bool,
    /// A SET that comes again is left alone.
    pub leaves_repetitions_alone: bool,
    /// The first poll says in words how many SETs it wants.
    pub counts_in_words: bool,
    /// `Retry-After` is not read.
    pub does_not_wait: bool,
    /// The bodies of errors are read.
    pub reads_errors: bool,
    /// Keys may stand in the URL where they should be.
    pub trusts_keys_in_urls: bool,
    /// Where there are no keys, SETs are taken as they are.
    pub does_without_keys: bool,
    /// What is wrong with which sessions an event ends.
    pub misjudges: Option<Misjudges>,
    /// What has expired is acted upon, and refused.
    pub acts_before_it_judges: bool,
}
