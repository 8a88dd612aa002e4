//! The command that balances the books, beside a server that runs, and the metric.

use sea_orm::{ConnectionTrait, Database};

use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Transmitter, client, event_about, stream_for, text,
    value,
};

async fn delivered(installation: &Installation, transmitter: &Transmitter) {
    let endpoint = Endpoint::answering(202);
    let receiver = installation.add_receiver("rp");
    let create = client().post(transmitter.url("/ssf/stream"));
    let create = create.json(&stream_for(&endpoint.url));
    assert_eq!(Answer::to(create.bearer_auth(receiver)).await.status, 201);
    let token = transmitter.operator_token.as_deref().unwrap();
    let emit = client().post(transmitter.url("/ingest/events"));
    let emit = emit.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(emit.bearer_auth(token)).await.status, 202);
    endpoint.next();
}

/// What the command prints once it says so.
async fn printed(installation: &Installation, name: &str, expected: &str) -> String {
    let waited = async {
        loop {
            let lines = text(&installation.run(&["ledger"]).stdout);
            if value(&lines, name).as_deref() == Some(expected) {
                return lines;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap()
}

#[tokio::test]
async fn the_ledger_is_printed_and_balances_beside_a_server_that_runs() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    delivered(&installation, &transmitter).await;
    let lines = printed(&installation, "acknowledged", "1").await;
    for (name, expected) in [
        ("accepted", "1"),
        ("dispatched", "1"),
        ("matched", "1"),
        ("numbered", "1"),
        ("pending", "0"),
        ("imbalance", "0"),
    ] {
        assert_eq!(value(&lines, name).as_deref(), Some(expected), "{name}");
    }
    assert!(installation.run(&["ledger"]).status.success());
}

#[tokio::test]
async fn a_lost_row_is_told_by_the_command_and_by_the_metric() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    delivered(&installation, &transmitter).await;
    printed(&installation, "acknowledged", "1").await;
    drop(transmitter);
    let path = installation.path("ssf-transmitter.db");
    let url = format!("sqlite://{}", path.display());
    let database = Database::connect(url).await.unwrap();
    let lose = "DELETE FROM fan_out_record";
    database.execute_unprepared(lose).await.unwrap();
    database.close().await.unwrap();
    let output = installation.run(&["ledger"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("the ledger is off by 1"), "{told}");
    let transmitter = installation.serve();
    let seen = async {
        loop {
            let metrics = client().get(transmitter.url("/metrics"));
            let metrics = Answer::to(metrics).await.body;
            if metrics.lines().any(|line| line == "ssf_ledger_imbalance 1") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
}
