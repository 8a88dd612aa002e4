//! What becomes of a stream whose receiver shows no sign of life (SSF 1.0 §8.1.1).
//!
//! Whoever looks at a stream shows such a sign. So one that is to be idle is not asked about: that it was stopped is pushed, or looked
//! for once.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::announcement;
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::{Answered, Context, Operation, PushStream, Stream},
    set::RawSet,
    target_file::Delivery,
};

/// How much before its time a stream is looked at: some clocks count whole seconds.
const GRAIN: Duration = Duration::from_secs(1);

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1",
    level: Level::Must,
    tags: &["inactivity"],
    waits: |limits| limits.inactivity(),
    ..Case::MANAGEMENT
};

/// Of a stream that is kept alive, beside one that is not.
const KEPT: Case = Case {
    streams: 2,
    waits: |limits| limits.inactivity() * 2 + limits.event(),
    why: "A receiver that asks in time relies on its stream. An idle one beside it shows that streams are stopped at all.",
    ..BASE
};

/// The cases of inactivity.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-090.not-before",
        level: Level::MustImplied,
        title: "a stream that is idle for less than inactivity_timeout is enabled",
        why: "A receiver asks as often as the timeout says, and no oftener.",
        judge: Script(|cx| Box::pin(not_before(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-091.status-read",
        title: "a stream whose status is read in time is not stopped for inactivity",
        judge: Script(|cx| Box::pin(kept(cx, Sign::StatusRead))),
        ..KEPT
    },
    Case {
        id: "SSF-T-091.configuration-read",
        title: "a stream whose configuration is read in time is not stopped for inactivity",
        judge: Script(|cx| Box::pin(kept(cx, Sign::ConfigurationRead))),
        ..KEPT
    },
    Case {
        id: "SSF-T-091.poll",
        title: "a stream that is polled in time is not stopped for inactivity",
        tags: &["inactivity", "poll"],
        judge: Script(|cx| Box::pin(kept(cx, Sign::Poll))),
        ..KEPT
    },
    Case {
        id: "SSF-T-092.announced",
        section: "SSF 1.0 §8.1.1, §8.1.2",
        title: "a stream that is stopped for inactivity is sent stream-updated",
        why: "A receiver that waits for pushes takes the silence for peace.",
        waits: |limits| limits.inactivity() + limits.event() * 2,
        judge: Script(|cx| Box::pin(announced(cx))),
        ..BASE
    },
];

/// The `inactivity_timeout` of a stream, if it is short enough to be waited for.
fn published(cx: &Context, stream: &Stream) -> Result<Duration, Stop> {
    let seconds = stream.configuration.get("inactivity_timeout");
    let Some(seconds) = seconds.and_then(Value::as_u64) else {
        return Err(Stop::not_offered("there is no inactivity_timeout"));
    };
    let (timeout, most) = (
        Duration::from_secs(seconds),
        cx.target().limits.inactivity(),
    );
    if timeout > most {
        let most = most.as_secs();
        return Err(Stop::not_configured(format!(
            "inactivity_timeout is {seconds} s, and limits.inactivity_seconds is {most}"
        )));
    }
    Ok(timeout)
}

/// The status that is read of a stream; a code where there is none.
async fn status(cx: &Context, stream: &Stream) -> Result<String, Stop> {
    let call = cx.call(Operation::ReadStatus).stream(&stream.id);
    let answered = call.send().await?;
    if answered.status() == 404 {
        return Ok("404".to_owned());
    }
    let read = answered.given_object()?;
    let status = read.get("status").and_then(Value::as_str);
    Ok(status.unwrap_or("none").to_owned())
}

/// Whether a SET tells that its stream was stopped.
fn tells_of_stop(set: &RawSet) -> bool {
    matches!(announcement::tells(set), Some("paused" | "disabled"))
}

/// What a stream is asked that is to be kept alive.
#[derive(Clone, Copy)]
enum Sign {
    StatusRead,
    ConfigurationRead,
    Poll,
}

/// A stream that is kept alive.
struct Alive<'c> {
    cx: &'c Context,
    stream: Stream,
    timeout: Duration,
    sign: Sign,
    /// No later than when it was asked last.
    shown: Instant,
}

impl<'c> Alive<'c> {
    async fn begin(cx: &'c Context, sign: Sign) -> Result<Self, Stop> {
        let shown = Instant::now();
        let stream = cx.stream().await?;
        Ok(Self {
            timeout: published(cx, &stream)?,
            cx,
            stream,
            sign,
            shown,
        })
    }

    /// Waits until it is time for the next sign, which is long before it is too late.
    async fn pause(&self) {
        sleep(self.timeout / 3).await;
    }

