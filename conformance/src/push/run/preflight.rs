//! Whether a run can begin: the Receiver takes a sound SET.

use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::PushRun;
use crate::{
    checks::shown,
    push::{Dialect, KeyError, Set},
    wire::WireError,
};

/// How long to wait before the sound SET of the preflight is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The endpoint cannot be judged yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// The endpoint is no URL that can be pushed to.
    #[error(
        "the push endpoint has to be an https URL, or an http URL on loopback, without a user name or a fragment"
    )]
    Endpoint,
    /// There is no key to sign with.
    #[error("the signing key cannot be used")]
    Key(#[source] KeyError),
    /// There is no HTTP client.
    #[error("the push endpoint cannot be asked")]
    Wire(#[source] WireError),
    /// The Receiver has no stream.
    #[error(
        "the receiver has made no stream: {found}; check that it is told the issuer {issuer} and the token, and that it trusts the certificate"
    )]
    NoStream {
        /// The issuer.
        issuer: String,
        /// What it has asked for instead.
        found: String,
    },
    /// Nobody answers.
    #[error(
        "{url} cannot be reached ({reason}): check the address, the network and the certificate"
    )]
    Unreachable {
        /// The endpoint.
        url: String,
        /// What happened instead.
        reason: String,
    },
    /// The sound SET is refused.
    #[error(
        "{url} answers a sound SET with {status} {body}: check that the receiver trusts the issuer {issuer} and can fetch its keys, that its audience is {audience}, that it expects SETs as {written}, and what it wants in Authorization"
    )]
    Refused {
        /// The endpoint.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        body: String,
        /// Who signed.
        issuer: String,
        /// Whom it was for.
        audience: String,
        /// How it was written.
        written: &'static str,
    },
}

impl PushRun {
    pub(super) async fn preflight(&self, patience: Duration) -> Result<(), PreflightError> {
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let set = self.sound(&format!("preflight-{attempt}"));
            let Some(error) = self.refusal(&set).await? else {
                return Ok(());
            };
            if began.elapsed() >= patience {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Why a SET that is sound was not taken.
    async fn refusal(&self, set: &Set) -> Result<Option<PreflightError>, PreflightError> {
        let compact = set.compact(&self.keys);
        let compact = compact.map_err(|_| PreflightError::Key(KeyError::Refused))?;
        let carried = self.carry(self.request(compact.into_bytes())).await;
        Ok(match carried.result {
            Ok(answer) if answer.status == 202 => None,
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                Some(PreflightError::Refused {
                    url: self.url.to_string(),
                    status: answer.status,
                    body: shown(&Value::String(self.masks.mask(&body))),
                    issuer: self.issuer.clone(),
                    audience: self.audience.clone(),
                    written: self.dialect.map_or("SSF 1.0 has them", Dialect::as_str),
                })
            }
            Err(error) => Some(PreflightError::Unreachable {
                url: self.url.to_string(),
                reason: error.to_string(),
            }),
        })
    }
}

/// Where SETs are pushed to: the URL may have a query.
pub(crate) fn endpoint(text: &str) -> Result<Url, PreflightError> {
    let url = Url::parse(text).map_err(|_| PreflightError::Endpoint)?;
    let plain = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_bare && (plain || url.scheme() == "https") {
        return Ok(url);
    }
    Err(PreflightError::Endpoint)
}
