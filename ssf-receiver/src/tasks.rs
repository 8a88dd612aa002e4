//! The background work of a receiver, and how it ends.

use std::sync::{Mutex, PoisonError};

use tokio::{sync::watch, task::AbortHandle};

/// What runs in the background; it is told to end when this is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    /// Tasks that may end anywhere.
    aborted: Mutex<Vec<AbortHandle>>,
    stop: watch::Sender<bool>,
    /// Closed when the task that is told to end has ended.
    ended: watch::Receiver<()>,
}

/// What a task that is told to end holds.
#[derive(Debug)]
pub(crate) struct Stop {
    told: watch::Receiver<bool>,
    /// Dropped with the task.
    _ending: watch::Sender<()>,
}

impl Tasks {
    /// No tasks yet, and what the one has to hold that shall be told to end.
    pub(crate) fn new() -> (Self, Stop) {
        let (stop, told) = watch::channel(false);
        let (ending, ended) = watch::channel(());
        let tasks = Self {
            aborted: Mutex::default(),
            stop,
            ended,
        };
        let stop = Stop {
            told,
            _ending: ending,
        };
        (tasks, stop)
    }

    /// Adds a task that may end anywhere.
    pub(crate) fn abort_at_end(&self, task: AbortHandle) {
        // A panic elsewhere leaves the list whole: each step adds one, or reads.
        let mut aborted = self.aborted.lock().unwrap_or_else(PoisonError::into_inner);
        aborted.push(task);
    }

    /// Tells the one to end that has something to finish.
    pub(crate) fn tell(&self) {
        self.stop.send_replace(true);
    }

    /// Tells the tasks to end, and waits until the one has ended that has something to finish.
    pub(crate) async fn stop(&self) {
        self.tell();
        let mut ended = self.ended.clone();
        // Nothing is ever sent there: this ends when the other side is dropped.
        let _ = ended.changed().await;
        self.abort();
    }

    fn abort(&self) {
        let aborted = self.aborted.lock().unwrap_or_else(PoisonError::into_inner);
        for task in aborted.iter() {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Stop {
    /// Waits until the task is told to end, or nobody is left who could tell it.
    pub(crate) async fn told(&mut self) {
        let _ = self.told.wait_for(|told| *told).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_stops_waits_until_the_task_has_finished_what_it_does() {
        let (tasks, mut stop) = Tasks::new();
        let (finished, mut seen) = watch::channel(false);
        tokio::spawn(async move {
            stop.told().await;
            tokio::task::yield_now().await;
            finished.send_replace(true);
            drop(stop);
        });
        tasks.stop().await;
        assert!(*seen.borrow_and_update());
        // Once more, by another clone of the receiver: there is nothing left to wait for.
        tasks.stop().await;
    }

    #[tokio::test]
    async fn a_task_ends_when_nobody_is_left_who_could_tell_it() {
        let (tasks, mut stop) = Tasks::new();
        drop(tasks);
        stop.told().await;
    }
}
