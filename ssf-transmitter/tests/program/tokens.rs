//! The built-in token endpoint, and the documents that tell of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    pkey::{PKey, Private},
    sign::Signer,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use ssf_types::jose::PublicKey;
use url::form_urlencoded;

use crate::{
    access::{add, receiver},
    rig::{Answer, Installation, Transmitter, client, value},
};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A client with a secret.
struct Client {
    installation: Installation,
    transmitter: Transmitter,
    id: String,
    secret: String,
}

impl Client {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let added = add(
            &installation,
            "rp",
            &[&["--client-secret"], arguments].concat(),
        );
        Self {
            id: value(&added, "client_id").unwrap(),
            secret: value(&added, "client_secret").unwrap(),
            transmitter,
            installation,
        }
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        let request = client().post(self.transmitter.url("/oauth/token"));
        let request = request.basic_auth(&self.id, Some(&self.secret));
        Answer::to(filled(request, form)).await
    }

    async fn post(&self, form: &[(&str, &str)]) -> Answer {
        let request = client().post(self.transmitter.url("/oauth/token"));
        Answer::to(filled(request, form)).await
    }

    /// The status of reading all streams.
    async fn read(&self, token: &str) -> u16 {
        let read = client().get(self.transmitter.url("/ssf/stream"));
        Answer::to(read.bearer_auth(token)).await.status
    }
}

/// A request with a form as its body.
fn filled(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// Status and code of a refusal, whose form is checked (RFC 6749 §5.2).
fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let document = answer.json();
    let description = document["error_description"].as_str().unwrap();
    let is_allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(description.bytes().all(is_allowed), "{description}");
    if answer.status == 401 {
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Basic realm=\"ssf\""));
    }
    (
        answer.status,
        document["error"].as_str().unwrap().to_owned(),
    )
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Claims of a JWT, unchecked.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap()
}

/// A JWT signed with Ed25519.
pub(crate) fn signed(key: &PKey<Private>, header: &Value, claims: &Value) -> String {
    let encode = |json: &Value| BASE64URL.encode(json.to_string());
    let input = format!("{}.{}", encode(header), encode(claims));
    let mut signer = Signer::new_without_digest(key).unwrap();
    let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    format!("{input}.{}", BASE64URL.encode(signature))
}

pub(crate) fn jwk(key: &PKey<Private>) -> String {
    let pem = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    PublicKey::from_pem(&pem).unwrap().to_jwk().to_string()
}

pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap().as_secs()
}

#[tokio::test]
async fn a_client_with_a_secret_gets_a_token_that_lets_it_manage_its_streams() {
    let client = Client::start();
    let (id, secret) = (client.id.as_str(), client.secret.as_str());
    let basic = client.ask(&[GRANT]).await;
    let tolerant = client.ask(&[GRANT, ("client_id", id)]).await;
    let post = [GRANT, ("client_id", id), ("client_secret", secret)];
    for answer in [basic, tolerant, client.post(&post).await] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        let document = answer.json();
        assert_eq!(document["token_type"], "Bearer");
        assert_eq!(document["expires_in"], 3600);
        assert_eq!(document["scope"], "ssf.read ssf.manage");
        assert_eq!(client.read(&token(&answer)).await, 200);
    }
}

#[tokio::test]
async fn an_access_token_is_one_of_rfc_9068_for_the_issuer_itself() {
    let client = Client::start();
    let token = token(&client.ask(&[GRANT]).await);
    let header = BASE64URL.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    let claims = claims(&token);
    assert_eq!(claims["iss"], client.transmitter.issuer);
    assert_eq!(claims["aud"], client.transmitter.issuer);
    assert_eq!(claims["sub"], client.id);
    assert_eq!(claims["client_id"], client.id);
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 3600);
}

#[tokio::test]
async fn scopes_are_narrowed_on_request_and_never_widened() {
    let client = Client::start();
    let answer = client.ask(&[GRANT, ("scope", "ssf.read")]).await;
    assert_eq!(answer.json()["scope"], "ssf.read");
    let read = token(&answer);
    assert_eq!(client.read(&read).await, 200);
    let create = crate::rig::client().post(client.transmitter.url("/ssf/stream"));
    let create = Answer::to(create.bearer_auth(&read)).await;
    assert_eq!(create.status, 403);
    let unknown = client.ask(&[GRANT, ("scope", "ssf.read admin")]).await;
    assert_eq!(refusal(&unknown), refused(400, "invalid_scope"));

    let reader = Client::with(&["--scope", "ssf.read"]);
    let answer = reader.ask(&[GRANT]).await;
    assert_eq!(answer.json()["scope"], "ssf.read");
    let more = reader.ask(&[GRANT, ("scope", "ssf.manage")]).await;
    assert_eq!(refusal(&more), refused(400, "invalid_scope"));
}

