//! Forms in the body of a request (RFC 6749 §3.2, OpenID Connect Back-Channel Logout 1.0 §2.5).

use actix_web::{HttpRequest, web};
use url::form_urlencoded;

use crate::{
    http::body::{self, BodyError},
    media_type,
};

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// A body is no form that can be read in one way alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum FormError {
    /// It claims to be something else.
    #[error("Content-Type must be {MEDIA_TYPE}")]
    MediaType,
    /// It is not there, or too long.
    #[error(transparent)]
    Body(BodyError),
    /// A parameter is there twice (RFC 6749 §3.2).
    #[error("{0} must be there once")]
    Twice(&'static str),
    /// A parameter is not there; one without a value is none (RFC 6749 §3.2).
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A form.
pub(super) struct Form(Vec<u8>);

impl Form {
    /// Reads a body of at most `bytes_max` bytes.
    pub(super) async fn read(
        request: &HttpRequest,
        body: web::Payload,
        bytes_max: usize,
    ) -> Result<Self, FormError> {
        if !media_type::is_of(request, MEDIA_TYPE) {
            return Err(FormError::MediaType);
        }
        let body = body::read(body, bytes_max).await;
        body.map(Self).map_err(FormError::Body)
    }

    /// A parameter that has to be there.
    pub(super) fn required(&self, name: &'static str) -> Result<String, FormError> {
        self.optional(name)?.ok_or(FormError::Missing(name))
    }

    /// A parameter that may be absent.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<String>, FormError> {
        let parameters = form_urlencoded::parse(&self.0);
        let mut values = parameters.filter(|(found, _)| found == name);
        let value = values.next();
        if values.next().is_some() {
            return Err(FormError::Twice(name));
        }
        let value = value.map(|(_, value)| value.into_owned());
        Ok(value.filter(|value| !value.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        let form = |text: &str| Form(text.as_bytes().to_vec());
        let token = form("x=1&token=a%2Bb+c&y").required("token");
        assert_eq!(token, Ok("a+b c".to_owned()));
        for text in ["", "token", "token=", "tokens=1"] {
            assert_eq!(form(text).optional("token"), Ok(None), "{text}");
            let missing = Err(FormError::Missing("token"));
            assert_eq!(form(text).required("token"), missing);
        }
        let twice = Err(FormError::Twice("token"));
        assert_eq!(form("token=1&token=1").optional("token"), twice);
    }
}
