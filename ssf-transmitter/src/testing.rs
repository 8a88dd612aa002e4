//! Doubles of the [ports](crate::ports).

mod clock;
mod memory;

pub use self::{clock::ManualClock, memory::MemoryStore};
