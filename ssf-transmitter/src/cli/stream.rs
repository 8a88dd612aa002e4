//! `stream`: the streams of all Receivers, over HTTP, with an operator's token.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    Outcome,
    api::{ServerArgs, sent},
};

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
            ("status", status.as_deref()),
            ("issuer", issuer_name.as_deref()),
            ("after", after.as_deref()),
        ];
        let page = sent(server.request(Method::GET, &["streams"], &query)?).await?;
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
    let stream = sent(
        one.server
            .request(Method::GET, &["streams", &one.id], &[])?,
    )
    .await?;
    writeln!(io::stdout(), "{stream}")?;
    Ok(())
}

async fn set_status(change: ChangeArgs, status: &str) -> Outcome {
    let request = change
        .server
        .request(Method::POST, &["streams", &change.id, "status"], &[])?;
    let mut body = json!({ "status": status });
    if let Some(reason) = change.reason {
        body["reason"] = json!(reason);
    }
    let stream = sent(request.json(&body)).await?;
    writeln!(io::stdout(), "{stream}")?;
    Ok(())
}

async fn delete(one: &OneArgs) -> Outcome {
    sent(
        one.server
            .request(Method::DELETE, &["streams", &one.id], &[])?,
    )
    .await?;
    Ok(())
}
