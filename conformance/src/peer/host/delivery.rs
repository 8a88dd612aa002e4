//! How a SET gets to the Receiver, and what is known to have become of it.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::{Host, Seen};
use crate::{
    exchange::{Answer, Exchange, NoAnswer, Request},
    peer::{Operation, transmitter::Delivered},
    wire::{Settings, Wire},
};

/// How the Receiver gets its SETs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// By push (RFC 8935).
    Push,
    /// By poll (RFC 8936).
    Poll,
}

/// What became of a SET.
#[derive(Clone, Debug)]
pub struct Told {
    /// What shows it.
    pub exchanges: Vec<Exchange>,
    /// The answer to the push; or what a poll said, as the answer to a push says it: 202 for what is acknowledged, 400 with
    /// the error for what is in `setErrs`, 503 for what is neither in time.
    pub result: Result<Answer, NoAnswer>,
    /// The delivery in words, for evidence.
    pub asked: String,
}

impl Delivered {
    fn method(&self) -> Delivery {
        if self.delivery["method"] == "urn:ietf:rfc:8935" {
            Delivery::Push
        } else {
            Delivery::Poll
        }
    }

    fn endpoint(&self) -> &str {
        self.delivery["endpoint_url"].as_str().unwrap_or_default()
    }
}

impl Host {
    /// How the Receiver's stream is delivered, if it has one that is enabled.
    pub fn delivery(&self) -> Option<Delivery> {
        Some(self.transmitter().newest()?.method())
    }

    /// Where the Receiver's stream is pushed to, if it is.
    pub fn pushed_to(&self) -> Option<Url> {
        let stream = self.transmitter().newest()?;
        let is_pushed = stream.method() == Delivery::Push;
        is_pushed.then(|| Url::parse(stream.endpoint()).ok())?
    }

    /// The id of the Receiver's stream.
    pub fn stream_id(&self) -> Option<String> {
        Some(self.transmitter().newest()?.id)
    }

    /// Delivers a SET under a name, and waits until it is known what became of it.
    pub async fn deliver(&self, jti: &str, token: &str) -> Told {
        let mut told = self
            .deliver_all(&[(jti.to_owned(), token.to_owned())])
            .await;
        told.pop()
            .unwrap_or_else(|| unreachable(jti, "nothing was delivered"))
    }

    /// Delivers SETs together, as far as the Receiver takes several at a time.
    pub async fn deliver_all(&self, sets: &[(String, String)]) -> Vec<Told> {
        let Some(stream) = self.transmitter().newest() else {
            let gone = |(jti, _): &(String, String)| {
                unreachable(jti, "there is no stream that is enabled")
            };
            return sets.iter().map(gone).collect();
        };
        let mut told = Vec::new();
        match stream.method() {
            Delivery::Push => {
                for (_, token) in sets {
                    told.push(push(&stream, token, self.wire_settings()).await);
                }
            }
            Delivery::Poll => {
                let from = self.log_length();
                self.transmitter().hand_over(&stream.id, sets);
                let began = Instant::now();
                for (jti, _) in sets {
                    told.push(self.settled(&stream, jti, from, began).await);
                }
            }
        }
        told
    }

    /// Waits until a poll says what became of a SET that was handed over.
    async fn settled(&self, stream: &Delivered, jti: &str, from: usize, began: Instant) -> Told {
        let rest = self.settle().saturating_sub(began.elapsed());
        let verdict = self.seen(|log| {
            let since = log.iter().skip(from);
            let mut heeded = since.filter(|seen| is_poll(seen) && seen.is_heeded);
            heeded.find_map(|poll| {
                let answer = if poll.acknowledges(jti) {
                    Answer {
                        status: 202,
                        ..Answer::default()
                    }
                } else {
                    refusal(&poll.error_of(jti)?)
                };
                Some((poll.clone(), answer))
            })
        });
        let verdict = timeout(rest, verdict).await.ok();
        self.transmitter().withdraw(&stream.id, jti);
        // The poll that brought it may have waited since before.
        let bringing = self.log(|log| {
            let brings = |seen: &&Seen| is_poll(seen) && seen.brings(jti, began);
            log.iter().find(brings).cloned()
        });
        let asked = format!("{jti} by poll");
        let mut exchanges: Vec<Exchange> = bringing.iter().map(Seen::shown).collect();
        let result = match (verdict, bringing) {
            (Some((poll, answer)), _) => {
                exchanges.push(poll.shown());
                Ok(answer)
            }
            (None, Some(_)) => Ok(Answer {
                status: 503,
                ..Answer::default()
            }),
            (None, None) => {
                let reason = format!("the receiver does not poll; {}", self.last_asked());
                return unreachable(&asked, &reason);
            }
        };
        Told {
            exchanges,
            result,
            asked,
        }
    }
}

fn is_poll(seen: &Seen) -> bool {
    seen.operation == Some(Operation::Poll)
}

/// Pushes a SET to where the stream says.
pub(super) async fn push(stream: &Delivered, token: &str, settings: &Settings) -> Told {
    let asked = format!("POST {}", stream.endpoint());
    let wire = Url::parse(stream.endpoint()).ok().and_then(|url| {
        let wire = Wire::to(&url, settings).ok()?;
        Some((url, wire))
    });
    let Some((url, wire)) = wire else {
        return unreachable(&asked, "the endpoint_url cannot be pushed to");
    };
    let mut request = Request::new("POST", url);
    request.body = token.as_bytes().to_vec();
    let mut header = |name: &str, value: &str| {
        request.headers.push((name.to_owned(), value.to_owned()));
    };
    header("content-type", "application/secevent+jwt");
    if let Some(value) = stream.delivery["authorization_header"].as_str() {
        header("authorization", value);
    }
    let exchange = wire.send(request).await;
    Told {
        result: exchange.result.clone(),
        exchanges: vec![exchange],
        asked,
    }
}

fn refusal(error: &Value) -> Answer {
    Answer {
        status: 400,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: json!(error).to_string().into_bytes(),
    }
}

fn unreachable(asked: &str, reason: &str) -> Told {
    let reason = reason.to_owned();
    Told {
        exchanges: Vec::new(),
        result: Err(NoAnswer::Unreachable { reason }),
        asked: asked.to_owned(),
    }
}
