//! Which transmitters' SETs end a session that `/auth` is shown.

use ssf_types::uri::Issuer;

use super::{TransmitterSettings, layers::Value};
use crate::revocation::issuer_form;

/// The issuers of the transmitters that are named; or else that with the session's own issuer, or of the only one.
pub(super) fn read(
    value: Option<&Value>,
    issuer: Option<&Issuer>,
    transmitters: &[TransmitterSettings],
) -> Result<Vec<Issuer>, String> {
    let names = || {
        let names: Vec<&str> = transmitters.iter().map(|one| one.name.as_str()).collect();
        names.join(", ")
    };
    let Some(value) = value else {
        let is_own = |one: &&TransmitterSettings| {
            issuer.is_some_and(|issuer| issuer_form(issuer) == issuer_form(&one.issuer))
        };
        let own = transmitters.iter().find(is_own);
        return match (own, transmitters) {
            (Some(own), _) => Ok(vec![own.issuer.clone()]),
            (None, [only]) => Ok(vec![only.issuer.clone()]),
            (None, _) => Err(format!(
                "must be set, since none of the transmitters has the issuer of the sessions: those that end them, of {}",
                names()
            )),
        };
    };
    let expected = || {
        format!(
            "must be a list of names of transmitters, of which there are {}",
            names()
        )
    };
    let mut issuers = Vec::new();
    for name in value.list().ok_or_else(expected)? {
        let found = transmitters.iter().find(|one| one.name == name);
        let issuer = &found.ok_or_else(expected)?.issuer;
        if !issuers.contains(issuer) {
            issuers.push(issuer.clone());
        }
    }
    if issuers.is_empty() {
        return Err(expected());
    }
    Ok(issuers)
}
