//! One request to the Transmitter.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{Answered, Context, Stream};
use crate::{
    case::Stop,
    exchange::{Answer, NoAnswer, Request},
    run::{Masks, endpoint},
    target_file::{Secrets, Token},
};

/// Longest interval between verifications that is waited for.
pub const INTERVAL_MAX: Duration = Duration::from_secs(10);

/// What is asked of the Transmitter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Creates a stream (SSF 1.0 §8.1.1.1).
    Create,
    /// Reads one stream, or lists all (SSF 1.0 §8.1.1.2).
    Read,
    /// Changes members of a stream (SSF 1.0 §8.1.1.3).
    Update,
    /// Replaces what the Receiver said about a stream (SSF 1.0 §8.1.1.4).
    Replace,
    /// Deletes a stream (SSF 1.0 §8.1.1.5).
    Delete,
    /// Reads the status of a stream (SSF 1.0 §8.1.2.1).
    ReadStatus,
    /// Changes the status of a stream (SSF 1.0 §8.1.2.2).
    SetStatus,
    /// Adds a subject to a stream (SSF 1.0 §8.1.3.2).
    AddSubject,
    /// Removes a subject from a stream (SSF 1.0 §8.1.3.3).
    RemoveSubject,
    /// Asks for a verification (SSF 1.0 §8.1.4.2).
    Verify,
}

impl Operation {
    /// The method of the request.
    pub fn method(self) -> &'static str {
        match self {
            Self::Read | Self::ReadStatus => "GET",
            Self::Update => "PATCH",
            Self::Replace => "PUT",
            Self::Delete => "DELETE",
            Self::Create
            | Self::SetStatus
            | Self::AddSubject
            | Self::RemoveSubject
            | Self::Verify => "POST",
        }
    }

    /// The member of the metadata that says where.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Create | Self::Read | Self::Update | Self::Replace | Self::Delete => {
                "configuration_endpoint"
            }
            Self::ReadStatus | Self::SetStatus => "status_endpoint",
            Self::AddSubject => "add_subject_endpoint",
            Self::RemoveSubject => "remove_subject_endpoint",
            Self::Verify => "verification_endpoint",
        }
    }

    /// Whether it reads and changes nothing.
    pub fn is_reading(self) -> bool {
        self.method() == "GET"
    }
}

/// Who the request says it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credential {
    /// Whose token the target file names.
    Of(Token),
    /// Nobody: there is no `Authorization`.
    Missing,
    /// A bearer token that nobody issued.
    Unknown,
}

impl Credential {
    /// The bearer token to show; none if there is to be none.
    fn token(self, secrets: &Secrets) -> Result<Option<String>, Stop> {
        let token = match self {
            Self::Of(token) => token,
            Self::Missing => return Ok(None),
            Self::Unknown => return Ok(Some("ssf-conformance-unknown-token".to_owned())),
        };
        match secrets.token(token) {
            Some(value) => Ok(Some(value.to_owned())),
            None => Err(Stop::not_configured(format!("needs {}", token.key()))),
        }
    }
}

/// A request in the making. It shows the Receiver's token unless told otherwise.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'c> {
    cx: &'c Context,
    request: Result<Request, Stop>,
    credential: Credential,
    authorization: Option<String>,
    interval: Option<Duration>,
}

