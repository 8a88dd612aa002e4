//! Several issuers in one process, told apart by their paths.

use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, claims_of, client, event_about, stream_for, text,
    value,
};

/// A transmitter that speaks for a main issuer, for `/acme` and for `/acme/deep`; the first two have a Receiver each.
struct Served {
    transmitter: Transmitter,
    main_token: String,
    acme_token: String,
    _installation: Installation,
}

impl Served {
    fn start() -> Self {
        let issuers = "acme=/acme,deep=/acme/deep";
        let installation = Installation::new().with("SSF_TRANSMITTER_ISSUERS", issuers);
        let transmitter = installation.serve();
        let added = add_receiver_of(&installation, "acme");
        assert!(added.status.success(), "{}", text(&added.stderr));
        Self {
            main_token: installation.add_receiver("rp"),
            acme_token: value(&text(&added.stdout), "receiver_token").unwrap(),
            transmitter,
            _installation: installation,
        }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::to(client().get(self.transmitter.url(path)).bearer_auth(token)).await
    }

    async fn create(&self, path: &str, token: &str, endpoint: &Endpoint) -> Answer {
        let request = client().post(self.transmitter.url(path));
        let body = stream_for(&endpoint.url);
        Answer::to(request.json(&body).bearer_auth(token)).await
    }

    async fn hand_in(&self, query: &str, user: &str) -> u16 {
        let url = self.transmitter.url(&format!("/ingest/events{query}"));
        let operator = self.transmitter.operator_token.as_ref().unwrap();
        let request = client().post(url).json(&event_about(user));
        Answer::to(request.bearer_auth(operator)).await.status
    }
}

fn add_receiver_of(installation: &Installation, issuer: &str) -> std::process::Output {
    let audience = "https://acme-rp.example.com";
    let command = ["receiver", "add", "acme-rp", "--audience", audience];
    installation.run(&[&command[..], &["--issuer-name", issuer]].concat())
}

#[tokio::test]
async fn each_issuer_has_a_document_endpoints_and_keys_of_its_own() {
    let served = Served::start();
    let mut kids = Vec::new();
    for path in ["", "/acme", "/acme/deep"] {
        let well_known = format!("/.well-known/ssf-configuration{path}");
        let metadata = served.get(&well_known, "none").await.json();
        let issuer = format!("http://{}{path}", served.transmitter.address);
        assert_eq!(metadata["issuer"], issuer);
        for member in ["jwks_uri", "configuration_endpoint", "status_endpoint"] {
            let endpoint = metadata[member].as_str().unwrap();
            assert!(endpoint.starts_with(&format!("{issuer}/")), "{endpoint}");
        }
        let jwks = served.get(&format!("{path}/jwks.json"), "none").await;
        kids.push(jwks.json()["keys"][0]["kid"].to_string());
    }
    kids.sort();
    kids.dedup();
    assert_eq!(kids.len(), 3);
}

/// T62: the path names the issuer exactly, or none.
#[tokio::test]
async fn t62_a_path_that_no_issuer_has_shows_nothing_of_any() {
    let served = Served::start();
    for path in [
        "/.well-known/ssf-configuration/other",
        "/.well-known/ssf-configuration/acme/other",
        "/.well-known/ssf-configuration/Acme",
        "/.well-known/ssf-configuration//acme",
        "/.well-known/ssf-configuration/acme%2Fdeep",
        "/.well-known/ssf-configuration/acme%00",
        "/acme/.well-known/ssf-configuration/deep",
        "/other/jwks.json",
        "/acme/acme/jwks.json",
        "/deep/jwks.json",
        "/acmejwks.json",
        "/acme/deeper/jwks.json",
    ] {
        let answer = served.get(path, &served.main_token).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_host_that_a_request_names_chooses_no_issuer() {
    let served = Served::start();
    let url = served
        .transmitter
        .url("/.well-known/ssf-configuration/acme");
    for host in ["evil.example.com", "main", "127.0.0.1"] {
        let request = client().get(&url).header("host", host);
        let metadata = Answer::to(request.header("x-forwarded-host", host)).await;
        let issuer = format!("http://{}/acme", served.transmitter.address);
        assert_eq!(metadata.json()["issuer"], issuer);
    }
}

#[tokio::test]
async fn a_token_of_one_issuer_is_worth_nothing_at_another() {
    let served = Served::start();
    for (path, token) in [
        ("/acme/ssf/stream", &served.main_token),
        ("/acme/deep/ssf/stream", &served.acme_token),
        ("/ssf/stream", &served.acme_token),
    ] {
        assert_eq!(served.get(path, token).await.status, 401, "{path}");
    }
    let own = served.get("/acme/ssf/stream", &served.acme_token).await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn events_of_one_issuer_never_reach_anothers_streams() {
    let served = Served::start();
    let (main, acme) = (Endpoint::answering(202), Endpoint::answering(202));
    let created = served.create("/ssf/stream", &served.main_token, &main);
    assert_eq!(created.await.status, 201);
    let created = served.create("/acme/ssf/stream", &served.acme_token, &acme);
    assert_eq!(created.await.json()["aud"], "https://acme-rp.example.com");
    let accepted = served.hand_in("?issuer=acme", "of-acme@example.com");
    assert_eq!(accepted.await, 202);
    assert_eq!(served.hand_in("", "of-main@example.com").await, 202);
    let root = format!("http://{}", served.transmitter.address);
    let about = |endpoint: &Endpoint| {
        let claims: Value = claims_of(&endpoint.next().set);
        (claims["iss"].clone(), claims["sub_id"]["email"].clone())
    };
    let of_acme = (format!("{root}/acme"), "of-acme@example.com");
    assert_eq!(about(&acme), (json!(of_acme.0), json!(of_acme.1)));
    assert_eq!(about(&main), (json!(root), json!("of-main@example.com")));
    assert_eq!((main.rest().len(), acme.rest().len()), (0, 0));
}

#[tokio::test]
async fn events_are_handed_in_for_one_issuer_that_is_served() {
    let served = Served::start();
    for query in ["?issuer=other", "?issuer=", "?issuer=acme&issuer=main"] {
        let refused = served.hand_in(query, "nobody@example.com").await;
        assert_eq!(refused, 400, "{query}");
    }
}

#[test]
fn a_receiver_is_not_registered_at_an_issuer_that_is_not_configured() {
    let added = add_receiver_of(&Installation::new(), "acme");
    assert_eq!(added.status.code(), Some(1));
    assert_eq!(
        text(&added.stderr).trim(),
        "error: there is no issuer acme: the setting issuers has to name it"
    );
}
