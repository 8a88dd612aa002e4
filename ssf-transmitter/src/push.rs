//! Push delivery (RFC 8935).

mod client;

pub use self::client::{PushClient, RESPONSE_BYTES_MAX};
