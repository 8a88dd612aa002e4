//! What the log and the counters tell, and what they never do; alone in its binary, since a subscriber sees the whole process.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::sync::{Arc, Mutex};

use common::{TOKEN, Transmitter, email, signed};
use ssf_receiver::Receiver;

const T: u64 = 1_615_305_159;

/// Log lines as a subscriber writes them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn log_and_counters_tell_what_happened_and_neither_who_nor_with_which_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let counters = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .unwrap();
    let transmitter = Transmitter::start();
    let receiver = Receiver::builder(&transmitter.issuer, "http://127.0.0.1:9/push")
        .in_memory()
        .management_token(TOKEN)
        .start()
        .await
        .unwrap();
    receiver.ready().await;
    let authorization = transmitter.stream().authorization;
    let accept = async |set: &str| {
        let media_type = Some("application/secevent+jwt");
        let answer = receiver.accept(Some(&authorization), media_type, set.as_bytes());
        answer.await.status()
    };
    let claims = transmitter.claims("jti-1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let other = transmitter.claims("jti-1", &email("bob@example.com"), T);
    let other = signed(&Transmitter::header(), &other);
    assert_eq!(accept(&set).await, 202);
    assert_eq!(accept(&set).await, 202);
    assert_eq!(accept(&other).await, 400);
    let (content, _) = set.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(accept(&format!("{content}.{signature}")).await, 400);
    assert_eq!(
        receiver
            .accept(Some("Bearer wr0ng"), None, b"")
            .await
            .status(),
        400
    );
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in [
        "jti-1",
        "session-revoked",
        "outcome=\"revoked\"",
        "came before",
        "suspicious",
        "invalid_key",
    ] {
        assert!(log.contains(told), "{told} is not in the log:\n{log}");
    }
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let payload = set.split('.').nth(1).unwrap();
    for secret in ["alice", "bob@", "wr0ng", TOKEN, token, payload] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let counters = counters.render();
    for counted in [
        r#"ssf_receiver_sets_total{result="accepted"} 2"#,
        r#"ssf_receiver_sets_total{result="invalid_request"} 1"#,
        r#"ssf_receiver_sets_total{result="invalid_key"} 1"#,
        r#"ssf_receiver_sets_total{result="authentication_failed"} 1"#,
        r#"ssf_receiver_events_total{outcome="revoked"} 1"#,
        r#"ssf_receiver_events_total{outcome="duplicate"} 1"#,
        r#"ssf_receiver_key_fetches_total{result="fetched"} 1"#,
    ] {
        assert!(
            counters.contains(counted),
            "{counted} is not in:\n{counters}"
        );
    }
    assert!(!counters.contains("alice") && !counters.contains("jti-1"));
    transmitter.stop().await;
}
