//! Our own transmitter, judged like any other.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

mod owner;
#[path = "../own/registered.rs"]
mod registered;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;
use ssf_conformance::{
    authority::Authority,
    case::Case,
    cases,
    checks::{Outcome, Verdict},
    event_types,
    exchange::Request,
    record::{CaseResult, Ended},
    results::Line,
    run::{Given, Outset, Run, judge},
    target_file::{
        Adapter, AdapterAddress, AuthorityFiles, Credentials, PushSettings, Secrets, TargetFile,
        Token,
    },
    wire::{Settings, Wire},
};
use ssf_transmitter::{
    access::AccessTokens,
    app::{
        clock::SystemClock,
        receivers::{self, NewCredential},
    },
    config::{Config, Layers},
    domain::issuer::IssuerName,
    ports::Clock,
    server::{Server, open_store},
    store::Access,
    telemetry,
};
use ssf_types::{time::Timestamp, uri::Issuer};
use url::Url;

use self::{
    owner::{Owner, Start},
    registered::registered,
};

const HOUR: Duration = Duration::from_hours(1);

/// Cases that cannot be run against it over loopback, or that it need not offer.
const NOT_RUN: [&str; 13] = [
    "SET-005",
    "SET-006",
    "SET-026",
    // Of several names of a subject it tells a Receiver the one that it knows.
    "SUBJ-033",
    "SUBJ-034",
    // Of streams that cover everybody, or nobody; each is run where it can be.
    "SSF-T-032",
    "SSF-T-034",
    "SSF-T-201",
    "SSF-T-205",
    // Where a Receiver may have one stream alone.
    "SSF-T-102",
    // Where idle streams are stopped.
    "SSF-T-090",
    "SSF-T-091",
    "SSF-T-092",
];

/// Streams cover nobody who was not added, and those who are removed from the next event on no longer.
const NOBODY: [(&str, &str); 2] = [
    ("default_subjects", "NONE"),
    ("subject_removal_grace_seconds", "0"),
];

/// Verifications may be so close together that a test can wait for the next.
const CLOSE: [(&str, &str); 1] = [("min_verification_interval_seconds", "1")];

/// A Receiver may have one stream.
const ONE_STREAM: [(&str, &str); 1] = [("streams_per_receiver_max", "1")];

/// Streams are paused whose receivers show no sign of life for a while that a test can wait for.
const IDLE: [(&str, &str); 1] = [("inactivity_timeout_seconds", "10")];

/// Keys of the configuration, and values.
type Terms = &'static [(&'static str, &'static str)];

/// The files of the authority that vouches for where the tester takes pushes.
fn push_authority(directory: &Path) -> AuthorityFiles {
    AuthorityFiles {
        certificate: directory.join("push-ca.pem"),
        key: directory.join("push-ca.key"),
    }
}

/// The authority, which is made if it is not there yet.
fn kept(directory: &Path) -> Authority {
    let files = push_authority(directory);
    Authority::kept_in(&files.certificate, &files.key).unwrap()
}

fn config(directory: &Path, listen: SocketAddr, terms: Terms) -> Config {
    let database = format!("sqlite://{}", directory.join("tr.db").display());
    let trusted = push_authority(directory).certificate;
    let types: Vec<&str> = event_types::all().map(|known| known.uri).collect();
    let mut layers = Layers::default()
        .flag(
            "--trust-anchors-file",
            "trust_anchors_file",
            Some(trusted.display().to_string()),
        )
        .flag("--listen", "listen", Some(listen.to_string()))
        .flag("--events", "events_supported", Some(types.join(",")))
        .flag("--database-url", "database_url", Some(database));
    for (key, value) in terms {
        layers = layers.flag(key, key, Some((*value).to_owned()));
    }
    Config::read(layers).unwrap()
}

/// Registers two Receivers, and returns their tokens: the first one's, others of his that are less or nothing worth, and the second
/// one's; and that of an operator, who hands in events.
async fn secrets(config: &Config, issuer: &str, operator: &str) -> Secrets {
    let mut tokens = Vec::new();
    for name in ["rp", "other", "former"] {
        let credentials = vec![NewCredential::Bearer, NewCredential::ClientSecret];
        tokens.push(registered(config, name, credentials).await);
    }
    let (store, sealer) = open_store(config, Access::Administer).await.unwrap();
    let (receiver, own) = &tokens[0];
    let client_secret = own.client_secret.as_ref().unwrap().expose();
    let (former, _) = &tokens[2];
    let now = SystemClock.now();
    let rotated = receivers::rotate(&store, &sealer, former, Vec::new(), Duration::ZERO, now);
    rotated.await.unwrap();
    let client = format!("{}:{client_secret}", receiver.id);
    let manage_only = access_token(issuer, &client, "ssf.manage").await;
    let access = AccessTokens::new(sealer);
    let own_issuer = Issuer::parse(issuer).unwrap();
    let grant = access.read(&manage_only, &own_issuer, now).unwrap();
    let issue = |issuer: &str, since: Timestamp| {
        let issuer = Issuer::parse(issuer).unwrap();
        let token = access.issue(&grant, &issuer, since, HOUR);
        token.expose_secret().to_owned()
    };
    let bearer = |at: usize| tokens[at].1.bearer.as_ref().unwrap().expose().to_owned();
    let expired = issue(issuer, now.before(2 * HOUR));
    let foreign = issue("https://other.example.com", now);
    let read_only = access_token(issuer, &client, "ssf.read").await;
    Secrets {
        tokens: [
            (Token::Receiver, bearer(0)),
            (Token::ReadOnly, read_only),
            (Token::Other, bearer(1)),
            (Token::ManageOnly, manage_only),
            (Token::Expired, expired),
            (Token::Revoked, bearer(2)),
            (Token::OtherAudience, foreign),
        ]
        .into(),
        hooks: Adapter::ALL
            .map(|adapter| (adapter, operator.to_owned()))
            .into(),
    }
}

