//! Faults in which scopes are asked for.

use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Manner, ReceiverFault, Scopes},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a token is asked for without scopes",
        found: &[("INTEROP-031.scopes", Failed)],
        breaks: Manner(|manners| manners.scopes = Scopes::None),
    },
    ReceiverFault {
        name: "a token is asked for with the scopes of the profile, whatever the metadata names",
        found: &[("INTEROP-031.scopes", Failed)],
        breaks: Manner(|manners| manners.scopes = Scopes::Known),
    },
];
