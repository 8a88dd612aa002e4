//! Asking what would become of an event, without handing it in.

use ssf_types::id::StreamId;

use super::ids;
use crate::{
    domain::{
        event::{AcceptedEvent, NewEvent},
        fan_out::fan_out,
        foresight::{Foreseen, Foresight},
        issuer::IssuerName,
        stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{Clock, StoreError, StreamOverview},
};

/// What would become of an event that was handed in now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Forecast {
    /// How many streams would get it, on whichever page they are.
    pub matched: usize,
    /// A page of the issuer's streams, by id, with what would become of it there.
    pub streams: Vec<(Stream, Foreseen)>,
}

/// Decides about an event of `issuer` as the fan-out would, and stores nothing.
///
/// The page has at most `limit` streams, those behind `after`.
///
/// # Errors
/// The store is not available.
pub async fn foresee(
    (store, clock): (&impl StreamOverview, &impl Clock),
    preference: &SubjectPreference,
    issuer: &IssuerName,
    event: NewEvent,
    (after, limit): (Option<&StreamId>, u64),
) -> Result<Forecast, StoreError> {
    let now = clock.now();
    let event = AcceptedEvent::new(ids::event_id(now), now, event);
    let decide =
        |event: &_, streams: &[_]| fan_out(event, streams, preference, now, || ids::jti(now));
    let preview = store
        .preview(issuer, &event, (after, limit), decide)
        .await?;
    let foresight = Foresight::new(&event.event, preview.fan_out);
    let told = |stream: Stream| {
        let foreseen = foresight.of(&stream);
        (stream, foreseen)
    };
    Ok(Forecast {
        matched: foresight.matched(),
        streams: preview.streams.into_iter().map(told).collect(),
    })
}
