//! Where a client gets tokens, and what they are for: the metadata of RFC 8414 and RFC 9728.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use serde_json::{Value, json};
use ssf_types::{set::Algorithm, uri::Issuer};

use super::super::{
    openapi::refusals::{Anybody, Optional},
    problem::Problem,
    site::{Site, endpoint},
};
use crate::domain::{issuer::path_of, scope::Scope, token_request::GRANT_TYPE};

/// What stands in front of the issuer's path (RFC 8414 §3).
pub(crate) const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";

/// What stands in front of the resource's path, which is the issuer's (RFC 9728 §3).
pub(crate) const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// How long an answer may be kept.
const CACHE: &str = "public, max-age=300";

/// The URL of a document about `issuer`.
pub(crate) fn well_known_url(prefix: &str, issuer: &Issuer) -> String {
    let mut url = issuer.to_url();
    url.set_path(&format!("{prefix}{}", path_of(issuer)));
    url.into()
}

/// GET of the metadata of the built-in authorization server (RFC 8414 §3).
#[utoipa::path(
    get,
    path = AUTHORIZATION_SERVER,
    operation_id = "read_authorization_server_metadata",
    responses(
        (status = 200, description = "The metadata (RFC 8414 §2).", body = ref("#/components/schemas/AuthorizationServerMetadata")),
        Optional,
    ),
)]
pub(crate) async fn authorization_server(site: Data<Site>) -> Result<HttpResponse, Problem> {
    if site.app.granting.life.is_none() {
        return Err(Problem::not_found("there is no token endpoint here"));
    }
    Ok(public().json(describe_server(&site.issuer)))
}

/// GET of the metadata of the management API as a protected resource (RFC 9728 §3).
#[utoipa::path(
    get,
    path = PROTECTED_RESOURCE,
    operation_id = "read_protected_resource_metadata",
    responses(
        (status = 200, description = "The metadata (RFC 9728 §2).", body = ref("#/components/schemas/ProtectedResourceMetadata")),
        Anybody,
    ),
)]
pub(crate) async fn protected_resource(site: Data<Site>) -> HttpResponse {
    let servers = site.authorization_servers();
    public().json(describe_resource(&site.issuer, &servers))
}

fn public() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, CACHE));
    response
}

fn describe_server(issuer: &Issuer) -> Value {
    let algorithms: Vec<&str> = Algorithm::ALL.iter().map(|alg| alg.as_str()).collect();
    json!({
        "issuer": issuer,
        "token_endpoint": endpoint(issuer, Site::TOKEN),
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "grant_types_supported": [GRANT_TYPE],
        "scopes_supported": scopes(),
        // There is no authorization endpoint to answer; the member is required all the same (RFC 8414 §2).
        "response_types_supported": [],
    })
}

fn describe_resource(issuer: &Issuer, authorization_servers: &[&str]) -> Value {
    let mut document = json!({
        "resource": issuer,
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
    });
    // A list without items is left out (RFC 9728 §3.2).
    if !authorization_servers.is_empty() {
        document["authorization_servers"] = json!(authorization_servers);
    }
    document
}

/// Those that a Receiver has use for (CAEP Interoperability Profile 1.0 §2.7.2).
fn scopes() -> [&'static str; 2] {
    [Scope::Read.as_str(), Scope::Manage.as_str()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://tr.example.com/issuer1/").unwrap()
    }

    #[test]
    fn the_documents_of_an_issuer_have_the_prefix_in_front_of_its_path() {
        assert_eq!(
            well_known_url(PROTECTED_RESOURCE, &issuer()),
            "https://tr.example.com/.well-known/oauth-protected-resource/issuer1"
        );
        let bare = Issuer::parse("https://tr.example.com").unwrap();
        assert_eq!(
            well_known_url(AUTHORIZATION_SERVER, &bare),
            "https://tr.example.com/.well-known/oauth-authorization-server"
        );
    }

    #[test]
    fn the_server_tells_where_tokens_are_and_how_clients_show_who_they_are() {
        let expected = json!({
            "issuer": "https://tr.example.com/issuer1/",
            "token_endpoint": "https://tr.example.com/issuer1/oauth/token",
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": ["ssf.read", "ssf.manage"],
            "response_types_supported": [],
        });
        assert_eq!(describe_server(&issuer()), expected);
    }

    #[test]
    fn the_resource_is_the_issuer_and_names_who_issues_tokens_for_it() {
        let bare = json!({
            "resource": "https://tr.example.com/issuer1/",
            "scopes_supported": ["ssf.read", "ssf.manage"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(describe_resource(&issuer(), &[]), bare);
        let mut with = bare;
        with["authorization_servers"] = json!(["https://as.example.com"]);
        let described = describe_resource(&issuer(), &["https://as.example.com"]);
        assert_eq!(described, with);
    }
}
