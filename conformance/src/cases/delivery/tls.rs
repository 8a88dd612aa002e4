//! The certificate of the push endpoint (RFC 8935 §3, §5.3).

use std::sync::Arc;

use rustls::ServerConfig;
use ssf_types::error::Chain;

use super::EVENTS;
use crate::{
    authority::Flaw,
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::Level,
    context::{Context, is_about},
    sink::{Sink, SinkError},
};

const BASE: Case = Case {
    section: "RFC 8935 §3",
    level: Level::Must,
    tags: &["push", "tls"],
    needs: &[Need::Token, Need::Push, Need::PushAuthority, Need::Emit],
    ..EVENTS
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "PUSH-T-012.unknown-authority",
        profiles: Profile::AND_HARDENING,
        also: &["SET-032"],
        title: "nothing is pushed to who shows a certificate of an authority that nobody knows",
        why: "Whoever sits on the way reads who was signed out, and keeps it.",
        judge: Script(|cx| Box::pin(refused(cx, Sink::certificate_of_a_stranger))),
        ..BASE
    },
    Case {
        id: "PUSH-T-012.other-name",
        profiles: Profile::AND_HARDENING,
        also: &["SET-032"],
        title: "nothing is pushed to who shows a certificate of another host",
        why: "Anybody can have a certificate of his own host.",
        judge: Script(|cx| Box::pin(refused(cx, |sink| sink.certificate(Flaw::OtherName)))),
        ..BASE
    },
    Case {
        id: "PUSH-T-012.expired",
        also: &["SET-032"],
        title: "nothing is pushed to who shows a certificate that has expired",
        why: "Nobody looks after its key any more.",
        judge: Script(|cx| Box::pin(refused(cx, |sink| sink.certificate(Flaw::Expired)))),
        ..BASE
    },
];

/// Expects that a connection is broken off over an unsound certificate. Before, a sound one was accepted at the same place.
async fn refused(
    cx: &Context,
    unsound: fn(&Sink) -> Result<Arc<ServerConfig>, SinkError>,
) -> Result<(), Stop> {
    let (sink, name) = (cx.sink()?, cx.word());
    let inbox = sink.inbox(&name);
    let blocked = |error: SinkError| Stop::blocked(Chain(&error).to_string());
    let (door, url) = sink.door(&name).await.map_err(blocked)?;
    let stream = cx.push_stream_of(inbox, &cx.push_request(&url)).await?;
    stream.event().await?;
    door.show(unsound(sink).map_err(blocked)?);
    let before = door.broken_handshakes();
    let subject = stream.emit().await?;
    let patience = cx.target().limits.event();
    let found = tokio::select! {
        _ = stream.found(|push| is_about(push, &subject)) => "the SET",
        is_broken = door.breaks_more_than(before, patience) => {
            if !is_broken {
                return Err(Stop::blocked("nobody connects"));
            }
            "a connection that is broken off"
        }
    };
    let expected = "a connection that is broken off";
    cx.expect(found == expected, "what comes", expected, found);
    Ok(())
}
