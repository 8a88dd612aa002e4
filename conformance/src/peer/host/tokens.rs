//! Where a Receiver gets its token from, if it is not told one: metadata of the host as a protected resource (RFC 9728), that of an
//! authorization server (RFC 8414), and a token endpoint (RFC 6749 §4.4). The secret of each client is the token itself.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::json;
use url::form_urlencoded;

use crate::peer::{Asked, Reply};

/// Where the metadata of the resource is.
const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";

/// Where the metadata of the authorization server is.
const SERVER_PATH: &str = "/.well-known/oauth-authorization-server";

/// Where tokens are asked for.
pub const TOKEN_PATH: &str = "/oauth/token";

/// The scopes that there are: named as no specification names them.
pub const SCOPES: [&str; 2] = ["ssf-conformance.look", "ssf-conformance.change"];

/// Members of a request for a token that are secret.
const SECRET: [&str; 2] = ["client_secret", "client_assertion"];

/// How long a token counts, in seconds; it is the same each time.
const EXPIRES_IN: u32 = 3600;

/// The answer, if this is about tokens; the origin has no slash at its end.
pub(super) fn answer(asked: &Asked, origin: &str, token: &str) -> Option<Reply> {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", RESOURCE_PATH) => Some(Reply::json(&json!({
            "resource": origin,
            "authorization_servers": [origin],
            "scopes_supported": SCOPES,
            "bearer_methods_supported": ["header"],
        }))),
        ("GET", SERVER_PATH) => Some(Reply::json(&json!({
            "issuer": origin,
            "token_endpoint": format!("{origin}{TOKEN_PATH}"),
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": SCOPES,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }))),
        ("POST", TOKEN_PATH) => Some(granted(asked, token)),
        _ => None,
    }
}

/// Has a challenge say where the metadata of the resource is (RFC 9728 §5.1).
pub(super) fn lead_to_resource(reply: &mut Reply, origin: &str) {
    for (name, value) in &mut reply.headers {
        if *name == "WWW-Authenticate" {
            let comma = if value.contains('=') { "," } else { "" };
            *value = format!("{value}{comma} resource_metadata=\"{origin}{RESOURCE_PATH}\"");
        }
    }
}

/// The body of a request for a token without what is secret in it.
pub(super) fn masked(body: &[u8]) -> Vec<u8> {
    let mut masked = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(body) {
        let is_secret = SECRET.contains(&name.as_ref());
        masked.append_pair(&name, if is_secret { "***" } else { &value });
    }
    masked.finish().into_bytes()
}

fn granted(asked: &Asked, token: &str) -> Reply {
    let member = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(&asked.body);
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    if secret_of_header(asked)
        .or_else(|| member("client_secret"))
        .as_deref()
        != Some(token)
    {
        let mut refusal = Reply::with(401, &json!({ "error": "invalid_client" }));
        refusal.set_header("WWW-Authenticate", "Basic");
        return refusal;
    }
    if member("grant_type").as_deref() != Some("client_credentials") {
        return Reply::with(400, &json!({ "error": "unsupported_grant_type" }));
    }
    // Whatever was asked for (RFC 6749 §3.3), so that what a Receiver does with its token can be judged nevertheless.
    let mut reply = Reply::json(&json!({
        "access_token": token, "token_type": "Bearer", "expires_in": EXPIRES_IN, "scope": SCOPES.join(" "),
    }));
    reply.set_header("Cache-Control", "no-store");
    reply
}

/// The secret in `Authorization`, which is encoded as in a form (RFC 6749 §2.3.1).
fn secret_of_header(asked: &Asked) -> Option<String> {
    let (scheme, shown) = asked.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let shown = String::from_utf8(BASE64.decode(shown.trim()).ok()?).ok()?;
    let (_, secret) = shown.split_once(':')?;
    let encoded = format!("secret={secret}");
    let mut decoded = form_urlencoded::parse(encoded.as_bytes());
    decoded.next().map(|(_, secret)| secret.into_owned())
}
