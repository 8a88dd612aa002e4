//! Looks at all that a run needs, one thing after the other, and tells what to fix: the preflight, which does not end with the first
//! thing that is not in order.

use std::{env, fmt, path::Path, time::Duration};

use ssf_types::error::Chain;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Url;

use super::{Given, endpoint, preflight};
use crate::{
    case::{NotRunKind, Stop},
    exchange::{Exchange, Recording},
    sink::Sink,
    target::Target,
    target_file::{Adapter, AdapterAddress},
    wire::{Settings, Wire},
};

/// Longest wait for a connection that is made for itself.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What was found of one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What was looked at.
    pub of: String,
    /// What it is like.
    pub state: State,
}

/// What something is like.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// In order.
    Fine(String),
    /// To be fixed, and how.
    Faulty(String),
    /// Not there: cases that need it are not run.
    Absent(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.state {
            State::Fine(text) => ("ok", text),
            State::Faulty(text) => ("fix", text),
            State::Absent(text) => ("-", text),
        };
        write!(f, "{word:<4} {:<24} {text}", self.of)
    }
}

/// Looks at everything that a run against a target would need.
pub async fn examine(given: &Given) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |of: &str, state: State| {
        let of = of.to_owned();
        findings.push(Finding { of, state });
    };
    let issuer = match Target::parse(&given.file.issuer) {
        Ok(issuer) => issuer,
        Err(error) => {
            found("issuer", State::Faulty(Chain(&error).to_string()));
            return findings;
        }
    };
    let settings = Settings {
        timeout: given.file.limits.request(),
        extra_authorities: given.authorities.clone(),
    };
    let wire = match Wire::new(&issuer, &settings) {
        Ok(wire) => wire,
        Err(error) => {
            found("ca_certificates", State::Faulty(Chain(&error).to_string()));
            return findings;
        }
    };
    match wire.metadata(issuer.clone()).await {
        Ok(recording) => {
            found("address", connected(recording.metadata()));
            found("metadata", metadata(&recording));
            found("clock", clock(&recording));
            found("keys", keys(&recording));
            let configuration = configuration_endpoint(&recording);
            found("configuration_endpoint", served(configuration.as_ref()));
            for (key, token) in given.secrets.to_manage() {
                found(
                    key,
                    token_of((&wire, configuration.as_ref().ok()), token).await,
                );
            }
        }
        Err(error) => found("address", unreachable(issuer.url(), &error).await),
    }
    found("push", pushes(given).await);
    for adapter in Adapter::ALL {
        let of = format!("adapters.{}", adapter.as_str());
        let address = given.file.adapters.address(adapter);
        found(&of, adapter_at(address).await);
    }
    findings
}

fn connected(metadata: &Exchange) -> State {
    let how = match metadata.url().scheme() {
        "https" => "over TLS, with a certificate that is trusted here",
        _ => "over plain http, which is for loopback addresses alone",
    };
    State::Fine(format!(
        "answers within {} ms {how}",
        metadata.took.as_millis()
    ))
}

/// Whoever does not answer may have no address, or nobody may listen there: otherwise it is TLS or HTTP.
async fn unreachable(url: &Url, error: &impl std::error::Error) -> State {
    let said = Chain(error).to_string();
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return State::Faulty(said);
    };
    let named = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = match lookup_host((named, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return State::Faulty(format!(
                "{host} has no address ({error}): check the name, and the DNS of this machine"
            ));
        }
    };
    for address in &addresses {
        if matches!(
            timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await,
            Ok(Ok(_))
        ) {
            return State::Faulty(format!(
                "{address} takes connections, but: {said}; check the certificate, and ca_certificates"
            ));
        }
    }
    State::Faulty(format!(
        "nobody takes connections at {host}, port {port}: check that the target runs, and firewalls between"
    ))
}

fn metadata(recording: &Recording) -> State {
    let url = recording.metadata().url();
    match recording.document() {
        Err(why) => State::Faulty(format!(
            "{url}: {why}; the path of an issuer stands behind the well-known segment (SSF 1.0 §7.2.1)"
        )),
        Ok(document) => {
            let told = document.get("issuer").and_then(|issuer| issuer.as_str());
            let issuer = recording.target().issuer();
            match told {
                Some(told) if told == issuer => State::Fine(url.to_string()),
                Some(told) => State::Faulty(format!(
                    "{url} is of the issuer {told}, not of {issuer}: write it as it is there"
                )),
                None => State::Faulty(format!("{url} names no issuer")),
            }
        }
    }
}

