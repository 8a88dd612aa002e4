//! Requests that are no requests for a stream: too long, too deep, ambiguous, or with something hidden in them.

use serde_json::json;

use super::{BASE as HARDENING, expect_goes_on, expect_refused};
use crate::{
    case::{Case, Judge::Script, Stop},
    context::{Context, Operation, PUSH},
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.1",
    tags: &["hardening", "stream", "create"],
    ..HARDENING
};

/// How deep a body is that nobody means.
const DEEP: usize = 20_000;

/// How long one is.
const LONG_BYTES: usize = 2 * 1024 * 1024;

/// The cases of this matter.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-T-109.deep",
        title: "a body that is nested 20,000 deep is refused, and the next one is answered",
        why: "Readers that call themselves run out of stack, and take the process with them.",
        judge: Script(|cx| {
            let (open, close) = ("[".repeat(DEEP), "]".repeat(DEEP));
            Box::pin(refused(cx, format!(r#"{{"description":{open}{close}}}"#)))
        }),
        ..BASE
    },
    Case {
        id: "SSF-T-109.long",
        title: "a body of 2 MiB is refused, and the next one is answered",
        why: "Whoever reads it all is filled up by a few that come at once.",
        judge: Script(|cx| {
            let long = "x".repeat(LONG_BYTES);
            Box::pin(refused(cx, json!({ "description": long }).to_string()))
        }),
        ..BASE
    },
    Case {
        id: "SSF-T-109.twice",
        title: "a body in which a member stands twice is refused",
        why: "What a proxy checks is one of the two, and what the transmitter does is the other.",
        judge: Script(|cx| Box::pin(twice(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-109.not-utf-8",
        title: "a body that is not UTF-8 is refused",
        why: "What is read as something else is stored as something else, and compared with it.",
        judge: Script(|cx| Box::pin(refused(cx, b"{\"description\":\"\xff\xfe\"}".as_slice()))),
        ..BASE
    },
    Case {
        id: "SSF-T-251.line-break",
        section: "SSF 1.0 §6.1.1",
        title: "authorization_header may have no line break",
        why: "What stands behind it becomes a header, or a request, of its own.",
        judge: Script(|cx| Box::pin(line_break(cx))),
        ..BASE
    },
];

/// Expects that a body is refused, or the connection closed over it, and that the Transmitter goes on.
async fn refused(cx: &Context, body: impl Into<Vec<u8>>) -> Result<(), Stop> {
    let call = cx.call(Operation::Create).body("application/json", body);
    if let Some(answered) = call.attempt().await? {
        answered.given_room()?;
        expect_refused(cx, &answered);
    }
    expect_goes_on(cx).await?;
    Ok(())
}

async fn twice(cx: &Context) -> Result<(), Stop> {
    let request = cx.stream_request().to_string();
    let twice = request.replacen('{', r#"{"description":"ssf-conformance","#, 1);
    refused(cx, twice).await
}

async fn line_break(cx: &Context) -> Result<(), Stop> {
    let mut request = cx.stream_request();
    request["delivery"] = json!({
        "method": PUSH,
        "endpoint_url": "https://rp.example.com/push",
        "authorization_header": "Bearer x\r\nX-Injected: 1",
    });
    refused(cx, request.to_string()).await
}
