//! Who polls, and where (RFC 8936 §3; SSF 1.0 §6.1.2).

use serde_json::json;

use super::BASE;
use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::Level,
    context::{Context, Credential, Operation, Stream},
    target_file::Token,
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-T-020.challenge",
        also: &["SSF-T-029", "SSF-T-050"],
        section: "RFC 8936 §3",
        level: Level::Must,
        title: "a poll without a token: 401 with WWW-Authenticate",
        why: "Whoever can poll without one gets the receiver's events.",
        tags: &["poll", "authorization"],
        judge: Script(|cx| Box::pin(challenge(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-051.poll-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot poll the stream: 401, 403 or 404",
        why: "It would get the receiver's events, and could acknowledge them.",
        tags: &["poll", "authorization"],
        needs: &[Need::Token, Need::OtherToken],
        judge: Script(|cx| Box::pin(by_another(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-254.url-of-its-own",
        section: "SSF 1.0 §6.1.2",
        level: Level::Must,
        title: "each stream of a receiver has a URL of its own",
        why: "Events of two streams would mix, and be acknowledged for each other.",
        streams: 2,
        judge: Script(|cx| Box::pin(url_of_its_own(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-163.poll-after-deletion",
        section: "SSF 1.0 §8.1.1.5",
        title: "a stream that was deleted cannot be polled",
        why: "A receiver that deletes its stream has withdrawn; nothing may be left of it.",
        judge: Script(|cx| Box::pin(after_deletion(cx))),
        ..BASE
    },
];

async fn challenge(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let body = json!({ "returnImmediately": true });
    let call = cx.poll(&stream, &body)?.credential(Credential::Missing);
    let answered = call.send().await?;
    cx.expect_status(&answered, &[401]);
    let found: Vec<&str> = answered.header("www-authenticate").collect();
    let what = format!("{}: WWW-Authenticate", answered.asked());
    cx.expect(!found.is_empty(), what, "to be there", found.join(", "));
    cx.poll_now(&stream, json!({})).await?;
    Ok(())
}

async fn by_another(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let body = json!({ "returnImmediately": true });
    let call = cx
        .poll(&stream, &body)?
        .credential(Credential::Of(Token::Other));
    let answered = call.send().await?;
    cx.expect_status(&answered, &[401, 403, 404]);
    cx.poll_now(&stream, json!({})).await?;
    Ok(())
}

async fn url_of_its_own(cx: &Context) -> Result<(), Stop> {
    let first = cx.stream().await?;
    let second = cx
        .call(Operation::Create)
        .json(&cx.stream_request())
        .send()
        .await?;
    if second.status() == 409 {
        return Err(Stop::not_offered("the receiver may have one stream alone"));
    }
    let (first, second) = (first.poll_url()?, Stream::given(&second)?.poll_url()?);
    let expected = format!("another than {first}");
    cx.expect(first != second, "delivery.endpoint_url", expected, second);
    Ok(())
}

async fn after_deletion(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let delete = cx.call(Operation::Delete).stream(&stream.id);
    delete.send().await?.given_success()?;
    let body = json!({ "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[404, 410, 401, 403]);
    Ok(())
}
