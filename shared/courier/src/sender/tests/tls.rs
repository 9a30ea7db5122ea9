//! Over TLS, with certificates of an authority that this machine does not know.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server that says this to each request and then ends TCP, with or without the
/// farewell of TLS; and its authority, in PEM.
async fn server(text: &'static str, says_farewell: bool) -> (Url, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 1_024]).await;
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                if says_farewell {
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (url, authority.as_ref().pem())
}

/// One that trusts an authority from a file.
pub(super) fn sender_trusting(pem: &str) -> Http1Sender {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let authorities = Authorities::from_file(file.path()).unwrap();
    Http1Sender::new(SenderOptions { addresses: local(), authorities, ..SenderOptions::default() }).unwrap()
}

#[tokio::test]
async fn an_own_authority_is_trusted_beside_the_systems_and_only_where_it_is_named() {
    let (url, pem) = server(OK, true).await;
    let answer = sender_trusting(&pem).send(request(&url, "x-a")).await.unwrap().answer;
    assert_eq!(answer.unwrap().status, 200);
    let answer = sender().send(request(&url, "x-a")).await.unwrap().answer;
    assert_eq!(answer.unwrap_err().outcome, AttemptOutcome::Tls);
    let (_, other) = server(OK, true).await;
    let answer = sender_trusting(&other).send(request(&url, "x-a")).await.unwrap().answer;
    assert_eq!(answer.unwrap_err().outcome, AttemptOutcome::Tls);
}

#[test]
fn a_file_without_certificates_is_refused() {
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(Authorities::from_file(file.path()), Err(InvalidAuthorities), "{text:?}");
    }
    assert_eq!(Authorities::from_file("/no/such/file".as_ref()), Err(InvalidAuthorities));
}

#[tokio::test]
async fn an_answer_counts_although_tls_ends_without_its_farewell() {
    let until_end = "HTTP/1.1 200 OK\r\n\r\nall of it";
    for (text, says_farewell, remark) in [
        (until_end, true, None),
        (
            until_end,
            false,
            Some("the connection ended without TLS's farewell (close_notify), so the body may not be whole"),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nall of it", false, None),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nall of it",
            false,
            Some("the connection broke off within the body"),
        ),
    ] {
        let (url, pem) = server(text, says_farewell).await;
        let response = sender_trusting(&pem).send(request(&url, "x-a")).await.unwrap().answer.unwrap();
        assert_eq!((response.status, &response.body[..], response.remark.as_deref()), (200, &b"all of it"[..], remark));
    }
}
