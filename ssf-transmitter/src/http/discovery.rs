//! The metadata (SSF 1.0 §7), for anybody.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use ssf_types::{
    metadata::{AuthorizationScheme, DefaultSubjects, TransmitterMetadata},
    set::Algorithm,
    stream::{DELIVERY_POLL, DELIVERY_PUSH},
    uri::{EndpointUrl, Issuer},
};

use super::{
    openapi::refusals::Anybody,
    signing_alg,
    site::{Site, endpoint},
};
use crate::domain::signing_alg::told_of_offer;

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
            "set_signing_alg_values_supported": ["RS256", "EdDSA"],
        });
        let schemes = vec![AuthorizationScheme::bearer()];
        let algorithms = [Algorithm::Rs256, Algorithm::EdDsa];
        let described = describe(&issuer, None, schemes, DefaultSubjects::None, &algorithms);
        assert_eq!(serde_json::to_value(described).unwrap(), expected);
    }
}
