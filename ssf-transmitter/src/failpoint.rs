//! Points at which a process dies when a test says so, as in a crash: at once, and with nothing tidied up.
//!
//! They are there with the feature `failpoints` alone, which nobody ships; without it, coming to a point is nothing. With it,
//! `SSF_FAILPOINT=after-claim:3` has the process send itself SIGKILL when it comes to that point for the third time.

#[cfg(not(feature = "failpoints"))]
use std::future::Future;

#[cfg(feature = "failpoints")]
pub(crate) use self::armed::{during, reached};

/// A point that a process passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failpoint {
    /// Events are written, and their transaction is not committed.
    BeforeCommit,
    /// Events are durable, and their source does not know.
    AfterCommit,
    /// Streams were taken.
    AfterClaim,
    /// A SET was sent, and is not answered.
    MidPost,
    /// A SET was answered, and what that means is not stored.
    AfterAnswer,
    /// What became of deliveries is stored.
    AfterSettle,
    /// Deliveries of events are written, and their transaction is not committed.
    FanOut,
    /// Streams with something due are looked for.
    Sweep,
    /// What is old is deleted, and the transaction is not committed.
    Purge,
    /// Keys have changed, and are not in use yet.
    KeyReload,
}

/// Comes to a point.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn reached(_: Failpoint) {}

/// Comes to a point if `future` takes a moment.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn during<F: Future>(_: Failpoint, future: F) -> F {
    future
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        env,
        future::Future,
        pin::pin,
        process,
        sync::{
            LazyLock,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::Failpoint;

    /// Names the point, and how often the process comes to it.
    const VARIABLE: &str = "SSF_FAILPOINT";

    /// What takes longer is under way.
    const MOMENT: Duration = Duration::from_millis(2);

    static ARMED: LazyLock<Option<Armed>> =
        LazyLock::new(|| Armed::read(&env::var(VARIABLE).ok()?));

    struct Armed {
        point: Failpoint,
        left: AtomicU32,
    }

    impl Armed {
        fn read(text: &str) -> Option<Self> {
            let (name, count) = text.split_once(':')?;
            Some(Self {
                point: Failpoint::read(name)?,
                left: AtomicU32::new(count.parse().ok()?),
            })
        }
    }

    impl Failpoint {
        const ALL: [Self; 10] = [
            Self::BeforeCommit,
            Self::AfterCommit,
            Self::AfterClaim,
            Self::MidPost,
            Self::AfterAnswer,
            Self::AfterSettle,
            Self::FanOut,
            Self::Sweep,
            Self::Purge,
            Self::KeyReload,
        ];

        fn as_str(self) -> &'static str {
            match self {
                Self::BeforeCommit => "before-commit",
                Self::AfterCommit => "after-commit",
                Self::AfterClaim => "after-claim",
                Self::MidPost => "mid-post",
                Self::AfterAnswer => "after-202",
                Self::AfterSettle => "after-settle",
                Self::FanOut => "fan-out",
                Self::Sweep => "sweep",
                Self::Purge => "purge",
                Self::KeyReload => "key-reload",
            }
        }

        fn read(name: &str) -> Option<Self> {
            Self::ALL.into_iter().find(|point| point.as_str() == name)
        }
    }

    fn armed(point: Failpoint) -> Option<&'static Armed> {
        ARMED.as_ref().filter(|armed| armed.point == point)
    }

    /// Comes to a point.
    pub(crate) fn reached(point: Failpoint) {
        let Some(armed) = armed(point) else {
            return;
        };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
            // Nothing comes here but a process that may not send itself signals.
            process::abort();
        }
    }

    /// Comes to a point if `future` takes a moment.
    pub(crate) async fn during<F: Future>(point: Failpoint, future: F) -> F::Output {
        if armed(point).is_none() {
            return future.await;
        }
        let mut future = pin!(future);
        if let Ok(output) = tokio::time::timeout(MOMENT, &mut future).await {
            return output;
        }
        reached(point);
        future.await
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_and_how_often_it_is_passed_are_read() {
            for point in Failpoint::ALL {
                let armed = Armed::read(&format!("{}:3", point.as_str())).unwrap();
                assert_eq!((armed.point, armed.left.into_inner()), (point, 3));
            }
            for other in ["sweep", "sweep:", "sweep:-1", "nowhere:1"] {
                assert!(Armed::read(other).is_none(), "{other}");
            }
        }
    }
}
