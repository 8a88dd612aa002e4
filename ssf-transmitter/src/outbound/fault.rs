//! Why there is no answer, for the operator. A Receiver is never told: it could learn from it who listens in this network.

use std::{error::Error, io, iter};

use ssf_types::push::NoAnswer;

use crate::tls::HandshakeFault;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The name of the host leads nowhere.
    #[error("the name of the host leads nowhere")]
    Dns,
    /// Whatever the host leads to must not be called; nothing was sent.
    #[error(
        "the host leads to no address that may be called: it is in no private network that is allowed"
    )]
    AddressRefused,
    /// As many requests as there may be were under way to this host, all the time; nothing was sent.
    #[error("too many requests to this host are under way")]
    Crowded,
    /// As many names of other hosts as there may be were being looked up, all the time; nothing was sent.
    #[error("too many names are being looked up")]
    NotLookedUp,
    /// No connection came about.
    #[error("no connection comes about")]
    Connect,
    /// No connection came about in time.
    #[error("no connection comes about in time")]
    ConnectTimeout,
    /// There was a connection, and nobody who can show to be the host; nothing was sent.
    #[error("TLS cannot be agreed on: {0}")]
    Tls(HandshakeFault),
    /// Time ran out behind a connection.
    #[error("no answer came in time")]
    Timeout,
    /// The connection broke before the answer was there.
    #[error("the connection broke off before an answer")]
    Interrupted,
    /// What came back is not HTTP.
    #[error("what came back is not HTTP/1.1, or has too long a head")]
    Malformed,
}

impl Fault {
    /// One word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::NotLookedUp => "look-ups",
            Self::ConnectTimeout => "connect-timeout",
            Self::Tls(fault) => fault.as_str(),
            Self::Dns
            | Self::AddressRefused
            | Self::Connect
            | Self::Timeout
            | Self::Interrupted
            | Self::Malformed => self.no_answer().as_str(),
        }
    }

    /// What this is to a push: whether the Receiver may have the SET is the same for all that fall together.
    pub fn no_answer(self) -> NoAnswer {
        match self {
            Self::Dns => NoAnswer::Dns,
            Self::AddressRefused => NoAnswer::AddressRefused,
            Self::Crowded | Self::NotLookedUp | Self::Connect | Self::ConnectTimeout => {
                NoAnswer::Connect
            }
            Self::Tls(_) => NoAnswer::Tls,
            Self::Timeout => NoAnswer::Timeout,
            Self::Interrupted => NoAnswer::Interrupted,
            Self::Malformed => NoAnswer::Malformed,
        }
    }

    /// What the HTTP client complains about.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if causes(error).any(<dyn Error>::is::<AddressRefused>) {
            return Self::AddressRefused;
        }
        if causes(error).any(<dyn Error>::is::<LookUpsCrowded>) {
            return Self::NotLookedUp;
        }
        if error.is_dns() {
            return Self::Dns;
        }
        if error.is_connect() {
            if error.is_timeout() {
                return Self::ConnectTimeout;
            }
            if let Some(fault) = causes(error).find_map(HandshakeFault::of) {
                return Self::Tls(fault);
            }
            if broke_off_in_handshake(error) {
                return Self::Tls(HandshakeFault::Handshake);
            }
            return Self::Connect;
        }
        if error.is_timeout() {
            return Self::Timeout;
        }
        let is_malformed = |cause: &(dyn Error + 'static)| {
            cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_parse)
        };
        if causes(error).any(is_malformed) {
            return Self::Malformed;
        }
        Self::Interrupted
    }
}

/// A connection was refused because of where it leads.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the address must not be called")]
pub(super) struct AddressRefused;

/// A name was not looked up, since those of other hosts are, on all threads that there are for that.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many names are being looked up")]
pub(super) struct LookUpsCrowded;

/// There is no answer. No URL is told, since a query may hold what is nobody's business.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub(crate) struct NoReply {
    /// Why, in a word.
    pub(crate) fault: Fault,
    #[source]
    source: Option<reqwest::Error>,
}

impl From<Fault> for NoReply {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            source: None,
        }
    }
}

impl From<reqwest::Error> for NoReply {
    fn from(error: reqwest::Error) -> Self {
        Self {
            fault: Fault::of(&error),
            source: Some(error.without_url()),
        }
    }
}

/// The error and what it comes from.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(error), |error| cause(*error))
}

/// What an error comes from. An I/O error that wraps another one does not call it its source.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Whether the connection stood and broke off in the handshake: what the TCP connector says comes in an error of its own,
/// what the TLS connector says is an I/O error.
fn broke_off_in_handshake(error: &reqwest::Error) -> bool {
    causes(error)
        .find(|cause| cause.is::<hyper_util::client::legacy::Error>())
        .and_then(Error::source)
        .is_some_and(<dyn Error>::is::<io::Error>)
}
