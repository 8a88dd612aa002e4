//! The keys of an issuer of tokens (OpenID Connect Discovery 1.0 §4).

use ssf_types::{
    jose::{JwksError, KeySet},
    json::{self, JsonError, Members},
    uri::{EndpointUrl, Issuer},
};

use super::{FetchError, Http};

/// What is put behind the issuer (OpenID Connect Discovery 1.0 §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The keys of an issuer of tokens are not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenKeysError {
    /// The metadata cannot be fetched.
    #[error("the metadata cannot be fetched; jwks_url can say where the keys are")]
    Metadata(#[source] FetchError),
    /// The metadata is not that of this issuer, or lacks where its keys are.
    #[error("the metadata is faulty")]
    Faulty(#[source] JsonError),
    /// The keys cannot be fetched.
    #[error("the keys cannot be fetched")]
    Keys(#[source] FetchError),
    /// The keys are no JWKS.
    #[error("the document with the keys is faulty")]
    FaultyKeys(#[source] JwksError),
    /// No key is of use.
    #[error(
        "the document with the keys has none for RS256, PS256, ES256 or EdDSA that may be used"
    )]
    NoKeys,
}

/// Fetches the keys at `jwks_url`, or where the metadata of the issuer says.
pub(crate) async fn fetch(
    http: &Http,
    issuer: &Issuer,
    jwks_url: Option<&EndpointUrl>,
) -> Result<KeySet, TokenKeysError> {
    let jwks_url = match jwks_url {
        Some(url) => url.clone(),
        None => discovered(http, issuer).await?,
    };
    let body = http.get(jwks_url.url().clone()).await;
    let body = body.map_err(TokenKeysError::Keys)?;
    let keys = KeySet::parse(&body).map_err(TokenKeysError::FaultyKeys)?;
    if keys.is_empty() {
        return Err(TokenKeysError::NoKeys);
    }
    Ok(keys)
}

async fn discovered(http: &Http, issuer: &Issuer) -> Result<EndpointUrl, TokenKeysError> {
    let mut url = issuer.to_url();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}{WELL_KNOWN}"));
    let body = http.get(url).await.map_err(TokenKeysError::Metadata)?;
    jwks_uri(&body, issuer).map_err(TokenKeysError::Faulty)
}

/// The metadata has to be that of this very issuer (OpenID Connect Discovery 1.0 §4.3).
fn jwks_uri(metadata: &[u8], issuer: &Issuer) -> Result<EndpointUrl, JsonError> {
    let mut members = Members::parse(json::check(metadata)?)?;
    let found: String = members.required("issuer", "a text")?;
    if found != issuer.as_str() {
        let expected = "byte for byte the issuer whose metadata was asked for";
        return Err(JsonError::invalid("issuer", expected));
    }
    members.required("jwks_uri", "an https URL without credentials and fragment")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(metadata: &str) -> Result<EndpointUrl, JsonError> {
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        jwks_uri(metadata.as_bytes(), &issuer)
    }

    #[test]
    fn the_metadata_of_the_issuer_tells_where_its_keys_are() {
        let found = read(
            r#"{"issuer":"https://idp.example.com","jwks_uri":"https://idp.example.com/jwks","x":1}"#,
        );
        assert_eq!(found.unwrap().as_str(), "https://idp.example.com/jwks");
    }

    #[test]
    fn the_metadata_of_another_issuer_tells_nothing() {
        for metadata in [
            r#"{"issuer":"https://idp.example.com/","jwks_uri":"https://idp.example.com/jwks"}"#,
            r#"{"jwks_uri":"https://idp.example.com/jwks"}"#,
            r#"{"issuer":"https://idp.example.com"}"#,
            r#"{"issuer":"https://idp.example.com","jwks_uri":"http://idp.example.com/jwks"}"#,
            "[]",
        ] {
            assert!(read(metadata).is_err(), "{metadata}");
        }
    }
}
