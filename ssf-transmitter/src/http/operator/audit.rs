//! The audit log.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::{Value, json};

use super::{
    super::{AppState, auth, openapi::refusals::Overseeing, problem::Problem, query},
    limit, page,
};
use crate::{
    domain::{audit::Record, operator::OperatorScope},
    ports::AuditStore,
};

/// GET: entries behind the one with the number `after`, oldest first; without `after`, the last ones.
#[utoipa::path(
    get,
    path = "/operator/v1/audit",
    operation_id = "read_audit_log",
    security(("operator_token" = ["ops.read"])),
    params(
        ("after" = Option<u64>, Query, description = "Where the page before ended."),
        ("limit" = Option<u64>, Query, description = "Entries of the page.", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "Entries, oldest first; without `after`, the last ones.", body = ref("#/components/schemas/AuditPage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let limit = limit(&request)?;
    let after = match query::parameter(&request, "after")? {
        Some(text) => seq(&text)?,
        None => last(&state).await?.saturating_sub(limit),
    };
    let records = state.store.records(after, limit).await;
    let records = records.map_err(|error| Problem::store(&error))?;
    let full = records.last().filter(|_| records.len() as u64 == limit);
    let next = full.map(|record| json!(record.link.seq));
    let items: Vec<Value> = records.iter().map(Record::shown).collect();
    Ok(page(&items, next))
}

fn seq(text: &str) -> Result<u64, Problem> {
    // What is stored is counted in 63 bits.
    let seq = text.parse().ok().filter(|seq| i64::try_from(*seq).is_ok());
    seq.ok_or_else(|| Problem::bad_request("after must be the seq of an entry"))
}

/// The number of the last entry.
async fn last(state: &AppState) -> Result<u64, Problem> {
    let head = state.store.head().await;
    Ok(head.map_err(|error| Problem::store(&error))?.seq)
}
