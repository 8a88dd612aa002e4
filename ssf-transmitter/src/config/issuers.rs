//! The issuers that are served.

use ssf_types::uri::Issuer;

use super::{
    layers::Value,
    transport::{self, Transport},
};
use crate::domain::issuer::{IssuerName, Issuers};

/// Longest issuer, in bytes: half of what a URL may have, since paths are put behind it.
const ISSUER_BYTES_MAX: usize = 1024;

pub(super) fn read_issuer(
    value: Option<&Value>,
    transport: Option<&Transport>,
) -> Result<Option<Issuer>, String> {
    let Some(value) = value else {
        // Whether the transport itself is wrong is told elsewhere.
        return match transport.and_then(Transport::wants_https) {
            Some(reason) => Err(format!("must be set, as an https URL, because {reason}")),
            None => Ok(None),
        };
    };
    let text = value.text().ok_or("must be an https URL")?;
    let issuer = checked_issuer(text, transport)?;
    Issuers::new(issuer.clone(), []).map_err(|error| format!("cannot be served: {error}"))?;
    Ok(Some(issuer))
}

fn checked_issuer(text: &str, transport: Option<&Transport>) -> Result<Issuer, String> {
    if text.len() > ISSUER_BYTES_MAX {
        return Err(format!("must have at most {ISSUER_BYTES_MAX} bytes"));
    }
    let issuer = Issuer::parse(text)
        .map_err(|error| format!("must be an https URL without query and fragment: {error}"))?;
    if let Some(transport) = transport {
        transport::check_issuer(&issuer, transport)?;
    }
    // Routers compare decoded paths, and issuers are compared byte for byte; braces and asterisks mean something to them.
    if issuer.to_url().path().contains(['%', '{', '}', '*']) {
        return Err(
            "must have a path of plain characters, without braces, asterisks, or any that need a %"
                .to_owned(),
        );
    }
    Ok(issuer)
}

/// Entries `NAME=URL`, or `NAME=/PATH` for a path at the origin of the main issuer.
pub(super) fn read_others(
    value: Option<&Value>,
    main: Option<&Option<Issuer>>,
    transport: Option<&Transport>,
) -> Result<Vec<(IssuerName, String)>, String> {
    let expected =
        "must be a list of NAME=URL or NAME=/PATH, such as acme=https://idp.example.com/acme";
    let (Some(value), Some(main)) = (value, main) else {
        // Whether issuer itself is wrong is told elsewhere.
        return Ok(Vec::new());
    };
    let mut others = Vec::new();
    for entry in value.list().ok_or(expected)? {
        let (name, place) = entry.split_once('=').ok_or(expected)?;
        let name = IssuerName::parse(name.trim()).map_err(|error| error.to_string())?;
        others.push((name, place.trim().to_owned()));
    }
    let main = match main {
        Some(main) => main.clone(),
        None => Issuer::parse("http://127.0.0.1:8411").map_err(|error| error.to_string())?,
    };
    beside_each_other(main, &others, transport)?;
    Ok(others)
}

pub(super) fn beside_each_other(
    main: Issuer,
    others: &[(IssuerName, String)],
    transport: Option<&Transport>,
) -> Result<Issuers, String> {
    let origin = main.to_url().origin().ascii_serialization();
    let mut resolved = Vec::with_capacity(others.len());
    for (name, place) in others {
        let url = match place.strip_prefix('/') {
            Some(path) => format!("{origin}/{path}"),
            None => place.clone(),
        };
        let issuer =
            checked_issuer(&url, transport).map_err(|problem| format!("{name} {problem}"))?;
        resolved.push((name.clone(), issuer));
    }
    Issuers::new(main, resolved).map_err(|error| format!("must fit together: {error}"))
}
