//! The subjects of a stream (SSF 1.0 §8.1.3).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use ssf_types::{
    dialect::Body,
    stream::{AddSubject, RemoveSubject},
};
use tracing::debug;

use super::{
    AppState,
    audit::is_recorded,
    auth, body,
    code::Code,
    openapi::refusals::Covering,
    problem::Problem,
    profile::Spoken,
    site::Site,
    streams::{check_same_stream, no_such_stream, private},
};
use crate::{
    app::subjects::ChangeSubjectError,
    domain::{
        coverage::{SubjectOperation, SubjectRefusal},
        pace::TooFast,
        scope::Need,
    },
    ports::SubjectChange,
};

/// POST: adds a subject to a stream (SSF 1.0 §8.1.3.2).
#[utoipa::path(
    post,
    path = Site::ADD_SUBJECT,
    operation_id = "add_subject",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/AddSubject"), content_type = "application/json"),
    responses(
        (status = 200, description = "The stream covers the subject, whether or not it is known here."),
        Covering,
    ),
)]
pub(super) async fn add(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    let spoken = Spoken::by(&receiver, &site);
    let meant = spoken.stand_in(&request).await?;
    let body = spoken.read(Body::Subject(meant.as_ref()), &body)?;
    let asked =
        AddSubject::parse(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    check_same_stream(&request, &asked.stream_id)?;
    let change = SubjectChange {
        receiver: receiver.id,
        operation: SubjectOperation::Add,
        verified: asked.is_verified(),
        stream: asked.stream_id,
        subject: asked.subject,
    };
    make(&request, &site.app, change).await?;
    Ok(private(HttpResponse::Ok()).finish())
}

/// POST: removes a subject from a stream (SSF 1.0 §8.1.3.3).
#[utoipa::path(
    post,
    path = Site::REMOVE_SUBJECT,
    operation_id = "remove_subject",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/RemoveSubject"), content_type = "application/json"),
    responses(
        (status = 204, description = "The stream will not cover the subject, whether or not it is known here."),
        Covering,
    ),
)]
pub(super) async fn remove(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    let spoken = Spoken::by(&receiver, &site);
    let meant = spoken.stand_in(&request).await?;
    let body = spoken.read(Body::Subject(meant.as_ref()), &body)?;
    let asked =
        RemoveSubject::parse(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    check_same_stream(&request, &asked.stream_id)?;
    let change = SubjectChange {
        receiver: receiver.id,
        operation: SubjectOperation::Remove,
        verified: true,
        stream: asked.stream_id,
        subject: asked.subject,
    };
    make(&request, &site.app, change).await?;
    Ok(private(HttpResponse::NoContent()).finish())
}

async fn make(
    request: &HttpRequest,
    state: &AppState,
    change: SubjectChange,
) -> Result<(), Problem> {
    is_recorded(request);
    let operation = change.operation.as_str();
    let (stream, receiver) = (change.stream.clone(), change.receiver);
    let made = state.subjects.change(change).await;
    let outcome = outcome(&made);
    metrics::counter!("ssf_subject_changes_total", "operation" => operation, "outcome" => outcome)
        .increment(1);
    debug!(stream.id = %stream, receiver.id = %receiver, operation, outcome, "subject changed");
    made.map_err(problem)
}

/// How a request ended, as it is counted.
fn outcome(made: &Result<(), ChangeSubjectError>) -> &'static str {
    match made {
        Ok(()) => "done",
        Err(ChangeSubjectError::Refused(_) | ChangeSubjectError::NotFound) => "refused",
        Err(
            ChangeSubjectError::Busy | ChangeSubjectError::Stopping | ChangeSubjectError::Store(_),
        ) => "failed",
    }
}

fn problem(error: ChangeSubjectError) -> Problem {
    match error {
        ChangeSubjectError::Refused(refusal) => refused(refusal),
        ChangeSubjectError::NotFound => no_such_stream(),
        ChangeSubjectError::Busy | ChangeSubjectError::Stopping => {
            Problem::unavailable(error.to_string())
        }
        ChangeSubjectError::Store(fault) => Problem::store(&fault),
    }
}

fn refused(refusal: SubjectRefusal) -> Problem {
    match refusal {
        SubjectRefusal::Unfit(_) | SubjectRefusal::StreamItself => {
            Problem::new(Code::SubjectNotAllowed, refusal.to_string())
        }
        SubjectRefusal::TooMany => Problem::new(Code::TooManySubjects, refusal.to_string()),
        SubjectRefusal::TooFast(TooFast { retry_after }) => {
            Problem::too_soon(refusal.to_string(), retry_after)
        }
    }
}
