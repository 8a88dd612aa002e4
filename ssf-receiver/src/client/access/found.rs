//! Where tokens are to be had: the metadata of the Transmitter as a protected resource (RFC 9728), and that of its
//! authorization server (RFC 8414).

use reqwest::Method;
use ssf_types::{
    error::Chain,
    json::{self, JsonError, Members},
    uri::{EndpointUrl, Issuer, UriError},
};
use url::Url;

use super::challenge::parameter;
use crate::client::{
    FetchError, Http,
    discovery::{self, DiscoveryError, endpoint},
};

/// Most entries of a list in these documents.
const LIST_MAX: usize = 256;

/// The scopes for stream management (CAEP Interoperability Profile 1.0 §2.7.2).
const SCOPES: [&str; 2] = ["ssf.manage", "ssf.read"];

/// Where an authorization server puts its metadata: RFC 8414 in front of the issuer's path, OpenID Connect behind it.
const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
const PROVIDER_METADATA: &str = "/.well-known/openid-configuration";

/// Where a protected resource puts its own (RFC 9728 §3.1).
const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// Where tokens are to be had cannot be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    /// The Transmitter's own metadata cannot be had, or names no endpoint to ask.
    #[error("the transmitter's metadata does not lead on")]
    Transmitter(#[source] DiscoveryError),
    /// The Transmitter was asked without a token, and is not reached.
    #[error("the transmitter cannot be asked where its tokens are to be had")]
    Unasked(#[source] FetchError),
    /// `resource_metadata` is not a URL.
    #[error("resource_metadata in the transmitter's WWW-Authenticate cannot be used")]
    Address(#[source] UriError),
    /// There is no document that tells which authorization server it is.
    #[error(
        "the transmitter does not say which authorization server it trusts (RFC 9728): configure authorization_server"
    )]
    Resource(#[source] FetchError),
    /// A document is faulty.
    #[error("the metadata at {host} is faulty")]
    Faulty {
        /// Where it is from.
        host: String,
        /// What is wrong with it.
        source: JsonError,
    },
    /// The document is about another resource than the Transmitter (RFC 9728 §3.3).
    #[error("the protected resource metadata is about another resource than the transmitter")]
    OtherResource,
    /// It names no authorization server.
    #[error(
        "the protected resource metadata names no authorization server: configure authorization_server"
    )]
    NoServer,
    /// The authorization server's metadata cannot be had.
    #[error("the metadata of the authorization server cannot be fetched")]
    Server(#[source] FetchError),
}

/// Where tokens are to be had, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    /// The authorization server.
    pub(super) server: Issuer,
    pub(super) token_endpoint: EndpointUrl,
    /// How a client may show who it is; `None` if the server does not say.
    pub(super) methods: Option<Vec<String>>,
    /// What to ask for.
    pub(super) scopes: Vec<String>,
}

/// Finds out where tokens for the Transmitter `issuer` are to be had, but for what is known.
pub(super) async fn find(
    http: &Http,
    issuer: &Issuer,
    server: Option<&Issuer>,
    scopes: Option<&[String]>,
) -> Result<Found, FindError> {
    let resource = match (server, scopes) {
        (Some(server), scopes) => Resource {
            server: server.clone(),
            scopes: scopes.map_or_else(default_scopes, <[_]>::to_vec),
        },
        (None, _) => resource(http, issuer).await?,
    };
    let (token_endpoint, methods) = server_metadata(http, &resource.server).await?;
    Ok(Found {
        server: resource.server,
        token_endpoint,
        methods,
        scopes: scopes.map_or(resource.scopes, <[_]>::to_vec),
    })
}

/// What the Transmitter says about itself as a protected resource.
#[derive(Debug)]
struct Resource {
    server: Issuer,
    scopes: Vec<String>,
}

fn default_scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).into()
}

/// What to ask for where the metadata names these scopes: those for stream management; where it names only others, the Transmitter
/// has names of its own for it, and all of them are asked for. An empty list is none (RFC 9728 §3.2).
fn to_ask_for(named: Vec<String>) -> Vec<String> {
    if named.is_empty() {
        return default_scopes();
    }
    let mut own = default_scopes();
    own.retain(|scope| named.contains(scope));
    if own.is_empty() { named } else { own }
}

