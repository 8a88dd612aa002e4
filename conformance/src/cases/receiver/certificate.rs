//! Which certificates the Receiver trusts (RFC 8936 §3; CAEP Interoperability Profile 1.0 §2.1).
//!
//! Its connections are ended, and those that it makes anew see a certificate that is unsound. Whether one was revoked nobody can tell
//! it: the authority of a run publishes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Stop},
    checks::{Level::Must, Outcome},
    peer::host::{Certificate, Delivery, Host, Met, Seen},
    push::Probe,
};

/// How long the Receiver may take to connect again.
const AGAIN_MAX: Duration = Duration::from_secs(150);

const CERTIFICATE: Case = Case {
    section: "CAEP Interoperability Profile 1.0 §2.1",
    level: Must,
    also: &["POLL-R-013"],
    tags: &["receiver", "certificate"],
    waits: |_| AGAIN_MAX.saturating_mul(2),
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "INTEROP-006.expired",
        title: "nothing is asked of a transmitter whose certificate has expired",
        why: "the key of an old certificate may be anybody's by now, and the token goes to whoever has it",
        judge: Judge::Push(|p| Box::pin(breaks_off(p, Certificate::Expired))),
        ..CERTIFICATE
    },
    Case {
        id: "INTEROP-006.other-name",
        title: "nothing is asked of a transmitter whose certificate is for another name",
        why: "everybody has a certificate for a name of his own, and would get the token with it",
        judge: Judge::Push(|p| Box::pin(breaks_off(p, Certificate::OtherName))),
        ..CERTIFICATE
    },
    Case {
        id: "INTEROP-006.unknown-authority",
        title: "nothing is asked of a transmitter whose certificate is by an authority that is not trusted",
        why: "everybody can make an authority, and would get the token with it",
        judge: Judge::Push(|p| Box::pin(breaks_off(p, Certificate::UnknownAuthority))),
        ..CERTIFICATE
    },
];

async fn breaks_off(probe: &Probe, shown: Certificate) -> Result<(), Stop> {
    let host = probe.host()?;
    if host.root().is_none() {
        return Err(Stop::not_offered(Outcome::LOOPBACK));
    }
    probe.given_accepted().await?;
    show(host, shown)?;
    let met = timeout(patience(host), host.met()).await;
    let from = host.log_length();
    show(host, Certificate::Sound)?;
    let met = met.map_err(|_| Stop::not_offered("the receiver has not connected meanwhile"))?;
    let found = match &met {
        Met::BrokeOff => "the end of the connection".to_owned(),
        Met::WentOn(said) => said.clone(),
    };
    let holds = met == Met::BrokeOff;
    let what = format!("what follows on {shown}");
    probe.expect(holds, what, "the end of the connection", found);
    is_back(host, from).await?;
    probe.given_accepted().await
}

fn show(host: &Host, certificate: Certificate) -> Result<(), Stop> {
    let shown = host.show(certificate);
    shown.map_err(|_| Stop::blocked("there is no certificate to show"))
}

/// For how long the Receiver is waited for: who is pushed to asks when it shows that it is there.
fn patience(host: &Host) -> Duration {
    match host.delivery() {
        Some(Delivery::Push) => host.inactivity().min(AGAIN_MAX),
        Some(Delivery::Poll) | None => AGAIN_MAX,
    }
}

/// Waits until who polls does so again.
async fn is_back(host: &Host, from: usize) -> Result<(), Stop> {
    if host.delivery() != Some(Delivery::Poll) {
        return Ok(());
    }
    let asks = |seen: &Seen| seen.operation.is_some();
    let asks = host.seen(|log| log.iter().skip(from).any(asks).then_some(()));
    let back = timeout(AGAIN_MAX, asks).await;
    back.map_err(|_| Stop::blocked("the receiver has not come back to a sound certificate"))
}
