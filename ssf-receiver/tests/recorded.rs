//! An exchange with a transmitter of the drafts, as it was recorded: what it answered to a poll ends a session here.
//!
//! The transmitter is the example of <https://github.com/duo-labs/sharedsignals>, which speaks the SSE drafts of 2021. It was asked for its keys
//! (`recorded/jwks.json`), told that Reginold's sessions had ended, asked for a verification, and polled (`recorded/poll.json`).

#![cfg(feature = "actix")]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

use ssf_receiver::{
    Acceptance, Session,
    actions::Actions,
    guard::{self, Decision},
    inbox::MemoryInbox,
    revocation::{Index, IndexKey, Policy, Scope, ScopeId},
};
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    jose::KeySet,
    poll::PollResponse,
    set::{Expectation, SetError, UnverifiedSet, VerifiedSet},
    time::Timestamp,
    uri::Issuer,
};

/// A minute after it was recorded.
const NOW: Timestamp = Timestamp::from_secs(1_795_690_903);

fn issuer() -> Issuer {
    Issuer::parse("https://most-secure.com/").unwrap()
}

/// What the SETs say to somebody who reads this dialect.
fn verified(dialect: &'static Dialect) -> Vec<Result<VerifiedSet, SetError>> {
    let keys = KeySet::parse(include_bytes!("recorded/jwks.json")).unwrap();
    let page = PollResponse::parse(include_bytes!("recorded/poll.json")).unwrap();
    let audience = Audience::new(["https://rp.example.com/stream/1"]).unwrap();
    let expected = Expectation::new(issuer(), audience).with_dialect(dialect);
    let verify = |(jti, token): (_, &String)| {
        let set = UnverifiedSet::parse(token.as_bytes())?;
        let set = set.verify(&keys, &expected, NOW)?;
        assert_eq!(&set.claims().jti, jti);
        Ok(set)
    };
    page.sets.iter().map(verify).collect()
}

fn decided(index: &Index, email: &str) -> Decision {
    let session = Session::new(issuer(), Timestamp::from_secs(1_795_690_000)).email(email);
    guard::decide(&index.key().keys(&session), index)
}

#[actix_web::test]
async fn what_a_transmitter_of_the_drafts_said_ends_the_session_that_it_names_alone() {
    let scope = Scope {
        id: ScopeId::default(),
        issuer: issuer(),
    };
    let index = Index::new(IndexKey::new([7; 16]), [scope]);
    let acceptance = Acceptance {
        inbox: &MemoryInbox::default(),
        index: &index,
        policy: &Policy::default(),
        actions: &Actions::default(),
    };
    let sets = verified(&Dialect::SSE_ID1);
    assert_eq!(sets.len(), 2);
    for set in sets {
        let answer = acceptance.accept(&set.unwrap(), NOW).await;
        assert_eq!(answer.status(), 202);
    }
    let named = decided(&index, "reginold@popular-app.com");
    assert!(matches!(named, Decision::Deny(_)), "{named:?}");
    let other = decided(&index, "mario@popular-app.com");
    assert_eq!(other, Decision::Allow);
}

#[test]
fn who_expects_what_was_specified_in_the_end_refuses_both() {
    for refused in verified(&Dialect::SSF_1_0) {
        assert!(matches!(refused, Err(SetError::Claims(_))), "{refused:?}");
    }
}