impl Context {
    /// Asks for one of the operations of the management API.
    pub fn call(&self, operation: Operation) -> Call<'_> {
        let url = self.endpoint(operation);
        self.begin(url.map(|url| Request::new(operation.method(), url)))
    }

    /// Posts to a URL that the Transmitter gave, such as that of a poll.
    pub fn post(&self, url: Url) -> Call<'_> {
        self.begin(Ok(Request::new("POST", url)))
    }

    /// Makes any other request.
    pub fn request(&self, method: &str, url: Url) -> Call<'_> {
        self.begin(Ok(Request::new(method, url)))
    }

    /// Where an operation is.
    ///
    /// # Errors
    /// The Transmitter does not offer it.
    pub fn endpoint(&self, operation: Operation) -> Result<Url, Stop> {
        endpoint(self.run().issuer(), self.metadata()?, operation.endpoint())
    }

    /// Makes a request; what was asked, and what came back.
    async fn tried(&self, request: Request) -> (String, Result<Answer, NoAnswer>) {
        let run = self.run();
        let exchange = run.send(request, self.case()).await;
        let asked = asked(&exchange.request, run.masks());
        let result = exchange.result.clone();
        self.keep(run.masks().mask_exchange(exchange));
        (asked, result)
    }

    async fn exchanged(&self, request: Request) -> Result<Answered, Stop> {
        let (asked, result) = self.tried(request).await;
        match result {
            Ok(answer) => Ok(Answered::new(asked, answer)),
            Err(error) => {
                self.require(false, asked, "an answer", error)?;
                Err(Stop::Broken)
            }
        }
    }

    fn begin(&self, request: Result<Request, Stop>) -> Call<'_> {
        Call {
            cx: self,
            request,
            credential: Credential::Of(Token::Receiver),
            authorization: None,
            interval: None,
        }
    }
}

impl Call<'_> {
    /// Says who asks.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Shows this `Authorization` instead of the Receiver's token, if there is one.
    pub fn authorization(mut self, header: Option<&str>) -> Self {
        self.authorization = header.map(str::to_owned);
        self
    }

    /// Is asked once more, after the interval that the stream demands between verifications, if it comes too soon (429).
    pub fn spaced(mut self, stream: &Stream) -> Self {
        self.interval = stream.interval().filter(|one| *one <= INTERVAL_MAX);
        self
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        if let Ok(request) = &mut self.request {
            request.url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// Names the stream in the query.
    pub fn stream(self, id: &str) -> Self {
        self.query("stream_id", id)
    }

    /// Adds a header; `name` is in lower case.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(request) = &mut self.request {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Gives it a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Gives it a body of any kind.
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        if let Ok(request) = &mut self.request {
            request.body = body.into();
        }
        self.header("content-type", media_type)
    }

    /// Gives it another body of the same type.
    pub fn body_instead(mut self, body: &str) -> Self {
        if let Ok(request) = &mut self.request {
            request.body = body.as_bytes().to_vec();
        }
        self
    }

    /// Makes the request. That nobody answers breaks an expectation of whatever case it is.
    ///
    /// # Errors
    /// There is no answer, the Transmitter does not offer the operation, or the credential is not there.
    pub async fn send(self) -> Result<Answered, Stop> {
        let (cx, interval) = (self.cx, self.interval);
        let request = self.made()?;
        let answered = cx.exchanged(request.clone()).await?;
        match interval {
            Some(interval) if answered.status() == 429 => {
                tokio::time::sleep(interval).await;
                cx.exchanged(request).await
            }
            _ => Ok(answered),
        }
    }

    /// Makes a request that need not be answered.
    ///
    /// # Errors
    /// The Transmitter does not offer the operation, or the credential is not there.
    pub async fn attempt(self) -> Result<Option<Answered>, Stop> {
        let cx = self.cx;
        let (asked, result) = cx.tried(self.made()?).await;
        Ok(result.ok().map(|answer| Answered::new(asked, answer)))
    }

    /// The request, with what it shows.
    fn made(self) -> Result<Request, Stop> {
        let mut request = self.request?;
        let own = self.authorization;
        let own = own.filter(|_| self.credential == Credential::Of(Token::Receiver));
        let token = self.credential.token(self.cx.run().secrets())?;
        if let Some(value) = own.or_else(|| token.map(|token| format!("Bearer {token}"))) {
            request.headers.push(("authorization".to_owned(), value));
        }
        Ok(request)
    }
}

fn asked(request: &Request, masks: &Masks) -> String {
    format!("{} {}", request.method, masks.mask_url(&request.url))
}
