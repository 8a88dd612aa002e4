//! Receivers.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use ssf_types::{audience::Audience, error::Chain, id::StreamId};
use tracing::warn;

use super::{
    super::{
        AppState,
        audit::recorded,
        auth, body,
        code::Code,
        openapi::refusals::{OperatingReceivers, Overseeing},
        problem::Problem,
    },
    object, overlap, page, present, private,
};
use crate::{
    app::receivers::{self, NewCredential, NewReceiver, RegisterError, Removal, Secrets},
    domain::{
        audit::{Act, Action, Actor, Details},
        issuer::IssuerName,
        operator::OperatorScope,
        profile::Profile,
        push_hosts::PushHosts,
        receiver::Receiver,
    },
    ports::{Clock, ReceiverStore, StreamLease},
};

/// By what a Receiver is to be recognised: a secret that is made here. Keys, and clients of other authorization servers, are
/// registered on the command line.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Credential {
    #[default]
    Bearer,
    ClientSecret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    name: String,
    audience: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<String>,
    #[serde(default)]
    credential: Credential,
    #[serde(default, deserialize_with = "present")]
    profile: Option<String>,
    #[serde(default)]
    push_hosts: Vec<String>,
}

/// GET: all Receivers, by name.
#[utoipa::path(
    get,
    path = "/operator/v1/receivers",
    operation_id = "list_receivers",
    security(("operator_token" = ["ops.read"])),
    responses(
        (status = 200, description = "All Receivers, by name.", body = ref("#/components/schemas/ReceiverPage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let receivers = state.store.receivers().await;
    let receivers = receivers.map_err(|error| Problem::store(&error))?;
    let items: Vec<Value> = receivers.iter().map(shown).collect();
    Ok(page(&items, None))
}

/// POST: registers a Receiver; 201 with its secret, which is shown once.
#[utoipa::path(
    post,
    path = "/operator/v1/receivers",
    operation_id = "add_receiver",
    security(("operator_token" = ["ops.manage"])),
    request_body(content = ref("#/components/schemas/NewReceiver"), content_type = "application/json"),
    responses(
        (status = 201, description = "It is registered; its secret is shown this once.", body = ref("#/components/schemas/OperatedReceiver")),
        OperatingReceivers,
    ),
)]
pub(super) async fn add(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let body = body::json(&request, payload, state.management_body_bytes_max).await?;
    let new = read(&body, &state)?;
    let act = Act::making(
        Actor::operator(operator.id),
        Action::AddReceiver,
        "receiver",
    )
    .with("name", &new.name)
    .with("profile", new.profile.as_str())
    .with("push_hosts", &new.push_hosts);
    let adding = Box::pin(async {
        let added = receivers::add(&state.store, &state.sealer, new, state.clock.now());
        added.await.map_err(|error| refused(&error))
    });
    let told = |(receiver, _): &(Receiver, Secrets)| Details::none().with("id", receiver.id);
    let (receiver, secrets) = recorded(&request, &state, act, adding, told).await?;
    Ok(private(HttpResponse::Created()).json(with_secrets(shown(&receiver), &secrets)))
}

/// POST: other secrets for a Receiver; the former ones count for `overlap_seconds` more.
#[utoipa::path(
    post,
    path = "/operator/v1/receivers/{id}/rotate",
    operation_id = "rotate_receiver",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("id" = String, Path, description = "The Receiver.", min_length = 1),
    ),
    request_body(content = ref("#/components/schemas/Rotation"), content_type = "application/json"),
    responses(
        (status = 200, description = "It has new secrets, which are shown this once.", body = ref("#/components/schemas/OperatedReceiver")),
        OperatingReceivers,
    ),
)]
pub(super) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let body = body::json(&request, payload, state.management_body_bytes_max).await?;
    let overlap = overlap(&body)?;
    let receiver = find(&state, &id).await?;
    let actor = Actor::operator(operator.id);
    let act = Act::on(actor, Action::RotateReceiver, "receiver", receiver.id)
        .with("overlap_seconds", overlap.as_secs());
    let rotating = Box::pin(async {
        let (store, sealer, now) = (&state.store, &state.sealer, state.clock.now());
        let rotated = receivers::rotate(store, sealer, &receiver, Vec::new(), overlap, now);
        rotated.await.map_err(|error| refused(&error))
    });
    let secrets = recorded(&request, &state, act, rotating, |_| Details::none()).await?;
    Ok(private(HttpResponse::Ok()).json(with_secrets(shown(&receiver), &secrets)))
}

