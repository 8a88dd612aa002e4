//! `doctor`: looks at all that has to be right for events to arrive, and says what to do where it is not.
//!
//! It changes nothing. The one event that it asks for is a verification without a state, which every receiver takes; what arrives
//! at the doctor itself is not acknowledged, and comes again.

mod arrival;
mod finding;

use std::{error::Error, time::UNIX_EPOCH};

use clap::Args;
use ssf_types::{
    error::Chain,
    jose::KeySet,
    metadata::{SpecVersion, TransmitterMetadata},
    poll::PollRequest,
    stream::{DELIVERY_POLL, DELIVERY_PUSH, Delivery, StreamConfiguration, StreamStatus},
    time::Timestamp,
    uri::{EventTypeUri, is_loopback},
};
use tokio::net::lookup_host;

use self::{
    arrival::Arrival,
    finding::{Finding, Findings, Verdict},
};
use super::{
    Outcome,
    chosen::{Chosen, ChosenArgs},
    shown::Shape,
};
use crate::{
    builder::events_default,
    client::{
        Http, REQUEST_TIMEOUT, access::Access, discovery, poll::PollAt, stream::StreamClient,
    },
    config::StreamSettings,
    revocation::Policy,
};

/// How far the transmitter's clock and ours may lie apart, in seconds; SETs are refused from a minute on.
const CLOCK_DIFFERENCE_MAX: u64 = 30;

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// Writes one JSON document instead of a line for each finding
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: ChosenArgs,
}

/// Something has to be done before events arrive.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the checks failed")]
struct Failed(usize);

pub(super) async fn examine(arguments: DoctorArgs) -> Outcome {
    let shape = if arguments.json {
        Shape::Json
    } else {
        Shape::Lines
    };
    let config = arguments.settings.read()?;
    let mut findings = Findings::new(shape);
    examined(config, &mut findings).await?;
    match findings.end()? {
        0 => Ok(()),
        failed => Err(Failed(failed).into()),
    }
}

/// Each check has those before it to stand on: where one fails on which the others rest, they are left out.
async fn examined(config: Chosen, findings: &mut Findings) -> Result<(), Box<dyn Error>> {
    let http = Http::new(&config.transmitter.issuer)?;
    findings.add(name(&config).await)?;
    for finding in transport(&http, &config).await {
        findings.add(finding)?;
    }
    let metadata = match discovery::metadata(&http, &config.transmitter.issuer).await {
        Ok(metadata) => metadata,
        Err(error) => {
            let advice = "check the issuer, byte for byte, and that it is a transmitter of SSF 1.0";
            findings.add(Finding::fail("metadata", &Chain(&error), advice))?;
            return Ok(());
        }
    };
    findings.add(offered(&metadata, &config))?;
    findings.add(understood(&metadata, &config))?;
    findings.add(keys(discovery::keys(&http, &metadata).await))?;
    let credentials = match &config.transmitter.stream {
        StreamSettings::Pushed(credentials) | StreamSettings::Polled(credentials) => {
            credentials.clone()
        }
        StreamSettings::Existing(..) | StreamSettings::ExistingPolled(..) => {
            let told = "somebody else manages the stream, and has to look after it";
            findings.add(Finding::new("access", Verdict::Warn, told))?;
            return Ok(());
        }
    };
    let access = credentials.access(&config.transmitter.issuer, &http);
    let client = StreamClient {
        http: &http,
        metadata: &metadata,
        access: &access,
    };
    let Some(streams) = let_in(&client, findings).await? else {
        return Ok(());
    };
    let Some(stream) = ours(streams, &config, findings)? else {
        return Ok(());
    };
    findings.add(delivers(&client, &stream).await)?;
    findings.add(events(&stream, &config))?;
    let arrives = if matches!(stream.delivery, Delivery::Push(_)) {
        pushed(&client, &stream, &config).await
    } else {
        polled(&client, &stream, &access).await
    };
    Ok(findings.add(arrives)?)
}

/// Whether the issuer's name leads anywhere.
async fn name(config: &Chosen) -> Finding {
    let url = config.transmitter.issuer.to_url();
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    match lookup_host((host.trim_matches(['[', ']']), port)).await {
        Ok(found) => {
            let told = format!("{host} has {} address(es)", found.count());
            Finding::new("dns", Verdict::Ok, told)
        }
        Err(error) => {
            let told = format!("{host} cannot be resolved: {error}");
            Finding::fail(
                "dns",
                &told,
                "check the issuer, and this machine's resolver",
            )
        }
    }
}

