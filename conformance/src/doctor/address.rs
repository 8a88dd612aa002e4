//! Who is at an address, and how far a connection gets that does not get an answer.

use std::time::Duration;

use ssf_types::error::Chain;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Url;

use super::State;
use crate::{
    exchange::Exchange,
    run::{CLOCKS_APART_MAX, PreflightError, clock_apart},
};

/// Longest wait for a connection that is made for itself.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn connected(exchange: &Exchange) -> State {
    let how = match exchange.url().scheme() {
        "https" => "over TLS, with a certificate that is trusted here",
        _ => "over plain http, which is for loopback addresses alone",
    };
    State::Fine(format!(
        "answers within {} ms {how}",
        exchange.took.as_millis()
    ))
}

/// Whoever does not answer may have no address, or nobody may listen there: otherwise it is TLS or HTTP.
pub(super) async fn unreachable(url: &Url, error: &impl std::error::Error) -> State {
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
        "nobody takes connections at {host}, port {port}: check that it runs, and firewalls between"
    ))
}

pub(super) fn clock(exchange: &Exchange) -> State {
    let answer = exchange.result.as_ref().ok();
    match answer.and_then(clock_apart) {
        None => {
            State::Absent("no answer has a date: verdicts about time trust this machine".into())
        }
        Some(apart) if apart > CLOCKS_APART_MAX => {
            State::Faulty(PreflightError::Clock(apart.as_secs()).to_string())
        }
        Some(apart) => State::Fine(format!("{} s apart", apart.as_secs())),
    }
}
