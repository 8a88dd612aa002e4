//! How the reference Receiver polls.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use url::Url;

use super::{
    Pushed, Verdict,
    fault::LATE,
    owner::{Arrived, Owner, PAUSE, Standing},
};
use crate::exchange::{Answer, Request};

impl Owner {
    /// Settles what came, or waits for something to come.
    pub(super) async fn poll(&mut self, endpoint: &Url) -> Standing {
        let mut body = json!({});
        let settles = !self.acknowledged.is_empty() || !self.errors.is_empty();
        if settles {
            body = json!({
                "ack": self.acknowledged, "setErrs": self.errors, "maxEvents": 0, "returnImmediately": true,
            });
        }
        if std::mem::take(&mut self.manners.counts_in_words) {
            body["maxEvents"] = json!("many");
        }
        let mut request = Request::new("POST", endpoint.clone());
        for (name, value) in [
            ("content-type", "application/json"),
            ("content-language", "en"),
        ] {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        request.body = body.to_string().into_bytes();
        let Some(answer) = self.send(request).await else {
            sleep(PAUSE).await;
            return Standing::There;
        };
        if answer.status == 404 {
            return Standing::Gone;
        }
        if answer.is_success() && settles {
            self.acknowledged.clear();
            self.errors.clear();
        }
        if answer.is_success() || self.manners.reads_errors {
            self.take(&answer).await;
        }
        if !answer.is_success() {
            let told = answer.header("retry-after").next();
            let told = told.and_then(|seconds| seconds.parse().ok());
            let told = told.filter(|_| !self.manners.does_not_wait);
            sleep(told.map_or(PAUSE, Duration::from_secs)).await;
        }
        Standing::There
    }

    async fn take(&mut self, answer: &Answer) {
        let body = answer.object().unwrap_or_default();
        let sets = body.get("sets").and_then(Value::as_object);
        let sets = sets.cloned().unwrap_or_default();
        // Verifications that it asked for at the beginning come together.
        let is_new = self.seen.is_empty();
        let is_passed_over = sets.len() > 1 && self.manners.passes_over_several && !is_new;
        let mut left_alone = is_passed_over;
        for (name, token) in sets.iter().filter(|_| !is_passed_over) {
            let arrived = Arrived {
                name: Some(name),
                brought: Pushed {
                    method: "POST".to_owned(),
                    media_type: "application/secevent+jwt".to_owned(),
                    ..Pushed::default()
                },
                token: token.as_str().unwrap_or_default().as_bytes(),
            };
            match self.judged(arrived).await {
                Some(Verdict::Accepted) => self.acknowledged.push(name.clone()),
                Some(Verdict::Refused(err)) => {
                    let error = json!({ "err": err, "description": "the SET is refused" });
                    self.errors.insert(name.clone(), error);
                }
                Some(Verdict::Status(_)) | None => left_alone = true,
            }
        }
        if left_alone {
            sleep(PAUSE).await;
        }
        let is_more = body.get("moreAvailable") == Some(&Value::Bool(true));
        if is_more && !sets.is_empty() && self.manners.rests_where_there_is_more {
            sleep(LATE).await;
        }
    }
}
