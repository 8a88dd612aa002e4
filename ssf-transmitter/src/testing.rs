//! Doubles of the [ports](crate::ports), and the contract that every store keeps.

mod clock;

pub use self::clock::ManualClock;
