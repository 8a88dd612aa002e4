//! Habits: what a transmitter may do, and cases have to take. A habit is a fault that no case finds.

use serde_json::{Value, json};

use super::{
    Asked,
    Breaks::{Answer, Both, Rules, Site},
    Fault, Idling,
    Operation::{Emit, Read},
    Reply,
};

/// A Receiver may have one stream at a time, which the target file has to say (`limits.streams`).
pub const ONE_STREAM: Fault = Fault {
    name: "a receiver may have one stream",
    found: &[],
    breaks: Rules(|rules| rules.allows_one_stream = true),
};

/// Streams are pushed alone, which the target file has to say (`delivery`).
pub const PUSH_ALONE: Fault = Fault {
    name: "streams are pushed alone",
    found: &[],
    breaks: Rules(|rules| rules.pushes_alone = true),
};

/// New streams are about everybody, until somebody is removed.
pub const EVERYBODY: Fault = Fault {
    name: "everybody is covered until they are removed",
    found: &[],
    breaks: Site(|site| site.document["default_subjects"] = json!("ALL")),
};

/// Streams on which nothing happens are stopped after a while, which is published.
pub const STOPS_IDLE: Fault = Fault {
    name: "idle streams are stopped",
    found: &[],
    breaks: Rules(|rules| rules.idling = Some(Idling::Sound)),
};

/// The habits, each of them seen in a transmitter that people use.
pub const HABITS: &[Fault] = &[
    Fault {
        name: "the order of event types is another each time",
        found: &[],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && asked.stream_id.is_some() {
                reply.change(|configuration| {
                    let description = configuration.get("description").map(Value::to_string);
                    if description.is_some_and(|text| text.len() % 2 == 0) {
                        for name in ["events_supported", "events_requested", "events_delivered"] {
                            if let Some(Value::Array(types)) = configuration.get_mut(name) {
                                types.reverse();
                            }
                        }
                    }
                });
            }
        }),
    },
    Fault {
        name: "an id that is not in the form of its ids is refused with 400",
        found: &[],
        breaks: Answer(|asked, reply| {
            let body = asked.object().unwrap_or_default();
            let named = body.get("stream_id").and_then(Value::as_str);
            let named = named.or(asked.stream_id.as_deref());
            if reply.status == 404 && named.is_some_and(|id| !has_the_form(id)) {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "verifications have to be a second apart, and the first from the creation",
        found: &[],
        breaks: Rules(|rules| rules.spaces_verifications = true),
    },
    Fault {
        name: "subjects are named in another way, which the hook tells",
        found: &[],
        breaks: Both(rename, tell),
    },
];

/// `stream-` or another word of six letters, and four digits.
fn has_the_form(id: &str) -> bool {
    let parts = id.split_once('-');
    parts.is_some_and(|(word, number)| {
        word.len() == 6
            && word.bytes().all(|byte| byte.is_ascii_lowercase())
            && number.len() == 4
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Takes an email address for the name of an account.
fn rename(asked: &mut Asked) {
    asked.change(|body| {
        for name in ["subject", "sub_id"] {
            let subject = body.get(name);
            let subject = subject.filter(|subject| subject["format"] == "email");
            let email = subject.and_then(|subject| subject.get("email"));
            if let Some(email) = email.cloned() {
                let named =
                    json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": email });
                body.insert(name.to_owned(), named);
            }
        }
    });
}

/// Has the hook say how the subject is named.
fn tell(asked: &Asked, reply: &mut Reply) {
    if asked.is(Emit)
        && reply.is_success()
        && let Some(named) = asked.object().and_then(|mut body| body.remove("sub_id"))
    {
        *reply = Reply::json(&json!({ "sub_id": named }));
    }
}
