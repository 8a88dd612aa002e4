//! Media types, as `Content-Type` tells them (RFC 9110 §8.3.1).

/// Whether a `Content-Type` is this media type, in any case and with or without parameters.
pub(crate) fn is(content_type: &str, media_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

/// Whether the body of a request is of this media type; it is not if nothing is said.
#[cfg(feature = "daemon")]
pub(crate) fn is_of(request: &actix_web::HttpRequest, media_type: &str) -> bool {
    let content_type = request.headers().get(actix_web::http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| is(content_type, media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_may_have_parameters_and_another_case() {
        for content_type in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            " application/json ;charset=utf-8",
        ] {
            assert!(is(content_type, "application/json"), "{content_type}");
        }
        for content_type in [
            "",
            "text/plain",
            "application/jsonp",
            "text/plain; application/json",
        ] {
            assert!(!is(content_type, "application/json"), "{content_type}");
        }
    }
}