#[tokio::test]
async fn requests_that_are_none_are_refused_as_oauth_wants_it() {
    let client = Client::start();
    let (id, secret) = (client.id.as_str(), client.secret.as_str());
    let in_body = [GRANT, ("client_id", id), ("client_secret", secret)];
    for (answer, expected) in [
        (client.ask(&[]).await, refused(400, "invalid_request")),
        (
            client.ask(&[("grant_type", "password")]).await,
            refused(400, "unsupported_grant_type"),
        ),
        (
            client.ask(&[GRANT, GRANT]).await,
            refused(400, "invalid_request"),
        ),
        (client.ask(&in_body).await, refused(400, "invalid_request")),
        (
            client.ask(&[GRANT, ("client_id", "other")]).await,
            refused(400, "invalid_request"),
        ),
        (client.post(&[GRANT]).await, refused(401, "invalid_client")),
        (
            client
                .post(&[GRANT, ("client_id", id), ("client_secret", "x")])
                .await,
            refused(401, "invalid_client"),
        ),
        (
            client
                .post(&[GRANT, ("client_id", secret), ("client_secret", id)])
                .await,
            refused(401, "invalid_client"),
        ),
    ] {
        assert_eq!(refusal(&answer), expected, "{}", answer.body);
    }
    let url = client.transmitter.url("/oauth/token");
    let request = || crate::rig::client().post(&url).basic_auth(id, Some(secret));
    let json = Answer::to(request().json(&json!({"grant_type": "client_credentials"}))).await;
    assert_eq!(refusal(&json), refused(415, "invalid_request"));
    let long = "x".repeat(32 * 1024);
    let long = Answer::to(filled(request(), &[GRANT, ("x", &long)])).await;
    assert_eq!(refusal(&long), refused(413, "invalid_request"));
    let query = format!("{url}?client_id={id}");
    let query = filled(crate::rig::client().post(query), &[GRANT]);
    let query = Answer::to(query.basic_auth(id, Some(secret))).await;
    assert_eq!(refusal(&query), refused(400, "invalid_request"));
    let get = Answer::to(crate::rig::client().get(&url)).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert!(!client.installation.log().contains(secret));
}

#[tokio::test]
async fn whoever_fails_too_often_has_to_wait_and_locks_nobody_out() {
    let client = Client::start();
    let wrong = [
        GRANT,
        ("client_id", client.id.as_str()),
        ("client_secret", "x"),
    ];
    for _ in 0..10 {
        assert_eq!(client.post(&wrong).await.status, 401);
    }
    // While these were asked, time has passed, which allows for a few more.
    let mut answer = client.post(&wrong).await;
    for _ in 0..100 {
        if answer.status != 401 {
            break;
        }
        answer = client.post(&wrong).await;
    }
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
    assert_eq!(client.ask(&[GRANT]).await.status, 200);
}

#[tokio::test]
async fn a_client_with_a_key_gets_a_token_once_for_each_assertion() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let key = PKey::generate_ed25519().unwrap();
    let added = add(&installation, "rp", &["--jwk", &jwk(&key)]);
    let id = value(&added, "receiver_id").unwrap();
    let ask = async |key: &PKey<Private>, change: &[(&str, Value)]| {
        let mut claims = json!({
            "iss": id,
            "sub": id,
            "aud": transmitter.url("/oauth/token"),
            "exp": now() + 60,
            "jti": "1",
        });
        for (name, value) in change {
            claims[name] = value.clone();
        }
        let assertion = signed(key, &json!({"alg": "EdDSA"}), &claims);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [
            GRANT,
            ("client_assertion_type", kind),
            ("client_assertion", &assertion),
        ];
        let request = client().post(transmitter.url("/oauth/token"));
        Answer::to(filled(request, &form)).await
    };
    let answer = ask(&key, &[]).await;
    let read = client().get(transmitter.url("/ssf/stream"));
    let read = Answer::to(read.bearer_auth(token(&answer))).await;
    assert_eq!(read.status, 200);
    let invalid = refused(401, "invalid_client");
    assert_eq!(refusal(&ask(&key, &[]).await), invalid, "it was used");
    let issuer = json!(transmitter.issuer);
    let to_issuer = ask(&key, &[("jti", json!("2")), ("aud", issuer)]).await;
    assert_eq!(to_issuer.status, 200, "{}", to_issuer.body);
    let other = PKey::generate_ed25519().unwrap();
    assert_eq!(refusal(&ask(&other, &[("jti", json!("3"))]).await), invalid);
    for (name, value) in [
        ("aud", json!("https://other.example.com")),
        ("exp", json!(now() - 120)),
        ("exp", json!(now() + 7200)),
        ("iss", json!("other")),
        ("jti", json!(null)),
    ] {
        let answer = ask(&key, &[("jti", json!("4")), (name, value)]).await;
        assert_eq!(refusal(&answer), invalid, "{name}");
    }
}

