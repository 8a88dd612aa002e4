//! How the Transmitter is reached: over TLS alone, and sound TLS (RFC 6750 §5.3, RFC 9325).

use std::time::Duration;

use serde_json::json;
use url::Url;

use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::{Level, Outcome},
    context::{Context, Credential, Operation, PUSH, Stream},
    hello::{FORBIDDEN_SUITES, OLD_SUITES, Offer, SOUND_SUITES, Said, Version, say},
};

const BASE: Case = Case {
    section: "CAEP Interoperability Profile 1.0 §2.1",
    level: Level::Must,
    profiles: &[Profile::CaepInterop],
    tags: &["tls"],
    needs: &[],
    streams: 0,
    ..Case::MANAGEMENT
};

/// The alert of a server that knows later versions alone.
const PROTOCOL_VERSION: u8 = 70;

/// What clients offer that know no version which is sound.
pub(super) const OLD_OFFERS: [Offer; 2] = [
    Offer {
        version: Version::TLS_1_0,
        suites: OLD_SUITES,
    },
    Offer {
        version: Version::TLS_1_1,
        suites: OLD_SUITES,
    },
];

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "INTEROP-003.metadata",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "the metadata is not to be had without TLS",
        why: "Whoever sits on the way would tell receivers where to send their tokens.",
        judge: Script(|cx| Box::pin(plain_metadata(cx))),
        ..BASE
    },
    Case {
        id: "INTEROP-003.push",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a stream is not pushed to where there is no TLS: endpoint_url with http is refused",
        why: "SETs and the secret of the receiver would be read on the way.",
        needs: &[Need::Token],
        streams: 1,
        judge: Script(|cx| Box::pin(plain_push(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-008.configuration_endpoint",
        section: "RFC 6750 §5.3",
        profiles: Profile::AND_HARDENING,
        title: "without TLS the management API neither answers nor asks for a token",
        why: "The token would be read on the way.",
        judge: Script(|cx| Box::pin(plain_endpoint(cx))),
        ..BASE
    },
    Case {
        id: "INTEROP-004.tls-1.1",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "TLS 1.0 and TLS 1.1 are refused",
        why: "They rest on MD5 and SHA-1, and whoever sits on the way takes clients down to them.",
        judge: Script(|cx| Box::pin(old_versions_of_management(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-021.tls-1.1",
        section: "RFC 8936 §4.3",
        profiles: Profile::AND_HARDENING,
        title: "where streams are polled, TLS 1.0 and TLS 1.1 are refused",
        why: "SETs would be read on the way.",
        needs: &[Need::Token],
        streams: 1,
        judge: Script(|cx| Box::pin(old_versions_of_polls(cx))),
        ..BASE
    },
    Case {
        id: "INTEROP-005.ciphers",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "cipher suites without encryption or authentication, with RC4, or of export strength are refused",
        why: "Whoever sits on the way reads along.",
        judge: Script(|cx| Box::pin(forbidden_suites(cx))),
        ..BASE
    },
];

/// Relies on the Transmitter being reached over TLS.
fn secured(cx: &Context) -> Result<(), Stop> {
    if cx.run().issuer().is_plain() {
        return Err(Stop::not_offered(Outcome::LOOPBACK));
    }
    Ok(())
}

/// The same place without TLS: at port 80, or at a port of its own.
fn plain(url: &Url) -> Result<Url, Stop> {
    let mut plain = url.clone();
    let changed = plain.set_scheme("http");
    changed.map_err(|()| Stop::blocked(format!("{url} cannot be asked without TLS")))?;
    Ok(plain)
}

/// Expects that a GET without TLS and without a token is not answered with one of these, if it is answered at all.
async fn plain_get(cx: &Context, url: &Url, fits: fn(u16) -> bool, what: &str) -> Result<(), Stop> {
    secured(cx)?;
    let call = cx.request("GET", plain(url)?);
    let answered = call.credential(Credential::Missing).attempt().await?;
    let found = answered.map_or("no answer".to_owned(), |answered| {
        answered.status().to_string()
    });
    let holds = !found.parse().is_ok_and(fits);
    let expected = format!("no answer, or one that {what}");
    cx.expect(holds, format!("GET {}", plain(url)?), expected, found);
    Ok(())
}

async fn plain_metadata(cx: &Context) -> Result<(), Stop> {
    let url = cx.run().issuer().metadata_url();
    let is_success = |status| (200..300).contains(&status);
    plain_get(cx, &url, is_success, "brings none").await
}

async fn plain_endpoint(cx: &Context) -> Result<(), Stop> {
    let url = cx.endpoint(Operation::Read)?;
    let serves = |status| (200..300).contains(&status) || status == 401;
    plain_get(
        cx,
        &url,
        serves,
        "sends somewhere else or is an error other than 401",
    )
    .await
}

async fn plain_push(cx: &Context) -> Result<(), Stop> {
    let mut request = cx.stream_request();
    let url = "http://rp.example.com/events";
    request["delivery"] = json!({ "method": PUSH, "endpoint_url": url });
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    answered.given_room()?;
    let found = answered.status();
    let what = format!("{}: the status", answered.asked());
    cx.expect((400..500).contains(&found), what, "one of the 4xx", found);
    Ok(())
}

/// What the server of a URL says to an offer.
pub(super) async fn said(url: &Url, offer: Offer, patience: Duration) -> Result<Said, Stop> {
    let blocked = |error| Stop::blocked(format!("{url}: no answer to a ClientHello: {error}"));
    say(url, offer, patience).await.map_err(blocked)
}

/// Relies on the tester's `ClientHello` being understood: of TLS 1.2 with sound suites.
pub(super) async fn understood(url: &Url, patience: Duration) -> Result<(), Stop> {
    let sound = Offer {
        version: Version::TLS_1_2,
        suites: SOUND_SUITES,
    };
    match said(url, sound, patience).await? {
        // Who has TLS 1.3 alone says so.
        Said::Hello(..) | Said::Alert(PROTOCOL_VERSION) => Ok(()),
        other @ (Said::Alert(_) | Said::Nothing | Said::Other) => {
            let what = "a sound ClientHello of TLS 1.2 is answered with";
            Err(Stop::blocked(format!("{url}: {what} {other}")))
        }
    }
}

/// Expects that an offer is refused.
async fn refused(cx: &Context, url: &Url, offer: Offer, what: &str) -> Result<(), Stop> {
    let found = said(url, offer, cx.target().limits.request()).await?;
    let what = format!("what is said at {url} to a ClientHello {what}");
    let holds = !matches!(found, Said::Hello(..));
    cx.expect(holds, what, "an alert", found);
    Ok(())
}

async fn old_versions(cx: &Context, url: Url) -> Result<(), Stop> {
    secured(cx)?;
    understood(&url, cx.target().limits.request()).await?;
    for offer in OLD_OFFERS {
        let what = format!("of {}", offer.version);
        refused(cx, &url, offer, &what).await?;
    }
    Ok(())
}

async fn old_versions_of_management(cx: &Context) -> Result<(), Stop> {
    old_versions(cx, cx.endpoint(Operation::Read)?).await
}

async fn old_versions_of_polls(cx: &Context) -> Result<(), Stop> {
    secured(cx)?;
    let stream: Stream = cx.stream().await?;
    old_versions(cx, stream.poll_url()?).await
}

async fn forbidden_suites(cx: &Context) -> Result<(), Stop> {
    secured(cx)?;
    let url = cx.endpoint(Operation::Read)?;
    understood(&url, cx.target().limits.request()).await?;
    let offer = Offer {
        version: Version::TLS_1_2,
        suites: FORBIDDEN_SUITES,
    };
    refused(cx, &url, offer, "with forbidden suites").await
}
