//! A process: tasks that die together, at whatever await they have come to.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    task::AbortHandle,
    time::Instant,
};

use super::oracle::Oracle;

/// A process. What runs in it takes a step wherever it touches the world; there it can die, or stand still. What panics in it
/// breaks the world.
#[derive(Debug)]
pub(crate) struct Process {
    oracle: Arc<Oracle>,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug)]
struct State {
    is_alive: bool,
    /// It dies at the step that finds 0 here.
    steps_left: Option<u64>,
    /// It stands still until then, as a suspended machine does.
    stands_until: Option<Instant>,
    tasks: Vec<AbortHandle>,
}

impl Process {
    pub(crate) fn new(oracle: Arc<Oracle>) -> Self {
        Self {
            oracle,
            state: Mutex::new(State {
                is_alive: true,
                steps_left: None,
                stands_until: None,
                tasks: Vec::new(),
            }),
            ended: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.state().is_alive
    }

    /// Runs a task in the process.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        if state.is_alive {
            state.tasks.retain(|task| !task.is_finished());
            let task = tokio::spawn(self.oracle.watches(task));
            state.tasks.push(task.abort_handle());
        }
    }

    /// Runs a task in the process and waits for what it brings; `None` if the process dies before.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.spawn(async move {
            // Whoever asked may have hung up.
            _ = answer.send(task.await);
        });
        answered.await.ok()
    }

    /// Has the process die after so many more steps.
    pub(crate) fn dies_after(&self, steps: u64) {
        self.state().steps_left = Some(steps);
    }

    /// Has the process stand still until then: no step ends before.
    pub(crate) fn stands_until(&self, moment: Instant) {
        self.state().stands_until = Some(moment);
    }

    /// Takes back what was to befall the process.
    pub(crate) fn spare(&self) {
        let mut state = self.state();
        state.steps_left = None;
        state.stands_until = None;
    }

    /// Waits until all tasks of the process have come to their end.
    pub(crate) async fn finishes(&self) {
        let is_busy = |state: &State| state.tasks.iter().any(|task| !task.is_finished());
        while is_busy(&self.state()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the process here and now.
    pub(crate) fn die(&self) {
        let mut state = self.state();
        state.is_alive = false;
        for task in state.tasks.drain(..) {
            task.abort();
        }
        self.ended.notify_one();
    }

    /// Waits until the process is over; for one who waits.
    pub(crate) async fn ended(&self) {
        while self.is_alive() {
            self.ended.notified().await;
        }
    }

    /// Takes a step, unless the process dies here: then this never returns.
    pub(crate) async fn step(&self) {
        loop {
            match self.next() {
                Next::Go => return,
                Next::StandUntil(moment) => tokio::time::sleep_until(moment).await,
                Next::Die => {
                    self.die();
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.state();
        let stands_until = state.stands_until.filter(|until| *until > Instant::now());
        if !state.is_alive {
            return Next::Die;
        }
        if let Some(moment) = stands_until {
            return Next::StandUntil(moment);
        }
        match state.steps_left.as_mut() {
            Some(0) => Next::Die,
            Some(left) => {
                *left -= 1;
                Next::Go
            }
            None => Next::Go,
        }
    }
}

/// What comes of a step.
enum Next {
    Go,
    StandUntil(Instant),
    Die,
}
