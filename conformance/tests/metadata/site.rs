//! A transmitter without a fault, to be broken by tests.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use ssf_conformance::{
    checks,
    report::Report,
    target::Target,
    wire::{Settings, Wire},
};

use crate::server::{AUTHORITY, Reply, Routes, Server};

/// What the transmitter answers, before it is laid out as paths.
pub(crate) struct Site {
    pub(crate) issuer: String,
    /// The metadata; written into `metadata` unless that has a body already.
    pub(crate) document: Value,
    pub(crate) metadata: Reply,
    /// Where the metadata is.
    pub(crate) metadata_path: String,
    /// The JWK set; written into `jwks` unless that has a body already.
    pub(crate) keys: Value,
    pub(crate) jwks: Reply,
    pub(crate) unknown_tenant: Reply,
    pub(crate) risc: Reply,
}

impl Site {
    pub(crate) fn without_fault(origin: &str) -> Self {
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
            keys: json!({ "keys": [rsa("a", 256), ec("b")] }),
            jwks: Reply::json_later(),
            unknown_tenant: Reply::error(404),
            risc: Reply::error(404),
        }
    }

    pub(crate) fn routes(self) -> Routes {
        let filled = |mut reply: Reply, body: &Value| {
            if reply.body.is_empty() {
                reply.body = body.to_string().into_bytes();
            }
            reply
        };
        Routes::from([
            (self.metadata_path, filled(self.metadata, &self.document)),
            ("/jwks.json".to_owned(), filled(self.jwks, &self.keys)),
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
pub(crate) fn rsa(kid: &str, bytes: usize) -> Value {
    let n = BASE64URL.encode(vec![0xc1; bytes]);
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": "AQAB"})
}

/// The public part of a P-256 key; only its form matters here.
pub(crate) fn ec(kid: &str) -> Value {
    let coordinate = BASE64URL.encode([7; 32]);
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": coordinate, "y": coordinate})
}

/// Serves the faultless transmitter with one change, tests it over the wire, and reports.
pub(crate) fn judged(server: Server, change: impl FnOnce(&mut Site)) -> Report {
    let mut site = Site::without_fault(&server.origin());
    change(&mut site);
    let target = Target::parse(&site.issuer).unwrap();
    server.serve(site.routes());
    let mut settings = Settings::default();
    settings.extra_authorities = Some(AUTHORITY.pem());
    let wire = Wire::new(&target, &settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let recording = runtime.block_on(wire.metadata(target)).unwrap();
    Report::new(recording, checks::metadata())
}
