//! How SETs reach the Receiver.

use serde::Serialize;

use crate::{
    json::{JsonError, Members},
    secret::AuthorizationHeader,
    uri::EndpointUrl,
};

/// URN of push delivery (SSF 1.0 §6.1.1).
pub const DELIVERY_PUSH: &str = "urn:ietf:rfc:8935";

/// URN of poll delivery (SSF 1.0 §6.1.2).
pub const DELIVERY_POLL: &str = "urn:ietf:rfc:8936";

/// How SETs reach the Receiver: an object whose `method` tells how to read the rest (SSF 1.0 §6.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "method")]
#[non_exhaustive]
pub enum Delivery {
    /// The Transmitter POSTs each SET to the Receiver (RFC 8935).
    #[serde(rename = "urn:ietf:rfc:8935")]
    Push(PushDelivery),
    /// The Receiver fetches SETs from the Transmitter (RFC 8936).
    #[serde(rename = "urn:ietf:rfc:8936")]
    Poll(PollDelivery),
}

/// Where and how to push (SSF 1.0 §6.1.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PushDelivery {
    /// Where SETs are sent with POST; chosen by the Receiver.
    pub endpoint_url: EndpointUrl,
    /// Sent as `Authorization` with each push. A Transmitter's answers leave it out: it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_header: Option<AuthorizationHeader>,
}

impl PushDelivery {
    /// Pushes to `endpoint_url`.
    pub fn new(
        endpoint_url: EndpointUrl,
        authorization_header: Option<AuthorizationHeader>,
    ) -> Self {
        Self {
            endpoint_url,
            authorization_header,
        }
    }

    /// The same without the secret: what an answer may show.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        Self {
            endpoint_url: self.endpoint_url.clone(),
            authorization_header: None,
        }
    }
}

/// Where to poll (SSF 1.0 §6.1.2).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PollDelivery {
    /// Where polls are sent with POST; chosen by the Transmitter. Absent in the request that creates the stream, and there
    /// in each answer (SSF 1.0 §8.1.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<EndpointUrl>,
}

impl PollDelivery {
    /// Lets the Receiver poll at `endpoint_url`.
    pub fn at(endpoint_url: EndpointUrl) -> Self {
        Self {
            endpoint_url: Some(endpoint_url),
        }
    }
}

impl Delivery {
    /// Reads a delivery object from JSON text that [`json::check`](crate::json::check) has passed.
    ///
    /// Members that the method does not define are ignored.
    ///
    /// # Errors
    /// Names the faulty member.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let method: String = members.required("method", "a string")?;
        let endpoint = "an https URL without credentials and fragment";
        match method.as_str() {
            DELIVERY_PUSH => Ok(Self::Push(PushDelivery {
                endpoint_url: members.required("endpoint_url", endpoint)?,
                authorization_header: members.optional(
                    "authorization_header",
                    "the header's value in visible ASCII of 1 to 4096 bytes, such as \"Bearer x\"",
                )?,
            })),
            DELIVERY_POLL => Ok(Self::Poll(PollDelivery {
                endpoint_url: members.optional("endpoint_url", endpoint)?,
            })),
            _ => Err(JsonError::invalid(
                "method",
                "urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)",
            )),
        }
    }

    /// The value of `method`.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Push(_) => DELIVERY_PUSH,
            Self::Poll(_) => DELIVERY_POLL,
        }
    }

    /// What a stream has after its Receiver asked for `asked` instead of this (SSF 1.0 §8.1.1.3, §8.1.1.4).
    ///
    /// The object is replaced as a whole: a push without `authorization_header` goes without one from then on, so that the
    /// secret of one URL is never sent to another. Where to poll is not the Receiver's to say: a stream that is polled
    /// stays where it is, and one that becomes so has no `endpoint_url` until the Transmitter gives it one.
    #[must_use]
    pub fn replaced_by(self, asked: Self) -> Self {
        match (self, asked) {
            (_, push @ Self::Push(_)) => push,
            (poll @ Self::Poll(_), Self::Poll(_)) => poll,
            (Self::Push(_), Self::Poll(_)) => Self::Poll(PollDelivery::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Delivery {
        Delivery::read(json).unwrap()
    }

    fn refusal(json: &str) -> String {
        Delivery::read(json).unwrap_err().to_string()
    }

    #[test]
    fn push_and_poll_survive_a_round_trip() {
        for json in [
            r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}"#,
            r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events","authorization_header":"Bearer x"}"#,
            r#"{"method":"urn:ietf:rfc:8936"}"#,
            r#"{"method":"urn:ietf:rfc:8936","endpoint_url":"https://tr.example.com/poll/1"}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(json)).unwrap(), json);
        }
    }

    #[test]
    fn a_method_of_an_older_draft_is_refused() {
        for method in [
            "https://schemas.openid.net/secevent/risc/delivery-method/push",
            "urn:example:smoke-signal",
        ] {
            assert_eq!(
                refusal(&format!(r#"{{"method":"{method}"}}"#)),
                "method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)"
            );
        }
    }

    #[test]
    fn a_push_needs_an_endpoint_with_tls() {
        assert_eq!(
            refusal(r#"{"method":"urn:ietf:rfc:8935"}"#),
            "endpoint_url is missing"
        );
        assert_eq!(
            refusal(r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"http://rp.example.com"}"#),
            "endpoint_url must be an https URL without credentials and fragment"
        );
    }

    #[test]
    fn an_authorization_that_would_add_a_header_is_refused_without_being_repeated() {
        assert_eq!(
            refusal(
                r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com","authorization_header":"a\r\nb"}"#
            ),
            "authorization_header must be the header's value in visible ASCII of 1 to 4096 bytes, such as \"Bearer x\""
        );
    }

    #[test]
    fn the_secret_of_one_url_does_not_go_to_another() {
        let before = read(
            r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://a.example","authorization_header":"Bearer x"}"#,
        );
        let asked = read(r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://b.example"}"#);
        assert_eq!(before.replaced_by(asked.clone()), asked);
    }

    #[test]
    fn a_polled_stream_stays_where_it_is() {
        let before =
            read(r#"{"method":"urn:ietf:rfc:8936","endpoint_url":"https://tr.example/1"}"#);
        for asked in [
            r#"{"method":"urn:ietf:rfc:8936"}"#,
            r#"{"method":"urn:ietf:rfc:8936","endpoint_url":"https://rp.example/2"}"#,
        ] {
            assert_eq!(before.clone().replaced_by(read(asked)), before);
        }
    }

    #[test]
    fn a_stream_that_becomes_polled_waits_for_the_transmitters_url() {
        let before = read(r#"{"method":"urn:ietf:rfc:8935","endpoint_url":"https://a.example"}"#);
        let asked = read(r#"{"method":"urn:ietf:rfc:8936","endpoint_url":"https://rp.example/2"}"#);
        assert_eq!(
            before.replaced_by(asked),
            Delivery::Poll(PollDelivery::default())
        );
    }
}
