//! The reference transmitter as one that Receivers are judged by: it writes down all that it is asked, and delivers SETs of
//! any kind, by push or by poll as the Receiver wants its stream, until it is known what became of them.

mod changes;
mod delivery;
mod desk;
mod front;
mod log;
mod seen;
mod server;
mod settings;
mod tokens;

pub(crate) use self::settings::issuer_at;
pub(super) use self::settings::origin_of;
pub use self::{
    changes::Wanted,
    delivery::{Delivery, Told},
    desk::{CRITICAL_MEMBER, UNKNOWN_EVENT},
    front::{Certificate, Met},
    seen::Seen,
    server::Host,
    settings::{HostError, Settings},
    tokens::{SCOPES, TOKEN_PATH},
};
