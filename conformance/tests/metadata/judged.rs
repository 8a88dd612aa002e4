//! Serves what a transmitter publishes, and judges it over the wire.

use ssf_conformance::{
    checks,
    peer::Site,
    report::Report,
    target::Target,
    wire::{Settings, Wire},
};

use crate::server::{AUTHORITY, Server};

/// Serves the faultless transmitter with one change, tests it over the wire, and reports.
pub(crate) fn judged(server: Server, change: impl FnOnce(&mut Site)) -> Report {
    let mut site = Site::without_fault(&server.origin());
    change(&mut site);
    let target = Target::parse(&site.issuer).unwrap();
    server.serve(site.routes());
    let mut settings = Settings::default();
    settings.extra_authorities = Some(AUTHORITY.pem());
    let wire = Wire::new(&target, &settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let recording = runtime.block_on(wire.metadata(target)).unwrap();
    Report::new(recording, checks::metadata())
}
