//! Points at which a process dies when a test says so, as in a crash: at once, and with nothing tidied up.
//!
//! They are there with the feature `failpoints` alone, which nobody ships; without it, coming to a point is nothing. With it,
//! `SSF_FAILPOINT=after-commit:3` has the process send itself SIGKILL when it comes to that point for the third time.

#[cfg(feature = "failpoints")]
pub(crate) use self::armed::reached;

/// A point that a process passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failpoint {
    /// A SET is verified, and not stored.
    BeforeRetain,
    /// SETs are written, and their transaction is not committed.
    BeforeCommit,
    /// SETs are durable, and not in effect.
    AfterCommit,
    /// A SET is in effect, and not acknowledged.
    BeforeAnswer,
    /// Revocations are read, at the start or behind other instances, and not all of them are in effect.
    Load,
    /// A handler has done its work, and the inbox does not know.
    AfterCall,
    /// What came of calls is written, and the transaction is not committed.
    BeforeSettled,
}

/// Comes to a point.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn reached(_: Failpoint) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        env, process,
        sync::{
            LazyLock,
            atomic::{AtomicU32, Ordering},
        },
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::Failpoint;

    /// Names the point, and how often the process comes to it.
    const VARIABLE: &str = "SSF_FAILPOINT";

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
        const ALL: [Self; 7] = [
            Self::BeforeRetain,
            Self::BeforeCommit,
            Self::AfterCommit,
            Self::BeforeAnswer,
            Self::Load,
            Self::AfterCall,
            Self::BeforeSettled,
        ];

        fn as_str(self) -> &'static str {
            match self {
                Self::BeforeRetain => "before-retain",
                Self::BeforeCommit => "before-commit",
                Self::AfterCommit => "after-commit",
                Self::BeforeAnswer => "before-answer",
                Self::Load => "load",
                Self::AfterCall => "after-call",
                Self::BeforeSettled => "before-settled",
            }
        }

        fn read(name: &str) -> Option<Self> {
            Self::ALL.into_iter().find(|point| point.as_str() == name)
        }
    }

    /// Comes to a point.
    pub(crate) fn reached(point: Failpoint) {
        let Some(armed) = ARMED.as_ref().filter(|armed| armed.point == point) else {
            return;
        };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
            // Nothing comes here but a process that may not send itself signals.
            process::abort();
        }
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
            for other in ["load", "load:", "load:-1", "nowhere:1"] {
                assert!(Armed::read(other).is_none(), "{other}");
            }
        }
    }
}
