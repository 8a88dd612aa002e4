//! Who signed, and with what (RFC 8417 §5.1, RFC 8725 §3).

use serde_json::json;

use super::{INVALID_KEY, UNVERIFIED};
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::{Must, MustImplied},
    push::{Probe, Set, Signed},
};

const SIGNATURE: Case = Case {
    level: MustImplied,
    tags: &["push", "signature"],
    profiles: Profile::AND_LEGACY,
    ..Case::PUSH
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SET-030.broken-signature",
        section: "RFC 8417 §5.1",
        title: "a signature with a changed bit is refused",
        why: "whoever accepts it verifies nothing, and ends anybody's sessions for anybody",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().signed(Signed::Broken), UNVERIFIED))),
        ..SIGNATURE
    },
    Case {
        id: "SET-030.changed-claims",
        section: "RFC 8417 §5.1",
        title: "claims that were changed after they were signed are refused",
        why: "a SET about one subject would serve for every other",
        judge: Judge::Push(|p| {
            let subject = json!({ "format": "email", "email": "changed@example.com" });
            Box::pin(p.refuses(p.sound().claim_after_signing("sub_id", subject), UNVERIFIED))
        }),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-002.alg-none",
        also: &["PUSH-R-019"],
        section: "RFC 8725 §3.2",
        level: Must,
        title: "a SET that nobody signed is refused",
        why: "alg none is the oldest forgery of JWTs, and libraries have accepted it",
        judge: Judge::Push(|p| {
            let unsigned = p.sound().header("alg", json!("none"));
            Box::pin(p.refuses(unsigned.signed(Signed::Nobody), UNVERIFIED))
        }),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-002.alg-none-in-mixed-case",
        section: "RFC 8725 §3.2",
        level: Must,
        title: "a SET that nobody signed is refused, however alg is written",
        why: "lists of forbidden algorithms have been passed by nOnE; only a list of allowed ones helps",
        judge: Judge::Push(|p| {
            let unsigned = p.sound().header("alg", json!("nOnE"));
            Box::pin(p.refuses(unsigned.signed(Signed::Nobody), UNVERIFIED))
        }),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-001.hmac-with-public-key",
        section: "RFC 8725 §3.1",
        level: Must,
        title: "HS256 with the issuer's public key as the secret is refused",
        why: "everybody has the public key; a receiver that lets alg choose verifies with it as a secret",
        judge: Judge::Push(|p| {
            let forged = p.sound().header("alg", json!("HS256"));
            Box::pin(p.refuses(forged.signed(Signed::Hmac), UNVERIFIED))
        }),
        ..SIGNATURE
    },
    Case {
        id: "PUSH-R-010.foreign-key",
        also: &["JWTBCP-008"],
        section: "RFC 8935 §2.4",
        title: "a signature by another key under the name of the issuer's is refused",
        why: "a kid is a name, and proves nothing",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().signed(Signed::Foreign), INVALID_KEY))),
        ..SIGNATURE
    },
    Case {
        id: "PUSH-R-010.unknown-kid",
        section: "RFC 8935 §2.4",
        title: "a SET by a key that the issuer does not publish is not accepted",
        why: "anybody can sign; the receiver refuses it, or puts it off in case the key is only published later",
        judge: Judge::Push(|p| Box::pin(p.refuses_key(foreign(p), INVALID_KEY))),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-010.kid-as-path",
        section: "RFC 8725 §3.10",
        title: "a kid that is a path and a quotation mark is a name that nobody has",
        why: "kid comes from outside; as part of a path or a query it leads where an attacker wants",
        judge: Judge::Push(|p| {
            let kid = json!("../../../dev/null'--");
            Box::pin(p.refuses_key(foreign(p).header("kid", kid), UNVERIFIED))
        }),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-010.jku",
        section: "RFC 8725 §3.10",
        title: "keys are not fetched from where the SET says",
        why: "whoever follows jku takes keys from the attacker, and can be sent to any address inside the network",
        judge: Judge::Push(|p| Box::pin(lured(p, "jku"))),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-010.x5u",
        section: "RFC 8725 §3.10",
        title: "certificates are not fetched from where the SET says",
        why: "whoever follows x5u takes keys from the attacker, and can be sent to any address inside the network",
        judge: Judge::Push(|p| Box::pin(lured(p, "x5u"))),
        ..SIGNATURE
    },
    Case {
        id: "JWTBCP-010.jwk",
        section: "RFC 8725 §3.10",
        title: "a key that the SET brings along does not count",
        why: "everybody can sign, and put the key beside it",
        judge: Judge::Push(|p| {
            let brought = foreign(p).header("jwk", p.foreign_jwk().clone());
            Box::pin(p.refuses_key(brought, UNVERIFIED))
        }),
        ..SIGNATURE
    },
];

/// A SET by a key that the issuer does not publish, under that key's own name.
fn foreign(probe: &Probe) -> Set {
    let kid = json!(probe.foreign_kid());
    probe.sound().header("kid", kid).signed(Signed::Foreign)
}

/// Names a place with a stranger's key in the header; where the place is ours, nobody may ask for it.
async fn lured(probe: &Probe, member: &str) -> Result<(), Stop> {
    let (url, before) = probe.lure();
    let set = foreign(probe).header(member, json!(url));
    probe.refuses_key(set, UNVERIFIED).await?;
    if let (Some(before), (_, Some(after))) = (before, probe.lure()) {
        let found = after.saturating_sub(before);
        probe.expect(found == 0, format!("requests for {url}"), 0, found);
    }
    Ok(())
}
