//! SETs that a Receiver asks for again by their numbers: an extension of SSF 1.0, which has none.

use std::ops::RangeInclusive;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use ssf_types::set::{ReplayRequest, Replayed};
use tracing::info;

use super::{
    audit::recorded,
    auth, body,
    code::Code,
    openapi::refusals::Resending,
    problem::Problem,
    site::Site,
    streams::{check_same_stream, find, note_activity, private},
};
use crate::{
    app::replay::resend,
    domain::{
        audit::{Act, Action, Actor, Details},
        replay::{CannotAsk, may_ask},
        scope::Need,
    },
    ports::Clock,
};

/// POST: sends SETs of a stream again, under the numbers and with the `jti` that they had.
#[utoipa::path(
    post,
    path = Site::REPLAY,
    operation_id = "replay_numbers",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/NumbersWanted"), content_type = "application/json"),
    responses(
        (status = 200, description = "What became of each number.", body = ref("#/components/schemas/NumbersReplayed")),
        Resending,
    ),
)]
pub(super) async fn request(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    let asked =
        ReplayRequest::parse(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let id = asked.stream_id();
    check_same_stream(&request, id)?;
    note_activity(&site, receiver.id, id).await?;
    let actor = Actor::receiver(receiver.id);
    let numbers = count(asked.numbers());
    let act = Act::on(actor, Action::ResendSets, "stream", id).with("asked_for", numbers);
    let sending = Box::pin(async {
        let stream = find(&site, &receiver, id).await?;
        may_ask(&stream, asked.epoch()).map_err(refused)?;
        let now = site.app.clock.now();
        let charged = site.app.asking.charge(id, numbers, now);
        charged.map_err(|too_fast| {
            let detail = "too many SETs of this stream were asked for again lately";
            Problem::too_soon(detail, too_fast.retry_after)
        })?;
        let sent = resend((&site.app.store, &site.app.clock), id, asked.numbers()).await;
        sent.map_err(|error| Problem::store(&error))
    });
    let told = |sent: &Replayed| Details::none().with("again", count(&sent.again));
    let sent = recorded(&request, &site.app, act, sending, told).await?;
    if !sent.again.is_empty() {
        site.app.fresh.wake();
        site.app.polls.call(id);
    }
    let again = count(&sent.again);
    info!(stream.id = %id, receiver.id = %receiver.id, numbers, again, "SETs were asked for again");
    Ok(private(HttpResponse::Ok()).json(sent))
}

/// How many numbers there are: at most a thousand.
fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    let lengths = ranges.iter().map(|range| range.end() - range.start() + 1);
    lengths.sum()
}

fn refused(refusal: CannotAsk) -> Problem {
    match refusal {
        CannotAsk::NoNumbers | CannotAsk::OtherEpoch => Problem::bad_request(refusal.to_string()),
        CannotAsk::Disabled => Problem::new(Code::StreamNotEnabled, refusal.to_string()),
    }
}
