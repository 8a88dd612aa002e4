//! What a peer tells while it is at work, one line for each exchange.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::mpsc;

use crate::printable::printable;

/// Most lines that wait for whoever reads them; more are left out, so that nobody is held up by a terminal.
const LINES_MAX: usize = 4096;

/// Where lines go. Nothing that is secret, and no body, stands in them.
#[derive(Clone, Debug)]
pub struct Journal {
    lines: Option<mpsc::Sender<String>>,
    left_out: Arc<AtomicU64>,
}

/// The lines of a journal.
pub type Lines = mpsc::Receiver<String>;

impl Journal {
    /// A journal, and its lines.
    pub fn open() -> (Self, Lines) {
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let journal = Self {
            lines: Some(sender),
            left_out: Arc::default(),
        };
        (journal, lines)
    }

    /// One that nobody reads.
    pub fn closed() -> Self {
        Self {
            lines: None,
            left_out: Arc::default(),
        }
    }

    /// How many lines were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, line: &str) {
        let Some(lines) = &self.lines else {
            return;
        };
        if lines.try_send(printable(line)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}
