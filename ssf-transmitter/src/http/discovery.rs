//! The metadata (SSF 1.0 §7), for anybody.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use ssf_types::{
    dialect::{Body, Dialect},
    json::Extra,
    metadata::{AuthorizationScheme, DefaultSubjects, TransmitterMetadata, WellKnown},
    set::Algorithm,
    stream::{DELIVERY_POLL, DELIVERY_PUSH},
    uri::{EndpointUrl, Issuer},
};

use super::{
    openapi::refusals::{Anybody, EarlyDocument},
    problem::Problem,
    signing_alg,
    site::{Site, endpoint},
};
use crate::{
    domain::{profile::Profile, sequence, signing_alg::told_of_offer},
    ports::ReceiverStore,
};

/// How long an answer may be kept.
const CACHE: &str = "public, max-age=60";

/// GET of the well-known resource (SSF 1.0 §7.2).
#[utoipa::path(
    get,
    path = "/.well-known/ssf-configuration",
    operation_id = "read_transmitter_metadata",
    responses(
        (status = 200, description = "The metadata (SSF 1.0 §7.1).", body = ref("#/components/schemas/TransmitterMetadata")),
        Anybody,
    ),
)]
pub(super) async fn metadata(site: Data<Site>) -> HttpResponse {
    let elsewhere = site.app.key_plan.jwks_uris.get(&site.name);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHE))
        .json(describe(
            &site.issuer,
            elsewhere,
            authorization_schemes(&site),
            site.app.default_subjects,
            &signing_alg::offered(&site),
        ))
}

/// GET of the well-known resource as SSE draft 1 had it, where a Receiver of this issuer has a profile that looks for it there.
///
/// Members that the draft does not know are left out.
#[utoipa::path(
    get,
    path = "/.well-known/sse-configuration",
    operation_id = "read_early_metadata",
    responses(
        (status = 200, description = "The metadata as SSE draft 1 has them.", body = ref("#/components/schemas/TransmitterMetadata")),
        EarlyDocument,
    ),
)]
pub(super) async fn early_metadata(site: Data<Site>) -> Result<HttpResponse, Problem> {
    let looks_here = |profile: &Profile| profile.management().well_known == WellKnown::Sse;
    let profiles: Vec<Profile> = Profile::ALL.into_iter().filter(looks_here).collect();
    let is_wanted = site.app.store.has_profile(&site.name, &profiles).await;
    if !is_wanted.map_err(|error| Problem::store(&error))? {
        return Err(Problem::not_found(
            "no receiver has a profile that looks for metadata here; /.well-known/ssf-configuration has them",
        ));
    }
    let elsewhere = site.app.key_plan.jwks_uris.get(&site.name);
    let document = early(&site.issuer, elsewhere)
        .ok_or_else(|| Problem::unavailable("the metadata cannot be written"))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHE))
        .content_type("application/json")
        .body(document))
}

/// Describes a transmitter in the terms of SSE draft 1.
fn early(issuer: &Issuer, jwks_elsewhere: Option<&EndpointUrl>) -> Option<String> {
    let mut metadata = describe(
        issuer,
        jwks_elsewhere,
        Vec::new(),
        DefaultSubjects::All,
        &[],
    );
    metadata.spec_version = None;
    metadata.default_subjects = None;
    metadata.extra = Extra::default();
    let text = serde_json::to_string(&metadata).ok()?;
    let written = Dialect::SSE_ID1.write(Body::Metadata, &text).ok()?;
    Some(written.into_owned())
}

/// How requests are authorised: bearer tokens in any case, got by OAuth where somebody issues them.
fn authorization_schemes(site: &Site) -> Vec<AuthorizationScheme> {
    let mut schemes = Vec::with_capacity(2);
    if !site.authorization_servers().is_empty() {
        schemes.push(AuthorizationScheme::oauth());
    }
    schemes.push(AuthorizationScheme::bearer());
    schemes
}

