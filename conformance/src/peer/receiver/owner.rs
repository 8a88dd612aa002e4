//! The reference Receiver as the owner of a stream: it makes it, takes its SETs, and makes another one when it is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::take,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use tokio::{sync::mpsc, time::sleep};
use url::Url;

use super::{
    Breaks, Manners, Orders, Patience, Pushed, Verdict, asking::Place, fault::LATE,
    sessions::Sessions, taking::Push,
};
use crate::{
    event_types::VERIFICATION,
    exchange::Request,
    push::{SESSION_REVOKED, SESSIONS_REVOKED},
    wire::Wire,
};

/// The pause where the Transmitter does not say how long it has to be.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// How long a verification may take to come that has to come at once.
const BRIEF: Duration = Duration::from_secs(1);

/// Whether its stream is there.
pub(super) enum Standing {
    There,
    Gone,
}

/// A SET that has arrived.
pub(super) struct Arrived<'a> {
    /// The name that a poll brought it under.
    pub(super) name: Option<&'a str>,
    /// The request that brought it.
    pub(super) brought: Pushed,
    pub(super) token: &'a [u8],
}

pub(super) struct Owner {
    pub(super) orders: Orders,
    pub(super) breaks: Option<Breaks>,
    pub(super) manners: Manners,
    pub(super) wire: Wire,
    /// Where it is pushed to, and what comes there.
    pub(super) push_url: Url,
    pub(super) pushes: mpsc::Receiver<Push>,
    /// What has to be shown there.
    pub(super) secret: Option<String>,
    /// The token, once it has one.
    pub(super) shown: Option<String>,
    pub(super) jwks: Value,
    /// Whether it has asked for all that it asks for once.
    pub(super) has_tended: bool,
    /// The states of verifications, and when they were asked for.
    pub(super) states: BTreeMap<String, Instant>,
    pub(super) seen: BTreeSet<String>,
    pub(super) acknowledged: Vec<String>,
    pub(super) errors: Map<String, Value>,
    /// Members of subjects that must not be left out.
    pub(super) critical: Value,
    pub(super) sessions: Sessions,
}

impl Owner {
    pub(super) async fn run(mut self) {
        loop {
            let place = loop {
                match self.set_up().await {
                    Some(place) => break place,
                    None => sleep(PAUSE).await,
                }
            };
            match place {
                Place::Poll(endpoint) => {
                    if take(&mut self.manners.rests_before_it_polls) {
                        sleep(LATE).await;
                    }
                    while let Standing::There = self.poll(&endpoint).await {}
                }
                Place::Push(stay) => self.take_pushes(&stay).await,
            }
            if self.manners.does_without {
                return;
            }
        }
    }

    /// What becomes of a SET; `None` if it is left alone.
    pub(super) async fn judged(&mut self, arrived: Arrived<'_>) -> Option<Verdict> {
        let mut pushed = self.taken_apart(&arrived, &self.jwks);
        if self.jwks.is_null() {
            (pushed.is_key_known, pushed.is_verified) = (true, true);
        }
        if pushed.is_token && !pushed.is_key_known && !self.manners.keeps_its_first_keys {
            let metadata = self
                .ask(Request::get(self.orders.issuer.metadata_url()))
                .await?;
            let metadata = metadata.object().ok()?;
            let url = metadata.get("jwks_uri").and_then(Value::as_str)?;
            self.fetch_keys(Url::parse(url).ok()?).await?;
            pushed = self.taken_apart(&arrived, &self.jwks);
        }
        if let Some(Breaks::Follows(member)) = self.breaks
            && let Some(url) = pushed.header.get(member).and_then(Value::as_str)
            && let Ok(url) = Url::parse(url)
            && let Some(answer) = self.ask(Request::get(url)).await
        {
            let jwks = serde_json::from_slice(&answer.body).unwrap_or_default();
            pushed = self.taken_apart(&arrived, &jwks);
        }
        let jti = pushed.claims.get("jti").and_then(Value::as_str);
        let name = arrived.name.or(jti).unwrap_or_default().to_owned();
        pushed.is_repeated = self.seen.contains(&name);
        if pushed.is_repeated && self.manners.leaves_repetitions_alone {
            return None;
        }
        let Orders {
            issuer, audience, ..
        } = &self.orders;
        let secret = self.secret.as_deref();
        let mut verdict = Verdict::of(&pushed, issuer.issuer(), audience, secret);
        self.look_at_the_stream(&name, &pushed, &mut verdict);
        if let Some(Breaks::Verdict(spoil)) = self.breaks {
            spoil(&pushed, &mut verdict);
        }
        let has_expired = pushed.claims.contains_key("exp");
        if verdict == Verdict::Accepted || (has_expired && self.manners.acts_before_it_judges) {
            self.act(&pushed);
        }
        if let Some(Breaks::Late(uri)) = self.breaks
            && pushed.is_about(uri)
        {
            sleep(LATE).await;
        }
        if verdict == Verdict::Accepted {
            self.seen.insert(name);
            if self.manners.patience == Patience::UntilTheNext {
                self.states.clear();
            }
        }
        Some(verdict)
    }

    fn taken_apart(&self, arrived: &Arrived<'_>, jwks: &Value) -> Pushed {
        let mut pushed = Pushed {
            dialect: self.orders.dialect,
            ..arrived.brought.clone()
        };
        pushed.take_apart(arrived.token, jwks);
        pushed
    }

    /// What no push shows: the name that a SET came under, and the states that were sent.
    fn look_at_the_stream(&self, name: &str, pushed: &Pushed, verdict: &mut Verdict) {
        if *verdict != Verdict::Accepted {
            return;
        }
        if pushed.claims["jti"] != name && !self.manners.takes_any_name {
            *verdict = Verdict::Refused("invalid_request");
        }
        let state = pushed.event().filter(|(uri, _)| *uri == VERIFICATION);
        let state = state
            .and_then(|(_, event)| event.get("state"))
            .and_then(Value::as_str);
        let is_foreign = state.is_some_and(|state| !self.waits_for(state));
        if is_foreign && !self.manners.takes_any_state {
            *verdict = Verdict::Refused(if self.manners.calls_states_invalid_requests {
                "invalid_request"
            } else {
                "invalid_state"
            });
        }
    }

    /// Whether a verification with this state was asked for, and may still come.
    fn waits_for(&self, state: &str) -> bool {
        let asked_at = self.states.get(state);
        asked_at.is_some_and(|at| match self.manners.patience {
            Patience::Endless | Patience::UntilTheNext => true,
            Patience::Brief => at.elapsed() < BRIEF,
        })
    }

    fn act(&self, pushed: &Pushed) {
        if let Some(subject) = pushed.subject()
            && let Some((SESSION_REVOKED | SESSIONS_REVOKED, event)) = pushed.event()
        {
            let at = event.get("event_timestamp");
            let at = at.or_else(|| pushed.claims.get("iat"));
            let at = at.and_then(Value::as_u64).unwrap_or_default();
            self.sessions.end(&subject, at, &self.critical);
        }
    }
}
