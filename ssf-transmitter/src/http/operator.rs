//! The operator's side: who may do what, what became of the streams, and what was done.
//!
//! Everything is below `/operator/v1` and needs the token of an operator with a scope: `ops.read`, `ops.manage` or
//! `ops.emit`. Lists come in pages: an object with `items` and, if there are more, `next`, which the next request repeats as `after`.

mod audit;
mod deliveries;
mod events;
mod keys;
mod receivers;
mod sources;
mod streams;
mod trace;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header::CACHE_CONTROL, web};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use ssf_types::{
    id::StreamId,
    json::{self, Members},
};

use super::{endpoints::Endpoints, problem::Problem, query};
use crate::domain::credential::OVERLAP_MAX;

/// Most entries of one page.
const PAGE_MAX: u64 = 1000;

/// Entries of a page unless told otherwise.
const PAGE_DEFAULT: u64 = 100;

/// What there is.
pub(super) fn endpoints() -> Endpoints {
    Endpoints::tagged("Operators")
        .with::<receivers::__path_list>(web::to(receivers::list))
        .with::<receivers::__path_add>(web::to(receivers::add))
        .with::<receivers::__path_rotate>(web::to(receivers::rotate))
        .with::<receivers::__path_remove>(web::to(receivers::remove))
        .with::<sources::__path_list>(web::to(sources::list))
        .with::<sources::__path_add>(web::to(sources::add))
        .with::<sources::__path_rotate>(web::to(sources::rotate))
        .with::<sources::__path_remove>(web::to(sources::remove))
        .with::<streams::__path_list>(web::to(streams::list))
        .with::<streams::__path_show>(web::to(streams::show))
        .with::<streams::__path_set_status>(web::to(streams::set_status))
        .with::<streams::__path_delete>(web::to(streams::delete))
        .with::<events::__path_emit>(web::to(events::emit))
        .with::<events::__path_dry_run>(web::to(events::dry_run))
        .with::<deliveries::__path_list>(web::to(deliveries::list))
        .with::<deliveries::__path_send_again>(web::to(deliveries::send_again))
        .with::<trace::__path_show>(web::to(trace::show))
        .with::<keys::__path_list>(web::to(keys::list))
        .with::<audit::__path_list>(web::to(audit::list))
}

/// How many entries the page is to have.
fn limit(request: &HttpRequest) -> Result<u64, Problem> {
    let Some(text) = query::parameter(request, "limit")? else {
        return Ok(PAGE_DEFAULT);
    };
    text.parse()
        .ok()
        .filter(|limit| (1..=PAGE_MAX).contains(limit))
        .ok_or_else(|| {
            Problem::bad_request(format!("limit must be a whole number from 1 to {PAGE_MAX}"))
        })
}

/// Behind which stream the page is to begin.
fn after_stream(request: &HttpRequest) -> Result<Option<StreamId>, Problem> {
    let after = query::parameter(request, "after")?;
    after.map(|id| stream_id(&id)).transpose()
}

fn stream_id(text: &str) -> Result<StreamId, Problem> {
    StreamId::parse(text).map_err(|error| Problem::bad_request(format!("stream id: {error}")))
}

/// A page; `next` is where the one behind it begins, if this one is full.
fn page(items: &[Value], next: Option<Value>) -> HttpResponse {
    page_with(json!({}), items, next)
}

/// A page with further members.
fn page_with(mut body: Value, items: &[Value], next: Option<Value>) -> HttpResponse {
    body["items"] = json!(items);
    if let Some(next) = next {
        body["next"] = next;
    }
    private(HttpResponse::Ok()).json(body)
}

/// An answer that no cache may keep.
fn private(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

/// What is told with the wish for a new secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    overlap_seconds: u64,
}

/// Reads how long what a new secret replaces counts beside it.
fn overlap(body: &[u8]) -> Result<Duration, Problem> {
    let expected = "the body must be {\"overlap_seconds\": N} with N from 0 to 2592000";
    let Rotation { overlap_seconds } = object(body, expected)?;
    let overlap = Duration::from_secs(overlap_seconds);
    if overlap > OVERLAP_MAX {
        return Err(Problem::bad_request(expected));
    }
    Ok(overlap)
}

/// Reads a JSON object without members that mean nothing.
fn object<T: DeserializeOwned>(body: &[u8], expected: &'static str) -> Result<T, Problem> {
    let text = json::check(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    // What is derived would take a list of the values as well. The reason of a fault is not told, for it might repeat a value.
    let is_object = Members::parse(text).is_ok();
    let read = is_object.then(|| serde_json::from_str(text).ok()).flatten();
    read.ok_or_else(|| Problem::bad_request(expected))
}

/// Reads a member that may be absent, but not null.
fn present<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(value).map(Some)
}
