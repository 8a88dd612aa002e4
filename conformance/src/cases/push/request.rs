//! Requests that are no push, or whose body is no SET.

use serde_json::json;

use super::INVALID_REQUEST;
use crate::{
    case::{Case, Judge, Stop},
    checks::Level::{MustImplied, Should},
    push::{Probe, Signed},
};

/// Bytes of a body that is longer than any SET.
const HUGE: usize = 2 * 1024 * 1024;

/// Who shows no authorization, or a wrong one, is told so in one of these ways.
const UNAUTHORIZED: &[u16] = &[400, 401, 403];

/// And with one of these codes.
const NOT_ALLOWED: &[&str] = &["authentication_failed", "access_denied"];

const REQUEST: Case = Case {
    section: "RFC 8935 §2.4",
    level: MustImplied,
    tags: &["push", "request"],
    ..Case::PUSH
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "PUSH-R-009.no-token",
        title: "a body that is no token is refused with invalid_request",
        why: "the transmitter has to learn that it sends something else than SETs",
        judge: Judge::Push(|p| {
            let body = p.body(b"ssf-conformance".to_vec());
            Box::pin(p.refuses_request(body, &[400], INVALID_REQUEST))
        }),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-009.bare-claims",
        title: "claims without a signature around them are refused with invalid_request",
        why: "JSON that anybody can write would count",
        judge: Judge::Push(|p| {
            let body = p.body(p.sound().claims_text().into_bytes());
            Box::pin(p.refuses_request(body, &[400], INVALID_REQUEST))
        }),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-013.without-authorization",
        title: "a push without Authorization is refused, where one is demanded",
        why: "the receiver would work through whatever anybody sends",
        judge: Judge::Push(|p| Box::pin(authorization(p, None))),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-013.wrong-authorization",
        title: "a push with another Authorization is refused",
        why: "the receiver would work through whatever anybody sends",
        judge: Judge::Push(|p| Box::pin(authorization(p, Some("Bearer ssf-conformance")))),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-021.get",
        section: "RFC 8935 §2.3",
        title: "GET is not allowed",
        why: "an answer of 2xx to it would have every crawler, and every monitor, believe what it likes",
        judge: Judge::Push(|p| {
            let mut get = p.body(Vec::new());
            "GET".clone_into(&mut get.method);
            Box::pin(p.refuses_request(get, &[400, 404, 405], INVALID_REQUEST))
        }),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-021.media-type",
        section: "RFC 8935 §2.3",
        title: "a SET that is sent as a form is refused with 415 or 400",
        why: "browsers send forms to anywhere without asking; a SET is application/secevent+jwt",
        judge: Judge::Push(|p| Box::pin(as_form(p))),
        ..REQUEST
    },
    Case {
        id: "PUSH-R-022.huge",
        section: "RFC 8935 §5.4",
        level: Should,
        title: "a body of 2 MiB is refused, and the endpoint goes on",
        why: "a receiver without a limit is put out of work by one request",
        judge: Judge::Push(|p| Box::pin(huge(p))),
        ..REQUEST
    },
    Case {
        id: "SET-029.without-signature-part",
        section: "RFC 8417 §5.1",
        title: "a SET without its signature part is refused",
        why: "header and claims alone are no token, and nothing vouches for them",
        judge: Judge::Push(|p| Box::pin(cut(p))),
        ..REQUEST
    },
];

async fn authorization(probe: &Probe, instead: Option<&str>) -> Result<(), Stop> {
    probe.authorization()?;
    let mut request = probe.request(&probe.sound())?;
    request.headers.retain(|(name, _)| name != "authorization");
    if let Some(value) = instead {
        let header = ("authorization".to_owned(), value.to_owned());
        request.headers.push(header);
    }
    probe
        .refuses_request(request, UNAUTHORIZED, NOT_ALLOWED)
        .await
}

async fn as_form(probe: &Probe) -> Result<(), Stop> {
    let mut request = probe.request(&probe.sound())?;
    request.headers.retain(|(name, _)| name != "content-type");
    let form = "application/x-www-form-urlencoded".to_owned();
    request.headers.push(("content-type".to_owned(), form));
    probe
        .refuses_request(request, &[400, 415], INVALID_REQUEST)
        .await
}

async fn huge(probe: &Probe) -> Result<(), Stop> {
    probe.given_accepted().await?;
    let padding = json!("a".repeat(HUGE));
    let request = probe.request(&probe.sound().claim("ssf_conformance", padding))?;
    match probe.answer(request).await {
        Ok(answer) => {
            let found = answer.status;
            let refused = (400..500).contains(&found);
            probe.expect(refused, "2 MiB: the status", "one of the 4xx", found);
        }
        // Who stops reading may close the connection, and the answer is lost with it (RFC 9110 §15.5.14).
        Err(error) => {
            probe.expect(true, "2 MiB", "a refusal, or no answer", error);
        }
    }
    let answered = probe.push(&probe.sound()).await?;
    probe.expect_accepted(&answered);
    Ok(())
}

async fn cut(probe: &Probe) -> Result<(), Stop> {
    let mut request = probe.request(&probe.sound().signed(Signed::Nobody))?;
    // The signature is empty, so that its dot is the last byte.
    request.body.pop();
    probe
        .refuses_request(request, &[400], INVALID_REQUEST)
        .await
}
