//! The claims of a SET, from a delivery and its stream, in the dialect of its Receiver.

use ssf_types::{
    audience::Audience,
    dialect::{IMPLICIT_STREAM, InDialect, Management},
    event::Family,
    id::{Epoch, Txn},
    set::{Sequence, SetClaims},
    subject::SimpleSubject,
    uri::Issuer,
};

use super::{delivery::Delivery, id::ReceiverId, profile::Profile, sequence};

/// What is to be signed: the claims of a SET, and how its Receiver reads them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Minted {
    /// The claims to the letter of SSF 1.0.
    pub claims: SetClaims,
    /// Whom the SET is for.
    pub receiver: ReceiverId,
    /// How the Receiver speaks.
    pub profile: Profile,
}

impl Minted {
    /// Has claims for a Receiver written as this profile has it.
    pub fn new(claims: SetClaims, receiver: ReceiverId, profile: Profile) -> Self {
        Self {
            claims,
            receiver,
            profile,
        }
    }

    /// The claims as they are written.
    pub fn in_dialect(&self) -> InDialect<'_> {
        self.claims.in_dialect(self.profile.dialect())
    }
}

/// Makes the claims of the SET for `delivery`: the same in every attempt, unless the profile changes in between.
///
/// For a Receiver that has one stream without an id, an event about the stream is about the one that there is.
///
/// `txn` is the source's, else the id of the event, so that the SETs of one event on several streams of a Receiver
/// can be tied together (SSF 1.0 §4.1.9). With an `epoch`, the SET has its number among those of the stream.
///
/// # Panics
/// Never: the id of an event has 32 digits.
#[expect(
    clippy::expect_used,
    reason = "32 hexadecimal digits are within the rules of an identifier"
)]
pub fn mint(
    issuer: &Issuer,
    (receiver, audience): (ReceiverId, &Audience),
    profile: Profile,
    epoch: Option<&Epoch>,
    delivery: &Delivery,
) -> Minted {
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
    let has_one_stream = profile.dialect().management == Management::OneStream;
    if has_one_stream && source.event.family() == Some(Family::Ssf) {
        let id = IMPLICIT_STREAM.to_owned();
        claims.sub_id = SimpleSubject::Opaque { id }.into();
    }
    match epoch.filter(|_| profile.is_extended()) {
        Some(epoch) => {
            let mut sequence = Sequence::new(epoch.clone(), delivery.sequence);
            sequence.account = sequence::take(&mut claims.event, epoch);
            claims.number(&sequence);
        }
        None => sequence::clear(&mut claims.event),
    }
    Minted::new(claims, receiver, profile)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ssf_types::{
        event::{caep::SessionRevoked, ssf::Verification},
        id::Jti,
        set::Account,
        subject::SimpleSubject,
        time::Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::{AcceptedEvent, NewEvent},
        id::EventId,
    };

    fn minted(change: impl FnOnce(&mut NewEvent)) -> String {
        minted_for(Profile::Strict, change)
    }

    fn minted_for(profile: Profile, change: impl FnOnce(&mut NewEvent)) -> String {
        numbered(profile, None, change)
    }

    fn numbered(
        profile: Profile,
        epoch: Option<&str>,
        change: impl FnOnce(&mut NewEvent),
    ) -> String {
        let epoch = epoch.map(|epoch| Epoch::parse(epoch).unwrap());
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![SimpleSubject::Opaque { id: "other".into() }],
        };
        let mut event = NewEvent::new(aliases, SessionRevoked::default());
        change(&mut event);
        let id = EventId::new(Uuid::from_u128(0xabc));
        let delivery = Delivery::new(
            17,
            Jti::parse("24c63fb5").unwrap(),
            Timestamp::from_secs(1_615_305_159),
            SimpleSubject::Opaque { id: "1".into() }.into(),
            Arc::new(AcceptedEvent::new(id, Timestamp::from_secs(9), event)),
        );
        let issuer = Issuer::parse("https://tr.example.com").unwrap();
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        let whom = (ReceiverId::new(Uuid::from_u128(7)), &audience);
        let minted = mint(&issuer, whom, profile, epoch.as_ref(), &delivery);
        serde_json::to_string(&minted.in_dialect()).unwrap()
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

    fn verification_with_account(event: &mut NewEvent) {
        event.event = Verification::default().into();
        let epoch = Epoch::parse("e").unwrap();
        sequence::keep(&mut event.event, &epoch, Account::new(16, 0, [3]));
    }

    #[test]
    fn a_set_of_a_stream_with_numbers_has_its_own() {
        let json = numbered(Profile::Strict, Some("f67e39a0"), |_| {});
        let claim = r#","set_sequence":{"epoch":"f67e39a0","seq":17}}"#;
        assert!(json.ends_with(claim), "{json}");
        let json = numbered(Profile::Strict, Some("e"), verification_with_account);
        let claim = r#"/verification":{}},"set_sequence":{"epoch":"e","seq":17,"through":16,"undelivered":[[3,3]]}}"#;
        assert!(json.ends_with(claim), "{json}");
    }

    #[test]
    fn neither_a_stream_without_numbers_nor_a_dialect_shows_any() {
        let without = minted(|event| event.event = Verification::default().into());
        assert_eq!(minted(verification_with_account), without);
        for profile in Profile::ALL {
            if profile != Profile::Strict {
                let with = numbered(profile, Some("e"), verification_with_account);
                let plain = |event: &mut NewEvent| event.event = Verification::default().into();
                assert_eq!(with, minted_for(profile, plain), "{profile:?}");
            }
        }
    }

    #[test]
    fn a_set_is_written_as_its_receiver_reads_it() {
        for (profile, subject) in [
            (Profile::Strict, None),
            (Profile::SailPoint, None),
            (
                Profile::Okta,
                Some(r#""subject":{"user":{"format":"opaque","id":"1"}}"#),
            ),
            (
                Profile::GoogleWorkspace,
                Some(r#""subject":{"format":"opaque","id":"1"}"#),
            ),
        ] {
            let json = minted_for(profile, |_| {});
            let in_event = subject.is_some_and(|subject| json.contains(subject));
            assert_eq!(in_event, subject.is_some(), "{json}");
            let on_top = json.contains(r#""sub_id":{"format":"opaque","id":"1"}"#);
            assert_eq!(on_top, profile != Profile::Okta, "{json}");
        }
    }

    #[test]
    fn the_one_stream_of_a_draft_that_numbers_none_is_not_named() {
        let verification = |event: &mut NewEvent| event.event = Verification::default().into();
        let json = minted_for(Profile::SseDraft1, verification);
        assert!(
            json.ends_with(
                r#""events":{"https://schemas.openid.net/secevent/sse/event-type/verification":{}}}"#
            ),
            "{json}"
        );
        assert!(!json.contains("sub"), "{json}");
        let json = minted_for(Profile::SseDraft1, |_| {});
        assert!(
            json.contains(r#""subject":{"format":"opaque","id":"1"}"#),
            "{json}"
        );
    }
}
