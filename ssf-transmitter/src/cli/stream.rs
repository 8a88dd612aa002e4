//! `stream`: the streams of all Receivers, over HTTP, with an operator's token.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::{Args, Subcommand};
use reqwest::{Client, Method, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use ssf_types::uri::EndpointUrl;

use super::Outcome;

/// How long a request may take; a change of status waits up to 3 s for what is under way.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer that is read, in bytes: a page of 1000 streams has less.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists streams, one JSON object per line.
    List {
        /// Those with this status: enabled, paused or disabled
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Those of the issuer with this name
        #[arg(long, value_name = "NAME")]
        issuer_name: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Shows a stream, and what waits on it.
    Show(OneArgs),
    /// Pauses a stream: what happens is held; its Receiver is told before.
    Pause(ChangeArgs),
    /// Enables a stream: what was held goes out; its Receiver is told first.
    Enable(ChangeArgs),
    /// Disables a stream: what waits is dropped with a record; its Receiver is told before.
    Disable(ChangeArgs),
    /// Deletes a stream: what waits is dropped with a record.
    Delete(OneArgs),
}

/// Where the transmitter is, and who asks.
#[derive(Args, Debug)]
pub(super) struct ServerArgs {
    /// Where the transmitter is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8411")]
    url: String,
    /// The operator's token; in the environment other users of this machine cannot see it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SSF_OPERATOR_TOKEN",
        hide_env_values = true
    )]
    token: SecretString,
}

#[derive(Args, Debug)]
pub(super) struct OneArgs {
    /// Which one
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    /// Which one
    id: String,
    /// Why; the Receiver is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The transmitter did not do it.
#[derive(Debug, thiserror::Error)]
enum ApiError {
    #[error("the transmitter cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the transmitter answered {status}: {detail}")]
    Refused { status: u16, detail: String },
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::List {
            status,
            issuer_name,
            server,
        } => list(&server, status, issuer_name).await,
        Command::Show(one) => show(&one).await,
        Command::Pause(change) => set_status(change, "paused").await,
        Command::Enable(change) => set_status(change, "enabled").await,
        Command::Disable(change) => set_status(change, "disabled").await,
        Command::Delete(one) => delete(&one).await,
    }
}

async fn list(server: &ServerArgs, status: Option<String>, issuer_name: Option<String>) -> Outcome {
    let mut after: Option<String> = None;
    loop {
        let query = [
            ("status", &status),
            ("issuer", &issuer_name),
            ("after", &after),
        ];
        let page = sent(server.request(Method::GET, &[], &query)?).await?;
        let mut out = io::stdout().lock();
        for stream in page["items"].as_array().into_iter().flatten() {
            writeln!(out, "{stream}")?;
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

async fn show(one: &OneArgs) -> Outcome {
    let stream = sent(one.server.request(Method::GET, &[&one.id], &[])?).await?;
    writeln!(io::stdout(), "{stream}")?;
    Ok(())
}

async fn set_status(change: ChangeArgs, status: &str) -> Outcome {
    let request = change
        .server
        .request(Method::POST, &[&change.id, "status"], &[])?;
    let mut body = json!({ "status": status });
    if let Some(reason) = change.reason {
        body["reason"] = json!(reason);
    }
    let stream = sent(request.json(&body)).await?;
    writeln!(io::stdout(), "{stream}")?;
    Ok(())
}

async fn delete(one: &OneArgs) -> Outcome {
    sent(one.server.request(Method::DELETE, &[&one.id], &[])?).await?;
    Ok(())
}

impl ServerArgs {
    /// A request about streams; segments and what the query has are escaped.
    fn request(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &Option<String>)],
    ) -> Result<RequestBuilder, Box<dyn std::error::Error>> {
        let base = self.url.trim_end_matches('/');
        let base = EndpointUrl::parse(format!("{base}/operator/v1/streams"))?;
        let mut url = base.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(ApiError::Unreachable)?;
        Ok(client
            .request(method, url)
            .bearer_auth(self.token.expose_secret()))
    }
}

/// The answer's JSON; null if it has none.
async fn sent(request: RequestBuilder) -> Result<Value, ApiError> {
    let mut response = request.send().await.map_err(ApiError::Unreachable)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ApiError::Unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ApiError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().unwrap_or("no explanation");
    Err(ApiError::Refused {
        status: status.as_u16(),
        detail: detail.to_owned(),
    })
}
