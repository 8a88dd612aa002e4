//! The algorithms that streams may ask for, and the keys for them.

use ssf_types::{error::Chain, set::Algorithm};
use tracing::error;

use super::{code::Code, problem::Problem, site::Site};
use crate::{app::keys::MakesKeys, domain::signing_alg::AlgNotOffered, ports::Clock};

/// What streams of an issuer may ask for: everything where its keys are made here, else what a key is there for.
pub(super) fn offered(site: &Site) -> Vec<Algorithm> {
    let (app, issuer) = (&site.app, &site.name);
    let is_offered = |algorithm: &Algorithm| match app.key_plan.makes(issuer) {
        MakesKeys::Yes => true,
        MakesKeys::No => app.keys.signs_with(issuer, *algorithm),
    };
    Algorithm::ALL.iter().copied().filter(is_offered).collect()
}

/// Refuses an algorithm that is not offered; returns the one that has to get a key first.
pub(super) fn check(
    asked: Result<Option<Algorithm>, AlgNotOffered>,
    site: &Site,
) -> Result<Option<Algorithm>, Problem> {
    let refused =
        |fault: AlgNotOffered| Problem::new(Code::SigningAlgNotOffered, fault.to_string());
    let Some(algorithm) = asked.map_err(refused)? else {
        return Ok(None);
    };
    if site.app.keys.signs_with(&site.name, algorithm) {
        return Ok(None);
    }
    match site.app.key_plan.makes(&site.name) {
        MakesKeys::Yes => Ok(Some(algorithm)),
        MakesKeys::No => Err(refused(AlgNotOffered)),
    }
}

/// Gives an algorithm a key and publishes that, before a stream is told that its SETs are signed with it.
pub(super) async fn provide(algorithm: Algorithm, site: &Site) -> Result<(), Problem> {
    let (app, policy) = (&site.app, &site.app.key_plan.policy);
    let now = app.clock.now();
    let provided = app
        .keys
        .provide(&app.store, &site.name, algorithm, policy, now);
    provided.await.map_err(|fault| {
        error!(error = %Chain(&fault), "a stream does not get the algorithm that it asks for");
        Problem::unavailable("there is no key for this set_signing_alg yet: try again later")
    })
}
