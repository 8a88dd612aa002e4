//! How often a stream may be verified (SSF 1.0 §8.1.1, §8.1.4.2).

use std::time::Duration;

use serde_json::json;

use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::{Answered, Context, INTERVAL_MAX, Operation, Stream},
    event_types::VERIFICATION,
};

/// How much longer than the interval is waited, since clocks and roads differ.
const BESIDES: Duration = Duration::from_secs(1);

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1",
    tags: &["verification", "interval"],
    waits: |limits| INTERVAL_MAX * 2 + BESIDES + limits.event() + limits.silence(),
    ..Case::MANAGEMENT
};

/// The cases of the interval.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-086.kept",
        level: Level::Should,
        title: "who keeps to min_verification_interval gets no 429",
        why: "A receiver that verifies as often as it may, and is refused, takes its stream for broken.",
        judge: Script(|cx| Box::pin(kept(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-232.told",
        section: "SSF 1.0 §8.1.4.2",
        title: "a verification is refused with 429 only where min_verification_interval is told",
        why: "A receiver that is told of no interval does not know when to ask again.",
        judge: Script(|cx| Box::pin(told(cx))),
        ..BASE
    },
];

async fn ask(cx: &Context, stream: &Stream) -> Result<Answered, Stop> {
    let body = json!({ "stream_id": stream.id });
    cx.call(Operation::Verify).json(&body).send().await
}

async fn kept(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let Some(interval) = stream.interval() else {
        return Err(Stop::not_offered("there is no min_verification_interval"));
    };
    if interval > INTERVAL_MAX {
        let (found, most) = (interval.as_secs(), INTERVAL_MAX.as_secs());
        return Err(Stop::blocked(format!(
            "min_verification_interval is {found} s; have it be {most} s or less for this run"
        )));
    }
    cx.verify(&stream, None).await?;
    // Whoever asks again before it has acknowledged the first does not keep up, whatever the interval.
    cx.all_until(&stream, |set| set.event(VERIFICATION).is_some())
        .await?;
    if !interval.is_zero() {
        tokio::time::sleep(interval + BESIDES).await;
    }
    let answered = ask(cx, &stream).await?;
    let found = answered.status();
    let what = format!(
        "{}, {} s after the one before: the status",
        answered.asked(),
        interval.as_secs()
    );
    cx.expect(found != 429, what, "another than 429", found);
    Ok(())
}

async fn told(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verify(&stream, None).await?;
    let answered = ask(cx, &stream).await?;
    let is_told = stream.interval().is_some_and(|one| !one.is_zero());
    let expected = if is_told { "any" } else { "another than 429" };
    let found = answered.status();
    let what = format!("{}, at once after another: the status", answered.asked());
    cx.expect(is_told || found != 429, what, expected, found);
    Ok(())
}
