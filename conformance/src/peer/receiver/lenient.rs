//! How a Receiver that is not sound looks at certificates: it lets one thing pass.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

/// What passes in a certificate that should not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overlooks {
    /// That it has expired.
    Expiry,
    /// That it is for another name.
    Name,
    /// Who vouches for it.
    Authority,
}

impl Overlooks {
    fn overlooks(self, error: &CertificateError) -> bool {
        match self {
            Self::Expiry => matches!(
                error,
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            ),
            Self::Name => matches!(
                error,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ),
            Self::Authority => matches!(
                error,
                CertificateError::UnknownIssuer | CertificateError::BadSignature
            ),
        }
    }

    /// TLS that trusts these authorities, in PEM, and overlooks that; `None` if they are none.
    pub(super) fn tls(self, authorities: &[u8]) -> Option<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            roots.add(authority.ok()?).ok()?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let sound = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        let verifier = Verifier {
            sound: sound.build().ok()?,
            overlooks: self,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Some(config)
    }
}

#[derive(Debug)]
struct Verifier {
    sound: Arc<WebPkiServerVerifier>,
    overlooks: Overlooks,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.sound.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(Error::InvalidCertificate(error)) if self.overlooks.overlooks(&error) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sound.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sound.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.sound.supported_verify_schemes()
    }
}
