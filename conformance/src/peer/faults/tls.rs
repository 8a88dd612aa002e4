//! Faults in how the transmitter is reached.

use super::spoils::overlooks_url;
use crate::{
    checks::Verdict::Failed,
    peer::{
        Breaks::{Request, Rules},
        Entrance, Fault,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "everything is to be had without TLS as well",
        found: &[
            ("INTEROP-003.metadata", Failed),
            ("BEARER-008.configuration_endpoint", Failed),
        ],
        breaks: Rules(|rules| rules.entrance = Entrance::PlainAsWell),
    },
    Fault {
        name: "streams are pushed without TLS",
        found: &[("INTEROP-003.push", Failed)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.starts_with("http://"))),
    },
    Fault {
        name: "TLS 1.0 and 1.1 are spoken",
        found: &[
            ("INTEROP-004.tls-1.1", Failed),
            ("POLL-T-021.tls-1.1", Failed),
        ],
        breaks: Rules(|rules| rules.entrance = Entrance::OldVersions),
    },
    Fault {
        name: "cipher suites that encrypt nothing are taken",
        found: &[("INTEROP-005.ciphers", Failed)],
        breaks: Rules(|rules| rules.entrance = Entrance::AnySuite),
    },
];
