//! The life of signing keys, from the command line to what a Receiver verifies.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Instant};

use secrecy::ExposeSecret;
use serde_json::Value;
use ssf_types::{
    audience::Audience,
    jose::{KeySet, SigningKey},
    set::{Algorithm, Expectation, UnverifiedSet},
    time::Timestamp,
    uri::Issuer,
};

use crate::cluster::Cluster;
use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Pushed, Transmitter, client, event_about, stream_for,
    text,
};

/// After any moment at which these tests run.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

const ISSUER: &str = "https://tr.example.com/tenant";

/// RFC 8037 appendix A.1, with a name as an identity provider gives it.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"idp 2027/1","alg":"EdDSA","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// An RSA key of 1024 bits, made for this test.
const WEAK: &str = include_str!("../fixtures/keys/rsa-1024.pem");

fn installation() -> Installation {
    Installation::new()
        .with("SSF_TRANSMITTER_ISSUER", ISSUER)
        .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256")
}

/// One key as `key list` shows it.
#[derive(Debug)]
struct Listed {
    issuer: String,
    kid: String,
    algorithm: String,
    state: String,
    origin: String,
}

fn listed(lines: &str) -> Vec<Listed> {
    let read = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [issuer, kid, algorithm, state, origin, ..] = columns[..] else {
            panic!("{line}")
        };
        assert_eq!(columns.len(), 9, "{line}");
        Listed {
            issuer: issuer.to_owned(),
            kid: kid.to_owned(),
            algorithm: algorithm.to_owned(),
            state: state.to_owned(),
            origin: origin.to_owned(),
        }
    };
    let keys = lines.lines().filter(|line| !line.starts_with('#'));
    keys.map(read).collect()
}

/// Runs a command about keys that works.
fn key(installation: &Installation, arguments: &[&str]) -> Vec<Listed> {
    let output = installation.run(&[&["key"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    listed(&text(&output.stdout))
}

/// Runs a command about keys that does not work, and returns why not.
fn refused(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(&[&["key"], arguments].concat());
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr)
}

fn states(keys: &[Listed]) -> Vec<&str> {
    keys.iter().map(|key| key.state.as_str()).collect()
}

fn in_state<'k>(keys: &'k [Listed], state: &str) -> &'k str {
    &keys.iter().find(|key| key.state == state).unwrap().kid
}

