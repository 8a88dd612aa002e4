//! The steps of the transmitter: they take facts from the [ports](crate::ports), ask the [domain](crate::domain), and carry
//! out what it decides.

pub mod clock;
pub mod wake;
