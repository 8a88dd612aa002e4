//! Poll delivery (RFC 8936): the Receiver asks for SETs, and says in the same breath what became of earlier ones.
//!
//! Both bodies are `application/json`. The Transmitter takes `ack` and `setErrs` to its books first, and chooses the SETs
//! of the answer after that (RFC 8936 §2.4.3).

mod request;
mod response;

pub use self::{
    request::{PollRequest, REQUEST_BYTES_MAX, SETTLED_MAX},
    response::{PollResponse, RESPONSE_BYTES_MAX, SETS_MAX},
};
