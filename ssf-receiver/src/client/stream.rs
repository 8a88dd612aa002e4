//! The stream management API, as a Receiver uses it (SSF 1.0 §8.1).
//!
//! Each answer is held against what was asked: its status is the one that the specification gives for a success, the body can be
//! read, `iss` is the issuer whose metadata we have, and the stream is the one that was meant.

#![cfg_attr(
    not(feature = "daemon"),
    expect(
        dead_code,
        reason = "some of it is asked for by hand alone, with the program"
    )
)]

mod ensure;
mod polled;
mod refusal;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use ssf_types::{
    id::StreamId,
    json::JsonError,
    metadata::{AuthorizationScheme, TransmitterMetadata},
    set::{ReplayRequest, Replayed, Sequence},
    stream::{
        AddSubject, CreateStream, RemoveSubject, ReplaceStream, StatusConfiguration,
        StreamConfiguration, UpdateStatus, UpdateStream, VerificationRequest,
    },
    uri::EndpointUrl,
};
use url::Url;

pub(crate) use self::{
    ensure::{Agreed, Wanted, ensure_push_stream},
    polled::{Polled, ensure_poll_stream},
    refusal::StreamError,
};
use super::{Http, access::Access, discovery::endpoint, reach::is_named};

const LIST: &str = "list streams";
const READ: &str = "tell a stream's configuration";
const CREATE: &str = "create a stream";
const UPDATE: &str = "update a stream";
const REPLACE: &str = "replace a stream's configuration";
const DELETE: &str = "delete a stream";
const STATUS: &str = "tell the status of the stream";
const SET_STATUS: &str = "change the status of the stream";
const ADD_SUBJECT: &str = "add a subject";
const REMOVE_SUBJECT: &str = "remove a subject";
const VERIFY: &str = "verify the stream";
const REPLAY: &str = "send SETs again";

/// Ways of authorising requests that we have: OAuth 2.0, and bearer tokens from wherever they come (SSF 1.0 §7.1.1).
const SCHEMES: [&str; 2] = ["urn:ietf:rfc:6749", "urn:ietf:rfc:6750"];

/// The API of one Transmitter.
#[derive(Debug)]
pub(crate) struct StreamClient<'c> {
    pub(crate) http: &'c Http,
    pub(crate) metadata: &'c TransmitterMetadata,
    pub(crate) access: &'c Access,
}

