//! What a transmitter publishes for everybody: metadata and keys.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use super::{Reply, host::origin_of};
use crate::target::Target;

/// Where the keys are.
pub(super) const JWKS_PATH: &str = "/jwks.json";

/// Where the metadata of the protected resource is.
pub(super) const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource/tenant";

/// What the transmitter publishes, before it is laid out as paths.
#[derive(Clone, Debug)]
pub struct Site {
    /// The issuer, which has a path and ends with a slash.
    pub issuer: String,
    /// The metadata; written into `metadata` unless that has a body already.
    pub document: Value,
    /// The answer with the metadata.
    pub metadata: Reply,
    /// Where the metadata is.
    pub metadata_path: String,
    /// The JWK set; written into `jwks` unless that has a body already.
    pub keys: Value,
    /// The answer with the JWK set.
    pub jwks: Reply,
    /// The metadata of the management API as a protected resource (RFC 9728), if it is published.
    pub resource: Option<Value>,
    /// The answer where a tenant's metadata would be that there is not.
    pub unknown_tenant: Reply,
    /// The answer where a RISC transmitter's metadata would be.
    pub risc: Reply,
}

impl Site {
    /// That of a transmitter without a fault at this origin.
    pub fn without_fault(origin: &str) -> Self {
        Self {
            issuer: format!("{origin}/tenant/"),
            document: json!({
                "spec_version": "1_0",
                "issuer": format!("{origin}/tenant/"),
                "jwks_uri": format!("{origin}/jwks.json"),
                "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
                "configuration_endpoint": format!("{origin}/ssf/streams"),
                "status_endpoint": format!("{origin}/ssf/status"),
                "add_subject_endpoint": format!("{origin}/ssf/subjects:add"),
                "remove_subject_endpoint": format!("{origin}/ssf/subjects:remove"),
                "verification_endpoint": format!("{origin}/ssf/verify"),
                "critical_subject_members": ["tenant", "user"],
                "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
                "default_subjects": "NONE",
            }),
            metadata: Reply::json_later(),
            metadata_path: "/.well-known/ssf-configuration/tenant".to_owned(),
            keys: json!({ "keys": [rsa("a", 256), ec("b"), rsa("c", 256)] }),
            jwks: Reply::json_later(),
            resource: Some(json!({
                "resource": format!("{origin}/tenant"),
                "authorization_servers": [origin],
                "scopes_supported": ["ssf.read", "ssf.manage"],
                "bearer_methods_supported": ["header"],
            })),
            unknown_tenant: Reply::error(404),
            risc: Reply::error(404),
        }
    }

    /// That of a transmitter whom Receivers use for a while: it is about everybody.
    pub(super) fn for_receivers(target: &Target) -> Self {
        let issuer = target.issuer();
        let mut site = Self::without_fault(origin_of(target));
        issuer.clone_into(&mut site.issuer);
        // There is nobody to get a token from.
        site.resource = None;
        site.document["issuer"] = json!(issuer);
        site.document["default_subjects"] = json!("ALL");
        // A Receiver need not know these members, and would have to refuse what depends on them.
        if let Some(document) = site.document.as_object_mut() {
            document.remove("critical_subject_members");
        }
        site
    }

    /// The answers by path.
    pub fn routes(self) -> BTreeMap<String, Reply> {
        let filled = |mut reply: Reply, body: &Value| {
            if reply.body.is_empty() {
                reply.body = body.to_string().into_bytes();
            }
            reply
        };
        let resource = match &self.resource {
            Some(document) => Reply::json(document),
            None => Reply::error(404),
        };
        BTreeMap::from([
            (RESOURCE_PATH.to_owned(), resource),
            (self.metadata_path, filled(self.metadata, &self.document)),
            (JWKS_PATH.to_owned(), filled(self.jwks, &self.keys)),
            (
                "/.well-known/ssf-configuration/tenant/ssf-conformance-no-such-tenant".to_owned(),
                self.unknown_tenant,
            ),
            (
                "/.well-known/risc-configuration/tenant".to_owned(),
                self.risc,
            ),
        ])
    }
}

/// The public part of an RSA key with a modulus of so many bytes; only its form matters here.
pub(super) fn rsa(kid: &str, bytes: usize) -> Value {
    let n = BASE64URL.encode(vec![0xc1; bytes]);
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": "AQAB"})
}

/// The public part of a P-256 key; only its form matters here.
pub(super) fn ec(kid: &str) -> Value {
    let coordinate = BASE64URL.encode([7; 32]);
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": coordinate, "y": coordinate})
}
