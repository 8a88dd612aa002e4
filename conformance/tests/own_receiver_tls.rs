//! Our own receiver, judged by which certificates it trusts: those that this machine does, which its environment says.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    env, fs, future,
    io::{Read, stdin},
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ssf_conformance::{
    cases,
    checks::Verdict,
    peer::host::{Host, Settings},
    push::{self, OverStream, PushRun},
    record::Ended,
    results::Line,
    wire,
};
use ssf_receiver::Receiver;

const TOKEN: &str = "management-s3cret";

const ISSUER: &str = "SSF_TEST_ISSUER";

/// A receiver that is a process of its own.
struct Process(Child);

impl Process {
    fn start(issuer: &str, authorities: &Path) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_receiver", "--ignored"])
            .env(ISSUER, issuer)
            .env("SSL_CERT_FILE", authorities)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the other tests start"]
async fn a_receiver() {
    let issuer = env::var(ISSUER).unwrap();
    let receiver = Receiver::polling(issuer).management_token(TOKEN);
    let _receiver = receiver.in_memory().start().await.unwrap();
    // Ends with whoever started it.
    let ended = tokio::task::spawn_blocking(|| stdin().read(&mut [0]));
    ended.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_asks_nothing_behind_an_unsound_certificate_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let host = Host::start(Settings {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        security: push::Security::OwnAuthority,
        token: TOKEN.to_owned(),
        audience: "https://rp.example.com".to_owned(),
        inactivity: Duration::from_hours(24),
        settle: Duration::from_secs(25),
        wire: wire::Settings::default(),
    });
    let host = host.unwrap();
    let authorities = directory.path().join("ca.pem");
    fs::write(&authorities, host.root().unwrap()).unwrap();
    let _receiver = Process::start(host.issuer(), &authorities);
    let given = OverStream {
        patience: Duration::from_mins(1),
        ..OverStream::new(host)
    };
    let run = PushRun::over_stream(given).await.unwrap();
    let chosen: Vec<_> = cases::receiver()
        .filter(|case| case.requirement() == "INTEROP-006")
        .collect();
    let results = push::judge(&run, &chosen, |_| {}, future::pending()).await;
    assert_eq!(results.len(), 3);
    for result in &results {
        let ended = &result.ended;
        assert_eq!(*ended, Ended::Judged(Verdict::Passed), "{}", Line(result));
    }
}
