//! What ties SETs together, under a name that each Receiver has for itself.
//!
//! Two Receivers that compare the `txn` of their SETs learn which of them tell of one event, and so that two of their users
//! are one person. Under names of their own they do not, and the operator finds the event by either.

use ssf_types::{audience::Audience, id::Txn};

use crate::{
    ports::{ReceiverStore, StoreError, StreamStore},
    sealing::Sealer,
};

/// Longest `txn` that is kept within its name, in bytes: the name stays within what a `txn` may have.
const KEPT_BYTES_MAX: usize = 160;

/// The first byte of what a name stands for: the `txn` itself.
const KEPT: u8 = 0;

/// The first byte of what a name stands for: a fingerprint of a `txn` that is too long.
const FINGERPRINT: u8 = 1;

/// Names `txn` to those whom a SET is for: the same in each SET for them, and another one in those for others.
///
/// # Panics
/// Never: a name has at most 240 characters of base64url.
#[expect(
    clippy::expect_used,
    reason = "up to 177 bytes in base64url are within the rules of an identifier"
)]
pub(crate) fn named(sealer: &Sealer, audience: &Audience, txn: &Txn) -> Txn {
    let text = txn.as_str().as_bytes();
    let plain = if text.len() <= KEPT_BYTES_MAX {
        [&[KEPT], text].concat()
    } else {
        let fingerprint = sealer.fingerprint("txn", text);
        [&[FINGERPRINT], fingerprint.as_bytes().as_slice()].concat()
    };
    let name = sealer.pseudonym(&context(audience), &plain);
    Txn::parse(name).expect("it is short and of base64url")
}

fn context(audience: &Audience) -> String {
    let mut context = String::from("txn");
    for value in audience.values() {
        // No value has a line break.
        context.push('\n');
        context.push_str(value);
    }
    context
}

/// What `name` stands for with these, if it is one.
fn real(sealer: &Sealer, audience: &Audience, name: &str) -> Option<String> {
    let plain = sealer.open_pseudonym(&context(audience), name)?;
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
        if let Some(txn) = real(sealer, &receiver.audience, name) {
            return Ok(Some(txn));
        }
        // Some have streams with an audience of their own.
        let streams = store.streams(receiver.id).await?;
        let mut audiences = streams.iter().map(|stream| &stream.audience);
        if let Some(txn) = audiences.find_map(|audience| real(sealer, audience, name)) {
            return Ok(Some(txn));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::DataKey;

    fn audience(value: &str) -> Audience {
        Audience::new([value]).unwrap()
    }

    fn txn(text: &str) -> Txn {
        Txn::parse(text).unwrap()
    }

    #[test]
    fn each_receiver_has_a_name_of_its_own_for_what_is_one() {
        let sealer = Sealer::new(&DataKey::generate());
        let [here, there] = ["https://a.example.com", "https://b.example.com"].map(audience);
        let name = named(&sealer, &here, &txn("8675309"));
        assert_eq!(name, named(&sealer, &here, &txn("8675309")));
        assert_ne!(name, named(&sealer, &there, &txn("8675309")));
        assert_ne!(name, named(&sealer, &here, &txn("8675310")));
        let other = Sealer::new(&DataKey::generate());
        assert_ne!(name, named(&other, &here, &txn("8675309")));
        let found = real(&sealer, &here, name.as_str());
        assert_eq!(found.as_deref(), Some("8675309"));
        assert_eq!(real(&sealer, &there, name.as_str()), None);
        assert_eq!(real(&other, &here, name.as_str()), None);
    }

    #[test]
    fn a_long_txn_has_a_name_too() {
        let sealer = Sealer::new(&DataKey::generate());
        let here = audience("https://a.example.com");
        for length in [160, 161, 255] {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let name = named(&sealer, &here, &txn(&text));
            assert_eq!(name, named(&sealer, &here, &txn(&text)));
            let found = real(&sealer, &here, name.as_str());
            assert_eq!(found, (length == 160).then_some(text));
        }
    }

    #[test]
    fn what_is_no_name_stands_for_nothing() {
        let sealer = Sealer::new(&DataKey::generate());
        let here = audience("https://a.example.com");
        for text in ["", "8675309", "AAAA", "not base64 at all", &"A".repeat(66)] {
            assert_eq!(real(&sealer, &here, text), None, "{text}");
        }
    }
}
