//! Several streams: whose they are, and that they have nothing to do with each other (SSF 1.0 §8.1.1, §8.1.1.1, §8.1.2).

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Stop},
    cases::poll::set_status,
    checks::{Level, shown},
    context::{Answered, Context, Operation, Stream},
    event_types::VERIFICATION,
    set::RawSet,
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.2",
    tags: &["stream", "several"],
    ..Case::MANAGEMENT
};

/// The cases of several streams.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-T-057.status",
        title: "a stream goes on when another one is paused",
        why: "A receiver that pauses one of its streams counts on the others.",
        streams: 2,
        waits: |limits| limits.event(),
        judge: Script(|cx| Box::pin(status(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-057.deletion",
        title: "a stream is there when another one is deleted",
        why: "A receiver that needs one of its streams no more counts on the others.",
        streams: 2,
        judge: Script(|cx| Box::pin(deletion(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-071.of-two-receivers",
        section: "SSF 1.0 §8.1.1",
        level: Level::Must,
        title: "the streams of two receivers have different ids",
        why: "Verifications and announcements name a stream by its id alone.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Script(|cx| Box::pin(of_two_receivers(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-102.conflict",
        section: "SSF 1.0 §8.1.1.1",
        level: Level::Must,
        title: "where one stream is the limit, a second one is refused with 409, and the first stays as it is",
        why: "By 409 a receiver learns that it has a stream, and looks for it; anything else it takes for a failure.",
        needs: &[Need::Token, Need::Alone],
        judge: Script(|cx| Box::pin(conflict(cx))),
        ..BASE
    },
];

/// Asks for one more stream.
async fn another(cx: &Context, request: &Value) -> Result<Answered, Stop> {
    cx.call(Operation::Create).json(request).send().await
}

/// Two streams of one Receiver.
async fn two(cx: &Context) -> Result<(Stream, Stream), Stop> {
    let first = cx.stream().await?;
    let second = another(cx, &cx.stream_request()).await?;
    if second.status() == 409 {
        return Err(Stop::not_offered("the receiver may have one stream alone"));
    }
    Ok((first, Stream::given(&second)?))
}

async fn status(cx: &Context) -> Result<(), Stop> {
    let (first, second) = two(cx).await?;
    let read = || cx.call(Operation::ReadStatus).stream(&second.id).send();
    let before = read().await?.given_object()?.remove("status");
    set_status(cx, &first, "paused").await?;
    let after = read().await?.given_object()?.remove("status");
    let [before, after] = [before, after].map(Option::unwrap_or_default);
    let what = "the status of the other stream";
    cx.require(before == after, what, shown(&before), shown(&after))?;
    // The control arm: it can be polled. Whatever an answer brings comes again late, so that this is asked first.
    cx.poll_now(&second, json!({})).await?;
    cx.verify(&second, None).await?;
    let is_one = |set: &RawSet| set.event(VERIFICATION).is_some();
    let what = ("a verification of the other stream", "to come");
    cx.expect_arrival(&second, what, is_one).await
}

async fn deletion(cx: &Context) -> Result<(), Stop> {
    let (first, second) = two(cx).await?;
    let before = cx.read(&second).await?;
    let call = cx.call(Operation::Delete).stream(&first.id);
    call.send().await?.given_success()?;
    cx.expect_untouched(&second, &before).await
}

async fn of_two_receivers(cx: &Context) -> Result<(), Stop> {
    let own = cx.stream().await?;
    let other = cx.stream_of_another(&cx.stream_request()).await?;
    let expected = format!("another than {}", own.id);
    cx.expect(own.id != other.id, "stream_id", expected, other.id);
    Ok(())
}

async fn conflict(cx: &Context) -> Result<(), Stop> {
    let first = cx.stream().await?;
    let before = cx.read(&first).await?;
    // Another request than the first, so that it shows if it takes the first one's place.
    let mut request = cx.stream_request();
    request["events_requested"] = json!([cx.target().events.first()]);
    let answered = another(cx, &request).await?;
    if (200..300).contains(&answered.status()) {
        return Err(Stop::not_offered("the receiver may have several streams"));
    }
    cx.expect_status(&answered, &[409]);
    cx.expect_untouched(&first, &before).await
}
