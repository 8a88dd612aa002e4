//! Stream management (SSF 1.0 §8.1): a Receiver sees its own streams, and no others exist for it.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::CACHE_CONTROL,
    web::{Data, Payload},
};
use ssf_types::{
    audience::Audience,
    dialect::Body,
    id::StreamId,
    json::JsonError,
    stream::{CreateStream, Delivery, ReplaceStream, UpdateStream},
};
use tracing::info;

use super::{
    audit::recorded,
    auth, body,
    code::Code,
    openapi::refusals::{Configuring, Creating, Naming},
    problem::Problem,
    profile::Spoken,
    query, signing_alg,
    site::Site,
};
use crate::{
    app::manage::{self, ChangeError, CreateError},
    domain::{
        audit::{Act, Action, Actor, Details},
        id::ReceiverId,
        receiver::Receiver,
        scope::Need,
        signing_alg::asked as asked_alg,
        stream::{Stream, StreamChange},
    },
    ports::{Clock, StreamStore},
};

/// POST: creates a stream (SSF 1.0 §8.1.1.1).
#[utoipa::path(
    post,
    path = Site::STREAM,
    operation_id = "create_stream",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/CreateStream"), content_type = "application/json"),
    responses(
        (status = 201, description = "The stream as it is now.", body = ref("#/components/schemas/Stream")),
        Creating,
    ),
)]
pub(super) async fn create(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let spoken = Spoken::by(&receiver, &site);
    let body = body::json(&request, payload, site.app.management_body_bytes_max).await?;
    if let Some(id) = spoken.changed_by_creating().await? {
        let read = spoken.read(Body::UpdateStream(Some(&id)), &body)?;
        let asked =
            ReplaceStream::parse(&read).map_err(|error| Problem::bad_request(error.to_string()))?;
        return change(&request, &receiver, &site, StreamChange::Replace(asked)).await;
    }
    let read = spoken.read(Body::CreateStream, &body)?;
    let asked =
        CreateStream::parse(&read).map_err(|error| Problem::bad_request(error.to_string()))?;
    let audience = spoken.audience(&asked)?;
    let stream = make(&request, &receiver, &site, asked, audience).await?;
    spoken.verify_soon(&stream).await;
    spoken.created(&body, &stream)
}

/// Creates a stream with this audience.
async fn make(
    request: &HttpRequest,
    receiver: &Receiver,
    site: &Site,
    asked: CreateStream,
    audience: Audience,
) -> Result<Stream, Problem> {
    check_endpoint(asked.delivery.as_ref(), receiver, site)?;
    let heard = Receiver {
        audience,
        ..receiver.clone()
    };
    let keyless = signing_alg::check(asked_alg(&asked.extra), site)?;
    let act = Act::making(Actor::receiver(receiver.id), Action::CreateStream, "stream");
    let creating = Box::pin(async {
        if let Some(algorithm) = keyless {
            signing_alg::provide(algorithm, site).await?;
        }
        let now = site.app.clock.now();
        let created = manage::create(
            &site.app.store,
            &heard,
            asked,
            &site.app.events_supported,
            site.app.streams_per_receiver_max,
            site.app.default_subjects,
            now,
        );
        created.await.map_err(|error| match error {
            CreateError::Request(error) => Problem::bad_request(error.to_string()),
            CreateError::TooMany { .. } => Problem::new(Code::TooManyStreams, error.to_string()),
            CreateError::Store(error) => Problem::store(&error),
        })
    });
    let told = |stream: &Stream| Details::none().with("stream", &stream.id);
    let stream = recorded(request, &site.app, act, creating, told).await?;
    info!(stream.id = %stream.id, receiver.id = %receiver.id, "stream created");
    Ok(stream)
}

