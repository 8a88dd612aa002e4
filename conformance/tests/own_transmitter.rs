//! Our own transmitter, judged like any other.

use ssf_conformance::{
    checks::{self, Verdict},
    report::{Conclusion, Report},
    target::Target,
    wire::{Settings, Wire},
};
use ssf_transmitter::{
    config::{Config, Layers},
    domain::issuer::IssuerName,
    server::Server,
    telemetry,
};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_transmitter_is_conformant() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", directory.path().join("tr.db").display());
    let layers = Layers::default()
        .flag("--listen", "listen", Some("127.0.0.1:0".to_owned()))
        .flag("--database-url", "database_url", Some(database));
    let config = Config::read(layers).unwrap();
    let metrics = telemetry::start_metrics().unwrap();
    let server = Server::start(config, metrics).await.unwrap();
    let issuer = server.issuers().of(&IssuerName::default()).unwrap();
    let target = Target::parse(issuer.as_str()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));

    let wire = Wire::new(&target, &Settings::default()).unwrap();
    let recording = wire.metadata(target).await.unwrap();
    let report = Report::new(recording, checks::metadata());

    drop(stop);
    serving.await.unwrap().unwrap();
    let broken: Vec<_> = report
        .findings()
        .iter()
        .filter(|finding| matches!(finding.verdict, Verdict::Failed | Verdict::Warning))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(report.conclusion(), Conclusion::Conformant);
}
