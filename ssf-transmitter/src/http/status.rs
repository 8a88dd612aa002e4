//! The status of a stream (SSF 1.0 §8.1.2).

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use ssf_types::{dialect::Body, stream::UpdateStatus};
use tracing::info;

use super::{
    audit::recorded,
    auth, body,
    code::Code,
    openapi::refusals::{Deciding, Naming},
    problem::Problem,
    profile::Spoken,
    site::Site,
    streams::{check_same_stream, find, no_such_stream, note_activity},
};
use crate::{
    app::status::{self, Settled, StatusError, StatusUpdated},
    domain::{
        audit::{Act, Action, Actor, Details},
        scope::Need,
    },
};

/// GET: the status of a stream (SSF 1.0 §8.1.2.1).
#[utoipa::path(
    get,
    path = Site::STATUS,
    operation_id = "read_status",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.read"])),
    params(("stream_id" = String, Query, description = "The stream.", min_length = 1, max_length = 255)),
    responses(
        (status = 200, description = "The status.", body = ref("#/components/schemas/Status")),
        Naming,
    ),
)]
pub(super) async fn read(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Read).await?;
    let spoken = Spoken::by(&receiver, &site);
    let id = spoken.named(&request).await?;
    note_activity(&site, receiver.id, &id).await?;
    let stream = find(&site, &receiver, &id).await?;
    spoken.status(StatusCode::OK, &stream)
}

/// POST: gives a stream another status (SSF 1.0 §8.1.2.2).
///
/// 200 if it is in force: no further attempt begins on a stream that is not enabled. 202 if an attempt may still begin.
#[utoipa::path(
    post,
    path = Site::STATUS,
    operation_id = "update_status",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/UpdateStatus"), content_type = "application/json"),
    responses(
        (status = 200, description = "The status is in force.", body = ref("#/components/schemas/Status")),
        (status = 202, description = "An attempt may still begin: ask again.", body = ref("#/components/schemas/Status")),
        Deciding,
    ),
)]
pub(super) async fn update(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    let spoken = Spoken::by(&receiver, &site);
    let meant = spoken.stand_in(&request).await?;
    let body = spoken.read(Body::Status(meant.as_ref()), &body)?;
    let asked =
        UpdateStatus::parse(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    check_same_stream(&request, &asked.stream_id)?;
    note_activity(&site, receiver.id, &asked.stream_id).await?;
    let updating = status::Updating {
        store: &site.app.store,
        clock: &site.app.clock,
        fresh: &site.app.fresh,
        gate: &site.app.gate,
        worker: site.app.worker,
    };
    let actor = Actor::receiver(receiver.id);
    let act = Act::on(actor, Action::SetStreamStatus, "stream", &asked.stream_id)
        .with("status", asked.status.as_str());
    let effect = Box::pin(async {
        let updated = updating.update(&receiver, asked).await;
        updated.map_err(|error| match error {
            StatusError::NotFound => no_such_stream(),
            StatusError::Refused(refused) => {
                Problem::new(Code::StreamDisabledByOperator, refused.to_string())
            }
            StatusError::Store(error) => Problem::store(&error),
        })
    });
    let told = |updated: &StatusUpdated| Details::none().with("dropped", updated.dropped);
    let updated = recorded(&request, &site.app, act, effect, told).await?;
    let stream = updated.stream;
    let status = stream.status.as_str();
    info!(stream.id = %stream.id, receiver.id = %receiver.id, stream.status = status, deliveries.dropped = updated.dropped, "status updated");
    let answer = match updated.settled {
        Settled::InForce => StatusCode::OK,
        Settled::NotYet => StatusCode::ACCEPTED,
    };
    spoken.status(answer, &stream)
}
