//! Finding the streams that an event's subject was added to, without comparing it with each subject (SSF 1.0 §8.1.3.1).
//!
//! Two complex subjects match if they have members in common and are identical in all of those. So an added subject
//! stands under a key for *each* choice of its members, and an event asks, for each set of member names that anybody
//! has added (its [`Mask`]), for the one key of the members that they have in common. What is found matches: there is
//! nothing to compare, and nobody's popular tenant makes others pay.
//!
//! A subject of seven members has 127 keys; most have one (a simple subject) or three (two members).

use std::{collections::BTreeSet, fmt};

use ssf_types::subject::{COMPLEX_MEMBERS, ComplexSubject, SimpleSubject, Subject};

/// Most keys of one request to add or remove a subject: those of a subject with all seven members.
pub const SUBJECT_KEYS_MAX: usize = 127;

/// Most combinations of the identifiers of an event's subject: each is looked up once for each [`Mask`].
pub const EVENT_COMBINATIONS_MAX: usize = 256;

/// Which members a subject has, of those that an added one may have ([`COMPLEX_MEMBERS`]); a simple one has none. The place of each in
/// the list is its bit, which is stored.
///
/// The list is closed so that there are few masks: a name that one Receiver makes up would cost every event a look.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mask(u8);

impl Mask {
    /// That of simple subjects.
    pub const SIMPLE: Self = Self(0);

    /// The mask with these bits; one beyond the seven members is that of no subject.
    pub const fn new(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    fn of(complex: &ComplexSubject) -> Self {
        let has = |(at, name): (usize, &&str)| complex.member(name).map(|_| 1 << at);
        Self(COMPLEX_MEMBERS.iter().enumerate().filter_map(has).sum())
    }

    fn in_common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Every choice of at least one of the members.
    fn choices(self) -> impl Iterator<Item = Self> {
        (1..=self.0)
            .filter(move |bits| bits & !self.0 == 0)
            .map(Self)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let has = move |(at, _): &(usize, &&str)| self.0 >> at & 1 == 1;
        COMPLEX_MEMBERS
            .iter()
            .enumerate()
            .filter(has)
            .map(|(_, name)| *name)
    }
}

/// Under what a subject is found; equal for subjects that match in the members that the key is of.
///
/// It is made from a subject, so printing it for debugging shows nothing, and stores keep its fingerprint.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct SubjectKey(String);

impl SubjectKey {
    /// The key of some members, `common`, of a subject that has those of `mask`.
    ///
    /// Lengths in front of the forms keep two lists of members apart, whatever they hold.
    fn new<'f>(mask: Mask, common: Mask, forms: impl IntoIterator<Item = &'f str>) -> Self {
        let part = |form: &str| format!(" {}:{form}", form.len());
        let parts: String = forms.into_iter().map(part).collect();
        Self(format!("{}/{}{parts}", mask.0, common.0))
    }

    /// The key's text, to be fingerprinted.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(…)")
    }
}

/// One subject without aliases, as a stream has it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubjectEntry {
    /// Which members it has.
    pub mask: Mask,
    /// Names the entry among those of a stream: the key of all its members.
    pub name: SubjectKey,
    /// Under what it is found, `name` among them.
    pub keys: Vec<SubjectKey>,
}

/// A subject that cannot be added to a stream, nor removed from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitSubject {
    /// It has a member that SSF 1.0 §3.3 does not name.
    #[error(
        "a complex subject that is added or removed has no other members than user, device, session, application, tenant, org_unit and group"
    )]
    OtherMember,
    /// Its members and their aliases can be put together in too many ways.
    #[error(
        "the members of subject, with all their aliases, can be put together in more than {SUBJECT_KEYS_MAX} ways: send fewer aliases in a request"
    )]
    TooManyKeys,
}

/// The entries of a subject that is added or removed: one for each identifier that it has as an alias.
///
/// # Errors
/// It has another member than the seven, or more than [`SUBJECT_KEYS_MAX`] keys.
pub fn entries(subject: &Subject) -> Result<Vec<SubjectEntry>, UnfitSubject> {
    let entries = match subject {
        Subject::Simple(simple) => simple_entries(simple),
        Subject::Complex(complex) => complex_entries(complex)?,
        // A kind of subject that is defined later has no keys yet.
        _ => return Err(UnfitSubject::OtherMember),
    };
    Ok(entries)
}

fn simple_entries(simple: &SimpleSubject) -> Vec<SubjectEntry> {
    let entry = |name: SubjectKey| SubjectEntry {
        mask: Mask::SIMPLE,
        keys: vec![name.clone()],
        name,
    };
    simple_keys(simple).into_iter().map(entry).collect()
}

