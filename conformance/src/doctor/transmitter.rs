//! What a run against a Transmitter needs.

use ssf_types::error::Chain;
use url::Url;

use super::{
    Finding, Findings, State,
    adapter::adapter_at,
    address::{clock, connected, unreachable},
};
use crate::{
    case::{NotRunKind, Stop},
    exchange::Recording,
    run::{Given, endpoint, refused},
    sink::Sink,
    target::Target,
    target_file::Adapter,
    wire::{Settings, Wire},
};

/// Looks at everything that a run against a Transmitter would need.
pub async fn of_transmitter(given: &Given) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut found = |of: &str, state: State| findings.note(of, state);
    let issuer = match Target::parse(&given.file.issuer) {
        Ok(issuer) => issuer,
        Err(error) => {
            found("issuer", State::Faulty(Chain(&error).to_string()));
            return findings.0;
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
            return findings.0;
        }
    };
    match wire.metadata(issuer.clone()).await {
        Ok(recording) => {
            found("address", connected(recording.metadata()));
            found("metadata", metadata(&recording));
            found("clock", clock(recording.metadata()));
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
    findings.0
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
    match refused(wire, url, token).await {
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