/// Whether the issuer answers, over TLS, and what time it is there.
async fn transport(http: &Http, config: &Chosen) -> Vec<Finding> {
    let issuer = &config.transmitter.issuer;
    let url = ssf_types::metadata::WellKnown::Ssf.url(issuer);
    let is_plain = url.scheme() != "https";
    let date = match http.date(url.clone()).await {
        Ok(date) => date,
        Err(error) => {
            let advice = "check that a firewall or a proxy lets requests out, and that this machine trusts the certificate";
            return vec![Finding::fail("tls", &Chain(&error), advice)];
        }
    };
    let tls = if is_plain && is_loopback(&url) {
        let told = "the issuer is one of this machine, without TLS: for development alone";
        Finding::new("tls", Verdict::Warn, told)
    } else {
        let told = "the issuer answers, with a certificate that this machine trusts";
        Finding::new("tls", Verdict::Ok, told)
    };
    vec![tls, clock(date.as_deref(), crate::clock::now())]
}

/// Whether two clocks agree: SETs from the future are not taken.
fn clock(date: Option<&str>, now: Timestamp) -> Finding {
    let parsed = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let seconds = parsed.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let Some(there) = seconds.map(|seconds| seconds.as_secs()) else {
        let told = "the transmitter does not tell the time (Date)";
        return Finding::new("clock", Verdict::Warn, told);
    };
    let difference = now.as_secs().abs_diff(there);
    let which = if now.as_secs() < there {
        "behind"
    } else {
        "ahead of"
    };
    let told = format!("this machine's clock is {difference} s {which} that of the transmitter");
    if difference <= CLOCK_DIFFERENCE_MAX {
        return Finding::new("clock", Verdict::Ok, told);
    }
    let advice = "synchronise it (NTP): SETs from the future are not taken";
    Finding::fail("clock", &told, advice)
}

/// Whether the transmitter speaks SSF 1.0, and delivers as it is wanted.
fn offered(metadata: &TransmitterMetadata, config: &Chosen) -> Finding {
    let wanted = match &config.transmitter.stream {
        StreamSettings::Polled(_) | StreamSettings::ExistingPolled(..) => DELIVERY_POLL,
        StreamSettings::Pushed(_) | StreamSettings::Existing(..) => DELIVERY_PUSH,
    };
    let methods = &metadata.delivery_methods_supported;
    if !methods.is_empty() && !methods.iter().any(|method| method == wanted) {
        let told = format!("the transmitter does not offer delivery by {wanted}");
        return Finding::fail("metadata", &told, "configure the other delivery");
    }
    if metadata.version() != SpecVersion::SSF_1_0 {
        let told = format!(
            "the transmitter speaks {} and not 1_0: its SETs may need a dialect",
            metadata.version()
        );
        return Finding::new("metadata", Verdict::Warn, told);
    }
    let told = "the document is that of the issuer, and of SSF 1.0";
    Finding::new("metadata", Verdict::Ok, told)
}

/// Whether there are members of subjects without which an event must not be applied, and which sessions here do not have
/// (SSF 1.0 §3.6).
fn understood(metadata: &TransmitterMetadata, config: &Chosen) -> Finding {
    let known = match &config.transmitter.members {
        Some(members) => members.clone(),
        None => Policy::default().members.into_iter().collect(),
    };
    let critical = metadata.critical_subject_members.iter();
    let unknown: Vec<&str> = critical
        .filter(|member| !known.contains(member))
        .map(String::as_str)
        .collect();
    if unknown.is_empty() {
        let told = "no event depends on a member of its subject that sessions here do not have";
        return Finding::new("critical", Verdict::Ok, told);
    }
    let told = format!(
        "events whose subject has {} have no effect here: the transmitter calls that critical; register it for sessions, and name it in members",
        unknown.join(", ")
    );
    Finding::new("critical", Verdict::Warn, told)
}

fn keys(found: Result<KeySet, discovery::DiscoveryError>) -> Finding {
    match found {
        Ok(keys) => {
            let told = format!("{} key(s) to verify SETs with", keys.len());
            Finding::new("keys", Verdict::Ok, told)
        }
        Err(error) => {
            let advice = "tell the people at the transmitter: its SETs cannot be verified";
            Finding::fail("keys", &Chain(&error), advice)
        }
    }
}

/// The streams, if we are let in to them.
async fn let_in(
    client: &StreamClient<'_>,
    findings: &mut Findings,
) -> Result<Option<Vec<StreamConfiguration>>, Box<dyn Error>> {
    match client.list().await {
        Ok(streams) => {
            let told = format!("the credentials are good for {} stream(s)", streams.len());
            findings.add(Finding::new("access", Verdict::Ok, told))?;
            Ok(Some(streams))
        }
        Err(error) => {
            let advice = "check the credentials: their scopes have to be ssf.manage, or the like";
            findings.add(Finding::fail("access", &Chain(&error), advice))?;
            Ok(None)
        }
    }
}

