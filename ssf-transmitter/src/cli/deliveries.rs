//! `deliveries`: what became of SETs, and sending them once more, over HTTP, with an operator's token.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use ssf_types::time::Timestamp;

use super::{
    Outcome,
    api::{ServerArgs, sent},
    moment::{When, epoch},
};
use crate::{app::clock::SystemClock, ports::Clock};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists deliveries, one JSON object per line; without a stream, an event or a jti, those that are quarantined.
    List(Box<ListArgs>),
    /// Sends settled deliveries once more: by their names, by their event, or those of a stream and a span of time. Prints
    /// what became of each, one JSON object per line.
    Replay(Box<ReplayArgs>),
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The one with this jti
    #[arg(long, value_name = "JTI")]
    jti: Option<String>,
    /// Those of this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Those of this stream
    #[arg(long, value_name = "ID")]
    stream: Option<String>,
    /// Those that stand so: pending, held, delivered, quarantined or dropped
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Those that were settled, or made if they are not settled, then or later: 2027-01-15T08:00:00Z, or 90m ago
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// And before this moment
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// Those of events of this type, a URI
    #[arg(long, value_name = "URI")]
    event_type: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// The one with this jti; may be repeated
    #[arg(long = "jti", value_name = "JTI")]
    jtis: Vec<String>,
    /// Those of this event
    #[arg(long, value_name = "ID", conflicts_with = "jtis")]
    event: Option<String>,
    /// Those of this stream
    #[arg(long, value_name = "ID")]
    stream: Option<String>,
    /// Those that stand so: quarantined or delivered
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Those that were settled then or later: 2027-01-15T08:00:00Z, or 90m ago
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// And before this moment [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// Those of events of this type, a URI
    #[arg(long, value_name = "URI")]
    event_type: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::List(arguments) => list(*arguments).await,
        Command::Replay(arguments) => replay(*arguments).await,
    }
}

async fn list(arguments: ListArgs) -> Outcome {
    let now = SystemClock.now();
    let ListArgs {
        jti,
        event,
        stream,
        state,
        event_type,
        server,
        ..
    } = arguments;
    // Without a stream, an event or a jti there is one thing to look for.
    let is_named = stream.is_some() || event.is_some() || jti.is_some();
    let state = state.or_else(|| (!is_named).then(|| "quarantined".to_owned()));
    let moment = |when: Option<When>| when.map(|when| epoch(when.before(now)));
    let (since, until) = (moment(arguments.since), moment(arguments.until));
    let mut after: Option<String> = None;
    loop {
        let query = [
            ("jti", jti.as_deref()),
            ("event_id", event.as_deref()),
            ("stream_id", stream.as_deref()),
            ("state", state.as_deref()),
            ("since", since.as_deref()),
            ("until", until.as_deref()),
            ("event_type", event_type.as_deref()),
            ("after", after.as_deref()),
        ];
        let page = sent(server.request(Method::GET, &["deliveries"], &query)?).await?;
        print_items(&page)?;
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

async fn replay(arguments: ReplayArgs) -> Outcome {
    let now = SystemClock.now();
    let mut body = wanted(&arguments, now);
    loop {
        let request = arguments
            .server
            .request(Method::POST, &["deliveries", "replay"], &[])?;
        let page = sent(request.json(&body)).await?;
        print_items(&page)?;
        match page["next"].as_str() {
            Some(next) => body["after"] = json!(next),
            None => return Ok(()),
        }
    }
}

fn wanted(arguments: &ReplayArgs, now: Timestamp) -> Value {
    let is_named = !arguments.jtis.is_empty();
    let since = arguments.since.map(|when| json!(when.before(now)));
    let until = arguments.until.map(|when| json!(when.before(now)));
    let members = [
        ("event_id", arguments.event.as_ref().map(|id| json!(id))),
        ("stream_id", arguments.stream.as_ref().map(|id| json!(id))),
        ("state", arguments.state.as_ref().map(|word| json!(word))),
        ("since", since),
        ("until", until.or_else(|| (!is_named).then(|| json!(now)))),
        (
            "event_type",
            arguments.event_type.as_ref().map(|uri| json!(uri)),
        ),
    ];
    let mut body = json!({});
    if !arguments.jtis.is_empty() {
        body["jtis"] = json!(arguments.jtis);
    }
    for (name, value) in members {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn print_items(page: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for item in page["items"].as_array().into_iter().flatten() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
