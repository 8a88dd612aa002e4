//! Who shows the same token at the same time, and how long what was said counts: with a real server on loopback.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};

use super::{
    super::{
        ExternalServer,
        tests::{HERE, NOW, Server, pass},
    },
    *,
};
use crate::domain::introspection::NotVouchedError;

const TOKEN: Fingerprint = Fingerprint::new([1; 32]);

/// What is said of a token that counts.
fn active() -> Value {
    json!({"active": true, "aud": HERE, "client_id": "rp", "scope": "ssf.read x"})
}

/// A server that says this of every token, and what asks it.
fn asked(answer: Value) -> (Server, ExternalServer) {
    let server = Server::start();
    server.set(|state| state.introspection = answer);
    let client = IntrospectionClient::new("us".to_owned(), "s3cret".into());
    let trusted = server.trusted_with(Some(client));
    (server, trusted)
}

fn questions(server: &Server) -> usize {
    let mut questions = 0;
    server.set(|state| questions = state.questions.len());
    questions
}

async fn client(
    trusted: &ExternalServer,
    token: Fingerprint,
) -> Result<ForeignClient, ForeignTokenError> {
    let introspection = trusted.introspection().unwrap();
    introspection.client("opaque", token, NOW).await
}

#[tokio::test]
async fn requests_with_one_token_share_one_question_and_its_answer() {
    let (server, trusted) = asked(active());
    let clients = join_all((0..20).map(|_| client(&trusted, TOKEN))).await;
    for client in clients {
        let client = client.unwrap();
        assert_eq!(client.client_id, "rp");
        assert_eq!(client.scopes, Scopes::parse("ssf.read").unwrap());
    }
    assert_eq!(questions(&server), 1);
    let form = "token=opaque&token_type_hint=access_token";
    server.set(|state| assert_eq!(state.questions, [form]));
    client(&trusted, Fingerprint::new([2; 32])).await.unwrap();
    assert_eq!(questions(&server), 2, "another token is another question");
}

#[tokio::test]
async fn requests_with_one_token_share_one_failure_and_the_next_one_asks_again() {
    let (server, trusted) = asked(json!({"active": "yes"}));
    for client in join_all((0..20).map(|_| client(&trusted, TOKEN))).await {
        assert!(client.unwrap_err().is_for_now());
    }
    assert_eq!(questions(&server), 1);
    server.set(|state| state.introspection = active());
    client(&trusted, TOKEN).await.unwrap();
    assert_eq!(questions(&server), 2);
}

#[tokio::test]
async fn who_hangs_up_does_not_take_the_answer_from_others() {
    let (server, trusted) = asked(active());
    let mut first = Box::pin(client(&trusted, TOKEN));
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(client(&trusted, TOKEN));
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    second.await.unwrap();
    assert_eq!(questions(&server), 1);
}

#[tokio::test]
async fn a_token_that_is_taken_back_counts_for_less_than_a_minute_more() {
    let (server, trusted) = asked(active());
    client(&trusted, TOKEN).await.unwrap();
    server.set(|state| state.introspection = json!({"active": false}));
    pass(Duration::from_secs(50)).await;
    client(&trusted, TOKEN).await.unwrap();
    pass(Duration::from_secs(10)).await;
    let refused = client(&trusted, TOKEN).await.unwrap_err();
    let reason = NotVouchedError::Inactive;
    assert!(matches!(refused, ForeignTokenError::NotVouched(found) if found == reason));
    assert_eq!(questions(&server), 2);
}

#[tokio::test]
async fn errors_show_neither_token_nor_secret() {
    let (_server, trusted) = asked(json!({"active": true, "aud": 7, "x": "opaque"}));
    let error = client(&trusted, TOKEN).await.unwrap_err();
    let told = format!("{} {error:?} {trusted:?}", Chain(&error));
    assert!(
        !told.contains("opaque") && !told.contains("s3cret"),
        "{told}"
    );
}

#[tokio::test]
async fn strangers_leave_room_for_tokens_that_counted_before_and_both_have_a_limit() {
    let (server, trusted) = asked(active());
    let token = |kind: u8, number: u8| {
        let mut digest = [number; 32];
        digest[0] = kind;
        Fingerprint::new(digest)
    };
    for number in 0..64 {
        client(&trusted, token(1, number)).await.unwrap();
    }
    pass(Duration::from_mins(1)).await;
    let begun = |tokens: Vec<Fingerprint>| {
        let mut begun: Vec<_> = tokens
            .into_iter()
            .map(|token| Box::pin(client(&trusted, token)))
            .collect();
        for question in &mut begun {
            assert!(question.now_or_never().is_none());
        }
        begun
    };
    let strange = begun((0..192).map(|number| token(2, number)).collect());
    let further = client(&trusted, token(2, 192)).await;
    assert!(further.unwrap_err().is_for_now());
    let known = begun((0..64).map(|number| token(1, number)).collect());
    for client in join_all(known.into_iter().chain(strange)).await {
        client.unwrap();
    }
    assert_eq!(questions(&server), 64 + 256);
    client(&trusted, token(2, 192)).await.unwrap();
}
