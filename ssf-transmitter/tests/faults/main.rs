//! What the transmitter depends on fails while events come in, and it is counted what has become of them: `make faults`.
//!
//! Each fault has an installation of its own and a bounded time. A fault that could not be injected has failed: nobody is
//! told that something holds which was not tried.
#![cfg(feature = "server")]

#[cfg(test)]
mod absence;
#[cfg(test)]
#[path = "../store/postgres/cluster.rs"]
mod cluster;
#[cfg(test)]
mod database;
#[cfg(test)]
#[path = "../load/event.rs"]
mod event;
#[cfg(test)]
#[path = "../program/disk/failing.rs"]
mod failing;
#[cfg(test)]
mod found;
#[cfg(test)]
#[path = "../load/order.rs"]
mod order;
#[cfg(test)]
#[path = "../load/published.rs"]
mod published;
#[cfg(test)]
mod receiver;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "../program/rig.rs"]
mod rig;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod source;
#[cfg(test)]
mod world;

#[cfg(test)]
mod tests {
    use std::{
        panic::AssertUnwindSafe,
        time::{Duration, Instant},
    };

    use futures_util::FutureExt;

    use crate::{found::HEAD, scenes};

    /// Longest time of all faults together.
    const TIME_MAX: Duration = Duration::from_mins(6);

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "it takes minutes: make faults"]
    async fn nothing_is_lost_whatever_fails() {
        let deadline = Instant::now() + TIME_MAX;
        let (mut rows, mut failed) = (Vec::new(), Vec::new());
        for (name, scene) in scenes::ALL {
            println!("{name} …");
            let began = Instant::now();
            let scene = AssertUnwindSafe(scene()).catch_unwind();
            match tokio::time::timeout_at(deadline.into(), scene).await {
                Ok(Ok(found)) => {
                    rows.push(found.row(name, began.elapsed()));
                    failed.extend(found.wrong().map(|what| format!("{name}: {what}")));
                }
                Ok(Err(_)) => failed.push(format!("{name}: not run")),
                Err(_) => failed.push(format!("{name}: not run to its end in time")),
            }
        }
        println!("\n{HEAD}\n{}", rows.join("\n"));
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}