/// Asks the token endpoint for a token with this scope alone.
async fn access_token(issuer: &str, client: &str, scope: &str) -> String {
    let url = Url::parse(&format!("{issuer}/oauth/token")).unwrap();
    let mut request = Request::new("POST", url.clone());
    for (name, value) in [
        (
            "content-type",
            "application/x-www-form-urlencoded".to_owned(),
        ),
        (
            "authorization",
            format!("Basic {}", STANDARD.encode(client)),
        ),
    ] {
        request.headers.push((name.to_owned(), value));
    }
    request.body = format!("grant_type=client_credentials&scope={scope}").into_bytes();
    let exchange = Wire::to(&url, &Settings::default())
        .unwrap()
        .send(request)
        .await;
    let answer = exchange.result.unwrap().object().unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn target(issuer: &str, directory: &Path, hooks: SocketAddr) -> TargetFile {
    let mut file = TargetFile::of(issuer);
    file.limits.streams = 8;
    file.credentials = Credentials::all();
    file.adapters.set_status = Some(AdapterAddress::Hook {
        url: format!("{issuer}/operator/v1/streams/{{stream_id}}/status"),
        token_env: Some("OPERATOR".to_owned()),
    });
    file.push = Some(PushSettings {
        authority: Some(push_authority(directory)),
        ..PushSettings::default()
    });
    let hook = |path: &str| {
        let url = format!("http://{hooks}/{path}");
        let token_env = None;
        Some(AdapterAddress::Hook { url, token_env })
    };
    file.adapters.rotate_key = hook("rotate_key");
    file.adapters.restart = hook("restart");
    file.adapters.emit = Some(AdapterAddress::Hook {
        url: format!("{issuer}/ingest/events"),
        token_env: Some("OPERATOR".to_owned()),
    });
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_transmitter_is_conformant() {
    // A process has one recorder.
    let metrics = telemetry::start_metrics().unwrap();
    let start = || -> Start {
        let metrics = metrics.clone();
        Box::new(move |config| Box::pin(Server::start(config, metrics.clone())))
    };
    let results = judged(start(), &CLOSE, |_| true).await;
    assert_eq!(broken(&results), "");

    let of_conflicts = |case: &Case| case.requirement() == "SSF-T-102";
    let results = judged(start(), &ONE_STREAM, of_conflicts).await;
    let passed = |result: &CaseResult| result.ended == Ended::Judged(Verdict::Passed);
    assert!(
        results.len() == 1 && results.iter().all(passed),
        "{results:?}"
    );

    let of_inactivity = |case: &Case| case.tags.contains(&"inactivity");
    let results = judged(start(), &IDLE, of_inactivity).await;
    assert_eq!(results.len(), 5);
    for result in &results {
        assert!(passed(result), "{}", Line(result));
    }

    let of_subjects = |case: &Case| case.tags.contains(&"subjects");
    let results = judged(start(), &NOBODY, of_subjects).await;
    assert_eq!(broken(&results), "");
    let not_run = |result: &&CaseResult| matches!(result.ended, Ended::NotRun(_));
    let not_run = results.iter().filter(not_run);
    let not_run: Vec<&str> = not_run.map(|result| result.case.id).collect();
    assert_eq!(not_run, ["SSF-T-032.everybody"]);
}

/// Starts it on these terms, and judges it by the cases that are `chosen`.
async fn judged(start: Start, terms: Terms, chosen: fn(&Case) -> bool) -> Vec<CaseResult> {
    let directory = tempfile::tempdir().unwrap();
    // The server trusts it.
    let authority = kept(directory.path());
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let read = config(directory.path(), any, terms);
    let server = start(config(directory.path(), any, terms)).await.unwrap();
    let issuer = server.issuers().of(&IssuerName::default()).unwrap();
    let issuer = issuer.as_str().to_owned();
    let operator = server.new_token().unwrap().expose().to_owned();
    let owner = Owner::of(server, directory.path().to_owned(), terms, start);
    let hooks = owner.serve_hooks();

    let given = Given {
        secrets: secrets(&read, &issuer, &operator).await,
        file: target(&issuer, directory.path(), hooks),
        authorities: None,
        push_authority: Some(Arc::new(authority)),
    };
    let run = Run::begin(given, Outset { seed: 1, run_id: 1 })
        .await
        .unwrap();
    let chosen: Vec<_> = cases::transmitter().filter(|case| chosen(case)).collect();
    let results = judge(&run, &chosen, |_| {}, std::future::pending()).await;
    let left_behind = run.clean_up().await;

    owner.end().await;
    assert_eq!(left_behind, Vec::<String>::new());
    results
}

/// What is not fine, one line for each.
fn broken(results: &[CaseResult]) -> String {
    let lines = results.iter().filter(|result| !is_fine(result));
    let lines: Vec<String> = lines.map(|result| Line(result).to_string()).collect();
    lines.join("\n")
}

/// Passed, or a note, or not run for a reason that is known: without TLS nothing about https can be judged.
fn is_fine(result: &CaseResult) -> bool {
    match &result.ended {
        Ended::Judged(verdict) => matches!(verdict, Verdict::Passed | Verdict::Note),
        Ended::NotRun(why) => {
            let known = NOT_RUN.contains(&result.case.requirement());
            known
                || why.reason == Outcome::LOOPBACK
                || result.case.id == "SSF-T-002.last-slash-removed"
        }
        Ended::KnownDeviation { .. } | Ended::UnexpectedPass | Ended::Faulty(_) => false,
    }
}
