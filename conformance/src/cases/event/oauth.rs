//! Each type of OAuth Event Types 1.0, a draft of 2018 some of whose events are sent to this day.

use serde_json::Value;

use super::{
    BASE,
    Rule::{Member, SubjectOf},
    common::came,
    rule,
};
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::{
        Level::{May, Must, MustImplied, Should},
        shown,
    },
    context::Context,
    event_types::{
        CLIENT_CREDENTIAL_CHANGED, CLIENT_DISABLED, CLIENT_ENABLED, OAUTH, TOKEN_ISSUED,
        TOKEN_REVOKED, TOKENS_REVOKED,
    },
    subject_formats::{OAUTH_CLIENT, OAUTH_TOKEN},
};

/// What goes wrong when a token is named in another way.
const TOKEN: &str =
    "A receiver finds the token by what it holds of it: its beginning, its hash, or all of it.";

/// What goes wrong when a client is named in another way.
const CLIENT: &str = "A receiver that has several clients does not know which.";

/// What goes wrong with a reason.
const REASON: &str =
    "A receiver asks the user to log in again after some reasons, and not after others.";

/// What goes wrong with an owner.
const OWNER: &str =
    "Where the name of a token is not enough, the receiver looks for it among those of its owner.";

/// The cases of this section.
pub const CASES: &[Case] = &[
    rule(
        ("OAEV-001.token-issued", Must),
        &TOKEN_ISSUED,
        SubjectOf(&OAUTH_TOKEN),
        "token-issued is about an oauth_token",
        TOKEN,
    ),
    rule(
        ("OAEV-001.token-revoked", Must),
        &TOKEN_REVOKED,
        SubjectOf(&OAUTH_TOKEN),
        "token-revoked is about an oauth_token",
        TOKEN,
    ),
    rule(
        ("OAEV-002.client-disabled", MustImplied),
        &CLIENT_DISABLED,
        SubjectOf(&OAUTH_CLIENT),
        "client-disabled is about an oauth_client",
        CLIENT,
    ),
    rule(
        ("OAEV-002.client-enabled", MustImplied),
        &CLIENT_ENABLED,
        SubjectOf(&OAUTH_CLIENT),
        "client-enabled is about an oauth_client",
        CLIENT,
    ),
    rule(
        ("OAEV-002.client-credential-changed", MustImplied),
        &CLIENT_CREDENTIAL_CHANGED,
        SubjectOf(&OAUTH_CLIENT),
        "client-credential-changed is about an oauth_client",
        CLIENT,
    ),
    rule(
        ("OAEV-003.token-revoked", May),
        &TOKEN_REVOKED,
        Member("reason"),
        "reason of token-revoked is inactive, too_many, api, user or issuer",
        REASON,
    ),
    rule(
        ("OAEV-003.tokens-revoked", May),
        &TOKENS_REVOKED,
        Member("reason"),
        "reason of tokens-revoked is user or issuer",
        REASON,
    ),
    Case {
        id: "OAEV-004.sub_id",
        section: "OAuth Event Types §2.1",
        level: MustImplied,
        title: "the subject stands in sub_id with a format, and not in the event or with a subject_type",
        why: "The draft is older than both; under SSF 1.0 its types are new ones (§3.1.2), and readers look nowhere else.",
        judge: Script(|cx| Box::pin(sub_id(cx))),
        ..BASE
    },
    rule(
        ("OAEV-005.token-issued", Should),
        &TOKEN_ISSUED,
        Member("token_subject"),
        "token_subject of token-issued is a subject",
        OWNER,
    ),
    rule(
        ("OAEV-005.token-revoked", Should),
        &TOKEN_REVOKED,
        Member("token_subject"),
        "token_subject of token-revoked is a subject",
        OWNER,
    ),
];

async fn sub_id(cx: &Context) -> Result<(), Stop> {
    for (event, sample) in came(cx, OAUTH).await? {
        let name = event.name();
        let found = sample.set.claims.get("sub_id").unwrap_or(&Value::Null);
        let is_named = found.get("format").is_some_and(Value::is_string);
        let what = format!("sub_id of {name}");
        cx.expect(is_named, what, "a subject with a format", shown(found));
        let inside = sample
            .set
            .event(event.uri)
            .and_then(|says| says.get("subject"));
        let found = inside.map_or("none".to_owned(), shown);
        cx.expect(
            inside.is_none(),
            format!("subject in {name}"),
            "none",
            found,
        );
        let [_, claims] = sample.set.texts();
        let holds = !String::from_utf8_lossy(&claims).contains("\"subject_type\"");
        let found = if holds { "none" } else { "one" };
        cx.expect(
            holds,
            format!("subject_type in the claims of {name}"),
            "none",
            found,
        );
    }
    Ok(())
}
