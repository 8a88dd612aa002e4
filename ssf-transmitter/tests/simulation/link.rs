//! The network between a node and the applications: it loses, delays, reorders and doubles, and has proxies with moods.

use std::{sync::Arc, time::Duration};

use ssf_transmitter::{
    domain::profile::Profile,
    ports::{Clock, NotSent, Push},
};
use ssf_types::{
    error::ErrCode,
    push::{Answer, Exchange, NoAnswer, PushError, PushOutcome, classify},
    set::CompactSet,
    stream::PushDelivery,
};
use tokio::sync::oneshot;

use super::{
    application::Reply, chance, clock::WorldClock, oracle::Claims, process::Process, world::World,
};

/// How long an attempt may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// What proxies answer, and applications that are about to start.
const MOODS: [u16; 8] = [429, 503, 500, 502, 401, 404, 302, 204];

/// How a node sends SETs.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) world: Arc<World>,
    pub(crate) process: Arc<Process>,
    pub(crate) clock: WorldClock,
}

impl Push for Link {
    type Place = ();

    /// Others may be there.
    fn place(&self, _: &PushDelivery) -> Option<Self::Place> {
        (!self.world.strikes(self.world.plan.crowded)).then_some(())
    }

    async fn push(
        &self,
        (): Self::Place,
        to: &PushDelivery,
        profile: Profile,
        set: CompactSet,
    ) -> Result<PushOutcome, NotSent> {
        if !self.process.is_alive() {
            std::future::pending::<()>().await;
        }
        let number = self.world.at(&to.endpoint_url);
        let is_kept = |jti: &str| self.world.is_kept(jti);
        let claims = Claims::of(set.as_str());
        self.world.oracle.begins(number, &claims, is_kept);
        self.process.step().await;
        let exchange = tokio::time::timeout(PUSH_TIMEOUT, self.exchange(number, set));
        let ended = exchange.await.unwrap_or(Err(NoAnswer::Timeout));
        self.process.step().await;
        let exchange = match &ended {
            Ok(reply) => Exchange::Answered(Answer {
                status: reply.status,
                retry_after: reply.retry_after.as_deref(),
                body: reply.body.as_bytes(),
            }),
            Err(reason) => Exchange::Unanswered(*reason),
        };
        let now = self.clock.now();
        Ok(classify(exchange, profile.acknowledge(), now))
    }
}

impl Link {
    async fn exchange(&self, number: usize, set: CompactSet) -> Result<Reply, NoAnswer> {
        let world = &self.world;
        let plan = &world.plan;
        world.travel().await;
        if world.strikes(plan.lost) {
            return Err(NoAnswer::Connect);
        }
        if world.strikes(plan.turned_away) {
            return Ok(turned_away());
        }
        if world.strikes(plan.refused) {
            return Ok(refused());
        }
        let (answer, answered) = oneshot::channel();
        let times = 1 + u64::from(world.strikes(plan.doubled));
        // The network goes on when the node dies.
        let arriving = arrive(Arc::clone(world), number, set, times, answer);
        tokio::spawn(world.oracle.watches(arriving));
        let reply = answered.await.map_err(|_| NoAnswer::Interrupted)?;
        world.travel().await;
        if world.strikes(plan.lost) {
            return Err(NoAnswer::Interrupted);
        }
        reply.ok_or(NoAnswer::Connect)
    }
}

/// Brings a SET to an application, perhaps twice; one of the answers goes back.
async fn arrive(
    world: Arc<World>,
    number: usize,
    set: CompactSet,
    times: u64,
    answer: oneshot::Sender<Option<Reply>>,
) {
    let mut answer = Some(answer);
    let answers_to = chance::within(1..=times);
    for time in 1..=times {
        world.travel().await;
        let token = set.as_str().to_owned();
        let reply = world.applications[number].takes(&world, token).await;
        if time == answers_to
            && let Some(answer) = answer.take()
        {
            _ = answer.send(reply);
        }
    }
}

fn turned_away() -> Reply {
    let mut reply = Reply::of(MOODS[chance::index(MOODS.len())]);
    if chance::happens(500) {
        reply.retry_after = Some(chance::within(0..=40).to_string());
    }
    reply
}

fn refused() -> Reply {
    let codes = [
        ErrCode::InvalidRequest,
        ErrCode::InvalidRequest,
        ErrCode::InvalidKey,
        ErrCode::InvalidAudience,
        ErrCode::AccessDenied,
    ];
    let code = codes[chance::index(codes.len())].clone();
    Reply::refusing(&PushError::new(code, "whatever"))
}
