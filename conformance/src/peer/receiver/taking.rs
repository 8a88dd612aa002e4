//! How the reference Receiver takes what is pushed, and shows meanwhile that it is there.

use std::time::Duration;

use actix_web::web::Bytes;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use url::Url;

use super::{
    Pushed, Verdict,
    owner::{Arrived, Owner, PAUSE},
};
use crate::{exchange::Request, peer::Reply};

/// How often it shows that it is there before it would count as gone.
const SIGNS_OF_LIFE: u32 = 3;

/// A push that waits for its answer.
pub(super) struct Push {
    pub(super) brought: Pushed,
    pub(super) body: Bytes,
    pub(super) answer: oneshot::Sender<Reply>,
}

/// A stream that is pushed, while it lasts.
pub(super) struct Stay {
    /// Where its status is asked for.
    pub(super) status: Url,
    /// After which time without a sign of life it might be stopped.
    pub(super) inactivity: Duration,
}

impl Owner {
    /// Takes pushes until the stream is gone.
    pub(super) async fn take_pushes(&mut self, stay: &Stay) {
        let pause = (stay.inactivity / SIGNS_OF_LIFE).max(PAUSE);
        let mut due = Instant::now() + pause;
        loop {
            match timeout_at(due, self.pushes.recv()).await {
                Ok(Some(push)) => self.take_push(push).await,
                // Whoever had them taken has gone.
                Ok(None) => return,
                Err(_) if self.manners.asks_for_nothing_more => due = Instant::now() + pause,
                Err(_) => {
                    let answer = self.send(Request::get(stay.status.clone())).await;
                    if answer.is_some_and(|answer| answer.status == 404) {
                        return;
                    }
                    due = Instant::now() + pause;
                }
            }
        }
    }

    async fn take_push(&mut self, push: Push) {
        let Push {
            brought,
            body,
            answer,
        } = push;
        let arrived = Arrived {
            name: None,
            brought,
            token: &body,
        };
        // What is left alone comes again.
        let verdict = self.judged(arrived).await.unwrap_or(Verdict::Status(503));
        // Who does not wait for it any more needs none.
        let _ = answer.send(verdict.reply());
    }
}
