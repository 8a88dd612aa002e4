//! Real crashes: processes that kill themselves at named points, under load, and what is lost by that, which is nothing.
//!
//! `SSF_CRASHES` says how many crashes there are at each point (5 unless it is set); `make kill-loops N=500` sets it.
#![cfg(all(feature = "server", feature = "failpoints"))]

#[cfg(test)]
mod campaign;
#[cfg(test)]
mod checker;
#[cfg(test)]
#[path = "../store/postgres/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "../load/event.rs"]
mod event;
#[cfg(test)]
mod node;
#[cfg(test)]
#[path = "../load/order.rs"]
mod order;
#[cfg(test)]
mod producer;
#[cfg(test)]
#[path = "../load/published.rs"]
mod published;
#[cfg(test)]
mod receiver;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "../program/rig.rs"]
mod rig;

#[cfg(test)]
mod tests {
    use std::{env, panic::resume_unwind, time::Instant};

    use tokio::task::JoinSet;

    use crate::{
        campaign::{Campaign, FIRST_POINTS, POINTS, STREAMS},
        checker::Verdict,
        cluster::Cluster,
        rig::Installation,
    };

    /// Signatures that cost little, so that there is more load, leases that pass soon, and keys that sign a moment after they
    /// were made, and are gone before there are too many.
    fn installation() -> Installation {
        Installation::new()
            .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256")
            .with("SSF_TRANSMITTER_LEASE_SECONDS", "3")
            .with("SSF_TRANSMITTER_KEY_PUBLISH_AHEAD_SECONDS", "3")
            .with("SSF_TRANSMITTER_KEY_RETIRE_AFTER_SECONDS", "30")
    }

    /// Runs campaigns side by side, which share the crashes at each point, and begin with different ones: while one waits for
    /// a lease to pass, others have something to do.
    async fn nothing_is_lost(engine: &'static str, campaigns: Vec<Campaign>) {
        let began = Instant::now();
        let crashes = env::var("SSF_CRASHES").map_or(5, |number| number.parse().unwrap());
        let count = campaigns.len();
        let mut running = JoinSet::new();
        for (place, campaign) in campaigns.into_iter().enumerate() {
            let share = crashes / count + usize::from(place < crashes % count);
            let first = place * FIRST_POINTS / count;
            running.spawn(campaign.run(first, share));
        }
        let mut verdict = Verdict::default();
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
            verdict = verdict.and(&ended);
        }
        println!(
            "{engine}: {} crashes in {:.0?}, on {} streams: {verdict}",
            crashes * POINTS.len(),
            began.elapsed(),
            STREAMS.len(),
        );
        assert_eq!(verdict, verdict.without_fault());
        let given_up = verdict.given_up_arrived + verdict.given_up_absent;
        assert!(given_up > 0, "no source has given an event up");
        // Each campaign begins with one key.
        assert!(verdict.signers > count, "no key that was rotated to signed");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_by_crashes_of_one_node_on_sqlite() {
        let installation = installation();
        let path = installation.path("ssf-transmitter.db");
        let url = format!("sqlite://{}", path.display());
        let campaign = Campaign::begin("sqlite".to_owned(), installation, url, 1).await;
        nothing_is_lost("sqlite", vec![campaign]).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_by_crashes_of_three_nodes_on_postgres() {
        const SIDE_BY_SIDE: usize = 5;
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let mut campaigns = Vec::new();
        for number in 1..=SIDE_BY_SIDE {
            let url = Cluster::of_this_run().new_database();
            let installation = installation()
                .with("SSF_TRANSMITTER_DATABASE_URL", url.clone())
                .with("SSF_TRANSMITTER_ENCRYPTION_KEY", key);
            let name = format!("postgres {number}");
            campaigns.push(Campaign::begin(name, installation, url, 3).await);
        }
        nothing_is_lost("postgres", campaigns).await;
    }
}