/// The stream that delivers here.
fn ours(
    streams: Vec<StreamConfiguration>,
    config: &Chosen,
    findings: &mut Findings,
) -> Result<Option<StreamConfiguration>, Box<dyn Error>> {
    let endpoint = config.endpoint()?;
    let is_ours = |stream: &StreamConfiguration| match (&stream.delivery, &endpoint) {
        (Delivery::Push(push), Some(endpoint)) => push.endpoint_url == *endpoint,
        (Delivery::Poll(_), None) => true,
        _ => false,
    };
    let mut found: Vec<_> = streams.into_iter().filter(is_ours).collect();
    let Some(stream) = found.pop() else {
        let told = match endpoint {
            Some(endpoint) => format!("no stream pushes to {}", endpoint.as_str()),
            None => "no stream is polled".to_owned(),
        };
        let told = format!("{told}: `ssf-receiver serve` makes one");
        findings.add(Finding::new("stream", Verdict::Warn, told))?;
        return Ok(None);
    };
    let finding = match found.len() {
        0 => Finding::new("stream", Verdict::Ok, format!("it is {}", stream.stream_id)),
        more => {
            let told = format!(
                "it is {}, and there are {more} more of the kind",
                stream.stream_id
            );
            Finding::new("stream", Verdict::Warn, told)
        }
    };
    findings.add(finding)?;
    Ok(Some(stream))
}

async fn delivers(client: &StreamClient<'_>, stream: &StreamConfiguration) -> Finding {
    let id = stream.stream_id.as_str();
    let advice = format!("ask why, and then: ssf-receiver stream status set {id} enabled");
    match client.status(&stream.stream_id).await {
        Ok(found) => match found.status {
            StreamStatus::Enabled => Finding::new("status", Verdict::Ok, "it is enabled"),
            StreamStatus::Paused => {
                let told = format!("it is paused, and what happens is kept; {advice}");
                Finding::new("status", Verdict::Warn, told)
            }
            StreamStatus::Disabled => {
                Finding::fail("status", &"it is disabled: events are lost", &advice)
            }
        },
        Err(error) => Finding::new("status", Verdict::Warn, Chain(&error).to_string()),
    }
}

/// Whether what is wanted is delivered (SSF 1.0 §8.1.1).
fn events(stream: &StreamConfiguration, config: &Chosen) -> Finding {
    let wanted = config.transmitter.events.clone();
    let wanted = wanted.unwrap_or_else(events_default);
    let lacking: Vec<&str> = wanted
        .iter()
        .filter(|event| !stream.events_delivered.contains(event))
        .map(EventTypeUri::as_str)
        .collect();
    if lacking.is_empty() {
        return Finding::new("events", Verdict::Ok, "all that are wanted are delivered");
    }
    let told = format!("not delivered: {}", lacking.join(", "));
    Finding::new("events", Verdict::Warn, told)
}

/// Asks for a verification, and waits for it.
async fn pushed(
    client: &StreamClient<'_>,
    stream: &StreamConfiguration,
    config: &Chosen,
) -> Finding {
    let arrival = match Arrival::expect(config).await {
        Ok(arrival) => arrival,
        Err(error) => return Finding::new("push", Verdict::Warn, Chain(&error).to_string()),
    };
    if let Err(error) = client.verify(&stream.stream_id, None).await {
        let told = format!("no verification can be asked for: {}", Chain(&error));
        return Finding::new("push", Verdict::Warn, told);
    }
    match arrival.wait().await {
        Ok(told) => Finding::new("push", Verdict::Ok, told),
        Err(error) => {
            let advice = "check that the transmitter reaches public_url, and that the proxy passes it on to listen";
            Finding::fail("push", &error, advice)
        }
    }
}

/// Polls for nothing, which the transmitter answers at once.
async fn polled(
    client: &StreamClient<'_>,
    stream: &StreamConfiguration,
    access: &Access,
) -> Finding {
    let endpoint = match client.poll_endpoint(stream) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let advice = "tell the people at the transmitter";
            return Finding::fail("poll", &Chain(&error), advice);
        }
    };
    let at = PollAt {
        endpoint,
        access: access.clone(),
    };
    let nothing = PollRequest::acknowledge(Vec::new());
    match client.http.poll(&at, &nothing, REQUEST_TIMEOUT).await {
        Ok(_) => Finding::new("poll", Verdict::Ok, "the stream can be polled"),
        Err(error) => {
            let advice = "check that the credentials may poll, and that nobody else does";
            Finding::fail("poll", &Chain(&error), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_half_a_minute_apart() {
        let there = "Tue, 09 Mar 2021 15:52:39 GMT";
        let at = |secs: u64| Timestamp::from_secs(1_615_305_159 + secs - 60);
        for (secs, verdict) in [
            (60, Verdict::Ok),
            (90, Verdict::Ok),
            (91, Verdict::Fail),
            (30, Verdict::Ok),
            (29, Verdict::Fail),
        ] {
            assert_eq!(clock(Some(there), at(secs)).verdict, verdict, "{secs}");
        }
        assert_eq!(clock(Some("yesterday"), at(0)).verdict, Verdict::Warn);
        assert_eq!(clock(None, at(0)).verdict, Verdict::Warn);
    }
}
