//! What is wrong with TLS, as it is told: real certificates, real handshakes.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::tls::sender_trusting;
use super::*;

struct Shown {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    /// What the sender trusts, in PEM.
    authority: String,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // No two have the same name.
    let key = KeyPair::generate().unwrap();
    let name: String = key.public_key_raw()[1..9].iter().map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, key).unwrap()
}

fn issued(change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let (authority, key) = (authority(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, &authority).unwrap().der().clone();
    Shown { certificate, key, authority: authority.as_ref().pem() }
}

fn self_signed(is_ca: IsCa) -> Shown {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Shown { certificate, key, authority: authority().as_ref().pem() }
}

/// What is told of an endpoint that shows this.
async fn told_of(shown: Shown, wants_client: bool) -> (AttemptOutcome, String) {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let config = match wants_client {
        false => config.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots.add(authority().as_ref().der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
    };
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![shown.certificate], key).unwrap()));
    let serve = async move |stream: TcpStream| {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let _ = stream.read(&mut [0; 1_024]).await;
        let _ = stream.write_all(OK.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    told(serve, &shown.authority).await
}

async fn told(serve: impl AsyncFn(TcpStream) + Send + 'static, authority: &str) -> (AttemptOutcome, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let serve = async {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    };
    let sender = sender_trusting(authority);
    let sent = tokio::select! {
        sent = sender.send(request(&url, "x-a")) => sent,
        () = serve => panic!("the listener has failed"),
    };
    let failure = sent.unwrap().answer.unwrap_err();
    assert!(
        !failure.detail.contains("Error") && !failure.detail.contains('('),
        "no text of a library: {}",
        failure.detail
    );
    (failure.outcome, failure.detail)
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_in_words_of_its_own() {
    let self_signed_words = "the endpoint's certificate is self-signed";
    for (shown, words) in [
        (self_signed(IsCa::NoCa), self_signed_words),
        (self_signed(IsCa::ExplicitNoCa), self_signed_words),
        (self_signed(IsCa::Ca(BasicConstraints::Unconstrained)), self_signed_words),
        (
            issued(|params| params.not_after = date_time_ymd(2025, 1, 2)),
            "the endpoint's certificate expired at 2025-01-02T00:00:00.000Z",
        ),
        (
            issued(|params| params.not_before = date_time_ymd(2200, 1, 2)),
            "the endpoint's certificate is not valid before 2200-01-02T00:00:00.000Z",
        ),
        (
            issued(|params| *params = CertificateParams::new(["a.example".to_owned(), "10.0.0.1".to_owned()]).unwrap()),
            "the endpoint's certificate is for another name: a.example, 10.0.0.1",
        ),
        (
            Shown { authority: authority().as_ref().pem(), ..issued(|_| {}) },
            "the endpoint's certificate comes from an authority that is not trusted, or the endpoint does not send the \
             certificates in between",
        ),
        (
            issued(|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]),
            "the endpoint's certificate is not one that a server may use",
        ),
    ] {
        assert_eq!(told_of(shown, false).await, (AttemptOutcome::Tls, words.to_owned()));
    }
}

#[tokio::test]
async fn an_endpoint_that_asks_for_a_client_certificate_is_told_as_such() {
    let (outcome, words) = told_of(issued(|_| {}), true).await;
    let expected = "the endpoint refused the TLS handshake: it asks for a client certificate, and Hookline has none";
    assert_eq!((outcome, words.as_str()), (AttemptOutcome::Tls, expected));
}

#[tokio::test]
async fn a_handshake_that_comes_to_nothing_is_told_by_its_cause() {
    const NOTHING_IN_COMMON: &str = "the endpoint refused the TLS handshake: it has no TLS version or cipher in common \
                                     with Hookline, which speaks TLS 1.2 and 1.3";
    let pem = authority().as_ref().pem();
    for (answer, words) in [
        (&[0x15, 3, 1, 0, 2, 2, 70][..], NOTHING_IN_COMMON),
        (&[0x15, 3, 3, 0, 2, 2, 40], NOTHING_IN_COMMON),
        (
            &[0x15, 3, 3, 0, 2, 2, 112],
            "the endpoint refused the TLS handshake: it does not know the host name of the hook's url",
        ),
        (&[0x15, 3, 3, 0, 2, 2, 80], "the endpoint refused the TLS handshake"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the endpoint does not speak TLS at this port"),
        (b"", "the endpoint closed the connection within the TLS handshake"),
    ] {
        let serve = async move |mut stream: TcpStream| {
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        };
        assert_eq!(told(serve, &pem).await, (AttemptOutcome::Tls, words.to_owned()));
    }
    // The same by a reset.
    let reset = async |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 1]).await;
        stream.set_zero_linger().unwrap();
        drop(stream);
    };
    let (outcome, words) = told(reset, &pem).await;
    assert_eq!(
        (outcome, &*words),
        (AttemptOutcome::Tls, "the endpoint closed the connection within the TLS handshake")
    );
}

#[tokio::test]
async fn a_port_at_which_nothing_listens_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let failure = sender().send(request(&url, "x-a")).await.unwrap().answer.unwrap_err();
    let words = "no connection could be made: it was refused, as where nothing listens at the port";
    assert_eq!((failure.outcome, &*failure.detail), (AttemptOutcome::Connect, words));
}