/// Writes a file that its owner alone may read.
fn private_file(installation: &Installation, name: &str, content: &str) -> PathBuf {
    let path = installation.path(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

async fn subscribe(installation: &Installation, transmitter: &Transmitter, endpoint: &Endpoint) {
    let receiver = installation.add_receiver("rp");
    let request = client().post(transmitter.url("/tenant/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let answer = Answer::to(request.bearer_auth(&receiver)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

async fn happen(transmitter: &Transmitter, token: &str) {
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(request.bearer_auth(token)).await.status, 202);
}

async fn jwks(transmitter: &Transmitter) -> Answer {
    Answer::to(client().get(transmitter.url("/tenant/jwks.json"))).await
}

fn kids(jwks: &Value) -> Vec<&str> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect()
}

/// The name of the key that signed.
fn kid(pushed: &Pushed) -> String {
    let set = UnverifiedSet::parse(pushed.set.as_bytes()).unwrap();
    set.header().kid.as_ref().unwrap().as_str().to_owned()
}

fn verifies(pushed: &Pushed, keys: &KeySet) -> bool {
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let expected = Expectation::new(Issuer::parse(ISSUER).unwrap(), audience);
    let set = UnverifiedSet::parse(pushed.set.as_bytes()).unwrap();
    set.verify(keys, &expected, LATER).is_ok()
}

/// A JWKS that is kept for as long as its headers allow, and not fetched anew before.
struct Cache<'t> {
    transmitter: &'t Transmitter,
    kept: Option<(Instant, KeySet)>,
}

impl Cache<'_> {
    async fn keys(&mut self) -> &KeySet {
        let is_over = self
            .kept
            .as_ref()
            .is_none_or(|(until, _)| Instant::now() >= *until);
        if is_over {
            let asked = Instant::now();
            let answer = jwks(self.transmitter).await;
            let cache = answer.header("cache-control").unwrap();
            let seconds = cache.strip_prefix("public, max-age=").unwrap();
            let age = std::time::Duration::from_secs(seconds.parse().unwrap());
            let keys = KeySet::parse(answer.body.as_bytes()).unwrap();
            self.kept = Some((asked + age, keys));
        }
        &self.kept.as_ref().unwrap().1
    }
}

#[tokio::test]
async fn a_receiver_that_caches_the_keys_verifies_every_set_of_a_rotation() {
    let installation = installation()
        .with("SSF_TRANSMITTER_KEY_PUBLISH_AHEAD_SECONDS", "2")
        .with("SSF_TRANSMITTER_KEY_RETIRE_AFTER_SECONDS", "1");
    let transmitter = installation.serve();
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    let mut cache = Cache {
        transmitter: &transmitter,
        kept: None,
    };
    let began = Instant::now();
    let mut signers = Vec::new();
    let mut next = None;
    // Until the first key is gone: it was followed by another one, and nothing that it signed is on its way any more.
    loop {
        assert!(began.elapsed() < PATIENCE);
        happen(&transmitter, &token).await;
        let pushed = endpoint.next();
        assert!(verifies(&pushed, cache.keys().await), "{signers:?}");
        let signer = kid(&pushed);
        if signers.last() != Some(&signer) {
            signers.push(signer);
        }
        let next = next.get_or_insert_with(|| {
            let keys = key(&installation, &["rotate"]);
            assert_eq!(states(&keys), ["signing", "published"]);
            keys[1].kid.clone()
        });
        let published = jwks(&transmitter).await.json();
        if kids(&published) == [next.as_str()] {
            break;
        }
    }
    assert_eq!(signers.len(), 2);
    assert_eq!(Some(&signers[1]), next.as_ref());
    assert_eq!(states(&key(&installation, &["list"])), ["gone", "signing"]);
}

#[tokio::test]
async fn a_removed_key_signs_nothing_more_and_another_one_does() {
    let installation = installation();
    let transmitter = installation.serve();
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    happen(&transmitter, &token).await;
    let removed = kid(&endpoint.next());
    let keys = key(&installation, &["remove", &removed]);
    assert_eq!(states(&keys), ["gone", "signing"]);
    happen(&transmitter, &token).await;
    let pushed = endpoint.next();
    assert_eq!(kid(&pushed), in_state(&keys, "signing"));
    let published = jwks(&transmitter).await;
    assert_eq!(kids(&published.json()), [kid(&pushed)]);
    let keys = KeySet::parse(published.body.as_bytes()).unwrap();
    assert!(verifies(&pushed, &keys));

    let told = refused(&installation, &["activate", &removed]);
    assert!(told.contains("never signs again"), "{told}");
    let written = text(&installation.run(&["audit", "tail"]).stdout);
    assert!(written.contains(&format!("key/{removed}")), "{written}");
    assert!(written.contains("key.remove"), "{written}");
    transmitter.kill();
    let _again = installation.serve();
    assert_eq!(states(&key(&installation, &["list"])), ["gone", "signing"]);
}

#[tokio::test]
async fn on_two_nodes_a_key_is_followed_and_removed_at_once() {
    let installation = installation()
        .with(
            "SSF_TRANSMITTER_DATABASE_URL",
            Cluster::of_this_run().new_database(),
        )
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        );
    let nodes = [installation.serve(), installation.serve()];
    let token = nodes[0].operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &nodes[0], &endpoint).await;
    let keys = key(&installation, &["rotate"]);
    let (first, second) = (keys[0].kid.clone(), keys[1].kid.clone());
    let removed = key(&installation, &["remove", &first]);
    assert_eq!(in_state(&removed, "signing"), second);
    for node in &nodes {
        happen(node, &token).await;
        assert_eq!(kid(&endpoint.next()), second);
        let published = jwks(node).await;
        assert_eq!(kids(&published.json()), [second.as_str()]);
    }
    let tags = [jwks(&nodes[0]).await, jwks(&nodes[1]).await];
    assert_eq!(tags[0].header("etag"), tags[1].header("etag"));
}

