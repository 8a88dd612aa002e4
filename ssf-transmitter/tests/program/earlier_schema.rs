//! A database of the first schema, as the program of that time left it: a stream with one delivery that has failed
//! four times.

use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::cluster::Cluster;
use crate::rig::{Answer, Endpoint, Installation, claims_of, client, text, value};

/// Ids and tokens of one of the two databases.
struct Left {
    stream: &'static str,
    receiver_token: &'static str,
    event: &'static str,
}

async fn goes_on(installation: &Installation, left: &Left) {
    let transmitter = installation.serve_with(&["--issuer", "https://tr.example.com/tenant"]);
    assert_eq!(transmitter.operator_token, None, "it is not a new database");
    let endpoint = Endpoint::answering(202);
    let change = json!({
        "stream_id": left.stream,
        "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint.url},
    });
    let request = client().patch(transmitter.url("/tenant/ssf/stream"));
    let answer = Answer::to(request.json(&change).bearer_auth(left.receiver_token)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pushed = endpoint.next();
    let claims = claims_of(&pushed.set);
    assert_eq!(claims["txn"], left.event);
    assert_eq!(claims["sub_id"]["email"], "alice@example.com");
    let ledger = installation.run(&["ledger"]);
    assert!(ledger.status.success(), "{}", text(&ledger.stdout));
    assert_eq!(value(&text(&ledger.stdout), "accepted").unwrap(), "1");
}

async fn load(url: &str, dump: &str) {
    let database = Database::connect(url).await.unwrap();
    database.execute_unprepared(dump).await.unwrap();
    database.close().await.unwrap();
}

fn installation() -> Installation {
    Installation::new()
        .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256")
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        // What is pending there is years old.
        .with("SSF_TRANSMITTER_RETENTION_DAYS", "3650")
}

#[tokio::test]
async fn a_sqlite_database_of_the_first_schema_is_opened_and_goes_on() {
    let installation = installation();
    let path = installation.path("ssf-transmitter.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    load(&url, include_str!("../fixtures/m0001/sqlite.sql")).await;
    let left = Left {
        stream: "b46875c0527441ed9bb3c9034ea588c4",
        receiver_token: "ssf_rx_nsxHP2qCITZE6d_wwFXaSL23e8nP9myc-voIUzwdfm8",
        event: "01a20ad4e3397643a8910f26f9e06bdc",
    };
    goes_on(&installation, &left).await;
}

#[tokio::test]
async fn a_postgresql_database_of_the_first_schema_is_opened_and_goes_on() {
    let url = Cluster::of_this_run().new_database();
    load(&url, include_str!("../fixtures/m0001/postgres.sql")).await;
    let installation = installation().with("SSF_TRANSMITTER_DATABASE_URL", url);
    let left = Left {
        stream: "8eb9d8def3ba40d7a35d1242b5f0ff41",
        receiver_token: "ssf_rx_qZw4k0eMgHU3wgcrP9zvoQxvdszz4FY8alygOnQiyMA",
        event: "01a20ad4f41a7ca2a18a0e8b23685001",
    };
    goes_on(&installation, &left).await;
}

#[tokio::test]
async fn a_database_that_has_a_later_step_and_lacks_an_earlier_one_gets_that() {
    let installation = Installation::new();
    installation.add_receiver("rp");
    let path = installation.path("ssf-transmitter.db");
    let url = format!("sqlite://{}", path.display());
    let before = "ALTER TABLE receiver DROP COLUMN profile;
        DELETE FROM seaql_migrations WHERE version = 'm0012_name_profiles'";
    load(&url, before).await;
    let list = text(&installation.run(&["receiver", "list"]).stdout);
    assert!(list.contains("\tssf-1.0"), "{list}");
}
