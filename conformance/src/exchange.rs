//! What was asked and what came back, as it came: the record that the checks judge.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use crate::target::Target;

/// Most bytes of an answer that are read; metadata and keys have a few thousand.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// One request and what came of it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Exchange {
    /// What was asked for.
    pub request: Request,
    /// What came back.
    pub result: Result<Answer, NoAnswer>,
    /// From the beginning of the request to the end of the answer.
    pub took: Duration,
}

/// A request, as it is sent.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// Names in lower case and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer, unread.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// There is no answer that could be judged.
#[derive(Clone, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// No connection, no TLS session, or no answer in time.
    #[error("no answer: {reason}")]
    Unreachable {
        /// What the HTTP client said.
        reason: String,
    },
    /// The body is longer than [`BODY_BYTES_MAX`].
    #[error(
        "the answer has more than {BODY_BYTES_MAX} bytes, which is as far as this tester reads"
    )]
    TooLong,
}

impl Request {
    /// A request without a body that asks for JSON.
    pub fn new(method: &str, url: Url) -> Self {
        Self {
            method: method.to_owned(),
            url,
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(url: Url) -> Self {
        Self::new("GET", url)
    }
}

impl Answer {
    /// Whether the status is one of the 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// All values of a header; `name` is in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// Says what the body is instead.
    pub fn object(&self) -> Result<Map<String, Value>, &'static str> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(Value::Array(_)) => Err("the body is a JSON array, not an object"),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Err("the body is a bare JSON value, not an object")
            }
            Err(_) => Err("the body is not JSON"),
        }
    }
}

impl Exchange {
    /// Puts a request and what came of it together.
    pub fn new(request: Request, result: Result<Answer, NoAnswer>, took: Duration) -> Self {
        Self {
            request,
            result,
            took,
        }
    }

    /// Where the request went.
    pub fn url(&self) -> &Url {
        &self.request.url
    }

    /// What was asked and the status that came back, in one line.
    pub fn summary(&self) -> String {
        let Request { method, url, .. } = &self.request;
        match &self.result {
            Ok(answer) => format!("{method} {url} → {}", answer.status),
            Err(error) => format!("{method} {url} → {error}"),
        }
    }
}

/// All exchanges of one run of `metadata`, and the document that the first one brought.
#[derive(Clone, Debug)]
pub struct Recording {
    target: Target,
    metadata: Exchange,
    document: Result<Map<String, Value>, String>,
    probes: Probes,
}

/// The exchanges besides that of the metadata.
#[derive(Clone, Debug)]
pub struct Probes {
    /// The metadata where it does not belong, asked for if the issuer has a path.
    pub appended: Option<Exchange>,
    /// The metadata of an issuer that does not exist.
    pub unknown_tenant: Exchange,
    /// The metadata of a RISC transmitter.
    pub risc: Exchange,
    /// The keys, if there is a `jwks_uri` that may be asked.
    pub jwks: Option<Exchange>,
}

impl Recording {
    /// Puts a record together.
    pub fn new(target: Target, metadata: Exchange, probes: Probes) -> Self {
        Self {
            target,
            document: document(&metadata),
            metadata,
            probes,
        }
    }

    /// The Transmitter under test.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The exchange that fetched the metadata.
    pub fn metadata(&self) -> &Exchange {
        &self.metadata
    }

    /// The other exchanges.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// The metadata document: the object in a 2xx answer.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn document(&self) -> Result<&Map<String, Value>, &str> {
        self.document.as_ref().map_err(String::as_str)
    }

    /// All exchanges, in the order in which they were made.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        let probes = &self.probes;
        [&self.metadata]
            .into_iter()
            .chain(&probes.appended)
            .chain([&probes.unknown_tenant, &probes.risc])
            .chain(&probes.jwks)
    }
}

/// The URL of the keys, if the metadata has one that a tester may ask.
pub fn jwks_url(target: &Target, metadata: &Exchange) -> Option<Url> {
    let document = document(metadata).ok()?;
    let url = Url::parse(document.get("jwks_uri")?.as_str()?).ok()?;
    target.may_lead_to(&url).then_some(url)
}

fn document(metadata: &Exchange) -> Result<Map<String, Value>, String> {
    let answer = metadata.result.as_ref().map_err(NoAnswer::to_string)?;
    if !answer.is_success() {
        return Err(format!("the answer has status {}", answer.status));
    }
    answer.object().map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(status: u16, body: &str) -> Exchange {
        let url = Url::parse("https://h/.well-known/ssf-configuration").unwrap();
        let answer = Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        Exchange::new(Request::get(url), Ok(answer), Duration::ZERO)
    }

    #[test]
    fn an_error_in_json_is_not_the_document() {
        assert_eq!(
            document(&metadata(404, "{}")),
            Err("the answer has status 404".to_owned())
        );
        assert!(document(&metadata(200, "{}")).is_ok());
        assert!(document(&metadata(200, "[]")).is_err());
        assert!(document(&metadata(200, "<html>")).is_err());
    }

    #[test]
    fn keys_are_not_fetched_without_tls_for_an_issuer_with_tls() {
        let plain = metadata(200, r#"{"jwks_uri":"http://127.0.0.1/jwks"}"#);
        let target = |issuer| Target::parse(issuer).unwrap();
        assert_eq!(jwks_url(&target("https://h"), &plain), None);
        assert!(jwks_url(&target("http://127.0.0.1"), &plain).is_some());
        let elsewhere = metadata(200, r#"{"jwks_uri":"http://192.0.2.1/jwks"}"#);
        assert_eq!(jwks_url(&target("http://127.0.0.1"), &elsewhere), None);
        let secure = metadata(200, r#"{"jwks_uri":"https://h/jwks"}"#);
        assert!(jwks_url(&target("https://h"), &secure).is_some());
    }
}
