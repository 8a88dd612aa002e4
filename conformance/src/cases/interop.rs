//! The metadata that the CAEP Interoperability Profile demands (§2.3), where SSF itself leaves it open.

use serde_json::Value;

use crate::{
    case::{Case, Judge::Script, Profile, Stop},
    checks::{Level, shown},
    context::Context,
};

const BASE: Case = Case {
    level: Level::Must,
    profiles: &[Profile::CaepInterop],
    tags: &["discovery", "interop"],
    needs: &[],
    streams: 0,
    ..Case::MANAGEMENT
};

/// The scheme of OAuth 2.0.
const OAUTH: &str = "urn:ietf:rfc:6749";

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "INTEROP-007.spec_version",
        section: "CAEP Interoperability Profile 1.0 §2.3.1",
        title: "the metadata has spec_version",
        why: "Without it a receiver has to take the transmitter for one of the first draft.",
        judge: Script(|cx| Box::pin(async { has(cx, "spec_version") })),
        ..BASE
    },
    Case {
        id: "INTEROP-008.delivery_methods_supported",
        section: "CAEP Interoperability Profile 1.0 §2.3.2",
        title: "the metadata has delivery_methods_supported",
        why: "A receiver that pushes alone, or polls alone, learns from it whether it can go on.",
        judge: Script(|cx| Box::pin(async { has(cx, "delivery_methods_supported") })),
        ..BASE
    },
    Case {
        id: "INTEROP-010.configuration_endpoint",
        section: "CAEP Interoperability Profile 1.0 §2.3.4",
        title: "the metadata has configuration_endpoint",
        why: "Without it no stream can be made.",
        judge: Script(|cx| Box::pin(async { has(cx, "configuration_endpoint") })),
        ..BASE
    },
    Case {
        id: "INTEROP-011.status_endpoint",
        section: "CAEP Interoperability Profile 1.0 §2.3.5",
        title: "the metadata has status_endpoint",
        why: "Without it a receiver cannot tell silence from a stream that was stopped.",
        judge: Script(|cx| Box::pin(async { has(cx, "status_endpoint") })),
        ..BASE
    },
    Case {
        id: "INTEROP-014.verification_endpoint",
        section: "CAEP Interoperability Profile 1.0 §2.3.6",
        title: "the metadata has verification_endpoint",
        why: "Without it a receiver never knows whether events would arrive.",
        judge: Script(|cx| Box::pin(async { has(cx, "verification_endpoint") })),
        ..BASE
    },
    Case {
        id: "INTEROP-015.oauth",
        section: "CAEP Interoperability Profile 1.0 §2.3.7",
        title: "authorization_schemes names OAuth 2.0",
        why: "It is how receivers of the profile get in.",
        judge: Script(|cx| Box::pin(async { names_oauth(cx) })),
        ..BASE
    },
];

fn has(cx: &Context, member: &str) -> Result<(), Stop> {
    // What it holds, the cases of discovery judge.
    let found = cx.metadata()?.get(member);
    let text = found.map_or("nothing".to_owned(), shown);
    cx.expect(found.is_some(), member, "a value", text);
    Ok(())
}

fn names_oauth(cx: &Context) -> Result<(), Stop> {
    let found = cx.metadata()?.get("authorization_schemes");
    let found = found.unwrap_or(&Value::Null);
    let is_oauth = |scheme: &Value| scheme.get("spec_urn").is_some_and(|urn| urn == OAUTH);
    let schemes = found.as_array();
    let holds = schemes.is_some_and(|schemes| schemes.iter().any(is_oauth));
    let expected = format!("one with the spec_urn {OAUTH}");
    cx.expect(holds, "authorization_schemes", expected, shown(found));
    Ok(())
}
