//! The published retention, in the program.

use sea_orm::{ConnectionTrait, Database};

use crate::rig::{Answer, Installation, PATIENCE, client, event_about, stream_for, text, value};

/// Waits until the ledger says so.
async fn counted(installation: &Installation, name: &str, expected: &str) {
    let waited = async {
        loop {
            let output = installation.run(&["ledger"]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            if value(&text(&output.stdout), name).as_deref() == Some(expected) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

/// Makes everything older by a number of days.
async fn age(installation: &Installation, days: u64) {
    let path = installation.path("ssf-transmitter.db");
    let url = format!("sqlite://{}", path.display());
    let database = Database::connect(url).await.unwrap();
    let millis = days * 24 * 60 * 60 * 1000;
    for (table, columns) in [
        ("delivery", ["iat", "settled_at"]),
        ("event", ["accepted_at", "dispatched_at"]),
    ] {
        let set = columns.map(|column| format!("{column} = {column} - {millis}"));
        let sql = format!("UPDATE {table} SET {}", set.join(", "));
        database.execute_unprepared(&sql).await.unwrap();
    }
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_nobody_fetched_in_a_month_is_dropped_and_three_months_later_nothing_is_left_of_it() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let receiver = installation.add_receiver("rp");
    // Nobody listens there.
    let create = client().post(transmitter.url("/ssf/stream"));
    let create = create.json(&stream_for("http://127.0.0.1:9/events"));
    assert_eq!(Answer::to(create.bearer_auth(receiver)).await.status, 201);
    let token = transmitter.operator_token.clone().unwrap();
    let emit = client().post(transmitter.url("/ingest/events"));
    let emit = emit.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(emit.bearer_auth(token)).await.status, 202);
    counted(&installation, "pending", "1").await;
    drop(transmitter);

    age(&installation, 31).await;
    let transmitter = installation.serve();
    counted(&installation, "dropped.retention", "1").await;
    counted(&installation, "pending", "0").await;
    drop(transmitter);

    age(&installation, 91).await;
    let _transmitter = installation.serve();
    let path = installation.path("ssf-transmitter.db");
    let url = format!("sqlite://{}?mode=ro", path.display());
    let database = Database::connect(url).await.unwrap();
    let gone = async {
        for table in ["delivery", "event", "fan_out_record"] {
            let sql = format!("SELECT 1 FROM {table}");
            while !database
                .query_all_raw(statement(&sql))
                .await
                .unwrap()
                .is_empty()
            {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    counted(&installation, "matched", "1").await;
}

fn statement(sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Sqlite, sql)
}
