//! Faults in what a transmitter does when a SET was not judged.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Warning},
    exchange::{Answer, Request},
    peer::{
        Breaks::{Push, PushAnswer, Rules},
        Fault,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "after 503 a SET is given up",
        found: &[("PUSH-T-008.unavailable", Warning)],
        breaks: PushAnswer(|_, answer| gives_up(answer, 503)),
    },
    Fault {
        name: "after 429 a SET is given up",
        found: &[("PUSH-T-008.too-many", Warning)],
        breaks: PushAnswer(|_, answer| gives_up(answer, 429)),
    },
    Fault {
        name: "after 500 a SET is given up",
        found: &[("PUSH-T-008.server-error", Warning)],
        breaks: PushAnswer(|_, answer| gives_up(answer, 500)),
    },
    Fault {
        name: "without an answer a SET is given up",
        found: &[("PUSH-T-008.connection-closed", Warning)],
        breaks: PushAnswer(|_, answer| gives_up(answer, 0)),
    },
    Fault {
        name: "what is sent again has another jti",
        found: &[
            ("PUSH-T-010.same-set", Failed),
            ("PUSH-T-008.unavailable", Warning),
            ("PUSH-T-008.too-many", Warning),
            ("PUSH-T-008.server-error", Warning),
            ("PUSH-T-008.connection-closed", Warning),
        ],
        breaks: Push(|attempt, request| {
            if attempt.failed > 0 {
                let jti = format!("{}-{}", attempt.jti, attempt.failed);
                rename(request, &jti);
            }
        }),
    },
    Fault {
        name: "Retry-After of a 503 is overlooked",
        found: &[("PUSH-T-009.retry-after-503", Warning)],
        breaks: PushAnswer(|_, answer| hurries(answer, 503)),
    },
    Fault {
        name: "Retry-After of a 429 is overlooked",
        found: &[("PUSH-T-009.retry-after-429", Warning)],
        breaks: PushAnswer(|_, answer| hurries(answer, 429)),
    },
    Fault {
        name: "pushes that fail are repeated at once",
        found: &[("PUSH-T-009.pace", Warning)],
        breaks: Rules(|rules| rules.repeats_at_once = true),
    },
    Fault {
        name: "pushes follow redirects",
        found: &[("PUSH-T-001.redirect", Warning)],
        breaks: Rules(|rules| rules.follows_redirects = true),
    },
];

/// Takes a failure for a refusal.
fn gives_up(answer: &mut Answer, status: u16) {
    if answer.status == status {
        answer.status = 400;
    }
}

/// Overlooks when it is asked again.
fn hurries(answer: &mut Answer, status: u16) {
    if answer.status == status {
        answer.headers.retain(|(name, _)| name != "retry-after");
    }
}

/// Gives the SET another `jti`, and leaves the signature as it was.
fn rename(request: &mut Request, jti: &str) {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let parts: Vec<&str> = text.split('.').collect();
    if let &[header, claims, signature] = parts.as_slice()
        && let Ok(claims) = BASE64URL.decode(claims)
        && let Ok(mut claims) = serde_json::from_slice::<Value>(&claims)
    {
        claims["jti"] = json!(jti);
        let claims = BASE64URL.encode(claims.to_string());
        request.body = format!("{header}.{claims}.{signature}").into_bytes();
    }
}
