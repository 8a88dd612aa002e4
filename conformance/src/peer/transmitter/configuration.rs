//! The configuration of a stream: what a Receiver may change of it, and how it is shown.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::{
    POLL, PUSH, Refusal, Stream, Transmitter, VERIFICATIONS_APART, bad_request, events_supported,
};

/// Longest description that is kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// Members of a configuration that are not the Receiver's to change.
const SUPPLIED: [&str; 6] = [
    "iss",
    "aud",
    "events_supported",
    "events_delivered",
    "min_verification_interval",
    "inactivity_timeout",
];

impl Transmitter {
    /// Takes over what the Receiver says.
    pub(super) fn change(
        &self,
        stream: &mut Stream,
        id: &str,
        body: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if let Some(requested) = body.get("events_requested") {
            let types = requested
                .as_array()
                .filter(|types| types.iter().all(Value::is_string));
            stream.requested = Some(types.ok_or_else(bad_request)?.clone());
        }
        if let Some(description) = body.get("description") {
            let text = description.as_str().ok_or_else(bad_request)?;
            stream.description = Some(text.chars().take(DESCRIPTION_CHARS_MAX).collect());
        }
        if let Some(delivery) = body.get("delivery") {
            stream.delivery = delivery.clone();
        }
        let secret = stream.delivery.get("authorization_header");
        let secret = secret.and_then(Value::as_str).unwrap_or_default();
        if secret.contains(char::is_control) {
            return Err(bad_request());
        }
        let url = stream.delivery.get("endpoint_url").and_then(Value::as_str);
        match stream.delivery.get("method").and_then(Value::as_str) {
            Some(POLL) if !self.spoilt.rules().pushes_alone => {
                let url = format!("{}/ssf/poll/{id}", self.origin());
                stream.delivery = json!({ "method": POLL, "endpoint_url": url });
                Ok(())
            }
            Some(PUSH) if url.is_some_and(|url| self.pushes_to(url)) => Ok(()),
            Some(_) | None => Err(bad_request()),
        }
    }

    fn pushes_to(&self, url: &str) -> bool {
        let mut beginnings = self.terms.pushes_to.iter();
        let begins = beginnings.any(|beginning| url.starts_with(beginning));
        begins && (self.terms.trusts_receivers || Url::parse(url).is_ok_and(|url| is_public(&url)))
    }

    /// What the transmitter supplies has to be what it is, if it is sent (SSF 1.0 §8.1.1.3).
    pub(super) fn supplied_members_match(
        &self,
        id: &str,
        stream: &Stream,
        body: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let now = self.configuration(id, stream);
        let differs = |name: &&&str| body.get(**name).is_some_and(|sent| *sent != now[**name]);
        match SUPPLIED.iter().find(differs) {
            Some(_) => Err(bad_request()),
            None => Ok(()),
        }
    }

    pub(super) fn configuration(&self, id: &str, stream: &Stream) -> Value {
        let rules = self.spoilt.rules();
        let is_hidden = |uri: &str| rules.hides == Some(uri);
        let mut delivered: Vec<&Value> = stream.delivered().collect();
        delivered.retain(|uri| !uri.as_str().is_some_and(is_hidden));
        let mut supported: Vec<&str> = events_supported().collect();
        supported.retain(|uri| !is_hidden(uri));
        supported.extend(rules.offers_besides);
        supported.extend(self.terms.offers_besides);
        let is_spaced = rules.spaces_verifications;
        let interval = if is_spaced {
            VERIFICATIONS_APART
        } else {
            Duration::ZERO
        };
        let mut configuration = json!({
            "stream_id": id,
            "iss": self.issuer,
            "aud": self.audience(stream.owner),
            "events_supported": supported,
            "events_delivered": delivered,
            "delivery": stream.delivery,
            "min_verification_interval": interval.as_secs(),
            "inactivity_timeout": self.inactivity_timeout(),
        });
        if let Some(members) = configuration.as_object_mut() {
            if let Some(requested) = &stream.requested {
                members.insert("events_requested".to_owned(), json!(requested));
            }
            if let Some(description) = &stream.description {
                members.insert("description".to_owned(), json!(description));
            }
        }
        configuration
    }
}

/// Whether a URL leads to where anybody may be sent, or to this machine, and nothing is hidden in it.
fn is_public(url: &Url) -> bool {
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_bare
        && match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_public_v4(address),
            Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
                Some(within) => is_public_v4(within),
                None => !address.is_unique_local() && !address.is_unicast_link_local(),
            },
            None => false,
        }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !address.is_private() && !address.is_link_local() && !address.is_unspecified()
}