/// GET: one stream if `stream_id` is given, else all of the Receiver's as an array (SSF 1.0 §8.1.1.2).
#[utoipa::path(
    get,
    path = Site::STREAM,
    operation_id = "read_streams",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.read"])),
    params(("stream_id" = Option<String>, Query, description = "The stream; without it, all of the Receiver.", min_length = 1, max_length = 255)),
    responses(
        (status = 200, description = "The stream, or an array of all.", body = ref("#/components/schemas/Streams")),
        Naming,
    ),
)]
pub(super) async fn read(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Read).await?;
    let spoken = Spoken::by(&receiver, &site);
    let Some(id) = stream_id(&request)? else {
        return spoken.all().await;
    };
    note_activity(&site, receiver.id, &id).await?;
    let stream = find(&site, &receiver, &id).await?;
    spoken.stream(&stream)
}

/// PATCH: changes what the body has (SSF 1.0 §8.1.1.3).
#[utoipa::path(
    patch,
    path = Site::STREAM,
    operation_id = "update_stream",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/UpdateStream"), content_type = "application/json"),
    responses(
        (status = 200, description = "The stream as it is now.", body = ref("#/components/schemas/Stream")),
        Configuring,
    ),
)]
pub(super) async fn update(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let read = |body: &[u8]| UpdateStream::parse(body).map(StreamChange::Update);
    configure(&request, payload, &site, read).await
}

/// PUT: replaces all that is the Receiver's to say (SSF 1.0 §8.1.1.4).
#[utoipa::path(
    put,
    path = Site::STREAM,
    operation_id = "replace_stream",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    request_body(content = ref("#/components/schemas/ReplaceStream"), content_type = "application/json"),
    responses(
        (status = 200, description = "The stream as it is now.", body = ref("#/components/schemas/Stream")),
        Configuring,
    ),
)]
pub(super) async fn replace(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let read = |body: &[u8]| ReplaceStream::parse(body).map(StreamChange::Replace);
    configure(&request, payload, &site, read).await
}

