//! How the push endpoint is reached (RFC 8935 §5.3).

use crate::{
    case::{Case, Judge, Stop},
    cases::tls::{OLD_OFFERS, said, understood},
    checks::{Level::Must, Outcome},
    hello::Said,
    push::Probe,
};

/// The cases of this section.
pub(super) const CASES: &[Case] = &[Case {
    id: "PUSH-R-020.tls-1.1",
    section: "RFC 8935 §5.3",
    level: Must,
    title: "where SETs are pushed to, TLS 1.0 and TLS 1.1 are refused",
    why: "they rest on MD5 and SHA-1, and whoever sits on the way takes transmitters down to them and reads along",
    tags: &["push", "tls"],
    judge: Judge::Push(|p| Box::pin(old_versions(p))),
    ..Case::PUSH
}];

async fn old_versions(probe: &Probe) -> Result<(), Stop> {
    let url = probe.pushed_to()?;
    if url.scheme() != "https" {
        return Err(Stop::not_offered(Outcome::LOOPBACK));
    }
    let patience = probe.limits().request();
    understood(&url, patience).await?;
    for offer in OLD_OFFERS {
        let found = said(&url, offer, patience).await?;
        let what = format!(
            "what is said at {url} to a ClientHello of {}",
            offer.version
        );
        let holds = !matches!(found, Said::Hello(..));
        probe.expect(holds, what, "an alert", found);
    }
    Ok(())
}
