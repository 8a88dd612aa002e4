//! The stream of a hostile receiver.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::{Given, ReceivingError, rest::pause_after};
use crate::{
    chance::Chance,
    exchange::{Answer, Exchange, Request},
    peer::chaos::{Draws, Kind, events::now, json as odd_json},
    target::Target,
    wire::Wire,
};

pub(super) const POLL: &str = "urn:ietf:rfc:8936";

const PUSH: &str = "urn:ietf:rfc:8935";

/// How often the transmitter is asked again that puts something off.
const TRIES_MAX: u32 = 5;

/// Longest pause that is waited for where somebody waits for the answer; who wants a longer one is not asked again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A stream, and how the transmitter is asked about it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: String,
    /// What its SETs are made out to.
    pub(super) audience: String,
    /// What pushes show.
    pub(super) authorization: Option<String>,
    /// Where it is polled.
    pub(super) endpoint: Option<Url>,
    pub(super) wire: Wire,
    token: String,
    streams: Url,
    verification: Option<Url>,
}

/// The delivery of a stream that is pushed.
pub(super) fn pushed_to(url: &Url, seed: u64) -> Value {
    let secret = Chance::of(seed, "authorization").word();
    json!({ "method": PUSH, "endpoint_url": url.as_str(), "authorization_header": format!("Bearer {secret}") })
}

impl Stream {
    /// Makes it, and tells where the keys of its transmitter are.
    pub(super) async fn make(
        issuer: &Target,
        wire: &Wire,
        given: &Given,
        delivery: Value,
        draws: &Draws,
    ) -> Result<(Self, Url), ReceivingError> {
        let asking = Asking {
            wire,
            token: &given.token,
        };
        let metadata = asking
            .object(Request::get(issuer.metadata_url()), false)
            .await?;
        let endpoint = |name: &str| {
            let url = metadata.get(name).and_then(Value::as_str);
            let url = url.and_then(|url| Url::parse(url).ok());
            url.filter(|url| issuer.may_lead_to(url))
        };
        let needed = |name: &str| {
            endpoint(name).ok_or_else(|| ReceivingError::Refused {
                asked: issuer.metadata_url().to_string(),
                answer: format!("metadata without a {name} that may be asked"),
            })
        };
        let (streams, jwks_uri) = (needed("configuration_endpoint")?, needed("jwks_uri")?);
        let authorization = delivery["authorization_header"].as_str().map(str::to_owned);
        let wanted = json!({
            "delivery": delivery,
            "events_requested": given.events,
            "description": "ssf-conformance serve receiver",
        });
        let odd = draws.draw(Kind::OddJson);
        let text = odd.map_or_else(
            || wanted.to_string(),
            |mut chance| odd_json::text(&wanted, &mut chance),
        );
        let made = asking.object(posted(streams.clone(), text), true).await?;
        let stream = Self {
            id: made
                .get("stream_id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            audience: first(made.get("aud")),
            authorization,
            endpoint: made
                .get("delivery")
                .and_then(|delivery| delivery["endpoint_url"].as_str())
                .filter(|_| made["delivery"]["method"] == POLL)
                .and_then(|url| Url::parse(url).ok())
                .filter(|url| issuer.may_lead_to(url)),
            wire: wire.clone(),
            token: given.token.clone(),
            streams,
            verification: endpoint("verification_endpoint"),
        };
        if let Some(url) = endpoint("add_subject_endpoint") {
            for subject in &given.subjects {
                let body = json!({ "stream_id": stream.id, "subject": subject });
                asking
                    .answer(posted(url.clone(), body.to_string()), true)
                    .await?;
            }
        }
        Ok((stream, jwks_uri))
    }

    /// Asks for a verification with this state.
    pub(super) async fn verify(&self, state: &str) -> bool {
        let Some(url) = self.verification.clone() else {
            return false;
        };
        let body = json!({ "stream_id": self.id, "state": state }).to_string();
        self.asking().answer(posted(url, body), true).await.is_ok()
    }

    pub(super) async fn delete(&self) {
        let mut url = self.streams.clone();
        url.query_pairs_mut().append_pair("stream_id", &self.id);
        // What is left there then, its description tells of.
        let _ = self
            .asking()
            .answer(Request::new("DELETE", url), true)
            .await;
    }

    /// Polls once.
    pub(super) async fn poll(&self, url: &Url, body: String) -> Exchange {
        let mut request = posted(url.clone(), body);
        authorize(&mut request, &self.token);
        // Descriptions of errors say in which language they are (RFC 8936 §2.4.4), and polls without any may.
        let language = ("content-language".to_owned(), "en".to_owned());
        request.headers.push(language);
        self.wire.send(request).await
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            wire: &self.wire,
            token: &self.token,
        }
    }
}

struct Asking<'a> {
    wire: &'a Wire,
    token: &'a str,
}

impl Asking<'_> {
    async fn object(
        &self,
        request: Request,
        is_authorized: bool,
    ) -> Result<Map<String, Value>, ReceivingError> {
        let asked = format!("{} {}", request.method, request.url);
        let answer = self.answer(request, is_authorized).await?;
        answer.object().map_err(|answer| ReceivingError::Refused {
            asked,
            answer: answer.to_owned(),
        })
    }

    /// The answer, if it is one of the 2xx; who is put off comes back a few times.
    async fn answer(
        &self,
        mut request: Request,
        is_authorized: bool,
    ) -> Result<Answer, ReceivingError> {
        if is_authorized {
            authorize(&mut request, self.token);
        }
        let mut tries = 0;
        loop {
            let exchange = self.wire.send(request.clone()).await;
            tries += 1;
            match exchange.result {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) if matches!(answer.status, 429 | 503) && tries < TRIES_MAX => {
                    let pause = pause_after(&answer, now());
                    if pause > PAUSE_MAX {
                        let seconds = pause.as_secs();
                        return Err(ReceivingError::Refused {
                            asked: format!("{} {}", request.method, request.url),
                            answer: format!(
                                "status {}, to be asked again in {seconds} s",
                                answer.status
                            ),
                        });
                    }
                    tokio::time::sleep(pause).await;
                }
                Ok(answer) => {
                    return Err(ReceivingError::Refused {
                        asked: format!("{} {}", request.method, request.url),
                        answer: format!("status {}", answer.status),
                    });
                }
                Err(error) => {
                    return Err(ReceivingError::Refused {
                        asked: format!("{} {}", request.method, request.url),
                        answer: error.to_string(),
                    });
                }
            }
        }
    }
}

fn posted(url: Url, body: String) -> Request {
    let mut request = Request::new("POST", url);
    let media_type = ("content-type".to_owned(), "application/json".to_owned());
    request.headers.push(media_type);
    request.body = body.into_bytes();
    request
}

fn authorize(request: &mut Request, token: &str) {
    let authorization = ("authorization".to_owned(), format!("Bearer {token}"));
    request.headers.push(authorization);
}

/// `aud`, or the first of it.
fn first(aud: Option<&Value>) -> String {
    let one = match aud {
        Some(Value::Array(several)) => several.first(),
        one => one,
    };
    one.and_then(Value::as_str).unwrap_or_default().to_owned()
}
