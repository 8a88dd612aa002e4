//! Certificates of authorities.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The certificates of a PEM file as DER, at least one; `None` if it holds none or is not PEM.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let found = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    (!found.is_empty()).then_some(found)
}

/// Whether a certificate can be what others lead to.
pub(crate) fn is_anchor(der: &[u8]) -> bool {
    let certificate = CertificateDer::from_slice(der);
    RootCertStore::empty().add(certificate).is_ok()
}
