//! Chaos: peers that are hostile and break no rule, for whoever builds the other side.
//!
//! [`Served`] is the reference transmitter behind a port of its own. A [`Kind`] of chaos is something that a peer may do and that few
//! do in a laboratory; a seed repeats what happens. Unlike a fault, it must not keep a sound peer from having every SET in the end, and
//! the [`Account`] says whether it has.

mod account;
mod chosen;
mod events;
mod ids;
mod journal;
mod json;
mod keys;
mod kind;
mod mischief;
mod served;

pub use self::{
    account::{Account, Refused},
    chosen::{Chosen, NoSuchKind},
    journal::{Journal, Lines},
    kind::{Kind, Peers},
    served::{Served, ServedError, Settings},
};
pub(super) use self::{keys::TurningKeys, mischief::Mischief};

use self::mischief::DUPLICATES;
