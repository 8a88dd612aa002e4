//! How long a receiver takes from its start until it can decide, with much that was revoked before.

use std::time::Instant;

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use ssf_receiver::{Builder, Receiver};
use ssf_types::{audience::Audience, secret::AuthorizationHeader};

use crate::{Fallible, TMP, measure::rounded};

/// The longest that is good enough, in seconds, with a million rows.
const GOAL: f64 = 5.0;

/// How many rows there are.
pub(crate) struct Scale {
    rows: u32,
}

impl Scale {
    pub(crate) const WHOLE: Self = Self { rows: 1_000_000 };
    pub(crate) const SMALL: Self = Self { rows: 1000 };
}

pub(crate) fn measure(scale: &Scale) -> Fallible<Vec<Value>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let directory = tempfile::tempdir_in(TMP)?;
    let file = directory.path().join("receiver.db");
    let url = format!("sqlite://{}", file.display());
    let seconds = runtime.block_on(async {
        builder(&url)?.start().await?.stop().await;
        fill(&url, scale.rows).await?;
        let begun = Instant::now();
        let receiver = builder(&url)?.start().await?;
        let seconds = begun.elapsed().as_secs_f64();
        let loaded = receiver.status().revocations;
        receiver.stop().await;
        if u32::try_from(loaded) != Ok(scale.rows) {
            return Err(format!("{loaded} revocations of {} were loaded", scale.rows).into());
        }
        Fallible::Ok(seconds)
    })?;
    let name = format!("restart of a receiver, {} entries", scale.rows);
    Ok(vec![json!({
        "name": name, "value": rounded(seconds, 2), "unit": "s", "goal": GOAL, "met": seconds <= GOAL,
    })])
}

/// Nothing is asked of the Transmitter before a receiver can decide, so that there need not be one.
fn builder(url: &str) -> Fallible<Builder> {
    let audience = Audience::new(["https://rp.example.com"])?;
    let secret = AuthorizationHeader::parse("Bearer secret")?;
    let receiver = Receiver::builder("https://127.0.0.1:9", "https://rp.example.com/push");
    // So many that nothing is forgotten for want of room.
    let receiver = receiver.revocations_max(u32::MAX);
    Ok(receiver.database(url).existing_stream(audience, secret))
}

/// Revocations as a transmitter leaves them behind: each of another user, and in no order.
async fn fill(url: &str, rows: u32) -> Fallible<()> {
    let database = Database::connect(url).await?;
    let fill = format!(
        "INSERT INTO mask (id, has, lacks, about) VALUES (1, '[]', '[]', '');
         INSERT INTO detail (id, event, reason) VALUES (1, 'urn:example:event', '');
         WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {rows})
         INSERT INTO revocation (key, kind, scope, mask, moment, until, detail)
         SELECT randomblob(16), 0, 0, 1, 1700000000 + n, 1700000000 + n, 1 FROM number"
    );
    database.execute_unprepared(&fill).await?;
    Ok(database.close().await?)
}
