//! Signing keys, without their private parts.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::{Value, json};

use super::{
    super::{
        AppState,
        auth::{self, Ingester},
        ingest,
        openapi::refusals::Overseeing,
        problem::Problem,
    },
    page,
};
use crate::{
    domain::{
        key::{KeyRing, StoredKey},
        operator::OperatorScope,
    },
    ports::{Clock, KeyStore},
};

/// GET: the keys of an issuer, those that are gone as well.
#[utoipa::path(
    get,
    path = "/operator/v1/keys",
    operation_id = "list_keys",
    security(("operator_token" = ["ops.read"])),
    params(
        ("issuer" = Option<String>, Query, description = "The name of an issuer that is served here; without it, the main one.", min_length = 1),
    ),
    responses(
        (status = 200, description = "All keys of the issuer, without their private parts.", body = ref("#/components/schemas/KeyPage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Read).await?;
    let issuer = ingest::issuer(&request, &state, &Ingester::Operator(operator))?;
    let rings = state.store.key_rings().await;
    let rings = rings.map_err(|error| Problem::store(&error))?;
    let keys = rings.get(&issuer).map(KeyRing::keys);
    let now = state.clock.now();
    let told = |key: &StoredKey| {
        json!({
            "kid": key.kid,
            "issuer": issuer.as_str(),
            "alg": key.algorithm.as_str(),
            "state": key.state(now).as_str(),
            "origin": key.origin.as_str(),
            "published_from": key.times.published_from,
            "signs_from": key.times.signs_from,
            "signs_until": key.times.signs_until,
            "published_until": key.times.published_until,
        })
    };
    let items: Vec<Value> = keys.into_iter().flatten().map(told).collect();
    Ok(page(&items, None))
}
