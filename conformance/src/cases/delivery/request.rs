//! What a push looks like (RFC 8935 §2.1, SSF 1.0 §6.1.1).

use serde_json::json;

use super::{BASE, EVENTS};
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::{Context, Operation, PUSH, is_about, is_verification},
    set::RawSet,
    sink::Push,
};

const AUTHORIZATION: Case = Case {
    section: "SSF 1.0 §6.1.1",
    level: Level::Must,
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "PUSH-T-001.post",
        title: "a SET comes by POST",
        why: "An endpoint answers anything else with 405.",
        judge: Script(|cx| Box::pin(post(cx))),
        ..BASE
    },
    Case {
        id: "PUSH-T-001.url",
        title: "it comes to the endpoint_url as it was given, query included",
        why: "Receivers tell streams apart by it.",
        judge: Script(|cx| Box::pin(url(cx))),
        ..BASE
    },
    Case {
        id: "PUSH-T-001.one-set",
        title: "two events come as two requests",
        why: "A body has room for one SET; what comes besides is lost.",
        judge: Script(|cx| Box::pin(one_set(cx))),
        ..EVENTS
    },
    Case {
        id: "PUSH-T-002.content-type",
        level: Level::Must,
        title: "Content-Type is application/secevent+jwt",
        why: "Receivers refuse other media types with 415.",
        judge: Script(|cx| Box::pin(content_type(cx))),
        ..BASE
    },
    Case {
        id: "PUSH-T-003.accept",
        level: Level::Must,
        title: "Accept has application/json",
        why: "Errors are told in JSON; a receiver may answer 406 to who does not take it.",
        judge: Script(|cx| Box::pin(accept(cx))),
        ..BASE
    },
    Case {
        id: "PUSH-T-004.bare-set",
        level: Level::Must,
        title: "the body is the SET in compact form, and nothing else",
        why: "Quotes, form encoding or an end of line make a token that nobody can read.",
        judge: Script(|cx| Box::pin(bare_set(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-251.sent",
        title: "Authorization is the authorization_header of the stream, letter for letter",
        why: "A receiver refuses what does not show it.",
        judge: Script(|cx| Box::pin(sent(cx))),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-251.changed",
        title: "once it was changed, the new one is sent",
        why: "Secrets are changed because others know them.",
        judge: Script(|cx| Box::pin(changed(cx))),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-251.absent",
        title: "without authorization_header there is no Authorization",
        why: "It would be a secret of somebody else.",
        judge: Script(|cx| Box::pin(absent(cx))),
        ..AUTHORIZATION
    },
];

/// The verification that comes on a stream of its own.
async fn verification(cx: &Context) -> Result<Push, Stop> {
    cx.push_stream().await?.verification().await
}

async fn post(cx: &Context) -> Result<(), Stop> {
    let found = verification(cx).await?.request.method;
    cx.expect(found == "POST", "the method", "POST", found);
    Ok(())
}

async fn url(cx: &Context) -> Result<(), Stop> {
    let inbox = cx.inbox()?;
    let mut url = inbox.url().clone();
    url.set_query(Some("stream=a%2Fb&n=1"));
    let stream = cx.push_stream_of(inbox, &cx.push_request(&url)).await?;
    let push = stream.verification().await?;
    let expected = format!("{}?stream=a%2Fb&n=1", url.path());
    // What stands in front of the tester may take away the beginning of the path.
    let name = url.path().rsplit_once('/').map_or("", |(_, name)| name);
    let end = format!("/{name}?stream=a%2Fb&n=1");
    cx.expect(
        push.target.ends_with(&end),
        "path and query",
        expected,
        push.target,
    );
    Ok(())
}

async fn one_set(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    for subject in [stream.emit().await?, stream.emit().await?] {
        let found = stream.found(|push| is_about(push, &subject)).await;
        cx.expect(
            found.is_some(),
            "the event",
            "a request whose body is its SET",
            "none",
        );
    }
    Ok(())
}

async fn content_type(cx: &Context) -> Result<(), Stop> {
    let push = verification(cx).await?;
    let found: Vec<&str> = push.header("content-type").collect();
    let media_type = |value: &&str| {
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_lowercase()
    };
    let types: Vec<String> = found.iter().map(media_type).collect();
    let expected = "application/secevent+jwt";
    cx.expect(
        types == [expected],
        "Content-Type",
        expected,
        found.join(", "),
    );
    Ok(())
}

async fn accept(cx: &Context) -> Result<(), Stop> {
    let push = verification(cx).await?;
    let found = push.header("accept").collect::<Vec<_>>().join(", ");
    let mut ranges = found
        .split(',')
        .map(|range| range.split(';').next().unwrap_or_default());
    let holds = ranges.any(|range| range.trim().eq_ignore_ascii_case("application/json"));
    cx.expect(holds, "Accept", "application/json", found);
    Ok(())
}

/// Looks at the body of the first request: a SET that is wrapped is not known by its claims.
async fn bare_set(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    stream.ask_for_verification().await?;
    let push = stream.arrival(|push| !push.request.body.is_empty()).await?;
    let text = String::from_utf8_lossy(&push.request.body).into_owned();
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_bare = text.chars().all(in_alphabet) && RawSet::parse(&text).is_ok();
    // An encrypted SET has five parts.
    let is_encrypted = text.chars().all(in_alphabet) && text.split('.').count() == 5;
    let shown: String = text.chars().take(60).collect();
    cx.expect(
        is_bare || is_encrypted,
        "the body",
        "a token of three parts, or five if it is encrypted",
        format!("{shown} …"),
    );
    Ok(())
}

async fn sent(cx: &Context) -> Result<(), Stop> {
    let secret = format!("Bearer {}.{}~+/=", cx.word(), cx.word());
    let stream = cx.push_stream_with(&secret).await?;
    let push = stream.verification().await?;
    expect_authorization(cx, &push, &[&secret]);
    Ok(())
}

async fn changed(cx: &Context) -> Result<(), Stop> {
    let stream = cx
        .push_stream_with(&format!("Bearer {}", cx.word()))
        .await?;
    let secret = format!("Bearer {}", cx.word());
    let delivery = json!({
        "method": PUSH,
        "endpoint_url": stream.inbox.url(),
        "authorization_header": secret,
    });
    let body = json!({ "stream_id": stream.stream.id, "delivery": delivery });
    let answered = cx.call(Operation::Update).json(&body).send().await?;
    answered.given_success()?;
    let before = stream.inbox.count();
    stream.ask_for_verification().await?;
    let push = stream.arrival_after(before, is_verification).await?;
    expect_authorization(cx, &push, &[&secret]);
    Ok(())
}

async fn absent(cx: &Context) -> Result<(), Stop> {
    expect_authorization(cx, &verification(cx).await?, &[]);
    Ok(())
}

fn expect_authorization(cx: &Context, push: &Push, expected: &[&str]) {
    let found: Vec<&str> = push.header("authorization").collect();
    let shown = |values: &[&str]| match values {
        [] => "nothing".to_owned(),
        some => some.join(", "),
    };
    cx.expect(
        found == expected,
        "Authorization",
        shown(expected),
        shown(&found),
    );
}
