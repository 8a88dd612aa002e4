//! Sources.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    super::{
        AppState,
        audit::recorded,
        auth, body,
        code::Code,
        openapi::refusals::{OperatingSources, Overseeing},
        problem::Problem,
    },
    object, overlap, page, present, private,
};
use crate::{
    app::ids,
    domain::{
        audit::{Act, Action, Actor, Details},
        id::SourceId,
        issuer::IssuerName,
        name::Name,
        operator::OperatorScope,
        quota::OwnQuota,
        source::{EventTypes, Source, SubjectIssuers},
    },
    ports::{Clock, Existing, Named, SourceStore},
    token::{BearerToken, TokenKind},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSource {
    name: String,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<String>,
    #[serde(default)]
    event_types: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    subject_issuers: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    events_per_second: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    backlog_max: Option<u64>,
}

/// GET: all sources, by name.
#[utoipa::path(
    get,
    path = "/operator/v1/sources",
    operation_id = "list_sources",
    security(("operator_token" = ["ops.read"])),
    responses(
        (status = 200, description = "All sources, by name.", body = ref("#/components/schemas/SourcePage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let sources = state.store.sources().await;
    let sources = sources.map_err(|error| Problem::store(&error))?;
    let items: Vec<Value> = sources.iter().map(shown).collect();
    Ok(page(&items, None))
}

/// POST: adds a source; 201 with its token, which is shown once.
#[utoipa::path(
    post,
    path = "/operator/v1/sources",
    operation_id = "add_source",
    security(("operator_token" = ["ops.manage"])),
    request_body(content = ref("#/components/schemas/NewSource"), content_type = "application/json"),
    responses(
        (status = 201, description = "It is added; its token is shown this once.", body = ref("#/components/schemas/OperatedSource")),
        OperatingSources,
    ),
)]
pub(super) async fn add(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let body = body::json(&request, payload, state.management_body_bytes_max).await?;
    let source = read(&body, &state)?;
    let token = BearerToken::generate(TokenKind::Source);
    let fingerprint = token.fingerprint(&state.sealer);
    let actor = Actor::operator(operator.id);
    let act = Act::on(actor, Action::AddSource, "source", source.id)
        .with("name", &source.name)
        .with("issuer", &source.issuer);
    let adding = Box::pin(async {
        let added = state
            .store
            .add_source(&source, fingerprint, state.clock.now());
        match added.await.map_err(|error| Problem::store(&error))? {
            Named::Added => Ok(()),
            Named::NameTaken => Err(Problem::new(
                Code::NameTaken,
                "there is a source of this name already",
            )),
        }
    });
    recorded(&request, &state, act, adding, |()| Details::none()).await?;
    let mut answer = shown(&source);
    answer["token"] = json!(token.expose());
    Ok(private(HttpResponse::Created()).json(answer))
}

/// POST: another token for a source; the former ones count for `overlap_seconds` more.
#[utoipa::path(
    post,
    path = "/operator/v1/sources/{id}/rotate",
    operation_id = "rotate_source",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("id" = String, Path, description = "The source.", min_length = 1),
    ),
    request_body(content = ref("#/components/schemas/Rotation"), content_type = "application/json"),
    responses(
        (status = 200, description = "It has a new token, which is shown this once.", body = ref("#/components/schemas/NewToken")),
        OperatingSources,
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
    let id = source_id(&id)?;
    let token = BearerToken::generate(TokenKind::Source);
    let fingerprint = token.fingerprint(&state.sealer);
    let act = Act::on(
        Actor::operator(operator.id),
        Action::RotateSource,
        "source",
        id,
    )
    .with("overlap_seconds", overlap.as_secs());
    let rotating = Box::pin(async {
        let now = state.clock.now();
        let until = now.after(overlap);
        existing(state.store.rotate_source(id, fingerprint, now, until).await)
    });
    recorded(&request, &state, act, rotating, |()| Details::none()).await?;
    Ok(private(HttpResponse::Ok()).json(json!({ "token": token.expose() })))
}

/// DELETE: removes a source; its tokens count no longer.
#[utoipa::path(
    delete,
    path = "/operator/v1/sources/{id}",
    operation_id = "remove_source",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("id" = String, Path, description = "The source.", min_length = 1),
    ),
    responses(
        (status = 204, description = "It is gone; the events that it handed in stay."),
        OperatingSources,
    ),
)]
pub(super) async fn remove(
    request: HttpRequest,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let id = source_id(&id)?;
    let act = Act::on(
        Actor::operator(operator.id),
        Action::RemoveSource,
        "source",
        id,
    );
    let removing = Box::pin(async { existing(state.store.remove_source(id).await) });
    recorded(&request, &state, act, removing, |()| Details::none()).await?;
    Ok(private(HttpResponse::NoContent()).finish())
}

fn read(body: &[u8], state: &AppState) -> Result<Source, Problem> {
    let new: NewSource = object(
        body,
        "the body must be an object with name and perhaps issuer, event_types, subject_issuers, events_per_second and backlog_max",
    )?;
    let bad = |error: &dyn std::error::Error| Problem::bad_request(error.to_string());
    let issuer = match new.issuer {
        Some(name) => IssuerName::parse(name).map_err(|error| bad(&error))?,
        None => IssuerName::default(),
    };
    if state.issuers.of(&issuer).is_none() {
        let detail = "issuer must be the name of one that is served here";
        return Err(Problem::bad_request(detail));
    }
    let subject_issuers = match new.subject_issuers {
        None => SubjectIssuers::Own,
        Some(limit) => match limit.as_str() {
            Some("own") => SubjectIssuers::Own,
            Some("any") => SubjectIssuers::Any,
            Some(_) | None => {
                let listed: Vec<String> = serde_json::from_value(limit).map_err(|_| {
                    Problem::bad_request("subject_issuers must be \"own\", \"any\" or a list")
                })?;
                SubjectIssuers::listed(listed).map_err(|error| bad(&error))?
            }
        },
    };
    let types = new.event_types.iter().map(String::as_str);
    Ok(Source {
        id: ids::source_id(),
        name: Name::parse(new.name).map_err(|error| bad(&error))?,
        issuer,
        event_types: EventTypes::named(types).map_err(|error| bad(&error))?,
        subject_issuers,
        quota: OwnQuota::new(new.events_per_second, new.backlog_max)
            .map_err(|error| bad(&error))?,
    })
}

fn source_id(text: &str) -> Result<SourceId, Problem> {
    let id = Uuid::try_parse(text).map_err(|_| no_such_source())?;
    Ok(SourceId::new(id))
}

fn existing(result: Result<Existing, crate::ports::StoreError>) -> Result<(), Problem> {
    match result.map_err(|error| Problem::store(&error))? {
        Existing::Changed => Ok(()),
        Existing::NotFound => Err(no_such_source()),
    }
}

fn no_such_source() -> Problem {
    Problem::new(Code::SourceNotFound, "there is no source with this id")
}

fn shown(source: &Source) -> Value {
    let mut shown = json!({
        "id": source.id.to_string(),
        "name": source.name.as_str(),
        "issuer": source.issuer.as_str(),
        "event_types": source.event_types.names(),
        "subject_issuers": match &source.subject_issuers {
            SubjectIssuers::Own => json!("own"),
            SubjectIssuers::Any => json!("any"),
            SubjectIssuers::Listed(issuers) => json!(issuers),
        },
    });
    if let Some(own) = source.quota.events_per_second {
        shown["events_per_second"] = json!(own);
    }
    if let Some(own) = source.quota.backlog_max {
        shown["backlog_max"] = json!(own);
    }
    shown
}
