//! Faults in what is believed when the stream is set up again.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Operation::{Create, Read, Replace, Update},
        receiver::{Breaks::Manner, ReceiverFault},
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a stream that is gone is done without",
        found: &[("SSF-R-030.again", Warning)],
        breaks: Manner(|manners| manners.does_without = true),
    },
    ReceiverFault {
        name: "metadata of another issuer is used",
        found: &[("SSF-R-004.foreign-issuer", Failed)],
        breaks: Manner(|manners| manners.uses_foreign_metadata = true),
    },
    ReceiverFault {
        name: "keys may stand in the URL that should lead to them",
        found: &[("SSF-R-004.bad-jwks_uri", Failed)],
        breaks: Manner(|manners| manners.trusts_keys_in_urls = true),
    },
    ReceiverFault {
        name: "where no keys are to be had, SETs are taken as they are",
        found: &[("SSF-R-004.bad-jwks_uri", Failed)],
        breaks: Manner(|manners| manners.does_without_keys = true),
    },
    ReceiverFault {
        name: "the iss of a stream that was made is not looked at",
        found: &[("SSF-R-032.foreign-iss", Failed)],
        breaks: Manner(|manners| manners.believes = Some(Create)),
    },
    ReceiverFault {
        name: "after 409 a stream is asked for again",
        found: &[("SSF-R-033.reads-after-409", Warning)],
        breaks: Manner(|manners| manners.insists_on_its_request = true),
    },
    ReceiverFault {
        name: "the iss of a stream that is listed is not looked at",
        found: &[("SSF-R-040.foreign-iss", Failed)],
        breaks: Manner(|manners| manners.believes = Some(Read)),
    },
    ReceiverFault {
        name: "the iss of a stream that was changed is not looked at",
        found: &[("SSF-R-050.foreign-iss", Failed)],
        breaks: Manner(|manners| manners.believes = Some(Update)),
    },
    ReceiverFault {
        name: "the iss of a stream that was replaced is not looked at",
        found: &[("SSF-R-060.foreign-iss", Failed)],
        breaks: Manner(|manners| manners.believes = Some(Replace)),
    },
];
