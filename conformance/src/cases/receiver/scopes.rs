//! Which scopes the Receiver asks for (CAEP Interoperability Profile 1.0 §2.7.2); not run where it was told its token.

use url::form_urlencoded;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::Must,
    peer::host::{SCOPES, Seen, TOKEN_PATH},
    push::Probe,
};

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "INTEROP-031.scopes",
    section: "CAEP Interoperability Profile 1.0 §2.7.2",
    level: Must,
    profiles: &[Profile::CaepInterop],
    title: "a token is asked for with scopes that the metadata of the resource names, and with no others",
    why: "a transmitter that has names of its own for them issues no token for others, or one that suffices for nothing",
    tags: &["receiver", "tokens"],
    judge: Judge::Push(|p| Box::pin(async { asks_for_what_is_named(p) })),
    ..RECEIVER
}];

fn asks_for_what_is_named(probe: &Probe) -> Result<(), Stop> {
    for seen in probe.asked(asks_for_a_token)? {
        let mut pairs = form_urlencoded::parse(&seen.request.body);
        let scope = pairs.find(|(name, _)| name == "scope");
        let scope = scope.map(|(_, value)| value.into_owned());
        let asked: Vec<&str> = scope.iter().flat_map(|scope| scope.split(' ')).collect();
        let holds = !asked.is_empty() && asked.iter().all(|scope| SCOPES.contains(scope));
        let what = format!("{}: scope", seen.asked());
        let found = scope.as_deref().unwrap_or("nothing");
        probe.expect(holds, what, format!("some of {}", SCOPES.join(" ")), found);
    }
    Ok(())
}

/// Whether this asks for a token.
pub(super) fn asks_for_a_token(seen: &Seen) -> bool {
    seen.request.method == "POST" && seen.url().path() == TOKEN_PATH
}
