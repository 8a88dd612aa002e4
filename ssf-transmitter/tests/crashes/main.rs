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
mod node;
#[cfg(test)]
mod producer;
#[cfg(test)]
mod receiver;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "../program/rig.rs"]
mod rig;

#[cfg(test)]
mod tests {
    use crate::{campaign::Campaign, cluster::Cluster, rig::Installation};

    /// Signatures that cost little, so that there is more load, and leases that pass soon.
    fn installation() -> Installation {
        Installation::new()
            .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256")
            .with("SSF_TRANSMITTER_LEASE_SECONDS", "3")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_by_crashes_of_one_node_on_sqlite() {
        let installation = installation();
        let path = installation.path("ssf-transmitter.db");
        let url = format!("sqlite://{}", path.display());
        Campaign::begin("sqlite", installation, url, 1)
            .await
            .run()
            .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_by_crashes_of_three_nodes_on_postgres() {
        let url = Cluster::of_this_run().new_database();
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let installation = installation()
            .with("SSF_TRANSMITTER_DATABASE_URL", url.clone())
            .with("SSF_TRANSMITTER_ENCRYPTION_KEY", key);
        Campaign::begin("postgres", installation, url, 3)
            .await
            .run()
            .await;
    }
}
