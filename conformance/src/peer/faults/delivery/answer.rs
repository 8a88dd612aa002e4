//! Faults in what a transmitter makes of answers that judge a SET.

use serde_json::Value;

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    exchange::Answer,
    peer::{Breaks::PushAnswer, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "SETs that were acknowledged are sent once more",
        found: &[
            ("PUSH-T-013.acknowledged", Failed),
            ("PUSH-T-013.slow", Note),
            // Their control arm is a SET that is acknowledged.
            ("PUSH-T-008.invalid_request", Warning),
            ("PUSH-T-008.invalid_issuer", Warning),
            ("PUSH-T-008.invalid_audience", Warning),
        ],
        breaks: PushAnswer(|attempt, answer| {
            if attempt.failed == 0 && answer.status == 202 {
                answer.status = 503;
                answer.headers = vec![("retry-after".to_owned(), "0".to_owned())];
            }
        }),
    },
    Fault {
        name: "SETs that were refused with invalid_request are sent for ever",
        found: &[("PUSH-T-008.invalid_request", Warning)],
        breaks: PushAnswer(|_, answer| {
            stumbles(answer, |body| {
                body["err"] == "invalid_request" && !is_long(body)
            });
        }),
    },
    Fault {
        name: "SETs that were refused with invalid_issuer are sent for ever",
        found: &[("PUSH-T-008.invalid_issuer", Warning)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"] == "invalid_issuer")),
    },
    Fault {
        name: "SETs that were refused with invalid_audience are sent for ever",
        found: &[("PUSH-T-008.invalid_audience", Warning)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"] == "invalid_audience")),
    },
    Fault {
        name: "a refusal with an unknown code stops the stream",
        found: &[("PUSH-T-014.unknown-code", Failed)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"] == "x_new_code")),
    },
    Fault {
        name: "a refusal with invalid_key stops the stream",
        found: &[("PUSH-T-014.invalid_key", Failed)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"] == "invalid_key")),
    },
    Fault {
        name: "a refusal with authentication_failed stops the stream",
        found: &[("PUSH-T-014.authentication_failed", Failed)],
        breaks: PushAnswer(|_, answer| {
            stumbles(answer, |body| body["err"] == "authentication_failed");
        }),
    },
    Fault {
        name: "a refusal with access_denied stops the stream",
        found: &[("PUSH-T-014.access_denied", Failed)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"] == "access_denied")),
    },
    Fault {
        name: "a refusal in HTML stops the stream",
        found: &[("PUSH-T-015.html", Failed)],
        breaks: PushAnswer(|_, answer| {
            if answer.body.starts_with(b"<") {
                answer.status = 503;
            }
        }),
    },
    Fault {
        name: "a refusal without a body stops the stream",
        found: &[("PUSH-T-015.empty", Failed)],
        breaks: PushAnswer(|_, answer| {
            if answer.status == 400 && answer.body.is_empty() {
                answer.status = 503;
            }
        }),
    },
    Fault {
        name: "a refusal whose err is a number stops the stream",
        found: &[("PUSH-T-015.wrong-types", Failed)],
        breaks: PushAnswer(|_, answer| stumbles(answer, |body| body["err"].is_number())),
    },
    Fault {
        name: "a refusal that is long stops the stream",
        found: &[("PUSH-T-015.long", Failed)],
        breaks: PushAnswer(|_, answer| stumbles(answer, is_long)),
    },
    Fault {
        name: "an acknowledgement that takes more than a second does not count",
        found: &[("PUSH-T-013.slow", Note)],
        breaks: PushAnswer(|attempt, answer| {
            let is_slow = attempt.began.elapsed() > std::time::Duration::from_secs(1);
            if attempt.failed == 0 && answer.status == 202 && is_slow {
                answer.status = 503;
                answer.headers = vec![("retry-after".to_owned(), "0".to_owned())];
            }
        }),
    },
];

/// Takes a refusal for an outage.
fn stumbles(answer: &mut Answer, over: impl FnOnce(&Value) -> bool) {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status == 400 && body.is_some_and(|body| over(&body)) {
        answer.status = 503;
    }
}

fn is_long(body: &Value) -> bool {
    let description = body["description"].as_str();
    description.is_some_and(|description| description.len() > 1024)
}