fn clock(recording: &Recording) -> State {
    let answer = recording.metadata().result.as_ref().ok();
    match answer.and_then(preflight::clock_apart) {
        None => {
            State::Absent("no answer has a date: verdicts about time trust this machine".into())
        }
        Some(apart) if apart > preflight::CLOCKS_APART_MAX => {
            State::Faulty(preflight::PreflightError::Clock(apart.as_secs()).to_string())
        }
        Some(apart) => State::Fine(format!("{} s apart", apart.as_secs())),
    }
}

fn keys(recording: &Recording) -> State {
    let Some(exchange) = &recording.probes().jwks else {
        return State::Faulty("the metadata has no jwks_uri that may be asked".into());
    };
    let answer = exchange.result.as_ref();
    match answer.map(|answer| {
        (
            answer.is_success(),
            ssf_types::jose::KeySet::parse(&answer.body),
        )
    }) {
        Ok((true, Ok(keys))) if !keys.is_empty() => {
            State::Fine(format!("{} keys that can be used", keys.len()))
        }
        Ok((true, Ok(_))) => {
            State::Faulty(format!("{} has no key that can be used", exchange.url()))
        }
        Ok((true, Err(error))) => State::Faulty(format!("{}: {}", exchange.url(), Chain(&error))),
        Ok((false, _)) | Err(_) => State::Faulty(exchange.summary()),
    }
}

fn configuration_endpoint(recording: &Recording) -> Result<Url, Stop> {
    let document = recording.document().map_err(Stop::blocked)?;
    endpoint(recording.target(), document, "configuration_endpoint")
}

fn served(configuration: Result<&Url, &Stop>) -> State {
    match configuration {
        Ok(url) => State::Fine(url.to_string()),
        Err(Stop::NotRun(why)) if why.kind == NotRunKind::NotOffered => {
            State::Absent(why.reason.clone())
        }
        Err(Stop::NotRun(why)) => State::Faulty(why.reason.clone()),
        Err(Stop::Broken) => State::Faulty("cannot be asked".into()),
    }
}

async fn token_of((wire, configuration): (&Wire, Option<&Url>), token: Option<&str>) -> State {
    let Some(token) = token else {
        return State::Absent("none: cases that need it are not run".into());
    };
    let Some(url) = configuration else {
        return State::Absent("there is nowhere to show it".into());
    };
    match preflight::refused(wire, url, token).await {
        None => State::Fine("counts".into()),
        Some(status) => State::Faulty(format!(
            "{url} answers it with {status}: check that the token is this target's and has not expired"
        )),
    }
}

async fn pushes(given: &Given) -> State {
    let Some(push) = &given.file.push else {
        return State::Absent("nowhere to push to: cases about pushes are not run".into());
    };
    match Sink::start(push, given.push_authority.clone()).await {
        Ok(_) => State::Fine(format!("can be taken at {}", push.listen)),
        Err(error) => State::Faulty(Chain(&error).to_string()),
    }
}

/// Nothing is asked of it, since that would have it do something.
async fn adapter_at(address: Option<&AdapterAddress>) -> State {
    match address {
        None => State::Absent("none: cases that need it are not run".into()),
        Some(AdapterAddress::Hook { url, .. }) => hook(url).await,
        Some(AdapterAddress::Command { command }) => program(command),
    }
}

async fn hook(url: &str) -> State {
    let parsed = Url::parse(url).ok();
    let place = parsed
        .as_ref()
        .and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let Some((host, port)) = place else {
        return State::Faulty("its url is not a URL".into());
    };
    let named = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((named, port))).await {
        Ok(Ok(_)) => State::Fine(format!("{host}, port {port}, takes connections")),
        Ok(Err(error)) => State::Faulty(format!("{host}, port {port}: {error}")),
        Err(_) => State::Faulty(format!(
            "{host}, port {port}, does not take a connection within 5 s"
        )),
    }
}

fn program(command: &[String]) -> State {
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return State::Faulty("its command is empty".into());
    };
    let is_there = if program.contains('/') {
        Path::new(program).is_file()
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join(program).is_file())
    };
    if is_there {
        State::Fine(format!("{program} is there"))
    } else {
        State::Faulty(format!("there is no program {program}"))
    }
}