#[tokio::test]
async fn a_jwk_is_imported_with_its_name_and_signs_at_once_where_nothing_else_does() {
    let installation = installation().with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "EdDSA");
    let file = private_file(&installation, "key.jwk", JWK);
    let keys = key(&installation, &["import", file.to_str().unwrap()]);
    assert_eq!(
        (keys[0].kid.as_str(), keys[0].state.as_str()),
        ("idp 2027/1", "signing")
    );
    assert_eq!(
        (keys[0].issuer.as_str(), keys[0].origin.as_str()),
        ("main", "imported")
    );
    let transmitter = installation.serve();
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    happen(&transmitter, &token).await;
    let pushed = endpoint.next();
    assert_eq!(kid(&pushed), "idp 2027/1");
    let published = jwks(&transmitter).await;
    assert_eq!(kids(&published.json()), ["idp 2027/1"]);
    assert!(!published.body.contains(r#""d""#));
    let keys = KeySet::parse(published.body.as_bytes()).unwrap();
    assert!(verifies(&pushed, &keys));
}

#[tokio::test]
async fn a_pem_key_waits_until_receivers_know_it_or_signs_when_the_operator_says_so() {
    let installation = installation();
    let transmitter = installation.serve();
    let imported = |algorithm, name: &str, more: &[&str]| {
        let new = SigningKey::generate(algorithm).unwrap();
        let file = private_file(&installation, name, new.pem().expose_secret());
        let arguments = [&["import", file.to_str().unwrap()], more].concat();
        key(&installation, &arguments)
    };
    let keys = imported(Algorithm::Es256, "waits.pem", &["--kid", "waits"]);
    assert_eq!(states(&keys), ["signing", "published"]);
    assert_eq!(keys[1].kid, "waits");
    let keys = imported(Algorithm::Es256, "now.pem", &["--kid", "now", "--activate"]);
    assert_eq!(in_state(&keys, "signing"), "now");
    let keys = imported(Algorithm::Rs256, "rsa.pem", &["--algorithm", "PS256"]);
    assert_eq!(keys.last().unwrap().algorithm, "PS256");
    let waited = async {
        while kids(&jwks(&transmitter).await.json()).len() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

#[test]
fn a_key_that_must_not_be_used_is_refused_with_what_is_wrong_and_never_shown() {
    let installation = installation();
    let import = |name: &str, content: &str, more: &[&str]| {
        let file = private_file(&installation, name, content);
        let arguments = [&["import", file.to_str().unwrap()], more].concat();
        let told = refused(&installation, &arguments);
        assert!(!told.contains("MII") && !told.contains("nWGxne"), "{told}");
        told
    };
    let weak = import("weak.pem", WEAK, &[]);
    assert!(weak.contains("2048"), "{weak}");
    let other = import("key.jwk", JWK, &["--algorithm", "RS256"]);
    assert!(other.contains("for EdDSA, not for RS256"), "{other}");
    let long = import("long.pem", &" ".repeat(16 * 1024 + 1), &[]);
    assert!(long.contains("longer than 16384 bytes"), "{long}");
    import("empty.pem", "", &[]);
    let file = installation.path("key.jwk");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = refused(&installation, &["import", file.to_str().unwrap()]);
    assert!(open.contains("has mode 644; set it to 600"), "{open}");
    let absent = refused(&installation, &["import", "absent.pem"]);
    assert!(absent.contains("absent.pem cannot be read"), "{absent}");
}

#[test]
fn a_name_and_a_key_are_given_once() {
    let installation = installation();
    let file = private_file(&installation, "key.jwk", JWK);
    let file = file.to_str().unwrap();
    key(&installation, &["import", file]);
    let again = refused(&installation, &["import", file]);
    assert!(again.contains("has or had this kid"), "{again}");
    let renamed = refused(&installation, &["import", file, "--kid", "other"]);
    assert!(
        renamed.contains("the same key is or was there"),
        "{renamed}"
    );
}

#[test]
fn a_key_that_is_not_there_and_one_that_is_needed_are_told() {
    let installation = installation();
    let none = refused(&installation, &["retire", "absent"]);
    assert!(none.contains("there is no key with this kid"), "{none}");
    let keys = key(&installation, &["rotate"]);
    assert_eq!(states(&keys), ["signing"]);
    let needed = refused(&installation, &["retire", &keys[0].kid]);
    assert!(needed.contains("no other key signs with ES256"), "{needed}");
    let keys = key(&installation, &["rotate"]);
    let again = refused(&installation, &["rotate"]);
    assert!(again.contains("is going to sign already"), "{again}");
    let keys = key(&installation, &["retire", in_state(&keys, "signing")]);
    assert_eq!(states(&keys), ["retiring", "signing"]);
    let back = key(&installation, &["activate", in_state(&keys, "retiring")]);
    assert_eq!(states(&back), ["signing", "retiring"]);
}

#[test]
fn each_issuer_has_keys_of_its_own() {
    let installation = installation().with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let _transmitter = installation.serve();
    let all = key(&installation, &["list"]);
    let issuers: Vec<&str> = all.iter().map(|key| key.issuer.as_str()).collect();
    assert_eq!(issuers, ["acme", "main"]);
    let keys = key(&installation, &["rotate", "--issuer-name", "acme"]);
    assert_eq!(states(&keys), ["signing", "published"]);
    assert_eq!(key(&installation, &["list"]).len(), 3);
    let unknown = refused(&installation, &["rotate", "--issuer-name", "other"]);
    assert!(unknown.contains("there is no issuer other"), "{unknown}");
}

#[tokio::test]
async fn keys_that_are_known_already_are_not_sent_again() {
    let installation = installation();
    let transmitter = installation.serve();
    let first = jwks(&transmitter).await;
    assert_eq!(first.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(first.header("content-type"), Some("application/json"));
    let tag = first.header("etag").unwrap();
    let ask = async |tag: &str| {
        let request = client().get(transmitter.url("/tenant/jwks.json"));
        Answer::to(request.header("if-none-match", tag)).await
    };
    for known in [tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
        let again = ask(known).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), Some(tag));
        assert_eq!(again.header("cache-control"), Some("public, max-age=60"));
    }
    let other = ask("\"x\"").await;
    assert_eq!((other.status, other.body), (200, first.body.clone()));
    key(&installation, &["rotate"]);
    let waited = async {
        while ask(tag).await.status == 304 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

#[tokio::test]
async fn where_keys_are_published_elsewhere_events_wait_for_the_key_that_is_imported() {
    let installation = installation()
        .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "EdDSA")
        .with(
            "SSF_TRANSMITTER_JWKS_URIS",
            "main=https://idp.example.com/jwks",
        );
    let transmitter = installation.serve();
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    let metadata = transmitter.url("/.well-known/ssf-configuration/tenant");
    let metadata = Answer::to(client().get(metadata)).await.json();
    assert_eq!(metadata["jwks_uri"], "https://idp.example.com/jwks");
    happen(&transmitter, &token).await;
    assert_eq!(jwks(&transmitter).await.body, r#"{"keys":[]}"#);
    let file = private_file(&installation, "key.jwk", JWK);
    key(
        &installation,
        &["import", file.to_str().unwrap(), "--activate"],
    );
    assert_eq!(kid(&endpoint.next()), "idp 2027/1");

    let output = installation.run(&["key", "remove", "idp 2027/1"]);
    assert!(
        text(&output.stdout).contains("# Nothing signs"),
        "{output:?}"
    );
    assert_eq!(states(&key(&installation, &["list"])), ["gone"]);
}