#[tokio::test]
async fn a_token_of_a_removed_or_compromised_client_stops_at_once() {
    let client = Client::start();
    let first = token(&client.ask(&[GRANT]).await);
    let rotated = receiver(&client.installation, &["rotate", "rp"]);
    assert_eq!(client.read(&first).await, 200, "both secrets count");
    assert_eq!(client.ask(&[GRANT]).await.status, 200);
    let new = value(&rotated, "client_secret").unwrap();
    let with_new = [
        GRANT,
        ("client_id", client.id.as_str()),
        ("client_secret", &new),
    ];
    let second = token(&client.post(&with_new).await);
    receiver(
        &client.installation,
        &["rotate", "rp", "--overlap-seconds", "0"],
    );
    assert_eq!(client.read(&first).await, 401);
    assert_eq!(client.read(&second).await, 401);
    assert_eq!(client.ask(&[GRANT]).await.status, 401);
    assert_eq!(client.post(&with_new).await.status, 401);

    let client = Client::start();
    let first = token(&client.ask(&[GRANT]).await);
    receiver(&client.installation, &["remove", &client.id]);
    assert_eq!(client.read(&first).await, 401);
    assert_eq!(client.ask(&[GRANT]).await.status, 401);
}

#[tokio::test]
async fn a_token_for_one_issuer_is_worth_nothing_at_another() {
    let installation = Installation::new().with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let transmitter = installation.serve();
    let added = add(&installation, "rp", &["--client-secret"]);
    let (id, secret) = (
        value(&added, "client_id").unwrap(),
        value(&added, "client_secret").unwrap(),
    );
    let ask = async |path: &str| {
        let request = filled(client().post(transmitter.url(path)), &[GRANT]);
        Answer::to(request.basic_auth(&id, Some(&secret))).await
    };
    let token = token(&ask("/oauth/token").await);
    assert_eq!(ask("/acme/oauth/token").await.status, 401);
    let read = async |path: &str| {
        let read = client().get(transmitter.url(path)).bearer_auth(&token);
        Answer::to(read).await.status
    };
    assert_eq!(read("/ssf/stream").await, 200);
    assert_eq!(read("/acme/ssf/stream").await, 401);
}

#[tokio::test]
async fn t20_tampered_expired_and_foreign_tokens_are_invalid() {
    let client = Client::start();
    let token = token(&client.ask(&[GRANT]).await);
    let parts: Vec<&str> = token.split('.').collect();
    let mut more = claims(&token);
    more["scope"] = json!("ssf.manage");
    let more = BASE64URL.encode(more.to_string());
    let none = BASE64URL.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let key = PKey::generate_ed25519().unwrap();
    let header = json!({"alg": "EdDSA", "typ": "at+jwt"});
    for bad in [
        format!("{}.{more}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        signed(&key, &header, &claims(&token)),
        "a.b.c".to_owned(),
        format!("{}x", client.secret),
        client.secret.clone(),
    ] {
        let read = crate::rig::client().get(client.transmitter.url("/ssf/stream"));
        let answer = Answer::to(read.bearer_auth(&bad)).await;
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\""),
            "{bad}"
        );
        assert_eq!(answer.status, 401, "{bad}");
    }
}

#[tokio::test]
async fn the_documents_lead_from_a_refusal_to_the_token_endpoint() {
    let installation = Installation::new().with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let transmitter = installation.serve();
    let get = async |url: &str| Answer::to(client().get(url)).await;
    let refused = get(&transmitter.url("/acme/ssf/stream")).await;
    let challenge = refused.header("www-authenticate").unwrap();
    let quoted = challenge
        .strip_prefix("Bearer resource_metadata=\"")
        .unwrap();
    let resource = get(quoted.trim_end_matches('"')).await.json();
    let issuer = transmitter.url("/acme");
    assert_eq!(resource["resource"], issuer);
    assert_eq!(
        resource["scopes_supported"],
        json!(["ssf.read", "ssf.manage"])
    );
    assert_eq!(resource["bearer_methods_supported"], json!(["header"]));
    assert_eq!(resource["authorization_servers"], json!([issuer]));
    let url = transmitter.url("/.well-known/oauth-authorization-server/acme");
    let server = get(&url).await;
    assert_eq!(server.header("cache-control"), Some("public, max-age=300"));
    let server = server.json();
    assert_eq!(server["issuer"], issuer);
    assert_eq!(
        server["token_endpoint"],
        transmitter.url("/acme/oauth/token")
    );
    let ssf = transmitter.url("/.well-known/ssf-configuration/acme");
    let schemes = get(&ssf).await.json()["authorization_schemes"].clone();
    assert_eq!(
        schemes,
        json!([{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:6750"}])
    );
}

#[tokio::test]
async fn without_the_token_endpoint_nothing_tells_of_one() {
    let installation = Installation::new().with("SSF_TRANSMITTER_TOKEN_ENDPOINT", "false");
    let transmitter = installation.serve();
    let get = async |path: &str| Answer::to(client().get(transmitter.url(path))).await;
    let server = get("/.well-known/oauth-authorization-server").await;
    assert_eq!(server.problem().0, 404);
    let resource = get("/.well-known/oauth-protected-resource").await.json();
    assert_eq!(resource.get("authorization_servers"), None);
    let ssf = get("/.well-known/ssf-configuration").await.json();
    let bearer = json!([{"spec_urn": "urn:ietf:rfc:6750"}]);
    assert_eq!(ssf["authorization_schemes"], bearer);
    let ask = filled(client().post(transmitter.url("/oauth/token")), &[GRANT]);
    assert_eq!(
        refusal(&Answer::to(ask).await),
        refused(404, "invalid_request")
    );
}
