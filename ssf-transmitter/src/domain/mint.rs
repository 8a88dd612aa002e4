//! The claims of a SET, from a delivery and its stream.

use ssf_types::{audience::Audience, id::Txn, set::SetClaims, uri::Issuer};

use super::delivery::Delivery;

/// Makes the claims of the SET for `delivery`: the same in every attempt.
///
/// `txn` is the source's, else the id of the event, so that the SETs of one event on several streams of a Receiver
/// can be tied together (SSF 1.0 §4.1.9).
///
/// # Panics
/// Never: the id of an event has 32 digits.
#[expect(
    clippy::expect_used,
    reason = "32 hexadecimal digits are within the rules of an identifier"
)]
pub fn claims(issuer: &Issuer, audience: &Audience, delivery: &Delivery) -> SetClaims {
    let source = &delivery.event.event;
    let mut claims = SetClaims::new(
        issuer.clone(),
        delivery.jti.clone(),
        delivery.iat,
        audience.clone(),
        delivery.sub_id.clone(),
        source.event.clone(),
    );
    claims.txn = Some(source.txn.clone().unwrap_or_else(|| {
        Txn::parse(delivery.event.id.to_string()).expect("an event id is an identifier")
    }));
    claims.toe = source.toe;
    claims
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ssf_types::{
        event::caep::SessionRevoked, id::Jti, subject::SimpleSubject, time::Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::{AcceptedEvent, NewEvent},
        id::EventId,
    };

    fn minted(change: impl FnOnce(&mut NewEvent)) -> String {
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![SimpleSubject::Opaque { id: "other".into() }],
        };
        let mut event = NewEvent::new(aliases, SessionRevoked::default());
        change(&mut event);
        let id = EventId::new(Uuid::from_u128(0xabc));
        let delivery = Delivery::new(
            1,
            Jti::parse("24c63fb5").unwrap(),
            Timestamp::from_secs(1_615_305_159),
            SimpleSubject::Opaque { id: "1".into() }.into(),
            Arc::new(AcceptedEvent::new(id, Timestamp::from_secs(9), event)),
        );
        let issuer = Issuer::parse("https://tr.example.com").unwrap();
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        serde_json::to_string(&claims(&issuer, &audience, &delivery)).unwrap()
    }

    #[test]
    fn a_set_says_what_the_source_said_about_the_chosen_subject() {
        let json = minted(|event| {
            event.txn = Some(Txn::parse("8675309").unwrap());
            event.toe = Some(Timestamp::from_secs(1_615_305_000));
        });
        assert_eq!(
            json,
            r#"{"iss":"https://tr.example.com","jti":"24c63fb5","iat":1615305159,"aud":"https://rp.example.com","txn":"8675309","toe":1615305000,"sub_id":{"format":"opaque","id":"1"},"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}}"#
        );
    }

    #[test]
    fn without_a_txn_the_event_ties_its_sets_together() {
        let json = minted(|_| {});
        assert!(
            json.contains(r#""txn":"00000000000000000000000000000abc""#),
            "{json}"
        );
        assert!(!json.contains("toe"), "{json}");
    }
}
