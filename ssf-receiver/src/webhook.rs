//! Outgoing webhooks, for applications that embed nothing: each SET that was taken is told as
//! [Standard Webhooks](https://www.standardwebhooks.com) have it, at least once.
//!
//! ```text
//! POST /hooks HTTP/1.1
//! Content-Type: application/json
//! webhook-id: msg_3hmmEgzDrzY0FvYOGhRgF6o1dhdRlVh4Kn0h0SRH3Jw
//! webhook-timestamp: 1800000000
//! webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//!
//! {"type":"https://schemas.openid.net/secevent/caep/event-type/session-revoked",
//!  "timestamp":"2027-01-15T08:00:00Z","data":{"iss":"https://idp.example.com","jti":"756E69717565",…}}
//! ```
//!
//! `data` has the claims of the SET as they were signed, `timestamp` is when it came. The id stays the same when a message is
//! repeated, and is another one for each (`iss`, `jti`).

mod message;
mod secret;

use std::sync::Arc;

use ssf_types::uri::EventTypeUri;
use url::Url;

use self::message::Message;
pub use self::secret::{WebhookSecret, WebhookSecretError};
use crate::{
    HandedSet, HandleError, Receiver,
    client::{FetchError, Http},
    clock,
};

/// Where to tell of SETs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Webhook {
    /// What it is called: its handler is `webhook-` and this.
    pub name: String,
    /// Where messages go.
    pub url: Url,
    /// What they are signed with: all of them, so that a secret can be changed.
    pub secrets: Vec<WebhookSecret>,
    /// Which events are told of; `None` for all.
    pub events: Option<Vec<EventTypeUri>>,
}

/// A message was not taken, and is sent again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// There was no answer.
    #[error("no answer")]
    Unanswered(#[source] FetchError),
    /// There was another answer than 2xx.
    #[error("it was answered with status {0}, and 2xx is expected")]
    Status(u16),
}

impl Webhook {
    /// Tells of each SET that `receiver` takes from the first start with a webhook of this name on.
    pub(crate) async fn tell(self, receiver: &Receiver, http: &Http) -> Result<(), HandleError> {
        let handler = format!("webhook-{}", self.name);
        let webhook = Arc::new((self, http.clone()));
        let tell = move |set: HandedSet| {
            let webhook = Arc::clone(&webhook);
            async move {
                let (webhook, http) = &*webhook;
                webhook.told(http, &set).await
            }
        };
        receiver.handle(&handler, tell).await
    }

    async fn told(&self, http: &Http, set: &HandedSet) -> Result<(), WebhookError> {
        let uri = set.claims.event.uri();
        if self
            .events
            .as_ref()
            .is_some_and(|only| !only.contains(&uri))
        {
            return Ok(());
        }
        let message = Message::of(set);
        let headers = message.headers(clock::now(), &self.secrets);
        let status = http.post(self.url.clone(), headers, message.body).await;
        match status.map_err(WebhookError::Unanswered)? {
            200..=299 => Ok(()),
            status => Err(WebhookError::Status(status)),
        }
    }
}
