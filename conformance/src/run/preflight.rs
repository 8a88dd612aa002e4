//! What has to be in order before anything can be judged, apart from judgement: what is wrong here is the set-up's fault.

use std::time::{Duration, SystemTime};

use url::Url;

use super::{Run, endpoint};
use crate::{
    exchange::{Answer, Recording, Request},
    sink::SinkError,
    target::{Target, TargetError},
    wire::{Settings, Wire, WireError},
};

/// Most by which the clocks may differ; tokens and SETs have moments in them.
pub(crate) const CLOCKS_APART_MAX: Duration = Duration::from_mins(1);

/// The target cannot be judged yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// The issuer is none.
    #[error("the issuer cannot be tested")]
    Issuer(#[source] TargetError),
    /// Nobody answers.
    #[error("the target cannot be asked; check the address, the network and the certificate")]
    Wire(#[source] WireError),
    /// A token does not count.
    #[error(
        "{url} answers {key} with {status}: check that the token is this target's and has not expired"
    )]
    Token {
        /// Where the token is in the target file.
        key: &'static str,
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// Pushes cannot be taken.
    #[error("pushes cannot be taken")]
    Sink(#[source] SinkError),
    /// The clocks differ.
    #[error(
        "the clocks of the target and of this machine are {0} s apart: set them, or verdicts about time are wrong"
    )]
    Clock(u64),
}

/// Fetches what discovery is judged by.
pub(super) async fn discover(
    issuer: Target,
    settings: &Settings,
) -> Result<(Wire, Recording), PreflightError> {
    let wire = Wire::new(&issuer, settings).map_err(PreflightError::Wire)?;
    let recording = wire.metadata(issuer).await.map_err(PreflightError::Wire)?;
    if let Some(apart) = recording
        .metadata()
        .result
        .as_ref()
        .ok()
        .and_then(clock_apart)
        && apart > CLOCKS_APART_MAX
    {
        return Err(PreflightError::Clock(apart.as_secs()));
    }
    Ok((wire, recording))
}

/// Looks whether the tokens that the file gives are known, where that can be asked.
pub(super) async fn credentials(run: &Run) -> Result<(), PreflightError> {
    let Ok(metadata) = run.discovery.document() else {
        return Ok(());
    };
    let Ok(url) = endpoint(run.issuer(), metadata, "configuration_endpoint") else {
        return Ok(());
    };
    for (key, token) in run.secrets.to_manage() {
        let Some(token) = token else {
            continue;
        };
        if let Some(status) = refused(&run.wire, &url, token).await {
            let url = url.to_string();
            return Err(PreflightError::Token { key, url, status });
        }
    }
    Ok(())
}

/// The status with which a token is refused, if it is.
pub(crate) async fn refused(wire: &Wire, url: &Url, token: &str) -> Option<u16> {
    // Whoever may not list streams may still ask for one.
    let mut one = url.clone();
    one.query_pairs_mut()
        .append_pair("stream_id", "ssf-conformance");
    asked(wire, url.clone(), token).await?;
    asked(wire, one, token).await
}

async fn asked(wire: &Wire, url: Url, token: &str) -> Option<u16> {
    let mut request = Request::get(url);
    let header = ("authorization".to_owned(), format!("Bearer {token}"));
    request.headers.push(header);
    let answer = wire.send(request).await.result.ok()?;
    matches!(answer.status, 401 | 403).then_some(answer.status)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of this machine is one of the two that are compared"
)]
pub(crate) fn clock_apart(answer: &Answer) -> Option<Duration> {
    let theirs = httpdate::parse_http_date(answer.header("date").next()?).ok()?;
    let ours = SystemTime::now();
    let behind = ours.duration_since(theirs);
    Some(behind.unwrap_or_else(|ahead| ahead.duration()))
}
