//! Why a stream cannot be managed.

use ssf_types::json::JsonError;

use crate::client::{FetchError, discovery::DiscoveryError};

/// The stream cannot be managed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The Transmitter does not say how.
    #[error("the transmitter does not offer this")]
    NotOffered(#[source] DiscoveryError),
    /// The Transmitter wants its requests authorised in ways that we do not have (SSF 1.0 §7.1.1).
    #[error(
        "authorization_schemes in the transmitter's metadata has neither urn:ietf:rfc:6749 nor urn:ietf:rfc:6750, and this receiver has nothing else"
    )]
    OtherSchemes,
    /// A request was refused or not answered.
    #[error("the transmitter does not {action}")]
    Request {
        /// What was asked for.
        action: &'static str,
        /// Why it was not done.
        source: FetchError,
    },
    /// The request was taken, and its effect is yet to come (SSF 1.0 §8.1.1.3, §8.1.1.4, §8.1.2.2).
    #[error(
        "the transmitter has taken the request to {action} with status 202, and not done it yet: look again later"
    )]
    NotYet {
        /// What was asked for.
        action: &'static str,
    },
    /// The request cannot be written.
    #[error("the request for a stream cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// An answer is not what it has to be.
    #[error("the transmitter's answer to a request to {action} is faulty")]
    Faulty {
        /// What was asked for.
        action: &'static str,
        /// What is wrong with the answer.
        source: JsonError,
    },
    /// The stream has another issuer than the metadata.
    #[error("the stream has another iss than the transmitter's metadata")]
    WrongIssuer,
    /// The answer is about another stream.
    #[error(
        "the transmitter's answer to a request to {action} has another stream_id than was asked about"
    )]
    WrongStream {
        /// What was asked for.
        action: &'static str,
    },
    /// The stream's `aud` is not the one that was agreed; it never changes (SSF 1.0 §8.1.1).
    #[error("the stream has another aud than before")]
    WrongAudience,
    /// The stream was made, but not as it was asked for: it pushes elsewhere, or does not say where to poll.
    #[error("the transmitter made a stream that does not deliver as it was asked to")]
    WrongDelivery,
    /// The stream is polled where the token must not go.
    #[error(
        "the stream is to be polled at {host}, under an origin that is neither the issuer's nor one that its metadata names an endpoint of: the management token is not sent there"
    )]
    ForeignPoll {
        /// The host of `endpoint_url`.
        host: String,
    },
    /// There is a stream for these credentials already, which is not ours to change.
    #[error(
        "the transmitter wants no second stream for these credentials (409), and the first delivers elsewhere: delete that one with ssf-receiver stream delete, or use credentials of this receiver's own"
    )]
    Occupied,
}

impl StreamError {
    /// The status that a request was refused with.
    fn refused_with(&self) -> Option<u16> {
        match self {
            Self::Request {
                source: FetchError::Status { status, .. },
                ..
            } => Some(*status),
            Self::Request { .. }
            | Self::NotOffered(_)
            | Self::OtherSchemes
            | Self::NotYet { .. }
            | Self::Unwritable(_)
            | Self::Faulty { .. }
            | Self::WrongIssuer
            | Self::WrongStream { .. }
            | Self::WrongAudience
            | Self::WrongDelivery
            | Self::ForeignPoll { .. }
            | Self::Occupied => None,
        }
    }

    /// Whether the Transmitter has a stream for this Receiver, and wants no second one (SSF 1.0 §8.1.1.1).
    pub(super) fn is_conflict(&self) -> bool {
        self.refused_with() == Some(409)
    }

    /// Whether there is no such stream (SSF 1.0 §8.1.1.2, §8.1.2.1).
    pub(crate) fn is_gone(&self) -> bool {
        self.refused_with() == Some(404)
    }

    /// Whether the Transmitter does not do what was asked for, and will not if it is asked again: it lacks the method, or
    /// finds fault with the request.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self.refused_with(),
            Some(400 | 404 | 405 | 409 | 410 | 422 | 501)
        )
    }
}
