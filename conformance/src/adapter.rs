//! What the target's owner does for the tester, since the wire has no request for it.
//!
//! Each adapter is a hook or a command (see [`AdapterAddress`]). It is given one JSON object, by POST or at standard
//! input, and has done its work when it answers with one of the 2xx, or exits with 0. What it answers with, or writes to
//! standard output, is read if it is a JSON object.

use std::{process::Stdio, time::Duration};

use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};
use url::{Url, form_urlencoded};

use crate::{
    exchange::{NoAnswer, Request},
    target_file::AdapterAddress,
    wire::{Wire, WireError},
};

/// Most that is read of what a command writes to standard output, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// Longest piece of what a command writes to standard error that is repeated, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// An adapter did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The URL of a hook is none.
    #[error("its url is not a URL")]
    Url,
    /// The hook cannot be asked.
    #[error("the hook cannot be asked")]
    Wire(#[source] WireError),
    /// The hook does not answer.
    #[error("the hook does not answer")]
    NoAnswer(#[source] NoAnswer),
    /// The hook refuses.
    #[error("the hook answers with status {0}")]
    Status(u16),
    /// The command has no program.
    #[error("its command is empty")]
    EmptyCommand,
    /// The command cannot be run.
    #[error("the command cannot be run")]
    Command(#[source] std::io::Error),
    /// The command fails.
    #[error("the command ended with {status}: {stderr}")]
    Failed {
        /// How it ended.
        status: String,
        /// The beginning of what it wrote to standard error.
        stderr: String,
    },
    /// It does not say what it was asked for.
    #[error("its answer does not say {0}")]
    Answer(&'static str),
    /// The command goes on.
    #[error("the command has not ended within {} s", .0.as_secs())]
    TooSlow(Duration),
}

/// Has an adapter do something, within the time that an answer may take, and returns what it has to say about it.
///
/// # Errors
/// It is not done, or nobody knows.
pub async fn ask(
    address: &AdapterAddress,
    token: Option<&str>,
    what: &Value,
    wire: &Wire,
) -> Result<Map<String, Value>, AdapterError> {
    let said = match address {
        AdapterAddress::Hook { url, .. } => post(url, token, what, wire).await?,
        AdapterAddress::Command { command } => {
            let patience = wire.timeout();
            let run = run(command, what);
            let ended = timeout(patience, run).await;
            ended.unwrap_or(Err(AdapterError::TooSlow(patience)))?
        }
    };
    Ok(serde_json::from_slice(&said).unwrap_or_default())
}

async fn post(
    url: &str,
    token: Option<&str>,
    what: &Value,
    wire: &Wire,
) -> Result<Vec<u8>, AdapterError> {
    let (url, what) = filled(url, what);
    let url = Url::parse(&url).map_err(|_| AdapterError::Url)?;
    let wire = wire.also_to(&url).map_err(AdapterError::Wire)?;
    let mut request = Request::new("POST", url);
    let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
    header("content-type", "application/json".to_owned());
    if let Some(token) = token {
        header("authorization", format!("Bearer {token}"));
    }
    request.body = what.to_string().into_bytes();
    match wire.send(request).await.result {
        Ok(answer) if answer.is_success() => Ok(answer.body),
        Ok(answer) => Err(AdapterError::Status(answer.status)),
        Err(error) => Err(AdapterError::NoAnswer(error)),
    }
}

/// Puts members of the object where the URL names them, and takes them out of the object.
fn filled(url: &str, what: &Value) -> (String, Value) {
    let (mut url, mut what) = (url.to_owned(), what.clone());
    if let Some(members) = what.as_object_mut() {
        members.retain(|name, value| {
            let place = format!("{{{name}}}");
            let text = value.as_str().filter(|_| url.contains(&place));
            if let Some(text) = text {
                let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
                url = url.replace(&place, &text);
            }
            text.is_none()
        });
    }
    (url, what)
}

async fn run(command: &[String], what: &Value) -> Result<Vec<u8>, AdapterError> {
    let (program, arguments) = command.split_first().ok_or(AdapterError::EmptyCommand)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(AdapterError::Command)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input says by its exit code whether that matters.
        let _ = stdin.write_all(what.to_string().as_bytes()).await;
    }
    let stdout = child.stdout.take();
    let reading = async {
        let mut said = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut said).await?;
        }
        Ok(said)
    };
    let (said, output) =
        tokio::try_join!(reading, child.wait_with_output()).map_err(AdapterError::Command)?;
    if output.status.success() {
        return Ok(said);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(AdapterError::Failed {
        status: output.status.to_string(),
        stderr: stderr.trim().chars().take(SHOWN_CHARS_MAX).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::Settings;

    fn patient() -> Wire {
        let settings = Settings {
            timeout: Duration::from_mins(1),
            ..Settings::default()
        };
        Wire::to(&Url::parse("http://127.0.0.1").unwrap(), &settings).unwrap()
    }

    async fn command(script: &str) -> Result<Map<String, Value>, AdapterError> {
        let command = ["sh", "-c", script].map(str::to_owned).into();
        let address = AdapterAddress::Command { command };
        ask(&address, None, &json!({ "sub_id": 7 }), &patient()).await
    }

    #[test]
    fn a_member_may_stand_in_the_url_of_a_hook() {
        let what = json!({ "stream_id": "a/b", "status": "paused" });
        let (url, rest) = filled("https://h/streams/{stream_id}/status", &what);
        assert_eq!(url, "https://h/streams/a%2Fb/status");
        assert_eq!(rest, json!({ "status": "paused" }));
        assert_eq!(filled("https://h/{other}", &what).1, what);
    }

    #[tokio::test]
    async fn a_command_is_given_the_object_and_says_by_its_exit_code_whether_it_is_done() {
        command(r#"grep -qxF '{"sub_id":7}'"#).await.unwrap();
        let error = command("echo no such stream >&2; exit 3")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("3: no such stream"), "{error}");
    }

    #[tokio::test]
    async fn what_a_command_says_is_read_if_it_is_an_object() {
        let said = command(r#"echo '{"sub_id":{"format":"opaque","id":"7"}}'"#).await;
        assert_eq!(said.unwrap()["sub_id"]["id"], "7");
        assert!(command("echo done").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_command_that_writes_without_end_is_not_read_without_end() {
        let said = command("head -c 1000000 /dev/zero; exit 0").await;
        assert!(said.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_command_that_there_is_not_is_told() {
        let command = vec!["/nonexistent/emit".to_owned()];
        let address = AdapterAddress::Command { command };
        let asked = ask(&address, None, &json!({}), &patient()).await;
        assert!(matches!(asked, Err(AdapterError::Command(_))));
    }
}
