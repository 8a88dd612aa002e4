//! The steps of the transmitter: they take facts from the [ports](crate::ports), ask the [domain](crate::domain), and
//! carry out what it decides. Whoever starts the process runs them in loops.

pub mod activity;
pub mod audit;
pub mod clock;
pub mod deliver;
pub mod dispatch;
pub mod foresee;
pub mod gate;
pub mod horizon;
pub mod ids;
pub mod ingest;
pub mod keys;
pub mod manage;
pub(crate) mod measure;
pub mod poll;
pub mod quota;
pub mod receivers;
pub mod refusals;
pub mod replay;
pub mod retain;
pub mod slots;
pub mod standstill;
pub mod status;
pub mod subjects;
pub mod survey;
pub mod taker;
pub mod tend;
pub mod together;
pub mod token;
pub mod trace;
pub mod verify;
pub mod wake;
