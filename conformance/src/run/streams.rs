//! The streams that a run made and has to delete: those, and no others.

use std::sync::Mutex;

use serde_json::Value;
use url::Url;

use crate::{
    context::locked,
    exchange::{Exchange, Request},
    wire::Wire,
};

/// A stream that somebody has to delete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Made {
    /// Its `stream_id`.
    pub(super) id: String,
    /// The case that made it.
    case: &'static str,
    /// The `Authorization` with which it was made.
    authorization: Option<String>,
}

/// What is known of the streams of one run.
#[derive(Default)]
pub(super) struct Streams(Mutex<Vec<Made>>);

impl Streams {
    /// Looks whether an exchange made or deleted a stream.
    pub(super) fn note(
        &self,
        exchange: &Exchange,
        configuration: Option<&Url>,
        case: &'static str,
    ) {
        let Ok(answer) = &exchange.result else {
            return;
        };
        if configuration.is_none_or(|url| url.path() != exchange.url().path())
            || !answer.is_success()
        {
            return;
        }
        match exchange.request.method.as_str() {
            "POST" => {
                let object = answer.object().unwrap_or_default();
                if let Some(id) = object.get("stream_id").and_then(Value::as_str) {
                    locked(&self.0).push(Made {
                        id: id.to_owned(),
                        case,
                        authorization: authorization(&exchange.request),
                    });
                }
            }
            // What a faulty Transmitter calls a success is seen again when the run ends.
            "DELETE" => {
                let deleted = exchange
                    .url()
                    .query_pairs()
                    .find(|(name, _)| name == "stream_id");
                if let Some((_, id)) = deleted {
                    self.forget(&id);
                }
            }
            _ => {}
        }
    }

    /// Those of one case.
    pub(super) fn of(&self, case: &str) -> Vec<Made> {
        let mut made = self.all();
        made.retain(|made| made.case == case);
        made
    }

    /// All that are not deleted yet.
    pub(super) fn all(&self) -> Vec<Made> {
        locked(&self.0).clone()
    }

    /// Deletes one; it stays known if that does not succeed.
    pub(super) async fn delete(&self, wire: &Wire, mut url: Url, made: Made) {
        url.query_pairs_mut().append_pair("stream_id", &made.id);
        let mut request = Request::new("DELETE", url);
        if let Some(authorization) = made.authorization {
            let header = ("authorization".to_owned(), authorization);
            request.headers.push(header);
        }
        let exchange = wire.send(request).await;
        let gone = |status: u16| (200..300).contains(&status) || matches!(status, 404 | 410);
        if exchange.result.is_ok_and(|answer| gone(answer.status)) {
            self.forget(&made.id);
        }
    }

    /// Those that have the run's description and were made by a request whose answer nobody saw.
    pub(super) async fn unseen(
        &self,
        wire: &Wire,
        url: Url,
        token: &str,
        description: &str,
    ) -> Vec<Made> {
        let authorization = format!("Bearer {token}");
        let mut request = Request::get(url);
        let header = ("authorization".to_owned(), authorization.clone());
        request.headers.push(header);
        let Ok(answer) = wire.send(request).await.result else {
            return Vec::new();
        };
        let list: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_ours = |stream: &&Value| {
            let found = stream.get("description").and_then(Value::as_str);
            found.is_some_and(|found| found.starts_with(description))
        };
        let made = |stream: &Value| {
            Some(Made {
                id: stream.get("stream_id")?.as_str()?.to_owned(),
                case: "",
                authorization: Some(authorization.clone()),
            })
        };
        list.iter().filter(is_ours).filter_map(made).collect()
    }

    fn forget(&self, id: &str) {
        locked(&self.0).retain(|made| made.id != id);
    }
}

fn authorization(request: &Request) -> Option<String> {
    let header = |(name, _): &&(String, String)| name == "authorization";
    let found = request.headers.iter().find(header);
    found.map(|(_, value)| value.clone())
}
