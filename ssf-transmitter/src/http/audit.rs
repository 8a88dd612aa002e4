//! Every request that changes something is written down before it does, and after.

use std::future::Future;

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};
use tracing::error;

use super::{AppState, problem::Problem};
use crate::{
    app::audit,
    domain::audit::{Act, Details, Ending},
};

/// Routes that change something and leave no entry: what they do is remembered with the events and deliveries
/// themselves, or changes nothing that outlives an hour. Each is the end of a path.
const WITHOUT_ENTRY: [&str; 5] = [
    "/ingest/events",
    "/operator/v1/events",
    "/operator/v1/events/dry-run",
    "/ssf/poll/{stream_id}",
    "/oauth/token",
];

/// Marks a request whose change is written down.
struct Recorded;

/// Has `effect` between the two entries of `act`; `told` gives the details of what has happened.
///
/// 503 if the first entry cannot be written, and then nothing happens.
pub(super) async fn recorded<T>(
    request: &HttpRequest,
    state: &AppState,
    act: Act,
    effect: impl Future<Output = Result<T, Problem>>,
    told: impl FnOnce(&T) -> Details,
) -> Result<T, Problem> {
    request.extensions_mut().insert(Recorded);
    let log = (&state.store, &state.clock);
    audit::recorded(log, act, effect, told, ending)
        .await
        .map_err(|error| Problem::store(&error))?
}

/// Says that the application writes the request's change down, together with others.
pub(super) fn is_recorded(request: &HttpRequest) {
    request.extensions_mut().insert(Recorded);
}

/// Notices a change that was not written down. That is a fault of this program, so it is said loudly.
pub(super) async fn demand(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let response = next.call(request).await?;
    let request = response.request();
    let changes = ![Method::GET, Method::HEAD].contains(request.method());
    let done = changes && response.status().is_success();
    if done && !request.extensions().contains::<Recorded>() {
        let route = request.match_pattern().unwrap_or_default();
        if !WITHOUT_ENTRY.iter().any(|end| route.ends_with(end)) {
            error!(http.route = %route, "a change left no audit entry");
        }
    }
    Ok(response)
}

fn ending(problem: &Problem) -> Ending {
    if problem.is_ours() {
        return Ending::Failed;
    }
    Ending::Refused
}