/// DELETE: removes a Receiver; its tokens count no longer, and its streams end.
#[utoipa::path(
    delete,
    path = "/operator/v1/receivers/{id}",
    operation_id = "remove_receiver",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("id" = String, Path, description = "The Receiver.", min_length = 1),
    ),
    responses(
        (status = 204, description = "It is gone with its streams."),
        OperatingReceivers,
    ),
)]
pub(super) async fn remove(
    request: HttpRequest,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let receiver = find(&state, &id).await?;
    let actor = Actor::operator(operator.id);
    let act = Act::on(actor, Action::RemoveReceiver, "receiver", receiver.id);
    let removing = Box::pin(async {
        let removed = receivers::remove(&state.store, receiver.id, state.clock.now()).await;
        let removed = removed.map_err(|error| Problem::store(&error))?;
        let removal = removed.ok_or_else(no_such_receiver)?;
        // Its streams are gone, whether or not somebody takes longer to stop than anybody waits for.
        let streams = removal.owners.iter();
        let stopped = streams.map(|(stream, owners)| stopped(&state, stream, owners.clone()));
        join_all(stopped).await;
        Ok(removal)
    });
    let told = |removal: &Removal| {
        Details::none()
            .with("streams", removal.streams)
            .with("dropped", removal.dropped)
    };
    recorded(&request, &state, act, removing, told).await?;
    Ok(private(HttpResponse::NoContent()).finish())
}

async fn stopped(state: &AppState, stream: &StreamId, owners: Vec<StreamLease>) {
    if let Err(error) = state.standstill().comes(stream, owners).await {
        warn!(stream.id = %stream, error = %Chain(&error), "nobody knows whether those who work on a stream that is gone have stopped");
    }
}

fn read(body: &[u8], state: &AppState) -> Result<NewReceiver, Problem> {
    let asked: Registration = object(
        body,
        "the body must be an object with name, audience (a list) and perhaps issuer, credential (bearer or client_secret), profile and push_hosts (a list)",
    )?;
    let issuer = match asked.issuer {
        Some(name) => {
            IssuerName::parse(name).map_err(|error| Problem::bad_request(error.to_string()))?
        }
        None => IssuerName::default(),
    };
    if state.issuers.of(&issuer).is_none() {
        let detail = "issuer must be the name of one that is served here";
        return Err(Problem::bad_request(detail));
    }
    let audience =
        Audience::new(asked.audience).map_err(|error| Problem::bad_request(error.to_string()))?;
    let credential = match asked.credential {
        Credential::Bearer => NewCredential::Bearer,
        Credential::ClientSecret => NewCredential::ClientSecret,
    };
    let profile = asked.profile.as_deref().map(Profile::parse).transpose();
    let profile = profile.map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut new = NewReceiver::new(issuer, asked.name, audience, vec![credential]);
    new.profile = profile.unwrap_or_default();
    let hosts = asked.push_hosts.iter().map(String::as_str);
    new.push_hosts =
        PushHosts::parse(hosts).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(new)
}

fn refused(error: &RegisterError) -> Problem {
    match error {
        RegisterError::NameTaken => Problem::new(Code::NameTaken, error.to_string()),
        RegisterError::NotFound => no_such_receiver(),
        RegisterError::Store(fault) => Problem::store(fault),
        RegisterError::Name(_)
        | RegisterError::Credentials
        | RegisterError::ClientId
        | RegisterError::ClientTaken
        | RegisterError::Overlap
        | RegisterError::NothingToReplace => Problem::bad_request(error.to_string()),
    }
}

async fn find(state: &AppState, id: &str) -> Result<Receiver, Problem> {
    let receivers = state.store.receivers().await;
    let receivers = receivers.map_err(|error| Problem::store(&error))?;
    let mut receivers = receivers.into_iter();
    receivers
        .find(|known| known.id.to_string() == id)
        .ok_or_else(no_such_receiver)
}

fn no_such_receiver() -> Problem {
    Problem::new(Code::ReceiverNotFound, "there is no Receiver with this id")
}

fn shown(receiver: &Receiver) -> Value {
    json!({
        "id": receiver.id.to_string(),
        "name": receiver.name,
        "issuer": receiver.issuer.as_str(),
        "audience": receiver.audience.values().collect::<Vec<_>>(),
        "scopes": receiver.scopes.to_string(),
        "profile": receiver.profile.as_str(),
        "push_hosts": receiver.push_hosts.names(),
    })
}

fn with_secrets(mut answer: Value, secrets: &Secrets) -> Value {
    if let Some(token) = &secrets.bearer {
        answer["token"] = json!(token.expose());
    }
    if let Some(secret) = &secrets.client_secret {
        answer["client_secret"] = json!(secret.expose());
    }
    answer
}
