//! An application that polls, and acknowledges with the next poll.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ssf_types::{error::ErrCode, id::Jti, poll::PollRequest, push::PushError};
use tokio::time::timeout;

use super::{chance, cluster::Cluster, node::Node, oracle::Claims};

/// How long an application waits for an answer: longer than a poll takes.
const PATIENCE: Duration = Duration::from_secs(6);

/// What an application has to say about SETs, until it was heard.
#[derive(Clone, Debug, Default)]
struct Verdicts {
    taken: Vec<Jti>,
    refused: BTreeMap<Jti, PushError>,
}

/// Polls for an application, until the world ends.
pub(crate) async fn fetch(cluster: Arc<Cluster>, at: usize) {
    let mut unsaid = Verdicts::default();
    while !cluster.world.is_over() {
        let mut request = PollRequest::default();
        request.ack.clone_from(&unsaid.taken);
        request.set_errs.clone_from(&unsaid.refused);
        request.return_immediately = chance::happens(500);
        request.max_events = Some(chance::within(0..=4));
        let polling = move |node: Arc<Node>| async move { node.answers(at, request).await };
        let answer = timeout(PATIENCE, cluster.asks(polling)).await;
        if let Ok(Some(Some(sets))) = answer {
            unsaid = judge(&cluster, at, sets).await;
        }
        chance::pause(0..=1500).await;
    }
}

/// Has the application take SETs.
async fn judge(cluster: &Cluster, at: usize, sets: BTreeMap<Jti, String>) -> Verdicts {
    let world = &cluster.world;
    let mut verdicts = Verdicts::default();
    // Their names come by chance, their claims do not.
    let mut sets: Vec<(Jti, String)> = sets.into_iter().collect();
    sets.sort_by_cached_key(|(_, token)| {
        let claims = Claims::of(token);
        (
            world.oracle.user_of(&claims.txn).map(|_| claims.txn),
            (claims.is_announcement, claims.iat),
        )
    });
    for (jti, token) in sets {
        if world.strikes(world.plan.refused) {
            let error = PushError::new(ErrCode::InvalidRequest, "whatever");
            verdicts.refused.insert(jti, error);
            continue;
        }
        let reply = world.applications[at].takes(world, token).await;
        // Whatever else it is, the SET comes again.
        if reply.is_some_and(|reply| reply.status == 202) {
            verdicts.taken.push(jti);
        }
    }
    verdicts
}
