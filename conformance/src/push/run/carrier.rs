//! How SETs get to a Receiver, and what is said of them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;

use super::PushRun;
use crate::{
    exchange::{Answer, Exchange, NoAnswer, Request},
    peer::host::{Host, Told},
    push::Issuer,
    wire::Wire,
};

/// How SETs get to the Receiver.
pub(super) enum Carrier {
    /// They are pushed to an endpoint that was named.
    Endpoint { wire: Wire, served: Option<Issuer> },
    /// They go as the Receiver wants its stream.
    Stream(Arc<Host>),
}

/// A delivery that is over.
pub(in crate::push) struct Carried {
    /// What shows how it went.
    pub(in crate::push) exchanges: Vec<Exchange>,
    /// What was said of it.
    pub(in crate::push) result: Result<Answer, NoAnswer>,
    /// The delivery in words, for evidence.
    pub(in crate::push) asked: String,
}

impl PushRun {
    /// Makes a push, or delivers the SET that would be its body by the stream.
    pub(in crate::push) async fn carry(&self, request: Request) -> Carried {
        match &self.carrier {
            Carrier::Endpoint { wire, .. } => {
                let asked = format!("{} {}", request.method, request.url);
                let exchange = wire.send(request).await;
                Carried {
                    result: exchange.result.clone(),
                    exchanges: vec![exchange],
                    asked,
                }
            }
            Carrier::Stream(host) => {
                let token = String::from_utf8_lossy(&request.body);
                let told = host.deliver(&name_of(&token), &token).await;
                told.into()
            }
        }
    }
}

impl From<Told> for Carried {
    fn from(told: Told) -> Self {
        let Told {
            exchanges,
            result,
            asked,
        } = told;
        Self {
            exchanges,
            result,
            asked,
        }
    }
}

/// The name under which a SET is polled: its `jti`, or what stands for one that has none.
fn name_of(token: &str) -> String {
    let claims = token.split('.').nth(1);
    let claims = claims.and_then(|part| BASE64URL.decode(part).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let jti = claims.as_ref().and_then(|claims| claims["jti"].as_str());
    jti.unwrap_or("ssf-conformance-without-jti").to_owned()
}
