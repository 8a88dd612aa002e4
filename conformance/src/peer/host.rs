//! The reference transmitter as one that Receivers are judged by: it writes down all that it is asked, and delivers SETs of
//! any kind, by push or by poll as the Receiver wants its stream, until it is known what became of them.

mod changes;
mod delivery;
mod front;
mod seen;
mod server;
mod tokens;

pub(crate) use self::server::issuer_at;
pub use self::{
    changes::Wanted,
    delivery::{Delivery, Told},
    front::{Certificate, Met},
    seen::Seen,
    server::{CRITICAL_MEMBER, Host, HostError, Settings, UNKNOWN_EVENT},
    tokens::{SCOPES, TOKEN_PATH},
};
