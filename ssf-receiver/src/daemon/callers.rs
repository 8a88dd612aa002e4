//! Who may ask: whoever shows a secret, as a bearer token (RFC 6750 §2.1) or as that of a client (RFC 6749 §2.3.1).

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use secrecy::{ExposeSecret, SecretString};
use ssf_types::secret::constant_time_eq;
use url::form_urlencoded;

use super::problem::problem;

/// Those who show a secret.
pub(super) struct Callers {
    bearer: SecretString,
    /// The same in the scheme `Basic`: with id and secret encoded as the specification has it, and as many clients leave them.
    basic: Vec<SecretString>,
}

impl Callers {
    /// Whoever shows `secret` as a bearer token, or, if there is an `id`, together with that.
    pub(super) fn new(secret: SecretString, id: Option<&str>) -> Self {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let credentials = |id: &str, secret: &str| BASE64.encode(format!("{id}:{secret}")).into();
        let basic = id.map(|id| {
            let plain = secret.expose_secret();
            let (id_encoded, secret_encoded): (String, String) = (encoded(id), encoded(plain));
            vec![
                credentials(&id_encoded, &secret_encoded),
                credentials(id, plain),
            ]
        });
        Self {
            bearer: secret,
            basic: basic.unwrap_or_default(),
        }
    }

    /// The answer to whoever is none of them; `None` if the request may go on.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<HttpResponse> {
        if self.lets_in(headers) {
            return None;
        }
        let text = "Authorization must show the secret that this endpoint is configured with";
        let mut response = problem(StatusCode::UNAUTHORIZED, "invalid_client", text);
        // Without a code where nothing was shown (RFC 6750 §3.1).
        let challenge = if headers.contains_key(AUTHORIZATION) {
            r#"Bearer error="invalid_token""#
        } else {
            "Bearer"
        };
        let headers = response.headers_mut();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        if !self.basic.is_empty() {
            let challenge = HeaderValue::from_static(r#"Basic realm="ssf-receiver""#);
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        Some(response)
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let value = value.to_str().unwrap_or_default();
        let (scheme, shown) = value.split_once(' ').unwrap_or_default();
        let shown = shown.trim();
        let is_shown = |secret: &SecretString| {
            constant_time_eq(shown.as_bytes(), secret.expose_secret().as_bytes())
        };
        if scheme.eq_ignore_ascii_case("Bearer") {
            return is_shown(&self.bearer);
        }
        scheme.eq_ignore_ascii_case("Basic") && self.basic.iter().any(is_shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lets_in(callers: &Callers, values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        callers.lets_in(&headers)
    }

    #[test]
    fn whoever_shows_the_secret_may_ask() {
        let callers = Callers::new("s3cret".into(), None);
        assert!(lets_in(&callers, &["Bearer s3cret"]));
        assert!(lets_in(&callers, &["bearer  s3cret"]));
        for values in [
            &[][..],
            &["s3cret"],
            &["Bearer s3cre"],
            &["Bearer s3crets"],
            &["Bearer "],
            &["DPoP s3cret"],
            &["Basic czNjcmV0"],
            &["Bearer s3cret", "Bearer s3cret"],
        ] {
            assert!(!lets_in(&callers, values), "{values:?}");
        }
    }

    #[test]
    fn a_client_may_show_it_with_its_id_however_it_encodes_them() {
        let callers = Callers::new("s+c".into(), Some("r:s"));
        for shown in ["r%3As:s%2Bc", "r:s:s+c"] {
            let value = format!("Basic {}", BASE64.encode(shown));
            assert!(lets_in(&callers, &[&value]), "{shown}");
        }
        for shown in ["", ":s+c", "rs:s+c", "r:s", "r:s:s+", "r:s:s c"] {
            let value = format!("Basic {}", BASE64.encode(shown));
            assert!(!lets_in(&callers, &[&value]), "{shown}");
        }
        assert!(lets_in(&callers, &["Bearer s+c"]));
    }
}
