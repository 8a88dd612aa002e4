//! In which order what was kept leaves (SSF 1.0 §8.1.2.1).

use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Stop},
    cases::poll::{is_about, set_status},
    checks::Level,
    context::Context,
    set::RawSet,
    sink::Push,
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.2.1",
    level: Level::Must,
    tags: &["status", "order"],
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.event() * 2,
    ..Case::MANAGEMENT
};

/// How many events about one subject are kept.
const KEPT: usize = 3;

/// The cases of order.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-183.poll",
        title: "after a pause, events about one subject are polled as they happened, or the last of them alone",
        why: "A receiver that hears of the new password before the old one believes in the old one.",
        judge: Script(|cx| Box::pin(polled(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-183.push",
        title: "after a pause, events about one subject are pushed as they happened, or the last of them alone",
        why: "A receiver that hears of the new password before the old one believes in the old one.",
        tags: &["status", "order", "push"],
        needs: &[Need::Token, Need::Emit, Need::Push],
        judge: Script(|cx| Box::pin(pushed(cx))),
        ..BASE
    },
];

/// The moment that an event about this subject tells.
fn moment(set: &RawSet, subject: &Value) -> Option<u64> {
    let mut events = set.events().filter(|_| is_about(set, subject));
    let (_, event) = events.next()?;
    event.get("event_timestamp")?.as_u64()
}

async fn polled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = cx.subject(&stream).await?;
    set_status(cx, &stream, "paused").await?;
    let (named, moments) = cx.emit_in_turn(&subject, KEPT).await?;
    set_status(cx, &stream, "enabled").await?;
    let (began, patience) = (Instant::now(), cx.target().limits.event());
    let (mut came, mut done): (Vec<u64>, Vec<String>) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    // Members of an object have no order, so that one SET comes at a time.
    loop {
        let one = json!({ "maxEvents": 1, "ack": done });
        let polled = cx.poll_now(&stream, one).await?;
        // What comes again tells nothing of order.
        let mut sets = polled.sets.clone();
        sets.retain(|jti, _| seen.insert(jti.clone()));
        let is_new = !sets.is_empty();
        let tokens = sets.values().filter_map(Value::as_str);
        let sets = tokens.filter_map(|token| RawSet::parse(token).ok());
        came.extend(sets.filter_map(|set| moment(&set, &named)));
        done = polled.sets.into_iter().map(|(jti, _)| jti).collect();
        if !is_new {
            if came.len() >= KEPT || began.elapsed() > patience {
                break;
            }
            cx.pause().await;
        }
    }
    expect_order(cx, &came, &moments)
}

async fn pushed(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = cx.subject(&stream.stream).await?;
    set_status(cx, &stream.stream, "paused").await?;
    let (named, moments) = cx.emit_in_turn(&subject, KEPT).await?;
    set_status(cx, &stream.stream, "enabled").await?;
    // What comes again tells nothing of order.
    let is_first = |push: &&Push| push.earlier == 0;
    let of = |push: &Push| {
        let set = Some(push)
            .filter(is_first)
            .and_then(|push| push.set.as_ref());
        set.and_then(|set| moment(set, &named))
    };
    // Who sends the last alone is waited for in vain.
    let count = |pushes: &[Push]| pushes.iter().filter_map(of).count();
    let all = |pushes: &[Push]| (count(pushes) >= KEPT).then_some(());
    stream.inbox.until(cx.target().limits.event(), all).await;
    let came: Vec<u64> = stream.inbox.pushes().iter().filter_map(of).collect();
    expect_order(cx, &came, &moments)
}

/// Expects that what came ends with the last that happened, and that nothing came before what had happened earlier.
fn expect_order(cx: &Context, came: &[u64], happened: &[u64]) -> Result<(), Stop> {
    if came.is_empty() {
        return Err(Stop::not_offered(
            "nothing that happened during the pause comes, or it does not tell when it happened",
        ));
    }
    let shown = |moments: &[u64]| {
        let moments: Vec<String> = moments.iter().map(u64::to_string).collect();
        moments.join(", ")
    };
    let is_sorted = came.is_sorted();
    let has_last = came.last() == happened.last();
    let expected = format!("{}, or the last of them alone", shown(happened));
    let what = "event_timestamp of what came, in turn";
    cx.expect(is_sorted && has_last, what, expected, shown(came));
    Ok(())
}
