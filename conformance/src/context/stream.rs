//! Streams that cases make to be judged by. The run deletes whatever they leave behind.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use url::Url;

use super::{Answered, Call, Context, Credential, Operation, same::is_same};
use crate::{
    case::Stop,
    sink::{Inbox, Sink},
    target_file::{Delivery, Token},
};

/// The delivery method of polls.
pub const POLL: &str = "urn:ietf:rfc:8936";

/// The delivery method of pushes.
pub const PUSH: &str = "urn:ietf:rfc:8935";

/// A stream of the case's own.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its `stream_id`.
    pub id: String,
    /// The configuration with which its creation was answered.
    pub configuration: Map<String, Value>,
}

impl Context {
    /// The body of a request for a stream: one that is polled, or, if polls are not judged, one that is pushed to where everything
    /// is acknowledged.
    pub fn stream_request(&self) -> Value {
        let mut delivery = json!({ "method": POLL });
        if !self.target().judges(Delivery::Poll)
            && let Ok(sink) = self.run().sink()
        {
            let inbox = sink.inbox(&self.word());
            delivery = json!({ "method": PUSH, "endpoint_url": inbox.url() });
        }
        json!({
            "events_requested": self.target().events,
            "delivery": delivery,
            "description": self.description,
        })
    }

    /// Makes a stream.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn stream(&self) -> Result<Stream, Stop> {
        self.stream_of(&self.stream_request()).await
    }

    /// Makes a stream as `request` describes it.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn stream_of(&self, request: &Value) -> Result<Stream, Stop> {
        let answered = self.call(Operation::Create).json(request).send().await?;
        Stream::given(&answered)
    }

    /// Makes a stream of the other Receiver.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn stream_of_another(&self, request: &Value) -> Result<Stream, Stop> {
        let call = self.call(Operation::Create).json(request);
        Stream::given(&call.credential(Credential::Of(Token::Other)).send().await?)
    }

    /// Reads the configuration of a stream.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn read(&self, stream: &Stream) -> Result<Map<String, Value>, Stop> {
        let call = self.call(Operation::Read).stream(&stream.id);
        call.send().await?.given_object()
    }

    /// Expects that a stream still is what it was: a request that is refused, or changes nothing, leaves no trace.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn expect_untouched(
        &self,
        stream: &Stream,
        before: &Map<String, Value>,
    ) -> Result<(), Stop> {
        let call = self.call(Operation::Read).stream(&stream.id);
        let answered = call.send().await?;
        let before = Value::Object(before.clone());
        let after = answered.json();
        self.expect(
            after.is_some_and(|after| is_same(&after, &before)),
            "the stream after the request",
            before,
            answered.shown_body(),
        );
        Ok(())
    }

    /// Polls a stream.
    ///
    /// # Errors
    /// The stream has no URL to poll.
    pub fn poll(&self, stream: &Stream, body: &Value) -> Result<Call<'_>, Stop> {
        if !self.target().judges(Delivery::Poll) {
            return Err(Stop::not_configured("needs poll in delivery"));
        }
        let url = stream.poll_url()?;
        if !self.run().issuer().may_lead_to(&url) {
            return Err(Stop::blocked(format!("{url} is not to be shown a token")));
        }
        // SSF defines this for pushes alone; whoever gives it out here wants it to be shown.
        let delivery = stream.configuration.get("delivery");
        let header = delivery.and_then(|delivery| delivery.get("authorization_header"));
        let call = self.post(url).json(body);
        Ok(call.authorization(header.and_then(Value::as_str)))
    }
}

impl Stream {
    /// Relies on an answer that is the configuration of a stream.
    ///
    /// # Errors
    /// It is none.
    pub fn given(answered: &Answered) -> Result<Self, Stop> {
        let configuration = answered.given_room()?.given_object()?;
        let id = configuration.get("stream_id").and_then(Value::as_str);
        let Some(id) = id.filter(|id| !id.is_empty()).map(str::to_owned) else {
            return Err(Stop::blocked(format!("{}: no stream_id", answered.asked())));
        };
        Ok(Self { id, configuration })
    }

    /// How far apart its verifications have to be, if its configuration says.
    pub fn interval(&self) -> Option<Duration> {
        let seconds = self.configuration.get("min_verification_interval");
        seconds.and_then(Value::as_u64).map(Duration::from_secs)
    }

    /// Where it is pushed to, if that is here.
    pub(super) fn inbox_in(&self, sink: &Sink) -> Option<Arc<Inbox>> {
        let delivery = self.configuration.get("delivery")?;
        sink.inbox_at(delivery.get("endpoint_url")?.as_str()?)
    }

    /// Where it is polled.
    ///
    /// # Errors
    /// Its configuration does not say.
    pub fn poll_url(&self) -> Result<Url, Stop> {
        let delivery = self.configuration.get("delivery");
        let url = delivery.and_then(|delivery| delivery.get("endpoint_url"));
        let url = url
            .and_then(Value::as_str)
            .and_then(|url| Url::parse(url).ok());
        url.ok_or_else(|| Stop::blocked("the stream has no endpoint_url that is a URL"))
    }
}
