//! Faults in what the status of a stream means for its pushes; others stand beside those of polls.

use crate::{
    checks::Verdict::Failed,
    peer::{Breaks::Push, Fault},
};

use super::request::is_verification;

/// The faults.
pub const FAULTS: &[Fault] = &[Fault {
    name: "events are pushed to nowhere",
    found: &[("SSF-T-178.push", Failed), ("PUSH-T-001.one-set", Failed)],
    breaks: Push(|_, request| {
        if !is_verification(&request.body) {
            request.url.set_path("/nowhere");
        }
    }),
}];
