//! Streams that are pushed to an inbox of the case's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use url::Url;

use super::{Context, PUSH, Stream};
use crate::{
    case::Stop,
    event_types::VERIFICATION,
    set::RawSet,
    sink::{Inbox, Push, Reaction, Sink},
};

/// A stream that is pushed, and where that goes. What came is part of the case's record.
#[derive(Debug)]
pub struct PushStream<'c> {
    cx: &'c Context,
    /// The stream.
    pub stream: Stream,
    /// Where it is pushed to.
    pub inbox: Arc<Inbox>,
    recorded: AtomicUsize,
}

impl Context {
    /// Where the Transmitter pushes to.
    ///
    /// # Errors
    /// The target file has no such place, or the Transmitter does not push.
    pub fn sink(&self) -> Result<&Sink, Stop> {
        let offered = self.metadata()?.get("delivery_methods_supported");
        let offered = offered.and_then(Value::as_array);
        if offered.is_some_and(|methods| !methods.iter().any(|method| method == PUSH)) {
            return Err(Stop::not_offered(
                "delivery_methods_supported does not have push",
            ));
        }
        self.run().sink()
    }

    /// An inbox of the case's own.
    ///
    /// # Errors
    /// Those of [`Context::sink`].
    pub fn inbox(&self) -> Result<Arc<Inbox>, Stop> {
        Ok(self.sink()?.inbox(&self.word()))
    }

    /// The body of a request for a stream that is pushed to this URL.
    pub fn push_request(&self, url: &Url) -> Value {
        let mut request = self.stream_request();
        request["delivery"] = json!({ "method": PUSH, "endpoint_url": url });
        request
    }

    /// Makes a stream that is pushed to an inbox of its own, where everything is acknowledged until something else is said.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn push_stream(&self) -> Result<PushStream<'_>, Stop> {
        let inbox = self.inbox()?;
        let request = self.push_request(inbox.url());
        self.push_stream_of(inbox, &request).await
    }

    /// The same, with an `authorization_header`.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn push_stream_with(&self, authorization: &str) -> Result<PushStream<'_>, Stop> {
        let inbox = self.inbox()?;
        let mut request = self.push_request(inbox.url());
        request["delivery"]["authorization_header"] = json!(authorization);
        self.push_stream_of(inbox, &request).await
    }

    /// Makes a stream as `request` describes it, which pushes to `inbox`.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn push_stream_of(
        &self,
        inbox: Arc<Inbox>,
        request: &Value,
    ) -> Result<PushStream<'_>, Stop> {
        Ok(self.pushed_to(inbox, self.stream_of(request).await?))
    }

    /// A stream that pushes to `inbox`.
    pub fn pushed_to(&self, inbox: Arc<Inbox>, stream: Stream) -> PushStream<'_> {
        PushStream {
            cx: self,
            stream,
            inbox,
            recorded: AtomicUsize::new(0),
        }
    }
}

