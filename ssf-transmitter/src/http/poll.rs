//! Polls (RFC 8936): a Receiver settles SETs of its stream and fetches others.

mod answer;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use ssf_types::{
    dialect::Body,
    id::StreamId,
    poll::{PollRequest, REQUEST_BYTES_MAX},
};

use self::answer::AnswerBody;
use super::{
    auth, body,
    code::Code,
    openapi::refusals::Using,
    problem::Problem,
    profile::Spoken,
    site::Site,
    streams::{note_activity, private},
};
use crate::{
    app::poll::{PollError, Poller},
    domain::{method::POLL_PATH, scope::Need},
};

/// POST: settles SETs and hands out others, at once or when there are some (RFC 8936 §2.4).
#[utoipa::path(
    post,
    path = format!("{POLL_PATH}/{{stream_id}}"),
    operation_id = "poll",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage.poll"])),
    params(("stream_id" = String, Path, description = "The stream.")),
    request_body(content = ref("#/components/schemas/Poll"), content_type = "application/json"),
    responses(
        (status = 200, description = "SETs, at once or when there are some.", body = ref("#/components/schemas/PollAnswer")),
        Using,
    ),
)]
pub(super) async fn poll(
    request: HttpRequest,
    payload: Payload,
    stream: Path<String>,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Poll).await?;
    let asked = read(&request, payload, &Spoken::by(&receiver, &site)).await?;
    let profile = receiver.profile;
    let receiver = receiver.id;
    let stream = StreamId::parse(stream.into_inner()).map_err(|_| nothing_here())?;
    note_activity(&site, receiver, &stream).await?;
    let app = &site.app;
    let poller = Poller {
        store: &app.store,
        signer: &app.keys,
        clock: &app.clock,
        polls: &app.polls,
        issuer: &site.issuer,
        profile,
        timeout: app.poll_timeout,
    };
    let answer = poller.poll(receiver, &stream, asked).await;
    let answer = answer.map_err(|error| match error {
        PollError::NotFound => nothing_here(),
        PollError::TooMany => Problem::unavailable(error.to_string()),
        PollError::Store(error) => Problem::store(&error),
    })?;
    let body = AnswerBody::new(&answer.response, answer.handed_out)
        .map_err(|_| Problem::unavailable("the answer cannot be written"))?;
    let mut response = private(HttpResponse::Ok());
    Ok(response.content_type("application/json").body(body))
}

/// The body is given up here: a poll that waits keeps none.
async fn read(
    request: &HttpRequest,
    payload: Payload,
    spoken: &Spoken<'_>,
) -> Result<PollRequest, Problem> {
    let body = body::json(request, payload, REQUEST_BYTES_MAX).await?;
    let body = spoken.read(Body::PollRequest, &body)?;
    PollRequest::parse(&body).map_err(|error| Problem::bad_request(error.to_string()))
}

fn nothing_here() -> Problem {
    Problem::new(Code::StreamNotFound, "there is no stream to poll here")
}
