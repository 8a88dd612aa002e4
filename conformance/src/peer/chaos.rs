//! Chaos: peers that are hostile and break no rule, for whoever builds the other side.
//!
//! [`Served`] is the reference transmitter behind a port of its own, [`Receiving`] a receiver that makes its stream elsewhere. A [`Kind`] of chaos is something that a peer may do and that few
//! do in a laboratory; a seed repeats what happens. Unlike a fault, it must not keep a sound peer from having every SET in the end, and
//! the [`Account`], or the [`Receipts`], say whether it has.

mod account;
mod chosen;
mod draws;
mod events;
mod ids;
mod journal;
mod json;
mod keys;
mod kind;
mod mischief;
mod patience;
mod put_off;
mod receiving;
mod served;

pub use self::{
    account::{Account, Refused},
    chosen::{Chosen, NoSuchKind},
    journal::{Journal, Lines},
    kind::{Kind, Peers},
    receiving::{Given, Receipts, Receiving, ReceivingError, Taking},
    served::{Served, ServedError, Settings},
};
pub(super) use self::{keys::TurningKeys, mischief::Mischief};

use self::{
    draws::Draws,
    mischief::DUPLICATES,
    patience::{Patience, SPARED},
    put_off::put_off,
};