impl PushStream<'_> {
    /// Says how pushes are answered from now on.
    pub fn answer(&self, plan: impl Fn(&Push) -> Reaction + Send + Sync + 'static) {
        self.inbox.answer(plan);
    }

    /// Says how the first request with each verification is answered; whatever else comes is acknowledged.
    pub fn answer_first(&self, reaction: Reaction) {
        self.answer(move |push| {
            if is_verification(push) && push.earlier == 0 {
                reaction.clone()
            } else {
                Reaction::acknowledge()
            }
        });
    }

    /// Waits for a request that `fits`.
    ///
    /// # Errors
    /// None comes within `limits.event_seconds`.
    pub async fn arrival(&self, fits: impl Fn(&Push) -> bool) -> Result<Push, Stop> {
        let found = self.found(fits).await;
        self.given(found)
    }

    /// Waits for a request that `fits`, after so many others.
    ///
    /// # Errors
    /// None comes within `limits.event_seconds`.
    pub async fn arrival_after(
        &self,
        before: usize,
        fits: impl Fn(&Push) -> bool,
    ) -> Result<Push, Stop> {
        let look = |pushes: &[Push]| pushes.iter().skip(before).find(|push| fits(push)).cloned();
        let found = self.inbox.until(self.patience(), look).await;
        self.record();
        self.given(found)
    }

    /// Waits for a request that `fits`, as long as an event may be on its way; whether it comes is what the case is about.
    pub async fn found(&self, fits: impl Fn(&Push) -> bool) -> Option<Push> {
        self.found_within(self.patience(), fits).await
    }

    /// The same for as long as this.
    pub async fn found_within(
        &self,
        patience: Duration,
        fits: impl Fn(&Push) -> bool,
    ) -> Option<Push> {
        let look = |pushes: &[Push]| pushes.iter().find(|push| fits(push)).cloned();
        let found = self.inbox.until(patience, look).await;
        self.record();
        found
    }

    /// Waits until a request has come so often and been answered, and returns all with its `jti`.
    pub async fn attempts(&self, jti: &str, count: usize) -> Option<Vec<Push>> {
        let look = |pushes: &[Push]| {
            let same = |push: &&Push| push.jti() == Some(jti) && push.answered.is_some();
            let found: Vec<Push> = pushes.iter().filter(same).cloned().collect();
            (found.len() >= count).then_some(found)
        };
        let found = self.inbox.until(self.patience(), look).await;
        self.record();
        found
    }

    /// How many requests brought an event about this subject.
    pub fn about(&self, subject: &Value) -> usize {
        let pushes = self.inbox.pushes();
        pushes.iter().filter(|push| is_about(push, subject)).count()
    }

    /// Has a verification come, and returns the first request with one.
    ///
    /// # Errors
    /// It cannot be asked for, or does not come.
    pub async fn verification(&self) -> Result<Push, Stop> {
        self.ask_for_verification().await?;
        self.arrival(is_verification).await
    }

    /// Asks for a verification, and returns its state.
    ///
    /// # Errors
    /// That does not succeed, which other cases judge.
    pub async fn ask_for_verification(&self) -> Result<String, Stop> {
        let state = self.cx.word();
        self.cx.verify(&self.stream, Some(&state)).await?;
        Ok(state)
    }

    /// Has an event happen to somebody new, and returns how the SET names the subject.
    ///
    /// # Errors
    /// The adapter does not do it.
    pub async fn emit(&self) -> Result<Value, Stop> {
        let subject = self.cx.subject(&self.stream).await?;
        self.cx.emit(&subject).await
    }

    /// Has an event happen to somebody new, and returns the first request with it.
    ///
    /// # Errors
    /// It does not happen, or does not come.
    pub async fn event(&self) -> Result<Push, Stop> {
        let subject = self.emit().await?;
        self.arrival(|push| is_about(push, &subject)).await
    }

    fn given(&self, found: Option<Push>) -> Result<Push, Stop> {
        let seconds = self.patience().as_secs();
        found.ok_or_else(|| Stop::blocked(format!("no such SET was pushed within {seconds} s")))
    }

    fn patience(&self) -> Duration {
        self.cx.target().limits.event()
    }

    /// Makes what came part of the record.
    fn record(&self) {
        let from = self.recorded.load(Ordering::Relaxed);
        let answered = |push: &Push| push.answered.is_some();
        let mut pushes = self.inbox.pushes_from(from);
        // What is not answered yet is told once it is.
        let end = pushes.iter().position(|push| !answered(push));
        pushes.truncate(end.unwrap_or(pushes.len()));
        self.keep(&pushes);
    }

    fn keep(&self, pushes: &[Push]) {
        self.recorded.fetch_add(pushes.len(), Ordering::Relaxed);
        let masks = self.cx.run().masks();
        for push in pushes {
            self.cx.keep(masks.mask_exchange(push.exchange()));
        }
    }
}

impl Drop for PushStream<'_> {
    fn drop(&mut self) {
        let from = self.recorded.load(Ordering::Relaxed);
        self.keep(&self.inbox.pushes_from(from));
    }
}

/// Whether a request brings a verification.
pub fn is_verification(push: &Push) -> bool {
    let set = push.set.as_ref();
    set.is_some_and(|set| set.event(VERIFICATION).is_some())
}

/// Whether a request brings the verification with this state.
pub fn has_state(push: &Push, state: &str) -> bool {
    let event = push.set.as_ref().and_then(|set| set.event(VERIFICATION));
    event.and_then(|event| event.get("state")) == Some(&json!(state))
}

/// Whether a request brings an event about this subject.
pub fn is_about(push: &Push, subject: &Value) -> bool {
    let about = |set: &RawSet| {
        set.claims.get("sub_id") == Some(subject) && set.event(VERIFICATION).is_none()
    };
    push.set.as_ref().is_some_and(about)
}
