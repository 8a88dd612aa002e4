//! A database that loses what it has not flushed: what it is, is the store in memory that keeps the contract; what is added
//! here is that it is far away, fails, and loses its power.
//!
//! 1. What is done is seen by all at once. Nobody is answered before it is flushed, nor is anybody who has seen it.
//! 2. Who is not answered cannot tell whether it was done.

mod deliveries;
mod events;
mod streams;

use std::{
    io,
    sync::{Arc, Mutex},
};

use ssf_transmitter::{ports::StoreError, testing::MemoryStore};
use tokio::sync::Notify;

use super::{chance, process::Process, world::World};

/// The one database of a world.
#[derive(Debug)]
pub(crate) struct Database {
    memory: MemoryStore,
    power: Mutex<Power>,
    changed: Notify,
    /// What is on disk while nothing is flushed, and how many events there are.
    disk: Mutex<Option<(MemoryStore, usize)>>,
}

/// How the database is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Power {
    /// It answers what was done since its last start, which was so many losses ago.
    On { losses: u64 },
    /// It does what it is asked, and flushes nothing.
    Failing { losses: u64 },
    /// It does nothing.
    Off { losses: u64 },
}

impl Power {
    fn losses(self) -> u64 {
        match self {
            Self::On { losses } | Self::Failing { losses } | Self::Off { losses } => losses,
        }
    }
}

impl Database {
    pub(crate) fn new() -> Self {
        Self {
            memory: MemoryStore::default(),
            power: Mutex::new(Power::On { losses: 0 }),
            changed: Notify::new(),
            disk: Mutex::default(),
        }
    }

    /// What it has, for whoever does not live in the world.
    pub(crate) fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    fn power(&self) -> Power {
        *self.power.lock().unwrap()
    }

    /// From now on, nothing is flushed.
    pub(crate) fn fail(&self, world: &World) {
        let losses = self.power().losses();
        let disk = (self.memory.snapshot(), world.oracle.appended_count());
        *self.disk.lock().unwrap() = Some(disk);
        self.becomes(Power::Failing { losses });
        world.oracle.note("the disk of the database stands still");
    }

    /// What was not flushed is gone, and nobody who waits for it is answered.
    pub(crate) fn lose(&self, world: &World) {
        let losses = self.power().losses() + 1;
        if let Some((disk, events)) = self.disk.lock().unwrap().take() {
            self.memory.restore(&disk);
            world.oracle.forget_appended(events);
        }
        self.becomes(Power::Off { losses });
        world.oracle.happens("the database loses its power");
    }

    /// It is there again.
    pub(crate) fn recover(&self, world: &World) {
        let losses = self.power().losses();
        self.becomes(Power::On { losses });
        world.oracle.note("the database is there again");
    }

    /// Waits until what was done before is on disk; whether it ever will be.
    async fn is_flushed(&self, since: Power) -> bool {
        loop {
            let changed = self.changed.notified();
            match self.power() {
                Power::On { losses } | Power::Off { losses } => return losses == since.losses(),
                Power::Failing { .. } => changed.await,
            }
        }
    }

    fn becomes(&self, power: Power) {
        *self.power.lock().unwrap() = power;
        self.changed.notify_waiters();
    }
}

/// How a process speaks to the database.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    world: Arc<World>,
    process: Arc<Process>,
}

impl Connection {
    pub(crate) fn new(world: Arc<World>, process: Arc<Process>) -> Self {
        Self { world, process }
    }

    fn memory(&self) -> &MemoryStore {
        self.world.database.memory()
    }

    /// Has something done, in one step. On the way there and on the way back, whoever asks may die.
    async fn step<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if !self.world.is_patient() {
            std::future::pending::<()>().await;
        }
        self.process.step().await;
        chance::pause(0..=1).await;
        let power = self.world.database.power();
        if matches!(power, Power::Off { .. }) || self.world.strikes(self.world.plan.unavailable) {
            return Err(unavailable("nothing was done"));
        }
        let done = work.await?;
        self.world.look_at_the_books();
        self.process.step().await;
        chance::pause(0..=2).await;
        let is_told = self.world.database.is_flushed(power).await;
        if !is_told || self.world.strikes(self.world.plan.untold) {
            return Err(unavailable("nobody can tell whether it was done"));
        }
        self.process.step().await;
        Ok(done)
    }
}

fn unavailable(why: &'static str) -> StoreError {
    StoreError::Unavailable(Box::new(io::Error::other(why)))
}