impl StreamClient<'_> {
    /// The Receiver's streams (SSF 1.0 §8.1.1.2).
    pub(crate) async fn list(&self) -> Result<Vec<StreamConfiguration>, StreamError> {
        let url = self.configuration()?.url().clone();
        let body = self.ask(LIST, (Method::GET, url), None, &[200]).await?;
        let streams = StreamConfiguration::parse_list(&body).map_err(faulty(LIST))?;
        for stream in &streams {
            self.is_ours(stream)?;
        }
        Ok(streams)
    }

    /// The configuration of a stream (SSF 1.0 §8.1.1.2).
    pub(crate) async fn read(&self, id: &StreamId) -> Result<StreamConfiguration, StreamError> {
        let url = self.configuration()?.with_query("stream_id", id.as_str());
        let body = self.ask(READ, (Method::GET, url), None, &[200]).await?;
        self.configured(&body, READ, Some(id))
    }

    /// Makes a stream (SSF 1.0 §8.1.1.1).
    pub(crate) async fn create(
        &self,
        request: &CreateStream,
    ) -> Result<StreamConfiguration, StreamError> {
        let url = self.configuration()?.url().clone();
        let request = Some(written(request)?);
        let asked = self.ask(CREATE, (Method::POST, url), request, &[201, 200]);
        self.configured(&asked.await?, CREATE, None)
    }

    /// Changes what the request names, and nothing else (SSF 1.0 §8.1.1.3).
    pub(crate) async fn update(
        &self,
        request: &UpdateStream,
    ) -> Result<StreamConfiguration, StreamError> {
        let url = self.configuration()?.url().clone();
        let body = Some(written(request)?);
        let asked = self.ask(UPDATE, (Method::PATCH, url), body, &[200]);
        self.configured(&asked.await?, UPDATE, Some(&request.stream_id))
    }

    /// Replaces all that the Receiver supplies (SSF 1.0 §8.1.1.4).
    pub(crate) async fn replace(
        &self,
        request: &ReplaceStream,
    ) -> Result<StreamConfiguration, StreamError> {
        let url = self.configuration()?.url().clone();
        let body = Some(written(request)?);
        let asked = self.ask(REPLACE, (Method::PUT, url), body, &[200]);
        self.configured(&asked.await?, REPLACE, Some(&request.stream_id))
    }

    /// Deletes a stream; one that is gone already counts as deleted (SSF 1.0 §8.1.1.5).
    pub(crate) async fn delete(&self, id: &StreamId) -> Result<(), StreamError> {
        let url = self.configuration()?.with_query("stream_id", id.as_str());
        let statuses = [204, 200, 404];
        self.ask(DELETE, (Method::DELETE, url), None, &statuses)
            .await
            .map(drop)
    }

    /// The status of a stream (SSF 1.0 §8.1.2.1).
    pub(crate) async fn status(&self, id: &StreamId) -> Result<StatusConfiguration, StreamError> {
        let url = offered(self.metadata.status_endpoint.as_ref(), "status_endpoint")?;
        let url = url.with_query("stream_id", id.as_str());
        let body = self.ask(STATUS, (Method::GET, url), None, &[200]).await?;
        status_of(&body, STATUS, id)
    }

    /// Asks for another status (SSF 1.0 §8.1.2.2), and tells the one that the stream has then.
    pub(crate) async fn set_status(
        &self,
        request: &UpdateStatus,
    ) -> Result<StatusConfiguration, StreamError> {
        let url = offered(self.metadata.status_endpoint.as_ref(), "status_endpoint")?;
        let body = Some(written(request)?);
        let asked = self.ask(SET_STATUS, (Method::POST, url.url().clone()), body, &[200]);
        status_of(&asked.await?, SET_STATUS, &request.stream_id)
    }

    /// Adds a subject (SSF 1.0 §8.1.3.2).
    pub(crate) async fn add_subject(&self, request: &AddSubject) -> Result<(), StreamError> {
        let place = self.metadata.add_subject_endpoint.as_ref();
        let url = offered(place, "add_subject_endpoint")?.url().clone();
        let body = Some(written(request)?);
        let asked = self.ask(ADD_SUBJECT, (Method::POST, url), body, &[200, 204]);
        asked.await.map(drop)
    }

    /// Removes a subject (SSF 1.0 §8.1.3.3).
    pub(crate) async fn remove_subject(&self, request: &RemoveSubject) -> Result<(), StreamError> {
        let place = self.metadata.remove_subject_endpoint.as_ref();
        let url = offered(place, "remove_subject_endpoint")?.url().clone();
        let body = Some(written(request)?);
        let asked = self.ask(REMOVE_SUBJECT, (Method::POST, url), body, &[204, 200]);
        asked.await.map(drop)
    }

    /// Asks for a verification event, with `state` in it if there is one (SSF 1.0 §8.1.4.2).
    ///
    /// The event may come before the answer, or much later.
    pub(crate) async fn verify(
        &self,
        id: &StreamId,
        state: Option<String>,
    ) -> Result<(), StreamError> {
        let place = self.metadata.verification_endpoint.as_ref();
        let url = offered(place, "verification_endpoint")?.url().clone();
        let request = VerificationRequest::new(id.clone(), state);
        let body = Some(written(&request)?);
        let asked = self.ask(VERIFY, (Method::POST, url), body, &[204, 200]);
        asked.await.map(drop)
    }

    /// Where SETs may be asked for again. The management token goes nowhere but where the rest of the metadata leads, so that one
    /// elsewhere is as good as none.
    fn replay_endpoint(&self) -> Option<EndpointUrl> {
        let json = self.metadata.extra.json(Sequence::REPLAY_ENDPOINT)?;
        let endpoint = serde_json::from_str(json).ok().and_then(parsed)?;
        is_named(self.metadata, endpoint.url()).then_some(endpoint)
    }

    /// Whether SETs may be asked for again.
    pub(crate) fn offers_replay(&self) -> bool {
        self.replay_endpoint().is_some()
    }

    /// Asks for SETs again by their numbers: an extension of SSF 1.0.
    pub(crate) async fn replay(&self, request: &ReplayRequest) -> Result<Replayed, StreamError> {
        let place = self.replay_endpoint();
        let url = offered(place.as_ref(), Sequence::REPLAY_ENDPOINT)?;
        let url = url.url().clone();
        let body = Some(written(request)?);
        let answer = self.ask(REPLAY, (Method::POST, url), body, &[200]).await?;
        Replayed::parse(&answer).map_err(faulty(REPLAY))
    }

    /// Asks for numbers on the SETs, where they are offered.
    pub(crate) fn numbered(&self, mut request: CreateStream) -> Result<CreateStream, StreamError> {
        if self.metadata.extra.json(Sequence::SUPPORTED) == Some("true") {
            let put = request.extra.put(Sequence::NAME, &true);
            put.map_err(StreamError::Unwritable)?;
        }
        Ok(request)
    }

    fn configuration(&self) -> Result<&EndpointUrl, StreamError> {
        let place = self.metadata.configuration_endpoint.as_ref();
        offered(place, "configuration_endpoint")
    }

    /// Sends a request, and reads the answer if its status is one of those.
    async fn ask(
        &self,
        action: &'static str,
        (method, url): (Method, Url),
        body: Option<Vec<u8>>,
        statuses: &[u16],
    ) -> Result<Vec<u8>, StreamError> {
        let schemes = &self.metadata.authorization_schemes;
        let is_ours = |scheme: &AuthorizationScheme| SCHEMES.contains(&scheme.spec_urn.as_str());
        if !schemes.is_empty() && !schemes.iter().any(is_ours) {
            return Err(StreamError::OtherSchemes);
        }
        let answer = self.http.manage(method, url, self.access, body).await;
        let answer = answer.map_err(|source| StreamError::Request { action, source })?;
        if answer.status == StatusCode::ACCEPTED {
            return Err(StreamError::NotYet { action });
        }
        let body = answer.expect(statuses);
        body.map_err(|source| StreamError::Request { action, source })
    }

    /// Reads a configuration, of `asked` if one stream was asked about.
    fn configured(
        &self,
        body: &[u8],
        action: &'static str,
        asked: Option<&StreamId>,
    ) -> Result<StreamConfiguration, StreamError> {
        let stream = StreamConfiguration::parse(body).map_err(faulty(action))?;
        self.is_ours(&stream)?;
        if asked.is_some_and(|asked| *asked != stream.stream_id) {
            return Err(StreamError::WrongStream { action });
        }
        Ok(stream)
    }

    /// A stream has the issuer of the metadata (SSF 1.0 §8.1.1.1 to §8.1.1.4).
    fn is_ours(&self, stream: &StreamConfiguration) -> Result<(), StreamError> {
        if stream.iss != self.metadata.issuer {
            return Err(StreamError::WrongIssuer);
        }
        Ok(())
    }
}

/// An endpoint of the metadata, if it is there.
fn offered<'e>(
    url: Option<&'e EndpointUrl>,
    name: &'static str,
) -> Result<&'e EndpointUrl, StreamError> {
    endpoint(url, name).map_err(StreamError::NotOffered)
}

fn parsed(text: String) -> Option<EndpointUrl> {
    EndpointUrl::parse(text).ok()
}

fn written(request: &impl Serialize) -> Result<Vec<u8>, StreamError> {
    serde_json::to_vec(request).map_err(StreamError::Unwritable)
}

fn faulty(action: &'static str) -> impl Fn(JsonError) -> StreamError {
    move |source| StreamError::Faulty { action, source }
}

fn status_of(
    body: &[u8],
    action: &'static str,
    asked: &StreamId,
) -> Result<StatusConfiguration, StreamError> {
    let found = StatusConfiguration::parse(body).map_err(faulty(action))?;
    if found.stream_id != *asked {
        return Err(StreamError::WrongStream { action });
    }
    Ok(found)
}
