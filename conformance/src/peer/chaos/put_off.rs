//! Answers that put something off.

use std::time::Duration;

use super::events;
use crate::{chance::Chance, peer::Reply};

/// An answer that says to come back later, or says nothing (RFC 9110 §10.2.3).
pub(super) fn put_off(chance: &mut Chance) -> Reply {
    let mut reply = Reply::error(if chance.number().is_multiple_of(2) {
        429
    } else {
        503
    });
    match chance.number() % 3 {
        0 => reply.set_header("Retry-After", "1"),
        1 => {
            let then = events::now() + Duration::from_secs(2);
            reply.set_header("Retry-After", &httpdate::fmt_http_date(then));
        }
        _ => {}
    }
    reply
}
