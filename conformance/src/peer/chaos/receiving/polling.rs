//! How a hostile receiver polls (RFC 8936).

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::{
    Shared,
    judging::Opinion,
    rest::{PAUSE, pause_after},
};
use crate::{
    exchange::Answer,
    peer::{
        chaos::{Kind, events::now, json as odd_json},
        receiver::Pushed,
    },
};

/// One poll in so many is given up.
const ABANDONED: u64 = 6;

/// One poll in so many is late.
const SLOW: u64 = 3;

/// How much of what was acknowledged is acknowledged again.
const REPEATED: usize = 3;

/// What is said of SETs, and when.
#[derive(Default)]
struct Pending {
    /// SETs to acknowledge, and how many polls they still wait.
    acks: Vec<(String, u64)>,
    errors: Map<String, Value>,
    /// The last that were acknowledged.
    said: Vec<String>,
}

/// Polls until it is stopped.
pub(super) async fn poll_on(shared: Arc<Shared>) {
    let mut pending = Pending::default();
    loop {
        if let Some(pause) = shared.pause(SLOW) {
            sleep(pause).await;
        }
        shared.poll_once(&mut pending).await;
    }
}

impl Shared {
    async fn poll_once(&self, pending: &mut Pending) {
        let Some(endpoint) = &self.stream.endpoint else {
            self.journal.tell("the stream has no endpoint_url to poll");
            std::future::pending().await
        };
        let (body, acks) = self.body(pending);
        let odd = self.draws.draw(Kind::OddJson);
        let text = odd.map_or_else(
            || body.to_string(),
            |mut chance| odd_json::text(&body, &mut chance),
        );
        let sent = self.stream.poll(endpoint, text);
        let abandons = !self.is_calm();
        let abandons = abandons
            .then(|| self.draws.draw_one_in(Kind::AbandonedPolls, ABANDONED))
            .flatten();
        let exchange = match abandons {
            None => sent.await,
            Some(mut chance) => {
                let patience = Duration::from_millis(chance.number() % 300);
                if let Ok(exchange) = timeout(patience, sent).await {
                    // Whoever hangs up has not read it.
                    drop(exchange);
                }
                self.journal.tell("poll → given up [abandoned-polls]");
                return;
            }
        };
        match exchange.result {
            Ok(answer) if answer.is_success() => {
                self.settle(pending, &acks);
                let brought = self.take(pending, &answer).await;
                let refused = body["setErrs"].as_object().map_or(0, Map::len);
                self.journal.tell(&format!(
                    "poll → {}: {} acknowledged, {refused} refused, {brought} brought",
                    answer.status,
                    acks.len()
                ));
            }
            Ok(answer) => {
                self.journal.tell(&format!("poll → {}", answer.status));
                sleep(pause_after(&answer, now())).await;
            }
            Err(error) => {
                self.journal.tell(&format!("poll → {error}"));
                sleep(PAUSE).await;
            }
        }
    }

    /// The next poll, and what it acknowledges for the first time.
    fn body(&self, pending: &mut Pending) -> (Value, Vec<String>) {
        for (_, waits) in &mut pending.acks {
            *waits = if self.is_calm() {
                0
            } else {
                waits.saturating_sub(1)
            };
        }
        let due = pending.acks.iter().filter(|(_, waits)| *waits == 0);
        let mut acks: Vec<String> = due.map(|(jti, _)| jti.clone()).collect();
        if !self.is_calm()
            && acks.len() > 1
            && self.draws.draw(Kind::PartialAcknowledgements).is_some()
        {
            acks = acks.pop().into_iter().collect();
        }
        let mut said = acks.clone();
        if !pending.said.is_empty() && self.draws.draw(Kind::RepeatedAcknowledgements).is_some() {
            said.extend(pending.said.iter().rev().take(REPEATED).cloned());
        }
        let mut body = Map::new();
        if !said.is_empty() {
            body.insert("ack".to_owned(), json!(said));
        }
        if !pending.errors.is_empty() {
            body.insert("setErrs".to_owned(), json!(pending.errors));
        }
        // What waits to be acknowledged must not wait for something new.
        let mut at_once = !pending.acks.is_empty() || self.is_calm();
        if let Some(mut chance) = self.draws.draw(Kind::OddPolls).filter(|_| !self.is_calm()) {
            let max = [0_u64, 1, 3, 2_147_483_647, 4_000_000_000]
                [usize::try_from(chance.number() % 5).unwrap_or_default()];
            body.insert("maxEvents".to_owned(), json!(max));
            at_once = at_once || max == 0 || chance.number().is_multiple_of(2);
        }
        if at_once {
            body.insert("returnImmediately".to_owned(), json!(true));
        }
        (Value::Object(body), acks)
    }

    /// Notes that what was said has been heard.
    fn settle(&self, pending: &mut Pending, acks: &[String]) {
        pending.acks.retain(|(jti, _)| !acks.contains(jti));
        pending.said = acks.to_vec();
        let errors = std::mem::take(&mut pending.errors);
        self.note(|receipts| {
            for jti in acks {
                receipts.acknowledge(jti);
            }
            for (jti, error) in &errors {
                if error["err"] == "access_denied" {
                    receipts.refuse(jti);
                }
            }
        });
    }

    /// Takes what a poll brought; how much it was.
    async fn take(&self, pending: &mut Pending, answer: &Answer) -> usize {
        let body = answer.object().unwrap_or_default();
        let sets = body
            .get("sets")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        for (name, token) in &sets {
            self.note(|receipts| receipts.come(name));
            let token = token.as_str().unwrap_or_default();
            let mut opinion = self.opinion(name, token);
            if opinion == Opinion::UnknownKey {
                self.judge.fetch_keys().await;
                opinion = self.opinion(name, token);
            }
            match opinion {
                Opinion::Sound => self.answer(pending, name),
                Opinion::UnknownKey => self.find_fault(pending, name, "invalid_key"),
                Opinion::Unsound(code) => self.find_fault(pending, name, code),
            }
        }
        if sets.is_empty() && self.is_calm() {
            sleep(PAUSE).await;
        }
        sets.len()
    }

    fn opinion(&self, name: &str, token: &str) -> Opinion {
        let request = Pushed {
            method: "POST".to_owned(),
            media_type: "application/secevent+jwt".to_owned(),
            ..Pushed::default()
        };
        let (jti, opinion) =
            self.judge
                .opinion(request, token.as_bytes(), &self.stream.audience, None);
        if opinion == Opinion::Sound && jti != name {
            return Opinion::Unsound("invalid_request");
        }
        opinion
    }

    /// Decides what is said of a sound SET, and when.
    fn answer(&self, pending: &mut Pending, name: &str) {
        if pending.acks.iter().any(|(jti, _)| jti == name) || pending.errors.contains_key(name) {
            return;
        }
        if self.refuses(name) {
            let error =
                json!({ "err": "access_denied", "description": "ssf-conformance refuses it" });
            pending.errors.insert(name.to_owned(), error);
            return;
        }
        let late = self.draws.draw(Kind::LateAcknowledgements);
        let waits = late.map_or(0, |mut chance| 1 + chance.number() % 3);
        pending.acks.push((name.to_owned(), waits));
    }

    fn find_fault(&self, pending: &mut Pending, name: &str, code: &'static str) {
        self.note(|receipts| receipts.find_fault(name, code));
        let error = json!({ "err": code, "description": "the SET is not sound" });
        pending.errors.insert(name.to_owned(), error);
    }
}
