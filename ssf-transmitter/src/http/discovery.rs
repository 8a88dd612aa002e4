//! What anybody may know: the metadata (SSF 1.0 §7) and the public keys.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use ssf_types::{
    metadata::{AuthorizationScheme, DefaultSubjects, TransmitterMetadata},
    stream::DELIVERY_PUSH,
    uri::{EndpointUrl, Issuer},
};

use super::{AppState, Paths};

/// How long an answer may be kept: short, so that a new key is seen soon.
const CACHE: &str = "public, max-age=60";

/// GET of the well-known resource (SSF 1.0 §7.2).
pub(super) async fn metadata(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHE))
        .json(describe(&state.issuer))
}

/// GET of the public keys (RFC 7517 §5).
pub(super) async fn jwks(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHE))
        .json(state.keys.jwks())
}

/// Describes a transmitter; what is not served is not named.
fn describe(issuer: &Issuer) -> TransmitterMetadata {
    let mut metadata = TransmitterMetadata::new(issuer.clone());
    metadata.jwks_uri = Some(endpoint(issuer, Paths::JWKS));
    metadata.configuration_endpoint = Some(endpoint(issuer, Paths::STREAM));
    metadata.status_endpoint = Some(endpoint(issuer, Paths::STATUS));
    metadata.verification_endpoint = Some(endpoint(issuer, Paths::VERIFY));
    metadata.delivery_methods_supported = vec![DELIVERY_PUSH.to_owned()];
    metadata.authorization_schemes = vec![AuthorizationScheme::bearer()];
    metadata.default_subjects = Some(DefaultSubjects::All);
    metadata
}

#[expect(
    clippy::expect_used,
    reason = "a configured issuer has at most 1024 bytes, and a path behind an issuer leaves it a URL"
)]
fn endpoint(issuer: &Issuer, path: &str) -> EndpointUrl {
    let issuer = issuer.as_str();
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    EndpointUrl::parse(format!("{base}{path}")).expect("the issuer leaves room for a path")
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
            "delivery_methods_supported": ["urn:ietf:rfc:8935"],
            "configuration_endpoint": "https://tr.example.com/issuer1/ssf/stream",
            "status_endpoint": "https://tr.example.com/issuer1/ssf/status",
            "verification_endpoint": "https://tr.example.com/issuer1/ssf/verify",
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
            "default_subjects": "ALL",
        });
        assert_eq!(serde_json::to_value(describe(&issuer)).unwrap(), expected);
    }
}
