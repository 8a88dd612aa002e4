//! How long one request may take.

use std::time::Duration;

/// How long the parts of one request may take. Each counts for itself, so that no peer can spend the time of one part on
/// another: who drips a head is given up before the whole time is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Deadlines {
    /// Until a connection stands, name resolution and TLS included; a connection that stands already takes none.
    pub connect: Duration,
    /// Until the head of the answer is there, connecting included.
    pub head: Duration,
    /// Until the body has been read, from the end of the head on.
    pub body: Duration,
    /// Until everything is over, waiting for a place at the host included.
    pub whole: Duration,
}

impl Deadlines {
    /// Limits a request to `whole`, and its parts to less; a part that is allowed more than the whole has the whole.
    pub const fn new(connect: Duration, head: Duration, body: Duration, whole: Duration) -> Self {
        Self {
            connect,
            head,
            body,
            whole,
        }
    }
}

impl Default for Deadlines {
    /// 5 seconds to connect, 8 until the head of the answer is there, 5 for its body, 10 for the whole.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self::new(seconds(5), seconds(8), seconds(5), seconds(10))
    }
}