fn complex_entries(complex: &ComplexSubject) -> Result<Vec<SubjectEntry>, UnfitSubject> {
    let mask = Mask::of(complex);
    if mask.names().count() != complex.members().count() {
        return Err(UnfitSubject::OtherMember);
    }
    let keys = mask.choices().count();
    if keys.saturating_mul(combinations_in(complex, mask)) > SUBJECT_KEYS_MAX {
        return Err(UnfitSubject::TooManyKeys);
    }
    let entry = |forms: Vec<String>| {
        let of_choice = |common: Mask| SubjectKey::new(mask, common, chosen(mask, common, &forms));
        SubjectEntry {
            mask,
            name: of_choice(mask),
            keys: mask.choices().map(of_choice).collect(),
        }
    };
    let combinations: BTreeSet<Vec<String>> = forms_in(complex, mask).into_iter().collect();
    Ok(combinations.into_iter().map(entry).collect())
}

/// Of the forms of the members of `mask`, those of `common`.
fn chosen(mask: Mask, common: Mask, forms: &[String]) -> impl Iterator<Item = &str> {
    let is_chosen = move |(name, _): &(&str, &String)| common.names().any(|other| other == *name);
    let named = mask.names().zip(forms);
    named.filter(is_chosen).map(|(_, form)| form.as_str())
}

/// The keys under which an event about `subject` finds the added subjects of `mask` that it concerns.
pub fn keys_of_event(subject: &Subject, mask: Mask) -> Vec<SubjectKey> {
    let keys = match subject {
        Subject::Simple(simple) if mask == Mask::SIMPLE => simple_keys(simple),
        Subject::Complex(complex) => complex_keys(complex, mask),
        Subject::Simple(_) | _ => BTreeSet::new(),
    };
    keys.into_iter().collect()
}

fn complex_keys(complex: &ComplexSubject, mask: Mask) -> BTreeSet<SubjectKey> {
    let common = mask.in_common(Mask::of(complex));
    if common == Mask::SIMPLE {
        return BTreeSet::new();
    }
    let key = |forms: Vec<String>| SubjectKey::new(mask, common, forms.iter().map(String::as_str));
    forms_in(complex, common).into_iter().map(key).collect()
}

/// In how many ways the identifiers of a subject can be put together, one for each member that can be looked up.
pub fn combinations(subject: &Subject) -> usize {
    match subject {
        Subject::Simple(simple) => simple.alternatives().len(),
        Subject::Complex(complex) => combinations_in(complex, Mask::of(complex)),
        _ => 1,
    }
}

fn simple_keys(simple: &SimpleSubject) -> BTreeSet<SubjectKey> {
    let key = |identifier: &SimpleSubject| {
        let form = identifier.matching_form();
        SubjectKey::new(Mask::SIMPLE, Mask::SIMPLE, [form.as_str()])
    };
    simple.alternatives().iter().map(key).collect()
}

/// The identifiers of each member in `mask`.
fn alternatives(complex: &ComplexSubject, mask: Mask) -> impl Iterator<Item = &[SimpleSubject]> {
    let member = |name| complex.member(name).map(SimpleSubject::alternatives);
    mask.names().filter_map(member)
}

fn combinations_in(complex: &ComplexSubject, mask: Mask) -> usize {
    alternatives(complex, mask).fold(1, |product, of_member| {
        product.saturating_mul(of_member.len())
    })
}

