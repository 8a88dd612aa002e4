//! What ties SETs together, under a name that each Receiver has for itself.
//!
//! Two Receivers that compare the `txn` of their SETs learn which of them tell of one event, and so that two of their users
//! are one person. Under names of their own they do not, and the operator finds the event by either.

use ssf_types::{audience::Audience, id::Txn};

use crate::{
    domain::id::ReceiverId,
    ports::{ReceiverStore, StoreError, StreamStore},
    sealing::Sealer,
};

/// Longest `txn` that is kept within its name, in bytes: the name stays within what a `txn` may have.
const KEPT_BYTES_MAX: usize = 160;

/// The first byte of what a name stands for: the `txn` itself.
const KEPT: u8 = 0;

/// The first byte of what a name stands for: a fingerprint of a `txn` that is too long.
const FINGERPRINT: u8 = 1;

/// Names `txn` to a Receiver: the same in each SET for it, and another one in those for others, even if they have its audience.
///
/// # Panics
/// Never: a name has at most 240 characters of base64url.
#[expect(
    clippy::expect_used,
    reason = "up to 177 bytes in base64url are within the rules of an identifier"
)]
pub(crate) fn named(sealer: &Sealer, receiver: ReceiverId, txn: &Txn) -> Txn {
    let text = txn.as_str().as_bytes();
    let plain = if text.len() <= KEPT_BYTES_MAX {
        [&[KEPT], text].concat()
    } else {
        let fingerprint = sealer.fingerprint("txn", text);
        [&[FINGERPRINT], fingerprint.as_bytes().as_slice()].concat()
    };
    let name = sealer.pseudonym(&of_receiver(receiver), &plain);
    Txn::parse(name).expect("it is short and of base64url")
}

fn of_receiver(receiver: ReceiverId) -> String {
    format!("txn.receiver\n{receiver}")
}

/// The context of names that former versions made, which a trace still finds: each belongs to an audience, which several
/// Receivers may have.
fn of_audience(audience: &Audience) -> String {
    let mut context = String::from("txn");
    for value in audience.values() {
        // No value has a line break.
        context.push('\n');
        context.push_str(value);
    }
    context
}

/// What `name` stands for in this context, if it is one.
fn real(sealer: &Sealer, context: &str, name: &str) -> Option<String> {
    let plain = sealer.open_pseudonym(context, name)?;
    match plain.split_first() {
        Some((&KEPT, text)) => String::from_utf8(text.to_vec()).ok(),
        Some(_) | None => None,
    }
}

/// The `txn` that some Receiver knows as `name`; `None` if none does.
///
/// A `txn` of more than 160 bytes is not found: its SETs are, by their `jti`.
///
/// # Errors
/// The store did not answer.
pub(crate) async fn resolve(
    store: &(impl ReceiverStore + StreamStore),
    sealer: &Sealer,
    name: &str,
) -> Result<Option<String>, StoreError> {
    for receiver in store.receivers().await? {
        let own = [of_receiver(receiver.id), of_audience(&receiver.audience)];
        let mut own = own.iter();
        if let Some(txn) = own.find_map(|context| real(sealer, context, name)) {
            return Ok(Some(txn));
        }
        // Some have streams with an audience of their own.
        let streams = store.streams(receiver.id).await?;
        let mut audiences = streams.iter().map(|stream| of_audience(&stream.audience));
        if let Some(txn) = audiences.find_map(|context| real(sealer, &context, name)) {
            return Ok(Some(txn));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sealing::DataKey;

    const HERE: ReceiverId = ReceiverId::new(Uuid::from_u128(1));
    const THERE: ReceiverId = ReceiverId::new(Uuid::from_u128(2));

    fn txn(text: &str) -> Txn {
        Txn::parse(text).unwrap()
    }

    fn stands_for(sealer: &Sealer, receiver: ReceiverId, name: &str) -> Option<String> {
        real(sealer, &of_receiver(receiver), name)
    }

    #[test]
    fn each_receiver_has_a_name_of_its_own_for_what_is_one() {
        let sealer = Sealer::new(&DataKey::generate());
        let name = named(&sealer, HERE, &txn("8675309"));
        assert_eq!(name, named(&sealer, HERE, &txn("8675309")));
        assert_ne!(name, named(&sealer, THERE, &txn("8675309")));
        assert_ne!(name, named(&sealer, HERE, &txn("8675310")));
        let other = Sealer::new(&DataKey::generate());
        assert_ne!(name, named(&other, HERE, &txn("8675309")));
        let found = stands_for(&sealer, HERE, name.as_str());
        assert_eq!(found.as_deref(), Some("8675309"));
        assert_eq!(stands_for(&sealer, THERE, name.as_str()), None);
        assert_eq!(stands_for(&other, HERE, name.as_str()), None);
    }

    #[test]
    fn a_long_txn_has_a_name_too() {
        let sealer = Sealer::new(&DataKey::generate());
        for length in [160, 161, 255] {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let name = named(&sealer, HERE, &txn(&text));
            assert_eq!(name, named(&sealer, HERE, &txn(&text)));
            let found = stands_for(&sealer, HERE, name.as_str());
            assert_eq!(found, (length == 160).then_some(text));
        }
    }

    #[test]
    fn what_is_no_name_stands_for_nothing() {
        let sealer = Sealer::new(&DataKey::generate());
        for text in ["", "8675309", "AAAA", "not base64 at all", &"A".repeat(66)] {
            assert_eq!(stands_for(&sealer, HERE, text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_was_made_for_an_audience_is_found() {
        let sealer = Sealer::new(&DataKey::generate());
        let context = of_audience(&Audience::new(["https://a.example.com"]).unwrap());
        let plain = [&[KEPT], b"8675309".as_slice()].concat();
        let name = sealer.pseudonym(&context, &plain);
        let found = real(&sealer, &context, &name);
        assert_eq!(found.as_deref(), Some("8675309"));
        assert_eq!(stands_for(&sealer, HERE, &name), None);
    }
}