    /// Shows a sign of life; whether it was understood.
    async fn show(&mut self) -> Result<bool, Stop> {
        let now = Instant::now();
        let answered: Answered = match self.sign {
            Sign::StatusRead => self.ask(Operation::ReadStatus).await?,
            Sign::ConfigurationRead => self.ask(Operation::Read).await?,
            Sign::Poll => {
                let body = json!({ "returnImmediately": true });
                self.cx.poll(&self.stream, &body)?.send().await?
            }
        };
        if self.shown.elapsed() >= self.timeout {
            let (found, most) = (self.shown.elapsed().as_secs(), self.timeout.as_secs());
            return Err(Stop::blocked(format!(
                "{found} s passed from one request to the answer of the next, and inactivity_timeout is {most} s"
            )));
        }
        self.shown = now;
        Ok((200..300).contains(&answered.status()))
    }

    async fn ask(&self, operation: Operation) -> Result<Answered, Stop> {
        let call = self.cx.call(operation).stream(&self.stream.id);
        call.send().await
    }
}

/// A stream that is left alone.
struct Idle<'c> {
    cx: &'c Context,
    way: Way<'c>,
    timeout: Duration,
}

/// How its SETs come.
enum Way<'c> {
    Pushed(PushStream<'c>),
    Polled(Stream),
}

impl<'c> Idle<'c> {
    async fn begin(cx: &'c Context) -> Result<Self, Stop> {
        let is_pushed = cx.target().judges(Delivery::Push) && cx.sink().is_ok();
        let way = if is_pushed {
            Way::Pushed(cx.push_stream().await?)
        } else {
            Way::Polled(cx.stream().await?)
        };
        let timeout = published(cx, way.stream())?;
        Ok(Self { cx, way, timeout })
    }

    /// Waits until it is told that it was stopped, or has to be; whether it is told.
    async fn end(&self) -> bool {
        let patience = self.timeout + self.cx.target().limits.event();
        match &self.way {
            Way::Pushed(pushed) => {
                let stops = |set: &Option<RawSet>| set.as_ref().is_some_and(tells_of_stop);
                let told = pushed.found_within(patience, |push| stops(&push.set)).await;
                told.is_some()
            }
            Way::Polled(_) => {
                sleep(patience).await;
                false
            }
        }
    }

    /// Whether it is told that it was stopped, once it is known to be.
    async fn is_told_of(&self) -> Result<bool, Stop> {
        match &self.way {
            Way::Pushed(_) => Ok(false),
            Way::Polled(stream) => {
                let told = self.cx.found(stream, tells_of_stop).await?;
                Ok(told.is_some())
            }
        }
    }

    fn not_stopped(&self, why: &str) -> Stop {
        let seconds = self.timeout.as_secs();
        Stop::not_offered(format!(
            "a stream with an inactivity_timeout of {seconds} s that was idle for longer {why}"
        ))
    }
}

impl Way<'_> {
    fn stream(&self) -> &Stream {
        match self {
            Self::Pushed(pushed) => &pushed.stream,
            Self::Polled(stream) => stream,
        }
    }
}

async fn not_before(cx: &Context) -> Result<(), Stop> {
    let began = Instant::now();
    let stream = cx.stream().await?;
    let timeout = published(cx, &stream)?;
    let looked_at = (timeout * 4 / 5).min(timeout.saturating_sub(GRAIN));
    sleep(looked_at.saturating_sub(began.elapsed())).await;
    let found = status(cx, &stream).await?;
    let waited = began.elapsed();
    if waited >= timeout {
        let seconds = waited.as_secs();
        return Err(Stop::blocked(format!(
            "its status was read after {seconds} s, which is too late"
        )));
    }
    let what = format!(
        "the status {:.1} s after the stream was made",
        waited.as_secs_f64()
    );
    cx.expect(found == "enabled", what, "enabled", found);
    Ok(())
}

async fn kept(cx: &Context, sign: Sign) -> Result<(), Stop> {
    let mut alive = Alive::begin(cx, sign).await?;
    let idle = Idle::begin(cx).await?;
    let mut end = pin!(idle.end());
    let is_told = loop {
        if !alive.show().await? {
            break false;
        }
        tokio::select! {
            told = &mut end => break told,
            () = alive.pause() => {}
        }
    };
    // Whoever overlooks the signs of life stops both at about the same time.
    alive.pause().await;
    alive.show().await?;
    let found = status(cx, &alive.stream).await?;
    if found == "enabled" && !is_told && status(cx, idle.way.stream()).await? == "enabled" {
        return Err(idle.not_stopped("is enabled"));
    }
    let what = "the status of the stream that was asked about in time";
    cx.expect(found == "enabled", what, "enabled", found);
    Ok(())
}

async fn announced(cx: &Context) -> Result<(), Stop> {
    let idle = Idle::begin(cx).await?;
    let is_told = idle.end().await;
    let found = status(cx, idle.way.stream()).await?;
    let is_told = match found.as_str() {
        _ if is_told => true,
        "enabled" => return Err(idle.not_stopped("is enabled")),
        "404" => return Err(idle.not_stopped("is gone, not paused or disabled")),
        _ => idle.is_told_of().await?,
    };
    let expected = "with status paused or disabled";
    let told = if is_told { "such a one" } else { "none" };
    cx.expect(is_told, "stream-updated", expected, told);
    Ok(())
}
