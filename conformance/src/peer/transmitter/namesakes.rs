//! What is wrong with two streams of the reference that have one description.

use serde_json::{Map, Value};

use super::{Owner, State, Stream, Transmitter};
use crate::peer::Reply;

/// What a transmitter that is not sound makes of two streams with one description: it confuses those of one case alone, so that no
/// other case is disturbed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Namesakes {
    /// They are one stream.
    AreOne,
    /// The status of one is that of the other.
    ShareStatus,
    /// When one is deleted, the other is gone as well.
    EndTogether,
    /// That of another Receiver gets the id of the first.
    ShareId,
    /// The second is refused with this status.
    Refused(u16),
    /// The second is refused with 409, and the first has what was asked for it.
    Overwritten,
}

impl Transmitter {
    /// The id of a new stream, which might have another; or what is answered instead of making it.
    pub(super) fn name(
        &self,
        state: &mut State,
        id: String,
        stream: &Stream,
        body: &Map<String, Value>,
    ) -> Result<String, Reply> {
        let Some(wrong) = self.spoilt.rules().namesakes else {
            return Ok(id);
        };
        let Some(first) = namesakes(state, stream).into_iter().next() else {
            return Ok(id);
        };
        match wrong {
            Namesakes::AreOne => {
                let known = state.streams.get(&first).unwrap_or(stream);
                Err(Reply::with(201, &self.configuration(&first, known)))
            }
            Namesakes::Refused(status) => Err(Reply::error(status)),
            Namesakes::Overwritten => {
                if let Some(known) = state.streams.get_mut(&first) {
                    self.change(known, &first, body)?;
                }
                Err(Reply::error(409))
            }
            Namesakes::ShareId if stream.owner == Owner::Other => Ok(first),
            Namesakes::ShareId | Namesakes::ShareStatus | Namesakes::EndTogether => Ok(id),
        }
    }

    /// Has the namesakes of a stream be gone with it, where they end together.
    pub(super) fn end_namesakes(&self, state: &mut State, stream: &Stream) {
        if self.spoilt.rules().namesakes == Some(Namesakes::EndTogether) {
            for id in namesakes(state, stream) {
                state.streams.remove(&id);
            }
        }
    }

    /// Has the namesakes of a stream have its status, where they share it.
    pub(super) fn share_status(&self, state: &mut State, stream: &Stream) {
        if self.spoilt.rules().namesakes == Some(Namesakes::ShareStatus) {
            for id in namesakes(state, stream) {
                if let Some(other) = state.streams.get_mut(&id) {
                    self.enter(other, &stream.status, stream.reason.as_ref());
                }
            }
        }
    }
}

/// The streams that have the description of this one, which may be one of them.
fn namesakes(state: &State, stream: &Stream) -> Vec<String> {
    let same = |(_, other): &(&String, &Stream)| other.description == stream.description;
    let streams = state.streams.iter().filter(same);
    streams.map(|(id, _)| id.clone()).collect()
}
