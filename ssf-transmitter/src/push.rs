//! Push delivery (RFC 8935): the only place from which requests leave this process.

mod client;

pub use self::client::{ClientError, PushClient, PushTimeouts, RESPONSE_BYTES_MAX};
