//! The management API as a Receiver with a profile speaks it.
//!
//! What it sends goes through its dialect in front of the strict readers, and what it gets behind the writers. For the
//! strict profile both are left as they are.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::StatusCode, web::Payload};
use serde::Serialize;
use ssf_types::{
    audience::Audience,
    dialect::{Body, Deviation, Dialect, Management},
    error::Chain,
    id::StreamId,
    json::{self, JsonError, Members},
    stream::{CreateStream, VerificationRequest},
};
use tracing::error;

use super::{
    body,
    problem::Problem,
    site::Site,
    streams::{no_such_stream, note_activity, private, stream_id},
};
use crate::{
    app::verify,
    domain::{
        method::DeliveryMethod,
        receiver::Receiver,
        stream::{Stream, is_addressed_rightly},
    },
    ports::{Clock, StreamStore},
};

/// The management API as one Receiver speaks it.
pub(super) struct Spoken<'s> {
    site: &'s Site,
    receiver: &'s Receiver,
    dialect: &'static Dialect,
}

impl<'s> Spoken<'s> {
    pub(super) fn by(receiver: &'s Receiver, site: &'s Site) -> Self {
        Self {
            site,
            receiver,
            dialect: receiver.profile.management(),
        }
    }

    /// A body as SSF 1.0 has it, for the strict reader.
    pub(super) fn read<'t>(
        &self,
        body: Body<'_>,
        text: &'t [u8],
    ) -> Result<Cow<'t, [u8]>, Problem> {
        if self.dialect.reads.is_empty() {
            return Ok(Cow::Borrowed(text));
        }
        let text = json::check(text).map_err(|error| refused(&error))?;
        let reading = self
            .dialect
            .read(body, text)
            .map_err(|error| refused(&error))?;
        Ok(match reading.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    /// The stream that stands in for a `stream_id` that a body leaves out: the one that the query names, else the only one.
    /// `None` where nothing stands in for it.
    pub(super) async fn stand_in(
        &self,
        request: &HttpRequest,
    ) -> Result<Option<StreamId>, Problem> {
        if !self.may_leave_out_ids() {
            return Ok(None);
        }
        match stream_id(request)? {
            Some(named) => Ok(Some(named)),
            None => self.only_stream().await,
        }
    }

    /// The stream that a request without a body is about.
    pub(super) async fn named(&self, request: &HttpRequest) -> Result<StreamId, Problem> {
        let named = match stream_id(request)? {
            Some(named) => Some(named),
            None if self.may_leave_out_ids() => self.only_stream().await?,
            None => None,
        };
        named.ok_or_else(|| Problem::bad_request("the query must have a stream_id"))
    }

    /// The stream that is to be deleted; some Receivers name it in a body, and some do not name it.
    pub(super) async fn named_for_deletion(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<StreamId, Problem> {
        if self.may_leave_out_ids() && stream_id(request)?.is_none() {
            let limit = self.site.app.management_body_bytes_max;
            let body = body::json(request, payload, limit).await?;
            if !body.is_empty() {
                let mut members = json::check(&body)
                    .and_then(Members::parse)
                    .map_err(|error| refused(&error))?;
                let named = members
                    .optional("stream_id", "an identifier of a stream")
                    .map_err(|error| refused(&error))?;
                if let Some(named) = named {
                    return Ok(named);
                }
            }
        }
        self.named(request).await
    }

    /// The stream that a request to create one changes, because the Receiver has it and no other.
    pub(super) async fn changed_by_creating(&self) -> Result<Option<StreamId>, Problem> {
        if !self.has_one_stream() {
            return Ok(None);
        }
        let streams = self.streams().await?;
        Ok(streams.into_iter().next().map(|stream| stream.id))
    }

    /// The audience of a new stream: that of the Receiver, or what it asks for if its profile has its say.
    ///
    /// Whoever asks for another one has to be the one that gets the SETs.
    pub(super) fn audience(&self, asked: &CreateStream) -> Result<Audience, Problem> {
        let own = &self.receiver.audience;
        let wanted = asked
            .extra
            .json("aud")
            .filter(|_| self.dialect.echoes.contains(&"aud"));
        let Some(wanted) = wanted else {
            return Ok(own.clone());
        };
        let wanted: Audience = serde_json::from_str(wanted)
            .map_err(|error| Problem::bad_request(format!("aud: {error}")))?;
        let delivery = asked.delivery.as_ref();
        let delivery = delivery.and_then(DeliveryMethod::asked_for);
        let delivery = delivery.unwrap_or(DeliveryMethod::Poll);
        if is_addressed_rightly(&wanted, own, &delivery) {
            return Ok(wanted);
        }
        Err(Problem::bad_request(
            "aud must be what the receiver is registered with, or delivery.endpoint_url",
        ))
    }

    /// The answer to a request that created `stream`; `request` is its body as it was sent.
    pub(super) fn created(&self, request: &[u8], stream: &Stream) -> Result<HttpResponse, Problem> {
        let status = if self.has_one_stream() {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        };
        let told = self.told(stream)?;
        if self.dialect.echoes.is_empty() {
            return Ok(answer(status, told));
        }
        let request = json::check(request).map_err(|error| refused(&error))?;
        let echoed = changed(told, |told| self.dialect.echo(request, told))?;
        Ok(answer(status, echoed))
    }

    /// The answer that tells a stream.
    pub(super) fn stream(&self, stream: &Stream) -> Result<HttpResponse, Problem> {
        Ok(answer(StatusCode::OK, self.told(stream)?))
    }

    /// The answer that tells all streams.
    pub(super) async fn all(&self) -> Result<HttpResponse, Problem> {
        let streams = self.streams().await?;
        let one = streams.first().filter(|_| self.has_one_stream());
        if self.has_one_stream() {
            let one = one.ok_or_else(no_such_stream)?;
            note_activity(self.site, self.receiver.id, &one.id).await?;
        }
        let mut all = Vec::with_capacity(streams.len());
        for stream in &streams {
            all.push(self.shown(stream)?);
        }
        let all = format!("[{}]", all.join(","));
        let body = Body::Streams(one.map(|one| &one.id));
        let all = changed(all, |all| self.dialect.write(body, all))?;
        Ok(answer(StatusCode::OK, all))
    }

    /// The answer that tells the status of a stream.
    pub(super) fn status(
        &self,
        status: StatusCode,
        stream: &Stream,
    ) -> Result<HttpResponse, Problem> {
        let body = Body::Status(Some(&stream.id));
        let text = written(&stream.status_configuration())?;
        let told = changed(text, |text| self.dialect.write(body, text))?;
        Ok(answer(status, told))
    }

    /// The answer to a request that deleted a stream.
    pub(super) fn deleted(&self) -> HttpResponse {
        let answer = if self.has_one_stream() {
            HttpResponse::Ok()
        } else {
            HttpResponse::NoContent()
        };
        private(answer).finish()
    }

    /// Has a verification sent soon on a stream that was just created, where the Receiver waits for one without asking.
    ///
    /// The stream is there even if this fails, and its Receiver can still ask.
    pub(super) async fn verify_soon(&self, stream: &Stream) {
        let Some(delay) = self.receiver.profile.verified_after() else {
            return;
        };
        let app = &self.site.app;
        let asked = VerificationRequest::new(stream.id.clone(), None);
        let at = app.clock.now().after(delay);
        let interval = app.min_verification_interval;
        let sent = verify::verify(&app.store, self.receiver, asked, interval, at);
        if let Err(fault) = sent.await {
            error!(stream.id = %stream.id, error = %Chain(&fault), "a new stream is not verified");
        }
        app.fresh.wake();
    }

    fn may_leave_out_ids(&self) -> bool {
        self.dialect.reads.contains(&Deviation::StreamIdLeftOut)
    }

    fn has_one_stream(&self) -> bool {
        self.dialect.management == Management::OneStream
    }

    async fn streams(&self) -> Result<Vec<Stream>, Problem> {
        let streams = self.site.app.store.streams(self.receiver.id).await;
        streams.map_err(|error| Problem::store(&error))
    }

    async fn only_stream(&self) -> Result<Option<StreamId>, Problem> {
        match self.streams().await?.as_slice() {
            [] => Err(no_such_stream()),
            [only] => Ok(Some(only.id.clone())),
            [..] => Ok(None),
        }
    }

    /// A stream as the Receiver reads it.
    fn told(&self, stream: &Stream) -> Result<String, Problem> {
        let body = Body::Stream(Some(&stream.id));
        changed(self.shown(stream)?, |shown| self.dialect.write(body, shown))
    }

    /// A stream as SSF 1.0 has it, perhaps with its status.
    fn shown(&self, stream: &Stream) -> Result<String, Problem> {
        let text = written(&stream.configuration(self.site.terms()))?;
        changed(text, |text| self.dialect.show_status(stream.status, text))
    }
}

fn answer(status: StatusCode, json: String) -> HttpResponse {
    private(HttpResponseBuilder::new(status))
        .content_type("application/json")
        .body(json)
}

fn written(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|_| cannot_be_written())
}

/// An answer after a dialect had its say.
fn changed(
    text: String,
    change: impl FnOnce(&str) -> Result<Cow<'_, str>, JsonError>,
) -> Result<String, Problem> {
    let changed = match change(&text).map_err(|_| cannot_be_written())? {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    };
    Ok(changed.unwrap_or(text))
}

fn cannot_be_written() -> Problem {
    Problem::unavailable("the answer cannot be written")
}

fn refused(error: &JsonError) -> Problem {
    Problem::bad_request(error.to_string())
}
