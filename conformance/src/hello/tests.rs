use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::authority::{Authority, Flaw};

/// Has a server with sound TLS say something to an offer.
async fn asked(offer: Offer) -> Said {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let authority = Authority::new().unwrap();
    let config = authority.server("127.0.0.1", Flaw::None).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = TlsAcceptor::from(Arc::new(config)).accept(stream).await;
    });
    let url = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    let said = say(&url, offer, Duration::from_secs(30)).await.unwrap();
    server.await.unwrap();
    said
}

#[tokio::test]
async fn a_sound_offer_is_answered_with_a_server_hello() {
    let said = asked(Offer {
        version: Version::TLS_1_2,
        suites: SOUND_SUITES,
    });
    let said = said.await;
    assert!(
        matches!(said, Said::Hello(Version::TLS_1_2, suite) if SOUND_SUITES.contains(&suite)),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_not_sound_is_answered_with_an_alert() {
    for (version, suites) in [
        (Version::TLS_1_0, OLD_SUITES),
        (Version::TLS_1_1, OLD_SUITES),
        (Version::TLS_1_2, FORBIDDEN_SUITES),
    ] {
        let said = asked(Offer { version, suites }).await;
        assert!(matches!(said, Said::Alert(_)), "{version}: {said}");
    }
}

#[test]
fn version_and_suite_stand_behind_the_session() {
    let mut hello = vec![SERVER_HELLO, 0, 0, 40, 3, 2];
    hello.extend([0; 32]);
    hello.extend([2, 9, 9, 0xc0, 0x13, 0]);
    assert_eq!(
        said(HANDSHAKE, &hello),
        Some(Said::Hello(Version::TLS_1_1, 0xc013))
    );
    assert_eq!(said(HANDSHAKE, &hello[..38]), None);
    assert_eq!(said(ALERT, &[2, 70]), Some(Said::Alert(70)));
}