async fn configure(
    request: &HttpRequest,
    payload: Payload,
    site: &Site,
    read: fn(&[u8]) -> Result<StreamChange, JsonError>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(request, site, Need::Manage).await?;
    let spoken = Spoken::by(&receiver, site);
    let body = body::json(request, payload, site.app.management_body_bytes_max).await?;
    let meant = spoken.stand_in(request).await?;
    let body = spoken.read(Body::UpdateStream(meant.as_ref()), &body)?;
    let asked = read(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    change(request, &receiver, site, asked).await
}

async fn change(
    request: &HttpRequest,
    receiver: &Receiver,
    site: &Site,
    asked: StreamChange,
) -> Result<HttpResponse, Problem> {
    check_same_stream(request, asked.stream_id())?;
    note_activity(site, receiver.id, asked.stream_id()).await?;
    check_endpoint(asked.delivery(), receiver, site)?;
    let keyless = signing_alg::check(asked.signing_alg(), site)?;
    let act = Act::on(
        Actor::receiver(receiver.id),
        Action::ChangeStream,
        "stream",
        asked.stream_id(),
    );
    let changing = Box::pin(async {
        if let Some(algorithm) = keyless {
            // No key is made for a stream that there is not.
            find(site, receiver, asked.stream_id()).await?;
            signing_alg::provide(algorithm, site).await?;
        }
        let changed = manage::change(
            site.app.standstill(),
            receiver,
            asked,
            site.terms(),
            site.app.clock.now(),
        );
        changed.await.map_err(|error| match error {
            ChangeError::Request(error) => Problem::bad_request(error.to_string()),
            ChangeError::NotFound => no_such_stream(),
            ChangeError::Store(error) => Problem::store(&error),
        })
    });
    let told = |(_, dropped): &(Stream, u64)| Details::none().with("dropped", dropped);
    let (stream, dropped) = recorded(request, &site.app, act, changing, told).await?;
    // It may not be polled any more.
    site.app.polls.call(&stream.id);
    info!(stream.id = %stream.id, receiver.id = %receiver.id, deliveries.dropped = dropped, "stream changed");
    Spoken::by(receiver, site).stream(&stream)
}

/// DELETE: ends a stream and drops what it has not delivered (SSF 1.0 §8.1.1.5).
#[utoipa::path(
    delete,
    path = Site::STREAM,
    operation_id = "delete_stream",
    security(("receiver_token" = []), ("receiver_oauth" = ["ssf.manage"])),
    params(("stream_id" = String, Query, description = "The stream.", min_length = 1, max_length = 255)),
    responses(
        (status = 204, description = "There is no such stream any more."),
        Naming,
    ),
)]
pub(super) async fn delete(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, Problem> {
    let receiver = auth::receiver(&request, &site, Need::Manage).await?;
    let spoken = Spoken::by(&receiver, &site);
    let id = spoken.named_for_deletion(&request, payload).await?;
    let actor = Actor::receiver(receiver.id);
    let act = Act::on(actor, Action::DeleteStream, "stream", &id);
    let deleting = Box::pin(async {
        let now = site.app.clock.now();
        let deleted = manage::delete(site.app.standstill(), &receiver, &id, now).await;
        deleted
            .map_err(|error| Problem::store(&error))?
            .ok_or_else(no_such_stream)
    });
    let told = |dropped: &u64| Details::none().with("dropped", dropped);
    let dropped = recorded(&request, &site.app, act, deleting, told).await?;
    site.app.polls.call(&id);
    info!(stream.id = %id, receiver.id = %receiver.id, deliveries.dropped = dropped, "stream deleted");
    Ok(spoken.deleted())
}

/// Notes that a Receiver names its stream, before anything is done about it.
pub(super) async fn note_activity(
    site: &Site,
    receiver: ReceiverId,
    id: &StreamId,
) -> Result<(), Problem> {
    let (app, now) = (&site.app, site.app.clock.now());
    let noted = app.activity.note(&app.store, receiver, id, now);
    noted.await.map_err(|error| Problem::store(&error))
}

pub(super) async fn find(
    site: &Site,
    receiver: &Receiver,
    id: &StreamId,
) -> Result<Stream, Problem> {
    site.app
        .store
        .stream(receiver.id, id)
        .await
        .map_err(|error| Problem::store(&error))?
        .ok_or_else(no_such_stream)
}

/// Refuses a push endpoint inside the operator's own network, or at another host than the Receiver is bound to.
fn check_endpoint(
    delivery: Option<&Delivery>,
    receiver: &Receiver,
    site: &Site,
) -> Result<(), Problem> {
    let Some(Delivery::Push(push)) = delivery else {
        return Ok(());
    };
    let refused = |detail: String| Problem::new(Code::EndpointNotAllowed, detail);
    let address = site.app.push_addresses.check(&push.endpoint_url);
    address.map_err(|error| refused(error.to_string()))?;
    let host = receiver.push_hosts.check(&push.endpoint_url);
    host.map_err(|error| refused(error.to_string()))
}

/// An answer that no cache may keep.
pub(super) fn private(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

pub(super) fn no_such_stream() -> Problem {
    Problem::new(
        Code::StreamNotFound,
        "there is no stream with this stream_id",
    )
}

/// Where the body names the stream, the query need not; if it does, it must not name another.
pub(super) fn check_same_stream(request: &HttpRequest, body: &StreamId) -> Result<(), Problem> {
    match stream_id(request)? {
        Some(query) if query != *body => Err(Problem::bad_request(
            "the query must not have another stream_id than the body",
        )),
        Some(_) | None => Ok(()),
    }
}

/// The stream that the query names.
pub(super) fn stream_id(request: &HttpRequest) -> Result<Option<StreamId>, Problem> {
    query::parameter(request, "stream_id")?
        .map(StreamId::parse)
        .transpose()
        .map_err(|error| Problem::bad_request(format!("stream_id: {error}")))
}
