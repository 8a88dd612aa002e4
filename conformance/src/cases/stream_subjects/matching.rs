//! Whom events are sent about (SSF 1.0 §7.1, §8.1.3.1): the adapter emits events about subjects that were added, and about
//! others. Who did not happen to match is silent, so the cases of silence need `default_subjects` of `NONE`.

use serde_json::{Value, json};

use super::{add, address, events_about, expect_event, expect_none, given_default};
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::Level,
    context::{Context, Operation},
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.3.1",
    level: Level::Should,
    tags: &["subjects", "matching"],
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.event() * 2 + limits.silence(),
    ..Case::MANAGEMENT
};

/// What goes wrong if an event is not sent.
const MISSED: &str = "The receiver misses an event that it asked for.";

/// What goes wrong if it is.
const TOO_MUCH: &str = "The receiver is told of somebody whom it did not ask for.";

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-032.everybody",
        section: "SSF 1.0 §7.1",
        level: Level::MustImplied,
        title: "under ALL, events about somebody who was never added come",
        why: "The receiver relies on not having to add anybody.",
        judge: Script(|cx| Box::pin(everybody(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-034.nobody-else",
        section: "SSF 1.0 §7.1",
        level: Level::MustImplied,
        title: "under NONE, events about somebody who was never added do not come",
        why: TOO_MUCH,
        judge: Script(|cx| Box::pin(nobody_else(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-200.added",
        title: "events about a subject that was added come",
        why: MISSED,
        judge: Script(|cx| Box::pin(added(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-206.without-verified",
        section: "SSF 1.0 §8.1.3.2",
        title: "a subject that is added without verified counts as verified",
        why: "Receivers that verify all their subjects leave the member out.",
        judge: Script(|cx| Box::pin(without_verified(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-201.other-issuer",
        level: Level::MustImplied,
        title: "a sub of another issuer is somebody else",
        why: "Two issuers give the same sub to two people.",
        judge: Script(|cx| Box::pin(other_issuer(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-201.capital-letters",
        level: Level::MustImplied,
        title: "an address that differs in capital letters is another one, by the letter",
        why: "Most mail servers take both for one, so that a transmitter may as well: worth knowing.",
        judge: Script(|cx| Box::pin(capital_letters(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-201.other-format",
        level: Level::MustImplied,
        title: "an address in another format is another subject",
        why: "Whoever can be reached there need not have the account of that name.",
        judge: Script(|cx| Box::pin(other_format(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-203.less-specific",
        also: &["SSF-T-202"],
        title: "a complex subject that was added matches one with more members",
        why: MISSED,
        judge: Script(|cx| Box::pin(comes(cx, &["tenant"], &["tenant", "user"]))),
        ..BASE
    },
    Case {
        id: "SSF-T-204.more-specific",
        also: &["SSF-T-202"],
        title: "a complex subject that was added matches one with fewer members",
        why: MISSED,
        judge: Script(|cx| Box::pin(comes(cx, &["user", "device"], &["user"]))),
        ..BASE
    },
    Case {
        id: "SSF-T-205.differs",
        also: &["SSF-T-202"],
        title: "complex subjects with a member that differs do not match",
        why: TOO_MUCH,
        judge: Script(|cx| Box::pin(differs(cx))),
        ..BASE
    },
];

async fn everybody(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "ALL")?;
    let stream = cx.stream().await?;
    expect_event(cx, &stream, &address(cx)).await
}

async fn nobody_else(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "NONE")?;
    let stream = cx.stream().await?;
    expect_none(cx, &stream, &address(cx)).await
}

async fn added(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = address(cx);
    add(cx, &stream, &subject).await?;
    expect_event(cx, &stream, &subject).await
}

async fn without_verified(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    // The control arm: one that is said to be verified brings its events.
    let verified = address(cx);
    let body = json!({ "stream_id": stream.id, "subject": verified, "verified": true });
    let call = cx.call(Operation::AddSubject).json(&body);
    call.send().await?.given_success()?;
    let named = cx.emit(&verified).await?;
    cx.arrival(&stream, |set| set.claims.get("sub_id") == Some(&named))
        .await?;
    let subject = address(cx);
    add(cx, &stream, &subject).await?;
    expect_event(cx, &stream, &subject).await
}

async fn other_issuer(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "NONE")?;
    let stream = cx.stream().await?;
    let sub = cx.word();
    let of = |host: &str| json!({ "format": "iss_sub", "iss": format!("https://{host}.ssf-conformance.example.com"), "sub": sub });
    add(cx, &stream, &of("one")).await?;
    expect_none(cx, &stream, &of("another")).await
}

async fn capital_letters(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "NONE")?;
    let stream = cx.stream().await?;
    let word = cx.word();
    let of = |name: &str| json!({ "format": "email", "email": format!("{name}-{word}@ssf-conformance.example.com") });
    add(cx, &stream, &of("Jane")).await?;
    let found = events_about(cx, &stream, &of("jane")).await?;
    if found == 0 {
        cx.expect(true, "events about the other address", "none", found);
    } else {
        cx.note("addresses match that differ in capital letters");
    }
    Ok(())
}

async fn other_format(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "NONE")?;
    let stream = cx.stream().await?;
    let address = format!("{}@ssf-conformance.example.com", cx.word());
    let added = json!({ "format": "email", "email": address });
    add(cx, &stream, &added).await?;
    let event = json!({ "format": "account", "uri": format!("acct:{address}") });
    expect_none(cx, &stream, &event).await
}

/// A complex subject with these members, which nobody else has.
fn complex(word: &str, members: &[&str]) -> Value {
    let mut subject = json!({ "format": "complex" });
    for name in members {
        subject[*name] = json!({ "format": "opaque", "id": format!("{name}-{word}") });
    }
    subject
}

/// Expects an event about one complex subject where another was added.
async fn comes(cx: &Context, added: &[&str], event: &[&str]) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let word = cx.word();
    add(cx, &stream, &complex(&word, added)).await?;
    expect_event(cx, &stream, &complex(&word, event)).await
}

async fn differs(cx: &Context) -> Result<(), Stop> {
    given_default(cx, "NONE")?;
    let stream = cx.stream().await?;
    let added = complex(&cx.word(), &["user", "group"]);
    let mut event = added.clone();
    event["group"]["id"] = json!(format!("group-{}", cx.word()));
    add(cx, &stream, &added).await?;
    expect_none(cx, &stream, &event).await
}