/// Describes a transmitter, whose keys may be published elsewhere; what is not served is not named.
fn describe(
    issuer: &Issuer,
    jwks_elsewhere: Option<&EndpointUrl>,
    schemes: Vec<AuthorizationScheme>,
    default_subjects: DefaultSubjects,
    algorithms: &[Algorithm],
) -> TransmitterMetadata {
    let mut metadata = TransmitterMetadata::new(issuer.clone());
    let own = || endpoint(issuer, Site::JWKS);
    metadata.jwks_uri = Some(jwks_elsewhere.cloned().unwrap_or_else(own));
    metadata.configuration_endpoint = Some(endpoint(issuer, Site::STREAM));
    metadata.status_endpoint = Some(endpoint(issuer, Site::STATUS));
    metadata.verification_endpoint = Some(endpoint(issuer, Site::VERIFY));
    metadata.add_subject_endpoint = Some(endpoint(issuer, Site::ADD_SUBJECT));
    metadata.remove_subject_endpoint = Some(endpoint(issuer, Site::REMOVE_SUBJECT));
    metadata.delivery_methods_supported = vec![DELIVERY_PUSH.to_owned(), DELIVERY_POLL.to_owned()];
    metadata.authorization_schemes = schemes;
    metadata.default_subjects = Some(default_subjects);
    metadata.extra = told_of_offer(algorithms);
    let replay = endpoint(issuer, Site::REPLAY);
    metadata.extra.add(sequence::told_of_offer(&replay));
    metadata
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_metadata_names_what_is_served_and_nothing_else() {
        let issuer = Issuer::parse("https://tr.example.com/issuer1/").unwrap();
        let expected = json!({
            "spec_version": "1_0",
            "issuer": "https://tr.example.com/issuer1/",
            "jwks_uri": "https://tr.example.com/issuer1/jwks.json",
            "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
            "configuration_endpoint": "https://tr.example.com/issuer1/ssf/stream",
            "status_endpoint": "https://tr.example.com/issuer1/ssf/status",
            "add_subject_endpoint": "https://tr.example.com/issuer1/ssf/subjects/add",
            "remove_subject_endpoint": "https://tr.example.com/issuer1/ssf/subjects/remove",
            "verification_endpoint": "https://tr.example.com/issuer1/ssf/verify",
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
            "default_subjects": "NONE",
            "set_sequence_supported": true,
            "set_sequence_replay_endpoint": "https://tr.example.com/issuer1/ssf/replay",
            "set_signing_alg_values_supported": ["RS256", "EdDSA"],
        });
        let schemes = vec![AuthorizationScheme::bearer()];
        let algorithms = [Algorithm::Rs256, Algorithm::EdDsa];
        let described = describe(&issuer, None, schemes, DefaultSubjects::None, &algorithms);
        assert_eq!(serde_json::to_value(described).unwrap(), expected);
    }

    #[test]
    fn the_metadata_of_sse_draft_1_say_what_that_draft_knows() {
        let issuer = Issuer::parse("https://tr.example.com").unwrap();
        let expected = json!({
            "issuer": "https://tr.example.com",
            "jwks_uri": "https://tr.example.com/jwks.json",
            "delivery_methods_supported": [
                "https://schemas.openid.net/secevent/risc/delivery-method/push",
                "https://schemas.openid.net/secevent/risc/delivery-method/poll",
            ],
            "configuration_endpoint": "https://tr.example.com/ssf/stream",
            "status_endpoint": "https://tr.example.com/ssf/status",
            "add_subject_endpoint": "https://tr.example.com/ssf/subjects/add",
            "remove_subject_endpoint": "https://tr.example.com/ssf/subjects/remove",
            "verification_endpoint": "https://tr.example.com/ssf/verify",
        });
        let text = early(&issuer, None).unwrap();
        let described: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(described, expected);
    }
}
