//! Which certificates are trusted, and what is wrong with those that are not, in
//! words for whoever looks after an endpoint.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use domain::time::Timestamp;

/// How many of the names of a certificate are told.
const TOLD_NAMES: usize = 5;

/// The platform's verifier, which tells a certificate that signed itself from one
/// whose issuer is unknown.
#[derive(Debug)]
pub(super) struct Certificates {
    trusted: Verifier,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate signed itself")]
struct SelfSigned;

impl Certificates {
    /// `authorities` are trusted beside the platform's.
    pub(super) fn new(authorities: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        Ok(Self { trusted: Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))?, provider })
    }

    /// Whether it verifies with nothing but itself.
    fn signed_itself(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        let mut itself = RootCertStore::empty();
        if itself.add(certificate.clone().into_owned()).is_err() {
            return false;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(itself), Arc::clone(&self.provider)).build();
        verifier.is_ok_and(|verifier| {
            let verified = verifier.verify_server_cert(certificate, &[], name, &[], now);
            // Names come after the chain.
            verified.map_or_else(|error| is_wrong_name(&error), |_| true)
        })
    }
}

fn is_wrong_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
    )
}

impl ServerCertVerifier for Certificates {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.trusted.verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match verified {
            // Of a namesake of an authority, the signature is what is wrong.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature))
                if self.signed_itself(certificate, name, now) =>
            {
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(SelfSigned)))))
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trusted.supported_verify_schemes()
    }
}

/// Why there is no secure connection.
pub(super) fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        Error::NoCertificatesPresented => "the endpoint shows no certificate".to_owned(),
        Error::PeerIncompatible(_) => {
            "the endpoint has no TLS version or cipher in common with Hookline, which speaks TLS 1.2 and 1.3".to_owned()
        }
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => "the endpoint does not speak TLS at this port".to_owned(),
        _ => "the TLS handshake failed: the endpoint does not keep to the protocol".to_owned(),
    }
}

/// The endpoint has ended the connection within the handshake.
pub(super) const CUT: &str = "the endpoint closed the connection within the TLS handshake";

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the endpoint's certificate expired at {}", at(*not_after))
        }
        CertificateError::Expired => "the endpoint's certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the endpoint's certificate is not valid before {}", at(*not_before))
        }
        CertificateError::NotValidYet => "the endpoint's certificate is not valid yet".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let shown: Vec<&str> = presented.iter().take(TOLD_NAMES).map(|name| plain(name)).collect();
            let more = if presented.len() > TOLD_NAMES { " and others" } else { "" };
            format!("the endpoint's certificate is for another name: {}{more}", shown.join(", "))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the endpoint's certificate is for another name".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the endpoint's certificate comes from an authority that is not trusted, or the endpoint does not send the \
             certificates in between"
                .to_owned()
        }
        CertificateError::Revoked => "the endpoint's certificate was revoked".to_owned(),
        CertificateError::Other(other) if other.0.is::<SelfSigned>() || is_an_authority(other) => {
            "the endpoint's certificate is self-signed".to_owned()
        }
        CertificateError::BadEncoding => "the endpoint's certificate cannot be read".to_owned(),
        CertificateError::BadSignature => {
            "the endpoint's certificate is not signed by the key of its issuer".to_owned()
        }
        _ => "the endpoint's certificate is not one that a server may use".to_owned(),
    }
}

/// What openssl makes where nobody says otherwise: a certificate that signed itself
/// and says that it may sign others. The type of this error is a matter between
/// rustls and its verifier; a test sees to its name.
fn is_an_authority(error: &OtherError) -> bool {
    format!("{:?}", error.0) == "CaUsedAsEndEntity"
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            "the endpoint refused the TLS handshake: it has no TLS version or cipher in common with Hookline, which \
             speaks TLS 1.2 and 1.3"
                .to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the endpoint refused the TLS handshake: it does not know the host name of the hook's url".to_owned()
        }
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::AccessDenied => {
            "the endpoint refused the TLS handshake: it asks for a client certificate, and Hookline has none".to_owned()
        }
        _ => "the endpoint refused the TLS handshake".to_owned(),
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_millis(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000))
}

/// rustls writes the kind of a name around it.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}
