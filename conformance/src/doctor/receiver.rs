//! What a run against a Receiver needs.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use ssf_types::error::Chain;

use super::{
    Finding, Findings, State,
    adapter::adapter_at,
    address::{clock, connected, unreachable},
    served::served,
};
use crate::{
    exchange::Request,
    named_file::read_capped,
    push::endpoint,
    receiver_file::ReceiverFile,
    target_file::{AdapterAddress, secret},
    wire::{Settings, Wire},
};

/// Looks at everything that a run against a Receiver would need, and at its push endpoint, if that is known.
pub async fn of_receiver(file: &ReceiverFile, push_endpoint: Option<&str>) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.note("credentials.token", token(&file.credentials.token.env));
    let (authorities, state) = authorities(file.ca_certificates.as_deref());
    findings.note("ca_certificates", state);
    let settings = Settings {
        timeout: file.limits.request(),
        extra_authorities: authorities,
    };
    findings.note("ca_out", authority_file(file.ca_out.as_deref()));
    served(file, &settings, &mut findings).await;
    endpoint_at(push_endpoint, &settings, &mut findings).await;
    let (alive, register) = (&file.adapters.alive, &file.adapters.register);
    findings.note(
        "adapters.alive",
        adapter("adapters.alive", alive.as_ref()).await,
    );
    let register = match (alive, register) {
        (None, Some(_)) => State::Faulty("is asked where there is adapters.alive alone".into()),
        (_, None) => State::Absent("none: sessions are there without being begun".into()),
        (Some(_), Some(_)) => adapter("adapters.register", register.as_ref()).await,
    };
    findings.note("adapters.register", register);
    findings.0
}

fn token(variable: &str) -> State {
    match secret("credentials.token", Some(variable)) {
        Err(error) => State::Faulty(error.to_string()),
        Ok(token) if !token.as_deref().is_some_and(is_bearer_token) => State::Faulty(format!(
            "{variable} has characters that no bearer token has, such as blanks or the end of a line (RFC 6750 §2.1)"
        )),
        Ok(_) => State::Fine(format!("{variable} is set")),
    }
}

/// Whether it is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_bearer_token(token: &str) -> bool {
    let bare = token.trim_end_matches('=');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    !bare.is_empty() && bare.chars().all(allowed)
}

fn authorities(path: Option<&Path>) -> (Option<Vec<u8>>, State) {
    let Some(path) = path else {
        let state = State::Absent("none: those of this machine are trusted".into());
        return (None, state);
    };
    let pem = match read_capped(path) {
        Ok(pem) => pem.into_bytes(),
        Err(error) => return (None, State::Faulty(Chain(&error).to_string())),
    };
    if CertificateDer::pem_slice_iter(&pem)
        .flatten()
        .next()
        .is_none()
    {
        let why = format!("{} has no certificate in PEM", path.display());
        return (None, State::Faulty(why));
    }
    (
        Some(pem),
        State::Fine(format!("{} is trusted", path.display())),
    )
}

fn authority_file(path: Option<&Path>) -> State {
    let Some(path) = path else {
        return State::Absent("none: the transmitter is served over plain http".into());
    };
    match is_writable(path) {
        Ok(()) => State::Fine(format!(
            "{} can be written: each run leaves there what the receiver has to trust",
            path.display()
        )),
        Err(error) => State::Faulty(format!(
            "{} cannot be written ({error}): see that its directory is there, and who may write",
            path.display()
        )),
    }
}

/// What is there keeps what it holds, and what is not there does not come to be: somebody may wait for it.
fn is_writable(path: &Path) -> io::Result<()> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    let beside = path.with_added_extension("ssf-conformance");
    File::create_new(&beside)?;
    fs::remove_file(&beside)
}

async fn endpoint_at(url: Option<&str>, settings: &Settings, findings: &mut Findings) {
    let Some(url) = url else {
        let why = "the receiver names it when it makes its stream; --push-endpoint looks at one";
        findings.note("push_endpoint", State::Absent(why.into()));
        return;
    };
    let wire = endpoint(url)
        .map_err(|error| error.to_string())
        .and_then(|url| {
            let wire = Wire::to(&url, settings);
            wire.map(|wire| (url, wire))
                .map_err(|error| Chain(&error).to_string())
        });
    let (url, wire) = match wire {
        Ok(both) => both,
        Err(why) => return findings.note("push_endpoint", State::Faulty(why)),
    };
    // No SET comes by GET, so it does nothing.
    let exchange = wire.send(Request::get(url.clone())).await;
    match &exchange.result {
        Ok(_) => {
            findings.note("push_endpoint", connected(&exchange));
            findings.note("clock", clock(&exchange));
        }
        Err(error) => findings.note("push_endpoint", unreachable(&url, error).await),
    }
}

async fn adapter(key: &'static str, address: Option<&AdapterAddress>) -> State {
    match secret(key, address.and_then(AdapterAddress::token_env)) {
        Ok(_) => adapter_at(address).await,
        Err(error) => State::Faulty(error.to_string()),
    }
}
