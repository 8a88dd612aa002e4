//! How SETs reach the Receiver of a stream.

use ssf_types::{
    id::StreamId,
    stream::{Delivery, PollDelivery, PushDelivery},
    uri::{EndpointUrl, Issuer},
};

/// Where streams are polled, below the issuer; the id of the stream follows.
pub const POLL_PATH: &str = "/ssf/poll";

/// How SETs reach the Receiver (SSF 1.0 §6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeliveryMethod {
    /// They are sent to where the Receiver wants them, with its secret (RFC 8935).
    Push(PushDelivery),
    /// The Receiver fetches them at the stream's own URL, which follows from its id (RFC 8936).
    Poll,
}

impl DeliveryMethod {
    /// The method that a Receiver asks for; `None` if it is neither of the two.
    ///
    /// Where to poll is not the Receiver's to say, so an `endpoint_url` that it sends is ignored (SSF 1.0 §6.1.2).
    pub fn asked_for(delivery: &Delivery) -> Option<Self> {
        match delivery {
            Delivery::Push(push) => Some(Self::Push(push.clone())),
            Delivery::Poll(_) => Some(Self::Poll),
            _ => None,
        }
    }

    /// Whether the Receiver has to come for its SETs.
    pub fn is_poll(&self) -> bool {
        match self {
            Self::Push(_) => false,
            Self::Poll => true,
        }
    }

    /// The method as it is kept, with the secret.
    pub fn kept(&self) -> Delivery {
        match self {
            Self::Push(push) => Delivery::Push(push.clone()),
            Self::Poll => Delivery::Poll(PollDelivery::default()),
        }
    }

    /// The method as the Receiver of the stream `id` may see it: without the secret, and with the URL to poll
    /// (SSF 1.0 §8.1.1).
    pub fn shown(&self, issuer: &Issuer, id: &StreamId) -> Delivery {
        match self {
            Self::Push(push) => Delivery::Push(push.without_secret()),
            Self::Poll => Delivery::Poll(PollDelivery::at(poll_endpoint(issuer, id))),
        }
    }
}

/// The URL at which the stream `id` is polled: each has its own (SSF 1.0 §6.1.2).
///
/// # Panics
/// Never: a configured issuer has at most 1024 bytes, and the id of a stream of ours has 32 hexadecimal digits.
#[expect(
    clippy::expect_used,
    reason = "a path of plain characters behind an issuer leaves it a URL, and both are short"
)]
fn poll_endpoint(issuer: &Issuer, id: &StreamId) -> EndpointUrl {
    let issuer = issuer.as_str();
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    EndpointUrl::parse(format!("{base}{POLL_PATH}/{id}"))
        .expect("the issuer leaves room for the path and the id")
}

#[cfg(test)]
mod tests {
    use ssf_types::secret::AuthorizationHeader;

    use super::*;

    fn shown(method: &DeliveryMethod, issuer: &str) -> String {
        let issuer = Issuer::parse(issuer).unwrap();
        let id = StreamId::parse("f67e39a0").unwrap();
        serde_json::to_string(&method.shown(&issuer, &id)).unwrap()
    }

    fn push() -> DeliveryMethod {
        DeliveryMethod::Push(PushDelivery::new(
            EndpointUrl::parse("https://rp.example.com/events").unwrap(),
            Some(AuthorizationHeader::parse("Bearer s3cret").unwrap()),
        ))
    }

    #[test]
    fn a_stream_is_polled_below_its_issuer_at_a_url_of_its_own() {
        for issuer in ["https://tr.example.com/a", "https://tr.example.com/a/"] {
            assert_eq!(
                shown(&DeliveryMethod::Poll, issuer),
                r#"{"method":"urn:ietf:rfc:8936","endpoint_url":"https://tr.example.com/a/ssf/poll/f67e39a0"}"#
            );
        }
    }

    #[test]
    fn where_to_push_is_shown_without_the_secret_and_kept_with_it() {
        assert_eq!(
            shown(&push(), "https://tr.example.com"),
            r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}"#
        );
        assert_eq!(DeliveryMethod::asked_for(&push().kept()), Some(push()));
    }

    #[test]
    fn where_to_poll_is_not_the_receivers_to_say() {
        let elsewhere = EndpointUrl::parse("https://rp.example.com/poll").unwrap();
        for asked in [PollDelivery::at(elsewhere), PollDelivery::default()] {
            let asked = DeliveryMethod::asked_for(&Delivery::Poll(asked));
            assert_eq!(asked, Some(DeliveryMethod::Poll));
        }
    }
}
