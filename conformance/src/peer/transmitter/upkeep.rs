//! What its owner does: has another key sign, or has it end and begin again.

use serde_json::Value;

use super::{Refusal, Transmitter};
use crate::{
    context::locked,
    peer::{Asked, Reply, site::JWKS_PATH},
};

/// What a transmitter that is not sound forgets when it begins again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forgets {
    /// What it had to deliver.
    Sets,
    /// Its streams.
    Streams,
    /// That streams were paused.
    Statuses,
    /// Which subjects were added.
    Subjects,
}

/// What a transmitter that is not sound does when another key has to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rotation {
    /// It signs with a key that is not published.
    Unpublished,
    /// It publishes the former key no longer.
    FormerGone,
}

impl Transmitter {
    /// What it publishes there, with the keys of now.
    pub(super) fn published(&self, asked: &Asked) -> Reply {
        let published = self.published.get(&asked.path);
        let found = published.filter(|_| asked.method == "GET").cloned();
        let Some(mut found) = found else {
            return Reply::error(404);
        };
        let keys = self.signer.further_keys();
        let rotation = self.spoilt.rules().rotation;
        if asked.path == JWKS_PATH && !keys.is_empty() && rotation != Some(Rotation::Unpublished) {
            found.change(|set| {
                if let Some(Value::Array(published)) = set.get_mut("keys") {
                    if rotation == Some(Rotation::FormerGone) {
                        published.clear();
                    }
                    let kept = match rotation {
                        Some(Rotation::FormerGone) => keys.len().saturating_sub(1),
                        Some(Rotation::Unpublished) | None => 0,
                    };
                    published.extend(keys.into_iter().skip(kept));
                }
            });
        }
        found
    }

    pub(super) fn rotate_key(&self) -> Result<Reply, Refusal> {
        self.signer.rotate().map_err(|_| Reply::error(500))?;
        Ok(Reply::error(200))
    }

    /// It keeps all that it knows, unless that is what is wrong with it.
    pub(super) fn restart(&self) -> Reply {
        let mut state = locked(&self.state);
        match self.spoilt.rules().forgets {
            None => {}
            Some(Forgets::Streams) => state.streams.clear(),
            Some(Forgets::Sets) => state.streams.values_mut().for_each(|one| one.queue.clear()),
            Some(Forgets::Statuses) => {
                let all = state.streams.values_mut();
                all.for_each(|one| "enabled".clone_into(&mut one.status));
            }
            Some(Forgets::Subjects) => {
                state
                    .streams
                    .values_mut()
                    .for_each(|one| one.coverage.forget());
            }
        }
        drop(state);
        self.changed.notify_waiters();
        Reply::error(200)
    }
}
