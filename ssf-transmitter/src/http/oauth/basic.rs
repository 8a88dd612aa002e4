//! A client's id and secret in the `Authorization` header: `client_secret_basic` (RFC 6749 §2.3.1).

use actix_web::{HttpRequest, http::header::AUTHORIZATION};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use secrecy::SecretString;
use url::form_urlencoded;

use super::refusal::Refusal;

/// Longest value that is decoded, in bytes: id and secret have 82 together.
const BYTES_MAX: usize = 4096;

/// The id and the secret of the one `Authorization` header; `None` if there is no such header.
pub(super) fn credentials(
    request: &HttpRequest,
) -> Result<Option<(String, SecretString)>, Refusal> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid_request(
                "there must be one Authorization header",
            ));
        }
    };
    let text = value.to_str().unwrap_or_default();
    read(text).map(Some).ok_or_else(|| {
        Refusal::invalid_client("Authorization must be Basic, with the id and the secret")
    })
}

fn read(value: &str) -> Option<(String, SecretString)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > BYTES_MAX {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?.into()))
}

/// Id and secret are form-encoded before they are put together (RFC 6749 §2.3.1); ours are the same either way.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['=', '&']) {
        return None;
    }
    let decoded = form_urlencoded::parse(text.as_bytes()).next();
    Some(decoded.map_or_else(String::new, |(name, _)| name.into_owned()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn decoded(credentials: &str) -> Option<(String, String)> {
        let value = format!("Basic {}", BASE64.encode(credentials));
        let (id, secret) = read(&value)?;
        Some((id, secret.expose_secret().to_owned()))
    }

    #[test]
    fn id_and_secret_are_decoded_once_each() {
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(decoded("rp:s3cret-_"), pair("rp", "s3cret-_"));
        assert_eq!(decoded("r%3Ap:s%25+1"), pair("r:p", "s% 1"));
        assert_eq!(decoded("rp:"), pair("rp", ""));
        assert_eq!(decoded("rp:a:b"), pair("rp", "a:b"));
    }

    #[test]
    fn what_is_no_such_header_is_refused() {
        assert!(decoded("rp").is_none());
        assert!(decoded("rp:a=b").is_none());
        let long = format!("Basic {}", "A".repeat(BYTES_MAX + 1));
        for value in [
            "",
            "Basic",
            "Basic !",
            "Bearer cnA6cw==",
            "Basic /w==",
            &long,
        ] {
            assert!(read(value).is_none(), "{value}");
        }
        assert!(read("bAsIc cnA6cw==").is_some());
    }
}
