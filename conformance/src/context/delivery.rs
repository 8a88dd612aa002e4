//! SETs that cases poll, and what they have happen so that there are some.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use ssf_types::error::Chain;

use super::{Answered, Context, Operation, Stream, gathered::now, subjects::subject_named};
use crate::{
    adapter,
    case::Stop,
    event_types,
    event_types::VERIFICATION,
    set::RawSet,
    sink::Push,
    target_file::{Adapter, Delivery},
};

/// Between two polls for something that is still on its way.
const POLL_PAUSE: Duration = Duration::from_millis(100);

impl Context {
    /// Asks for a verification.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn verify(&self, stream: &Stream, state: Option<&str>) -> Result<(), Stop> {
        let mut body = json!({ "stream_id": stream.id });
        if let Some(state) = state {
            body["state"] = json!(state);
        }
        let call = self.call(Operation::Verify).json(&body).spaced(stream);
        call.send().await?.given_time()?.given_success()?;
        Ok(())
    }

    /// Polls without waiting; relies on an answer with `sets`.
    ///
    /// # Errors
    /// There is none, which other cases judge.
    pub async fn poll_now(&self, stream: &Stream, mut body: Value) -> Result<Polled, Stop> {
        body["returnImmediately"] = json!(true);
        Polled::given(self.poll(stream, &body)?.send().await?)
    }

    /// Polls until there is a SET, whichever it is.
    ///
    /// # Errors
    /// None comes within `limits.event_seconds`.
    pub async fn poll_until_some(&self, stream: &Stream, body: Value) -> Result<Polled, Stop> {
        let began = Instant::now();
        loop {
            let polled = self.poll_now(stream, body.clone()).await?;
            if !polled.sets.is_empty() {
                return Ok(polled);
            }
            self.pause_since(began).await?;
        }
    }

    /// What a stream brings: by a poll that acknowledges what is `done`; or, where polls are not judged, all that was pushed
    /// and acknowledged so far.
    ///
    /// # Errors
    /// A poll is not answered as it should be.
    pub(super) async fn brought(
        &self,
        stream: &Stream,
        done: &[String],
    ) -> Result<Vec<Arrived>, Stop> {
        let arrived = |jti: &str, set| Arrived {
            jti: jti.to_owned(),
            set,
        };
        if let Some(inbox) = self
            .run()
            .sink()
            .ok()
            .and_then(|sink| stream.inbox_in(sink))
            && !self.target().judges(Delivery::Poll)
        {
            let pushes = inbox.pushes();
            let set =
                |push: &Push| Some(arrived(push.jti().unwrap_or_default(), push.set.clone()?));
            return Ok(pushes.iter().filter_map(set).collect());
        }
        let body = if done.is_empty() {
            json!({})
        } else {
            json!({ "ack": done })
        };
        let polled = self.poll_now(stream, body).await?;
        let set = |(jti, token): (&String, &Value)| {
            let set = RawSet::parse(token.as_str().unwrap_or_default()).ok()?;
            Some(arrived(jti, set))
        };
        Ok(polled.sets.iter().filter_map(set).collect())
    }

    /// Waits until a SET is there that `fits`; those that are polled stay unacknowledged.
    ///
    /// # Errors
    /// None comes within `limits.event_seconds`, or a poll is not answered as it should be.
    pub async fn arrival(
        &self,
        stream: &Stream,
        fits: impl Fn(&RawSet) -> bool,
    ) -> Result<Arrived, Stop> {
        let found = self.found(stream, fits).await?;
        found.ok_or_else(|| self.none_in_time())
    }

    /// Waits for a SET that `fits`, as long as an event may be on its way; whether it comes is what the case is about.
    ///
    /// # Errors
    /// A poll is not answered as it should be, which other cases judge.
    pub async fn found(
        &self,
        stream: &Stream,
        fits: impl Fn(&RawSet) -> bool,
    ) -> Result<Option<Arrived>, Stop> {
        let began = Instant::now();
        loop {
            let brought = self.brought(stream, &[]).await?;
            if let Some(arrived) = brought.into_iter().find(|arrived| fits(&arrived.set)) {
                self.show_pushes(stream);
                return Ok(Some(arrived));
            }
            if self.pause_since(began).await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Expects that a SET comes that `fits`.
    ///
    /// # Errors
    /// Those of [`Context::found`].
    pub async fn expect_arrival(
        &self,
        stream: &Stream,
        (what, expected): (&str, &str),
        fits: impl Fn(&RawSet) -> bool,
    ) -> Result<(), Stop> {
        let found = self.found(stream, fits).await?;
        let shown = found
            .as_ref()
            .map_or("none in time", |arrived| &arrived.jti);
        self.expect(found.is_some(), what, expected, shown);
        Ok(())
    }

    /// Has what was pushed to a stream of another matter stand in the record of the case.
    pub(super) fn show_pushes(&self, stream: &Stream) {
        let sink = self.run().sink().ok();
        if let Some(inbox) = sink.and_then(|sink| stream.inbox_in(sink)) {
            for push in inbox.pushes() {
                self.keep(push.exchange());
            }
        }
    }

    /// Acknowledges and collects all SETs, until one is there that is the `last`, and whatever still comes within
    /// `limits.silence_seconds`.
    ///
    /// # Errors
    /// None that is the last comes within `limits.event_seconds`.
    pub async fn all_until(
        &self,
        stream: &Stream,
        last: impl Fn(&RawSet) -> bool,
    ) -> Result<Vec<RawSet>, Stop> {
        let began = Instant::now();
        let (mut sets, mut done) = (Vec::new(), Vec::new());
        loop {
            self.collect(stream, &mut sets, &mut done).await?;
            if sets.iter().any(&last) {
                break;
            }
            self.pause_since(began).await?;
        }
        tokio::time::sleep(self.target().limits.silence()).await;
        self.collect(stream, &mut sets, &mut done).await?;
        Ok(sets)
    }

    /// Acknowledges what is `done`, and collects what is there.
    async fn collect(
        &self,
        stream: &Stream,
        sets: &mut Vec<RawSet>,
        done: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let brought = self.brought(stream, done).await?;
        if !self.target().judges(Delivery::Poll) {
            // What is pushed is all that there was so far.
            sets.clear();
        }
        *done = brought.iter().map(|arrived| arrived.jti.clone()).collect();
        sets.extend(brought.into_iter().map(|arrived| arrived.set));
        Ok(())
    }

    /// Pauses before the next poll for something that may still come.
    pub(super) async fn pause_since(&self, began: Instant) -> Result<(), Stop> {
        if began.elapsed() > self.target().limits.event() {
            return Err(self.none_in_time());
        }
        self.pause().await;
        Ok(())
    }

    fn none_in_time(&self) -> Stop {
        let seconds = self.target().limits.event().as_secs();
        Stop::blocked(format!("no such SET came within {seconds} s"))
    }

    /// Pauses before something is looked for once more.
    pub async fn pause(&self) {
        tokio::time::sleep(POLL_PAUSE).await;
    }

    /// Asks for a verification and polls until it is there.
    ///
    /// # Errors
    /// It does not come.
    pub async fn verification(&self, stream: &Stream) -> Result<Arrived, Stop> {
        let state = self.word();
        self.verify(stream, Some(&state)).await?;
        self.arrival(stream, |set| {
            let found = set.event(VERIFICATION).and_then(|event| event.get("state"));
            found.is_some_and(|found| *found == *state)
        })
        .await
    }

    /// A subject that no other case and no other run has, and that the stream is about.
    ///
    /// # Errors
    /// It cannot be added, which other cases judge.
    pub async fn subject(&self, stream: &Stream) -> Result<Value, Stop> {
        let subject = subject_named(&self.word());
        self.add_subject(stream, &subject).await?;
        Ok(subject)
    }

    /// Has the stream be about a subject, where that has to be asked for.
    pub(super) async fn add_subject(&self, stream: &Stream, subject: &Value) -> Result<(), Stop> {
        match self.endpoint(Operation::AddSubject) {
            Ok(_) => {
                let body = json!({ "stream_id": stream.id, "subject": subject });
                let call = self.call(Operation::AddSubject).json(&body);
                call.send().await?.given_success()?;
                Ok(())
            }
            // Nobody would be covered.
            Err(stop) if self.metadata()?.get("default_subjects") == Some(&json!("NONE")) => {
                Err(stop)
            }
            Err(_) => Ok(()),
        }
    }

    /// The first of the target's event types.
    ///
    /// # Errors
    /// There is none.
    pub fn first_event(&self) -> Result<&str, Stop> {
        let first = self.target().events.first().map(String::as_str);
        first.ok_or_else(|| Stop::not_configured("events is empty"))
    }

    /// Has the first of the target's event types happen to somebody, by the adapter. Returns how the SETs name the
    /// subject: as the adapter says, or as it was asked to.
    ///
    /// # Errors
    /// The adapter is not there, or does not do it.
    pub async fn emit(&self, subject: &Value) -> Result<Value, Stop> {
        let uri = self.first_event()?;
        let payload = event_types::payload_of(uri, now());
        self.happen(subject, uri, &payload).await
    }

    /// Has the first of the target's event types happen to somebody several times, one after the other and each a second after the
    /// one before. Returns how the SETs name the subject, and when each happened.
    ///
    /// # Errors
    /// The adapter is not there, or does not do it.
    pub async fn emit_in_turn(
        &self,
        subject: &Value,
        count: usize,
    ) -> Result<(Value, Vec<u64>), Stop> {
        let uri = self.first_event()?;
        let (last, mut named) = (now(), subject.clone());
        let mut moments = Vec::new();
        for before in (0..count as u64).rev() {
            let moment = last.saturating_sub(before);
            let payload = event_types::payload_of(uri, moment);
            named = self.happen(subject, uri, &payload).await?;
            moments.push(moment);
        }
        Ok((named, moments))
    }

    /// Has an event happen to somebody, by the adapter, and returns how the SETs name the subject.
    ///
    /// # Errors
    /// The adapter is not there, or does not do it.
    pub async fn happen(&self, subject: &Value, uri: &str, payload: &Value) -> Result<Value, Stop> {
        let what = json!({ "sub_id": subject, "events": { uri: payload } });
        let said = self.adapt(Adapter::Emit, &what).await?;
        let named = said.get("sub_id").filter(|named| named.is_object());
        Ok(named.unwrap_or(subject).clone())
    }

    /// Has an adapter do something, and returns what it has to say about it.
    ///
    /// # Errors
    /// The adapter is not there, or does not do it.
    pub async fn adapt(&self, adapter: Adapter, what: &Value) -> Result<Map<String, Value>, Stop> {
        let name = adapter.as_str();
        let Some(address) = self.target().adapters.address(adapter) else {
            return Err(Stop::not_configured(format!("needs the adapter {name}")));
        };
        let run = self.run();
        let token = run.secrets().hooks.get(&adapter).map(String::as_str);
        let asked = adapter::ask(address, token, what, run.wire()).await;
        asked.map_err(|error| Stop::blocked(format!("adapter {name}: {}", Chain(&error))))
    }
}

/// A SET that came.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The name under which it came.
    pub jti: String,
    /// The SET.
    pub set: RawSet,
}

/// What a poll was answered with.
#[derive(Clone, Debug)]
pub struct Polled {
    /// The answer.
    pub answered: Answered,
    /// Its member `sets`.
    pub sets: Map<String, Value>,
}

impl Polled {
    /// Relies on an answer with an object `sets`.
    ///
    /// # Errors
    /// It has none.
    pub fn given(answered: Answered) -> Result<Self, Stop> {
        let sets = answered.given_object()?.remove("sets");
        if let Some(Value::Object(sets)) = sets {
            return Ok(Self { answered, sets });
        }
        let asked = answered.asked();
        Err(Stop::blocked(format!("{asked}: sets is not an object")))
    }
}
