//! The public keys of an issuer (RFC 7517 §5), for anybody.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CacheControl, CacheDirective, ETag, EntityTag, Header, IfNoneMatch,
    },
    web::Data,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::{openapi::refusals::Anybody, site::Site};
use crate::{domain::key::KeyPolicy, sealing::Sealer};

/// Longest time that an answer may be kept: a key that had to be removed at once is out of the caches after that.
const CACHE_MAX: Duration = Duration::from_mins(1);

/// GET of the public keys: with an entity tag, so that asking again costs next to nothing (RFC 9110 §13.1.2).
#[utoipa::path(
    get,
    path = Site::JWKS,
    operation_id = "read_jwks",
    responses(
        (status = 200, description = "The public keys.", body = ref("#/components/schemas/Jwks"), headers(("ETag" = String, description = "Stays while the keys do."))),
        (status = 304, description = "The keys are those of `If-None-Match`.", headers(("ETag" = String))),
        Anybody,
    ),
)]
pub(super) async fn read(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let jwks = site.app.keys.jwks(&site.name);
    let tag = tag(&site.app.sealer, &jwks);
    let cache = CacheControl(vec![
        CacheDirective::Public,
        CacheDirective::MaxAge(max_age(&site.app.key_plan.policy)),
    ]);
    let is_known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((CACHE_CONTROL, cache.to_string()));
    response.insert_header(ETag(tag));
    if is_known {
        return response.finish();
    }
    response
        .content_type("application/json")
        .body(jwks.to_string())
}

/// Equal for equal keys, on every node.
fn tag(sealer: &Sealer, jwks: &str) -> EntityTag {
    let fingerprint = sealer.fingerprint("jwks", jwks.as_bytes());
    EntityTag::new_strong(BASE64URL.encode(fingerprint.as_bytes()))
}

/// In seconds; a key that signs has been published for longer than any cache keeps an answer without it.
fn max_age(policy: &KeyPolicy) -> u32 {
    let seconds = CACHE_MAX.min(policy.publish_ahead).as_secs();
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cache_outlasts_the_time_for_which_a_key_is_published_ahead() {
        let ahead = |seconds| {
            let ahead = Duration::from_secs(seconds);
            max_age(&KeyPolicy::new(ahead, Duration::from_secs(1)))
        };
        assert_eq!((ahead(0), ahead(5), ahead(86_400)), (0, 5, 60));
    }
}