/// The matching forms of the members in `mask`, one list for each combination of their identifiers.
fn forms_in(complex: &ComplexSubject, mask: Mask) -> Vec<Vec<String>> {
    let mut combinations = vec![Vec::new()];
    for of_member in alternatives(complex, mask) {
        let forms: Vec<String> = of_member.iter().map(SimpleSubject::matching_form).collect();
        let with = |before: &Vec<String>, form: &String| {
            let mut forms = before.clone();
            forms.push(form.clone());
            forms
        };
        combinations = combinations
            .iter()
            .flat_map(|before| forms.iter().map(move |form| with(before, form)))
            .collect();
    }
    combinations
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(json: &str) -> Subject {
        serde_json::from_str(json).unwrap()
    }

    /// Whether an event finds a subject that was added; each of the two is asked as a store asks it.
    fn finds(added: &Subject, event: &Subject) -> bool {
        entries(added).unwrap().iter().any(|entry| {
            let keys = keys_of_event(event, entry.mask);
            keys.iter().any(|key| entry.keys.contains(key))
        })
    }

    fn complex(members: &str) -> Subject {
        subject(&format!(r#"{{"format":"complex",{members}}}"#))
    }

    const USER: &str = r#""user":{"format":"email","email":"jane@example.com"}"#;
    const TENANT: &str = r#""tenant":{"format":"opaque","id":"1"}"#;
    const DEVICE: &str = r#""device":{"format":"ip-addresses","ip-addresses":["10.29.37.75"]}"#;

    #[test]
    fn a_less_specific_subject_and_a_more_specific_one_are_found() {
        let event = complex(&format!("{USER},{TENANT}"));
        assert!(finds(&complex(TENANT), &event));
        assert!(finds(
            &complex(&format!("{USER},{TENANT},{DEVICE}")),
            &event
        ));
        assert!(finds(&complex(&format!("{DEVICE},{USER}")), &event));
    }

    #[test]
    fn a_member_that_differs_hides_a_subject_whatever_else_is_the_same() {
        let other = r#""tenant":{"format":"opaque","id":"2"}"#;
        let event = complex(&format!("{USER},{other}"));
        assert!(!finds(&complex(&format!("{USER},{TENANT}")), &event));
        assert!(!finds(&complex(DEVICE), &event));
    }

    #[test]
    fn a_simple_subject_finds_no_complex_one_and_the_other_way_round() {
        let simple = subject(r#"{"format":"email","email":"jane@example.com"}"#);
        assert!(!finds(&simple, &complex(USER)));
        assert!(!finds(&complex(USER), &simple));
    }

    #[test]
    fn a_member_that_the_specification_does_not_name_counts_in_events_alone() {
        let robot = r#""robot":{"format":"opaque","id":"r"}"#;
        let both = complex(&format!("{USER},{robot}"));
        assert!(finds(&complex(USER), &both));
        assert_eq!(entries(&both), Err(UnfitSubject::OtherMember));
        assert!(!finds(&complex(USER), &complex(robot)));
    }

    #[test]
    fn each_alias_is_an_entry_of_its_own() {
        let aliases = r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"7"},{"format":"email","email":"jane@EXAMPLE.com"},{"format":"email","email":"jane@example.com"}]}"#;
        assert_eq!(entries(&subject(aliases)).unwrap().len(), 2);
        let user = complex(&format!(r#""user":{aliases},{TENANT}"#));
        let keys: Vec<usize> = entries(&user)
            .unwrap()
            .iter()
            .map(|entry| entry.keys.len())
            .collect();
        assert_eq!(keys, [3, 3]);
    }

    #[test]
    fn the_bits_of_masks_that_are_stored_mean_what_they_meant() {
        for (name, bit) in [
            ("user", 1),
            ("device", 2),
            ("session", 4),
            ("application", 8),
            ("tenant", 16),
            ("org_unit", 32),
            ("group", 64),
        ] {
            let subject = complex(&format!(r#""{name}":{{"format":"opaque","id":"1"}}"#));
            assert_eq!(entries(&subject).unwrap()[0].mask.bits(), bit, "{name}");
        }
    }

    #[test]
    fn a_subject_has_keys_for_all_seven_members_and_no_more() {
        let all: Vec<String> = COMPLEX_MEMBERS
            .iter()
            .map(|name| format!(r#""{name}":{{"format":"opaque","id":"1"}}"#))
            .collect();
        let keys = entries(&complex(&all.join(","))).unwrap()[0].keys.len();
        assert_eq!(keys, SUBJECT_KEYS_MAX);
        let alias = |id| format!(r#"{{"format":"opaque","id":"{id}"}}"#);
        let aliases = |count: u32| {
            let list: Vec<String> = (0..count).map(alias).collect();
            format!(
                r#"{{"format":"aliases","identifiers":[{}]}}"#,
                list.join(",")
            )
        };
        let many = complex(&format!(r#""user":{},"device":{}"#, aliases(6), aliases(7)));
        assert_eq!(combinations(&many), 42);
        assert_eq!(entries(&many).unwrap().len(), 42);
        let more = complex(&format!(r#""user":{},"device":{}"#, aliases(6), aliases(8)));
        assert_eq!(entries(&more), Err(UnfitSubject::TooManyKeys));
    }

    #[test]
    fn printing_a_key_for_debugging_shows_nobody() {
        let entries = entries(&complex(USER)).unwrap();
        assert!(!format!("{entries:?}").contains("jane"));
    }

    fn any_simple() -> impl Strategy<Value = SimpleSubject> {
        let one = (0..3_u8).prop_map(|id| SimpleSubject::Opaque { id: id.to_string() });
        let some = prop::collection::vec(one.clone(), 1..3)
            .prop_map(|identifiers| SimpleSubject::Aliases { identifiers });
        prop_oneof![one, some]
    }

    fn any_subject() -> impl Strategy<Value = Subject> {
        let members = prop::collection::btree_map(
            prop::sample::select(&COMPLEX_MEMBERS[..4]),
            any_simple(),
            1..4,
        );
        let complex = members.prop_map(|members| ComplexSubject::new(members).unwrap().into());
        prop_oneof![any_simple().prop_map(Subject::from), complex]
    }

    proptest! {
        #[test]
        fn an_event_finds_exactly_what_it_matches(added in any_subject(), event in any_subject()) {
            prop_assert_eq!(finds(&added, &event), added.matches(&event));
        }
    }
}
