//! What answers had better not say: secrets, hosts that somebody made up, and names that can be guessed.

use serde_json::json;

use super::BASE as HARDENING;
use crate::{
    case::{Case, Judge::Script, Stop},
    context::{Answered, Context, Credential, Operation, PUSH, Stream},
};

const BASE: Case = HARDENING;

/// A host that is nobody's.
const OTHER_HOST: &str = "ssf-conformance.invalid";

/// In how many places two names differ that cannot be guessed from one another: each holds four bits at least.
const DIFFERENCES_MIN: usize = 10;

/// The cases of this matter.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-T-009.other-host",
        section: "SSF 1.0 §7.1",
        title: "the metadata does not repeat the Host of the request",
        why: "A cache keeps it, and receivers send their tokens to whoever asked first.",
        needs: &[],
        streams: 0,
        judge: Script(|cx| Box::pin(metadata_for(cx, &["host"]))),
        ..BASE
    },
    Case {
        id: "SSF-T-009.forwarded-host",
        section: "SSF 1.0 §7.1",
        title: "nor what Forwarded and X-Forwarded-Host say",
        why: "Anybody can send them, unless what stands in front takes them away.",
        needs: &[],
        streams: 0,
        judge: Script(|cx| Box::pin(metadata_for(cx, &["forwarded", "x-forwarded-host"]))),
        ..BASE
    },
    Case {
        id: "SSF-T-105.other-host",
        section: "SSF 1.0 §8.1.1.1",
        title: "where a stream is polled does not follow Host, Forwarded or X-Forwarded-Host",
        why: "The receiver would show its token there.",
        tags: &["hardening", "stream", "create"],
        judge: Script(|cx| Box::pin(stream_for(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-251.not-repeated",
        section: "SSF 1.0 §6.1.1",
        title: "a refusal does not repeat the authorization_header",
        why: "Errors are logged and shown to people; it is the receiver's secret.",
        tags: &["hardening", "stream", "create"],
        judge: Script(|cx| Box::pin(header_not_repeated(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-006.not-repeated",
        section: "RFC 6750 §5.3",
        title: "a refusal does not repeat the token",
        why: "Errors are logged and shown to people; a token that does not count here may count elsewhere.",
        tags: &["hardening", "authorization"],
        judge: Script(|cx| Box::pin(token_not_repeated(cx))),
        ..BASE
    },
    Case {
        id: "SET-021.unguessable",
        section: "RFC 8417 §2.2",
        title: "jti cannot be guessed from another",
        why: "Whoever guesses the next one makes up a SET under it first, and the receiver drops the true one as a repetition.",
        tags: &["hardening", "set"],
        streams: 2,
        waits: |limits| limits.event() * 2,
        judge: Script(|cx| Box::pin(unguessable(cx))),
        ..BASE
    },
];

/// The value by which one of these headers names another host.
fn naming(header: &str) -> String {
    match header {
        "forwarded" => format!("host={OTHER_HOST};proto=https"),
        _ => OTHER_HOST.to_owned(),
    }
}

async fn metadata_for(cx: &Context, headers: &[&str]) -> Result<(), Stop> {
    let mut call = cx.request("GET", cx.run().issuer().metadata_url());
    for header in headers {
        call = call.header(header, &naming(header));
    }
    // What stands in front may have no such host.
    if let Some(answered) = call.credential(Credential::Missing).attempt().await? {
        expect_without(cx, &answered, OTHER_HOST, "no other host");
    } else {
        cx.expect(true, "the metadata", "no other host", "no answer");
    }
    Ok(())
}

async fn stream_for(cx: &Context) -> Result<(), Stop> {
    for headers in [&["host"] as &[&str], &["forwarded", "x-forwarded-host"]] {
        let mut call = cx.call(Operation::Create).json(&cx.stream_request());
        for header in headers {
            call = call.header(header, &naming(header));
        }
        if let Some(answered) = call.attempt().await? {
            answered.given_room()?;
            expect_without(cx, &answered, OTHER_HOST, "no other host");
            if let Ok(stream) = Stream::given(&answered) {
                let gone = cx.call(Operation::Delete).stream(&stream.id);
                gone.send().await?.given_success()?;
            }
        } else {
            cx.expect(true, "the stream", "no other host", "no answer");
        }
    }
    Ok(())
}

async fn header_not_repeated(cx: &Context) -> Result<(), Stop> {
    let secret = cx.word();
    let mut request = cx.stream_request();
    request["delivery"] = json!({
        "method": PUSH,
        "endpoint_url": "ftp://rp.example.com/push",
        "authorization_header": format!("Bearer {secret}"),
    });
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    answered.given_room()?;
    if (200..300).contains(&answered.status()) {
        // What may be pushed to, SSF-T-250.scheme is about.
        return Err(Stop::blocked(
            "a stream that is pushed to ftp is not refused",
        ));
    }
    expect_without(cx, &answered, &secret, "not the secret");
    Ok(())
}

async fn token_not_repeated(cx: &Context) -> Result<(), Stop> {
    let token = cx.word();
    let call = cx.call(Operation::Read).credential(Credential::Missing);
    let value = format!("Bearer {token}");
    let answered = call.header("authorization", &value).send().await?;
    expect_without(cx, &answered, &token, "not the token");
    Ok(())
}

/// Expects that neither the body nor the headers of an answer have this.
fn expect_without(cx: &Context, answered: &Answered, text: &str, expected: &str) {
    let body = String::from_utf8_lossy(answered.body());
    let header = |name| {
        answered
            .header(name)
            .any(|value: &str| value.contains(text))
    };
    let headers = ["location", "www-authenticate", "link", "warning"];
    let is_there = body.contains(text) || headers.into_iter().any(header);
    let found = if is_there { "it" } else { expected };
    let what = format!("{}: what the answer has", answered.asked());
    cx.expect(!is_there, what, expected, found);
}

async fn unguessable(cx: &Context) -> Result<(), Stop> {
    // Of one stream each: verifications of one have to be apart.
    let (first, second) = (cx.stream().await?, cx.stream().await?);
    let one = cx.verification(&first).await?.jti;
    let other = cx.verification(&second).await?.jti;
    let differ = one.chars().zip(other.chars()).filter(|(a, b)| a != b);
    let longer = one.len().abs_diff(other.len());
    let differences = differ.count() + longer;
    cx.expect(
        differences >= DIFFERENCES_MIN,
        "jti of two SETs in a row",
        format!("different in {DIFFERENCES_MIN} places"),
        format!("{one} and {other}"),
    );
    Ok(())
}