/// Asks without a token, since the refusal says where the document is (RFC 9728 §5); without that, it may be where such
/// documents are.
async fn resource(http: &Http, issuer: &Issuer) -> Result<Resource, FindError> {
    let metadata = discovery::metadata(http, issuer).await;
    let metadata = metadata.map_err(FindError::Transmitter)?;
    let place = metadata.configuration_endpoint.as_ref();
    let place = endpoint(place, "configuration_endpoint").map_err(FindError::Transmitter)?;
    let refusal = http.ask_bare(Method::GET, place.url().clone()).await;
    let challenge = refusal.map_err(FindError::Unasked)?;
    let said = challenge.and_then(|challenge| parameter(&challenge, "resource_metadata"));
    let url = match said {
        Some(url) => EndpointUrl::parse(url)
            .map_err(FindError::Address)?
            .url()
            .clone(),
        None => well_known(RESOURCE_METADATA, issuer),
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let body = http.get(url).await.map_err(FindError::Resource)?;
    let document = ResourceDocument::parse(&body);
    let document = document.map_err(|source| FindError::Faulty { host, source })?;
    if !document.is_about(place.url()) {
        return Err(FindError::OtherResource);
    }
    let server = document.servers.into_iter().next();
    let server = server.ok_or(FindError::NoServer)?;
    let scopes = to_ask_for(document.scopes.unwrap_or_default());
    Ok(Resource { server, scopes })
}

/// A document of RFC 9728 §2, as far as it is of use here.
#[derive(Debug)]
struct ResourceDocument {
    resource: EndpointUrl,
    servers: Vec<Issuer>,
    scopes: Option<Vec<String>>,
}

impl ResourceDocument {
    fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            resource: members.required("resource", "an https URL")?,
            servers: list(&mut members, "authorization_servers", "https URLs")?.unwrap_or_default(),
            scopes: list(&mut members, "scopes_supported", "strings")?,
        })
    }

    /// Whether it is about what is at `url`: the resource is that URL, or has it below itself.
    fn is_about(&self, url: &Url) -> bool {
        let resource = self.resource.url();
        let path = resource.path().trim_end_matches('/');
        let below = url.path().strip_prefix(path);
        resource.origin() == url.origin()
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn list<T: serde::de::DeserializeOwned>(
    members: &mut Members<'_>,
    name: &str,
    of: &str,
) -> Result<Option<Vec<T>>, JsonError> {
    let expected = format!("an array of at most {LIST_MAX} {of}");
    let Some(raw) = members.take(name) else {
        return Ok(None);
    };
    let items: Option<Vec<T>> = serde_json::from_str(raw.get()).ok();
    items
        .filter(|items| items.len() <= LIST_MAX)
        .map(Some)
        .ok_or_else(|| JsonError::invalid(name, expected))
}

/// The token endpoint of an authorization server, and how clients may show who they are there.
async fn server_metadata(
    http: &Http,
    server: &Issuer,
) -> Result<(EndpointUrl, Option<Vec<String>>), FindError> {
    let host = server.to_url().host_str().unwrap_or_default().to_owned();
    let body = match http.get(well_known(SERVER_METADATA, server)).await {
        Ok(body) => body,
        Err(first) => {
            let provider = http.get(behind(PROVIDER_METADATA, server)).await;
            provider.map_err(|second| {
                tracing::debug!(error = %Chain(&second), "nor is there metadata of OpenID Connect");
                FindError::Server(first)
            })?
        }
    };
    let read = || {
        let mut members = Members::parse(json::check(&body)?)?;
        let issuer: String = members.required("issuer", "a string")?;
        if issuer != server.as_str() {
            let expected = "byte for byte the issuer whose metadata was asked for";
            return Err(JsonError::invalid("issuer", expected));
        }
        let endpoint = members.required("token_endpoint", "an https URL")?;
        let name = "token_endpoint_auth_methods_supported";
        Ok((endpoint, list(&mut members, name, "strings")?))
    };
    read().map_err(|source| FindError::Faulty { host, source })
}

/// A document in front of the path.
fn well_known(prefix: &str, issuer: &Issuer) -> Url {
    let mut url = issuer.to_url();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{prefix}{path}"));
    url
}

/// A document behind the path.
fn behind(suffix: &str, issuer: &Issuer) -> Url {
    let mut url = issuer.to_url();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}{suffix}"));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(resource: &str) -> ResourceDocument {
        let body = format!(
            r#"{{"resource":"{resource}","authorization_servers":["https://as.example"]}}"#
        );
        ResourceDocument::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_document_is_about_what_is_at_or_below_its_resource() {
        let url = Url::parse("https://idp.example.com/a/streams").unwrap();
        for resource in [
            "https://idp.example.com/a/streams",
            "https://idp.example.com/a",
            "https://idp.example.com/a/",
            "https://idp.example.com",
        ] {
            assert!(document(resource).is_about(&url), "{resource}");
        }
        for resource in [
            "https://evil.example.com/a",
            "https://idp.example.com:8443/a",
            "https://idp.example.com/b",
            "https://idp.example.com/a/st",
            "https://idp.example.com/a/streams/1",
        ] {
            assert!(!document(resource).is_about(&url), "{resource}");
        }
    }

    #[test]
    fn documents_are_where_their_specifications_have_them() {
        let issuer = Issuer::parse("https://as.example.com/a/").unwrap();
        assert_eq!(
            well_known(SERVER_METADATA, &issuer).as_str(),
            "https://as.example.com/.well-known/oauth-authorization-server/a"
        );
        assert_eq!(
            behind(PROVIDER_METADATA, &issuer).as_str(),
            "https://as.example.com/a/.well-known/openid-configuration"
        );
    }

    #[test]
    fn scopes_for_stream_management_are_asked_for_or_else_whatever_the_document_names() {
        let asked = |named: &[&str]| to_ask_for(named.iter().map(ToString::to_string).collect());
        assert_eq!(asked(&[]), SCOPES);
        assert_eq!(asked(&["profile", "ssf.read"]), ["ssf.read"]);
        assert_eq!(asked(&["events", "streams"]), ["events", "streams"]);
    }

    #[test]
    fn a_faulty_document_is_told_by_its_member() {
        for (body, told) in [
            ("[]", "not a JSON object"),
            ("{}", "resource is missing"),
            (
                r#"{"resource":"https://a.example","authorization_servers":"https://as.example"}"#,
                "authorization_servers must be an array of at most 256 https URLs",
            ),
            (
                r#"{"resource":"https://a.example","authorization_servers":["http://as.example"]}"#,
                "authorization_servers must be an array of at most 256 https URLs",
            ),
        ] {
            let error = ResourceDocument::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }
}
