//! Faults in what a push looks like.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::set_header;
use crate::{
    checks::Verdict::Failed,
    peer::{
        Breaks::{Push, Request},
        Fault, Operation,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "SETs come by PUT",
        found: &[("PUSH-T-001.post", Failed)],
        breaks: Push(|_, request| "PUT".clone_into(&mut request.method)),
    },
    Fault {
        name: "the query of endpoint_url is lost",
        found: &[("PUSH-T-001.url", Failed)],
        breaks: Push(|_, request| request.url.set_query(None)),
    },
    Fault {
        name: "SETs of events come as a JSON array",
        found: &[("PUSH-T-001.one-set", Failed), ("SSF-T-178.push", Failed)],
        breaks: Push(|_, request| {
            if !is_verification(&request.body) {
                let token = String::from_utf8_lossy(&request.body);
                request.body = format!("[\"{token}\"]").into_bytes();
            }
        }),
    },
    Fault {
        name: "pushes are application/jwt",
        found: &[("PUSH-T-002.content-type", Failed)],
        breaks: Push(|_, request| set_header(request, "content-type", Some("application/jwt"))),
    },
    Fault {
        name: "pushes accept anything",
        found: &[("PUSH-T-003.accept", Failed)],
        breaks: Push(|_, request| set_header(request, "accept", Some("*/*"))),
    },
    Fault {
        name: "SETs end with an end of line",
        found: &[("PUSH-T-004.bare-set", Failed)],
        breaks: Push(|_, request| request.body.push(b'\n')),
    },
    Fault {
        name: "authorization_header is sent as a bearer token",
        found: &[("SSF-T-251.sent", Failed), ("SSF-T-251.changed", Failed)],
        breaks: Push(|_, request| {
            let found = request.headers.iter_mut();
            for (_, value) in found.filter(|(name, _)| name == "authorization") {
                *value = format!("Bearer {value}");
            }
        }),
    },
    Fault {
        name: "an authorization_header that is changed is overlooked",
        found: &[("SSF-T-251.changed", Failed)],
        breaks: Request(|asked| {
            if asked.is(Operation::Update) {
                asked.change(|body| {
                    let delivery = body.get_mut("delivery").and_then(|one| one.as_object_mut());
                    if let Some(delivery) = delivery {
                        delivery.remove("authorization_header");
                    }
                });
            }
        }),
    },
    Fault {
        name: "pushes show something although nothing was asked for",
        found: &[("SSF-T-251.absent", Failed)],
        breaks: Push(|_, request| {
            let shows = |(name, _): &(String, String)| name == "authorization";
            if !request.headers.iter().any(shows) {
                let basic = format!("Basic {}", BASE64.encode("ssf:ssf"));
                set_header(request, "authorization", Some(&basic));
            }
        }),
    },
];

/// Whether the body is the SET of a verification.
pub(super) fn is_verification(body: &[u8]) -> bool {
    let text = str::from_utf8(body).unwrap_or_default();
    let set = crate::set::RawSet::parse(text);
    set.is_ok_and(|set| set.event(crate::event_types::VERIFICATION).is_some())
}
