//! What peers do differently in the shape of a subject.

use super::{Body, event::EVENTS, object::Object};
use crate::subject::ComplexSubject;

/// Changes each subject as a whole: `sub_id`, those within the events, that of a request.
pub(super) fn whole(
    body: Body<'_>,
    object: &mut Object<'_>,
    change: impl Fn(&mut Object<'_>) -> bool,
) -> bool {
    match body {
        Body::Claims => {
            let named = object.edit("sub_id", &change);
            named
                | object.edit(EVENTS, |events| {
                    events.edit_each(|_, payload| {
                        let named = payload.edit("subject", &change);
                        named | payload.edit("token_subject", &change)
                    })
                })
        }
        Body::Subject(_) => object.edit("subject", change),
        Body::Metadata
        | Body::CreateStream
        | Body::UpdateStream(_)
        | Body::Stream(_)
        | Body::Streams(_)
        | Body::Status(_)
        | Body::Verification(_)
        | Body::PollRequest
        | Body::PushError => false,
    }
}

/// Changes each simple subject, also those within complex ones and aliases.
pub(super) fn each(
    body: Body<'_>,
    object: &mut Object<'_>,
    change: impl Fn(&mut Object<'_>) -> bool,
) -> bool {
    whole(body, object, |subject| within(subject, &change))
}

fn within(subject: &mut Object<'_>, change: &impl Fn(&mut Object<'_>) -> bool) -> bool {
    let format = subject
        .text("format")
        .or_else(|| subject.text("subject_type"));
    let inner = match format.as_deref() {
        None | Some(ComplexSubject::FORMAT) => {
            subject.edit_each(|_, member| within(member, change))
        }
        Some("aliases") => subject.edit_items("identifiers", |one| within(one, change)),
        Some(_) => false,
    };
    change(subject) | inner
}

pub(super) fn undo_subject_type(subject: &mut Object<'_>) -> bool {
    subject.text("subject_type").is_some() && subject.rename("subject_type", "format")
}

pub(super) fn commit_subject_type(subject: &mut Object<'_>) -> bool {
    subject.text("format").is_some() && subject.rename("format", "subject_type")
}

pub(super) fn undo_iss_sub(subject: &mut Object<'_>) -> bool {
    replace_format(subject, "iss-sub", "iss_sub")
}

pub(super) fn commit_iss_sub(subject: &mut Object<'_>) -> bool {
    replace_format(subject, "iss_sub", "iss-sub")
}

pub(super) fn undo_token_formats(subject: &mut Object<'_>) -> bool {
    replace_format(subject, "jwt-id", "jwt_id")
        || replace_format(subject, "saml-assertion-id", "saml_assertion_id")
}

pub(super) fn commit_token_formats(subject: &mut Object<'_>) -> bool {
    replace_format(subject, "jwt_id", "jwt-id")
        || replace_format(subject, "saml_assertion_id", "saml-assertion-id")
}

pub(super) fn undo_phone(subject: &mut Object<'_>) -> bool {
    let met = replace_format(subject, "phone", "phone_number");
    if met {
        subject.rename("phone", "phone_number");
    }
    met
}

pub(super) fn commit_phone(subject: &mut Object<'_>) -> bool {
    replace_format(subject, "phone_number", "phone")
}

fn replace_format(subject: &mut Object<'_>, from: &str, to: &str) -> bool {
    let met = subject.text("format").as_deref() == Some(from);
    if met {
        subject.put_text("format", to);
    }
    met
}

/// The member of a complex subject that is a user (SSF 1.0 §3.3).
const USER: &str = "user";

pub(super) fn undo_under_user(subject: &mut Object<'_>) -> bool {
    let user = subject.object(USER).filter(|user| {
        let format = user.text("format");
        format.is_some_and(|format| format != ComplexSubject::FORMAT)
    });
    let Some(user) = user.filter(|_| subject.len() == 1) else {
        return false;
    };
    *subject = user.into_owned();
    true
}

pub(super) fn commit_under_user(subject: &mut Object<'_>) -> bool {
    let format = subject.text("format");
    if format.is_none_or(|format| format == ComplexSubject::FORMAT) {
        return false;
    }
    *subject = Object::of(USER, subject.to_json());
    true
}

pub(super) fn undo_complex(subject: &mut Object<'_>) -> bool {
    let is_subject = |name: &str| {
        let member = subject.object(name);
        member.is_some_and(|member| member.text("format").is_some())
    };
    let met = subject.len() > 0 && !subject.has("format") && subject.names().all(is_subject);
    if met {
        subject.put_text("format", ComplexSubject::FORMAT);
    }
    met
}

pub(super) fn commit_complex(subject: &mut Object<'_>) -> bool {
    subject.text("format").as_deref() == Some(ComplexSubject::FORMAT)
        && subject.take("format").is_some()
}
