//! Verification (SSF 1.0 §8.1.4).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use ssf_types::{dialect::Body, stream::VerificationRequest};
use tracing::info;

use super::{
    audit::recorded,
    auth, body,
    code::Code,
    openapi::refusals::Verifying,
    problem::Problem,
    profile::Spoken,
    site::Site,
    streams::{check_same_stream, no_such_stream, note_activity, private},
};
use crate::{
    app::verify::{self, VerifyError},
    domain::{
        audit::{Act, Action, Actor, Details},
        scope::Need,
        verification::VerificationError,
    },
    ports::Clock,
};

/// POST: has a verification sent on a stream (SSF 1.0 §8.1.4.2).
#[utoipa::path(
    post,
    path = Site::VERIFY,
    operation_id = "verify_stream",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/Verification"), content_type = "application/json"),
    responses(
        (status = 204, description = "A verification will be delivered."),
        Verifying,
    ),
)]
pub(super) async fn request(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    let spoken = Spoken::by(&receiver, &site);
    let meant = spoken.stand_in(&request).await?;
    let body = spoken.read(Body::Verification(meant.as_ref()), &body)?;
    let asked = VerificationRequest::parse(&body)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    check_same_stream(&request, &asked.stream_id)?;
    note_activity(&site, receiver.id, &asked.stream_id).await?;
    let id = asked.stream_id.clone();
    let interval = site.app.min_verification_interval;
    let act = Act::on(
        Actor::receiver(receiver.id),
        Action::VerifyStream,
        "stream",
        &id,
    );
    let verifying = Box::pin(async {
        let now = site.app.clock.now();
        let verified = verify::verify(&site.app.store, &receiver, asked, interval, now).await;
        verified.map_err(|error| match error {
            VerifyError::Request(error) => match error {
                VerificationError::NotEnabled(_) => {
                    Problem::new(Code::StreamNotEnabled, error.to_string())
                }
                VerificationError::TooSoon { retry_after }
                | VerificationError::Pending { retry_after } => {
                    Problem::too_soon(error.to_string(), retry_after)
                }
            },
            VerifyError::NotFound => no_such_stream(),
            VerifyError::Store(error) => Problem::store(&error),
        })
    });
    recorded(&request, &site.app, act, verifying, |()| Details::none()).await?;
    site.app.fresh.wake();
    info!(stream.id = %id, receiver.id = %receiver.id, "verification requested");
    Ok(private(HttpResponse::NoContent()).finish())
}
