//! `trace`: what has become of an event, over HTTP, with an operator's token.

use std::io::{self, Write};

use clap::Args;
use reqwest::Method;
use serde_json::Value;
use ssf_types::time::{Rfc3339, Timestamp};

use super::{
    Outcome,
    api::{ApiError, ServerArgs, sent},
};

/// What a name may be of, in the order in which it is tried.
const KINDS: [&str; 3] = ["event", "jti", "txn"];

#[derive(Args, Debug)]
pub(super) struct TraceArgs {
    /// The id of the event, the jti of a SET that tells of it, or the txn of several
    name: String,
    /// Prints the pages as JSON, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(arguments: TraceArgs) -> Outcome {
    let (kind, mut page) = first(&arguments).await?;
    loop {
        let mut out = io::stdout().lock();
        if arguments.json {
            writeln!(out, "{page}")?;
        } else {
            print(&page, &mut out)?;
        }
        drop(out);
        let Some(next) = page["next"].as_str().map(str::to_owned) else {
            return Ok(());
        };
        page = asked(&arguments, kind, Some(&next)).await?;
    }
}

/// Asks what the name is of.
async fn first(arguments: &TraceArgs) -> Result<(&'static str, Value), Box<dyn std::error::Error>> {
    let mut refused = None;
    for kind in KINDS {
        match asked(arguments, kind, None).await {
            Ok(page) => return Ok((kind, page)),
            Err(error) => match error.downcast_ref::<ApiError>() {
                // It has the form of another kind, or is of none of this.
                Some(ApiError::Refused {
                    status: 400 | 404, ..
                }) => refused = Some(error),
                _ => return Err(error),
            },
        }
    }
    Err(refused.unwrap_or_else(|| "there is nothing to ask for".into()))
}

async fn asked(
    arguments: &TraceArgs,
    kind: &'static str,
    after: Option<&str>,
) -> Result<Value, Box<dyn std::error::Error>> {
    let query = [(kind, Some(arguments.name.as_str())), ("after", after)];
    let request = arguments.server.request(Method::GET, &["trace"], &query)?;
    Ok(sent(request).await?)
}

/// Writes a page as a person reads it: the events, and of each what has become of it on each stream.
fn print(page: &Value, out: &mut impl Write) -> io::Result<()> {
    for event in page["events"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "event {}  {}",
            word(event, "event_id"),
            word(event, "event_type")
        )?;
        writeln!(
            out,
            "  issuer {}, txn {}",
            word(event, "issuer"),
            word(event, "txn")
        )?;
        write!(out, "  accepted {}", moment(event, "accepted_at"))?;
        let fanned_out = &event["fanned_out"];
        if fanned_out.is_object() {
            writeln!(
                out,
                ", fanned out {} to {} streams ({} deliveries are not kept)",
                moment(fanned_out, "at"),
                fanned_out["matched"],
                fanned_out["not_kept"]
            )?;
        } else {
            writeln!(out, ", waits for its fan-out")?;
        }
        let own = page["items"].as_array().into_iter().flatten();
        for entry in own.filter(|entry| entry["event_id"] == event["event_id"]) {
            print_entry(entry, out)?;
        }
    }
    Ok(())
}

fn print_entry(entry: &Value, out: &mut impl Write) -> io::Result<()> {
    let (stream, receiver) = (word(entry, "stream_id"), word(entry, "receiver_id"));
    write!(out, "  stream {stream} of receiver {receiver}: ")?;
    let Some(state) = entry["state"].as_str() else {
        let as_of_now = entry["as_of_now"] == true;
        let since = if as_of_now { " (as of now)" } else { "" };
        return writeln!(out, "not sent, {}{since}", word(entry, "reason"));
    };
    writeln!(out, "{state}")?;
    for delivery in entry["deliveries"].as_array().into_iter().flatten() {
        print_delivery(delivery, out)?;
    }
    Ok(())
}

fn print_delivery(delivery: &Value, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "    number {}, jti {}, made {}",
        delivery["number"],
        word(delivery, "jti"),
        moment(delivery, "made_at")
    )?;
    if delivery["repetition"] != 0 {
        write!(out, ", sent anew")?;
    }
    writeln!(out)?;
    for attempt in delivery["attempts"].as_array().into_iter().flatten() {
        write!(
            out,
            "      {} attempt {}: {}",
            moment(attempt, "at"),
            attempt["number"],
            word(attempt, "class")
        )?;
        if let Some(status) = attempt["status"].as_u64() {
            write!(out, ", status {status}")?;
        }
        for name in ["code", "description"] {
            if let Some(text) = attempt[name].as_str() {
                // What a Receiver has written must not steer a terminal.
                write!(out, ", {}", text.escape_debug())?;
            }
        }
        writeln!(out)?;
    }
    let state = word(delivery, "state");
    match (delivery.get("settled_at"), delivery.get("due_at")) {
        (Some(_), _) => write!(out, "      {} {state}", moment(delivery, "settled_at"))?,
        (None, Some(_)) => write!(out, "      {state}, due {}", moment(delivery, "due_at"))?,
        (None, None) => write!(
            out,
            "      {state}, behind an earlier one about the same user"
        )?,
    }
    if let Some(status) = delivery["http_status"].as_u64() {
        write!(out, ", status {status}")?;
    }
    if delivery.get("with_receiver_until").is_some() {
        let until = moment(delivery, "with_receiver_until");
        write!(out, ", handed out, offered again {until}")?;
    }
    writeln!(out)
}

fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("-")
}

fn moment(value: &Value, name: &str) -> String {
    let moment: Option<Timestamp> = serde_json::from_str(&value[name].to_string()).ok();
    moment.map_or_else(|| "-".to_owned(), |at| Rfc3339(at).to_string())
}
