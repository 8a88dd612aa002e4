//! Which sessions a subject selects, given what the application knows of its sessions (SSF 1.0 §3.3).

use std::collections::{BTreeMap, BTreeSet};

use ssf_types::subject::{ComplexSubject, SimpleSubject, Subject};

use super::Mask;
use crate::session::{SESSION, USER};

/// Most keys that one SET may turn into; aliases in several members multiply.
pub const COMBINATIONS_MAX: usize = 256;

/// Members that stand for many people: alone they would end everybody's sessions.
pub(crate) const COLLECTIVE: [&str; 4] = ["tenant", "org_unit", "group", "application"];

/// What to do with members that the application, or one of its sessions, does not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unknown {
    /// Leave them out if `user` or `session` remains: rather one session too many than one too few.
    #[default]
    Widen,
    /// Let the event have no effect on such sessions.
    Ignore,
}

/// What the application knows, and what the Transmitter insists on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Members of complex subjects that the application registers for its sessions.
    pub members: BTreeSet<String>,
    /// What to do with the others.
    pub unknown: Unknown,
    /// The same for events about a device: whoever uses it may use others.
    pub unknown_of_device: Unknown,
    /// Members that must not be left out (`critical_subject_members`, SSF 1.0 §7.1).
    pub critical: BTreeSet<String>,
}

impl Default for Policy {
    /// Knows `user` and `session`, and leaves out the rest, but for events about a device.
    fn default() -> Self {
        Self {
            members: [USER, SESSION].map(str::to_owned).into(),
            unknown: Unknown::default(),
            unknown_of_device: Unknown::Ignore,
            critical: BTreeSet::new(),
        }
    }
}

/// A mask with one identifier for each of its members, in the order of their names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selection {
    /// The members.
    pub mask: Mask,
    /// Their identifiers; a single one if the mask is that of simple subjects.
    pub identifiers: Vec<SimpleSubject>,
}

/// Why a subject selects no sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unselected {
    /// A critical member is not known to the application, so the event has to be discarded (SSF 1.0 §7.1).
    #[error("the subject has a critical member that the application does not know")]
    CriticalMember,
    /// Without the unknown members nothing would remain that names somebody.
    #[error("the subject has no member that the application can apply it to")]
    NotApplicable,
    /// The aliases have more than [`COMBINATIONS_MAX`] combinations.
    #[error("sub_id must not have more than {COMBINATIONS_MAX} combinations of aliases")]
    TooManyCombinations,
}

/// The sessions that a subject selects.
///
/// A simple subject selects each session with that identifier. A complex one is a conjunction: all its members have
/// to match, except those that may be left out under the policy.
///
/// # Errors
/// Says why the subject selects none.
pub fn select(subject: &Subject, policy: &Policy) -> Result<Vec<Selection>, Unselected> {
    match subject {
        Subject::Simple(simple) => Ok(simple.alternatives().iter().map(simple_selection).collect()),
        Subject::Complex(complex) => select_complex(complex, policy),
        _ => Err(Unselected::NotApplicable),
    }
}

fn simple_selection(identifier: &SimpleSubject) -> Selection {
    Selection {
        mask: Mask::default(),
        identifiers: vec![identifier.clone()],
    }
}

fn select_complex(subject: &ComplexSubject, policy: &Policy) -> Result<Vec<Selection>, Unselected> {
    let names = || subject.members().map(|(name, _)| name);
    if names().any(|name| policy.critical.contains(name) && !policy.members.contains(name)) {
        return Err(Unselected::CriticalMember);
    }
    let known: BTreeSet<&str> = names().filter(|n| policy.members.contains(*n)).collect();
    if known.iter().all(|name| COLLECTIVE.contains(name)) {
        return Err(Unselected::NotApplicable);
    }
    let complete = known.len() == names().count();
    if !complete && (policy.unknown == Unknown::Ignore || !names_somebody(&known)) {
        return Err(Unselected::NotApplicable);
    }
    let mut selections = Vec::new();
    for shape in shapes(&known, policy)? {
        combine(subject, &shape, &mut selections)?;
    }
    Ok(selections)
}

/// Members of a subject: those that have to match, and those that a session may lack.
struct Shape<'p> {
    has: BTreeSet<&'p str>,
    lacks: BTreeSet<&'p str>,
}

fn names_somebody(members: &BTreeSet<&str>) -> bool {
    members.contains(USER) || members.contains(SESSION)
}

/// The conjunction of all known members, and those for sessions that lack some of them.
fn shapes<'p>(known: &BTreeSet<&'p str>, policy: &Policy) -> Result<Vec<Shape<'p>>, Unselected> {
    let optional: Vec<&'p str> = known
        .iter()
        .copied()
        .filter(|name| policy.unknown == Unknown::Widen && !policy.critical.contains(*name))
        .collect();
    let subsets = 1_usize
        .checked_shl(u32::try_from(optional.len()).unwrap_or(u32::MAX))
        .filter(|subsets| *subsets <= COMBINATIONS_MAX)
        .ok_or(Unselected::TooManyCombinations)?;
    let shape = |subset: usize| {
        let lacks: BTreeSet<&'p str> = optional
            .iter()
            .enumerate()
            .filter(|(bit, _)| subset & (1 << bit) != 0)
            .map(|(_, name)| *name)
            .collect();
        let has: BTreeSet<&'p str> = known.difference(&lacks).copied().collect();
        (subset == 0 || names_somebody(&has)).then_some(Shape { has, lacks })
    };
    Ok((0..subsets).filter_map(shape).collect())
}

/// One selection for each combination of the members' aliases.
///
/// A session lacks a member if it knows it in none of the formats that the subject has for it.
fn combine(
    subject: &ComplexSubject,
    shape: &Shape<'_>,
    selections: &mut Vec<Selection>,
) -> Result<(), Unselected> {
    let lacks: BTreeSet<String> = alternatives(subject, &shape.lacks)
        .flatten()
        .map(|(place, _)| place)
        .collect();
    let mut combinations: Vec<BTreeMap<String, SimpleSubject>> = vec![BTreeMap::new()];
    for member in alternatives(subject, &shape.has) {
        let member: Vec<_> = member.collect();
        if selections.len() + combinations.len() * member.len() > COMBINATIONS_MAX {
            return Err(Unselected::TooManyCombinations);
        }
        combinations = combinations
            .iter()
            .flat_map(|so_far| {
                member.iter().map(|(place, identifier)| {
                    let mut combination = so_far.clone();
                    combination.insert(place.clone(), SimpleSubject::clone(identifier));
                    combination
                })
            })
            .collect();
    }
    selections.extend(combinations.into_iter().map(|combination| Selection {
        mask: Mask {
            has: combination.keys().cloned().collect(),
            lacks: lacks.clone(),
            about: None,
        },
        identifiers: combination.into_values().collect(),
    }));
    Ok(())
}

/// The identifiers of each of the members, with their places.
fn alternatives<'s>(
    subject: &'s ComplexSubject,
    members: &'s BTreeSet<&str>,
) -> impl Iterator<Item = impl Iterator<Item = (String, &'s SimpleSubject)>> {
    members.iter().filter_map(|name| {
        let identifiers = subject.member(name)?.alternatives();
        Some(
            identifiers
                .iter()
                .map(|one| (Mask::place(name, one.format()), one)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(members: &[&str]) -> Policy {
        Policy {
            members: members.iter().map(|name| (*name).to_owned()).collect(),
            ..Policy::default()
        }
    }

    fn subject(members: &[&str]) -> Subject {
        let member = |name| {
            let id = format!("the {name}");
            (name, SimpleSubject::Opaque { id })
        };
        ComplexSubject::new(members.iter().copied().map(member))
            .unwrap()
            .into()
    }

    /// Masks as `has` or `has!lacks`, names joined by `+`.
    fn selected(members: &[&str], policy: &Policy) -> Result<Vec<String>, Unselected> {
        let names = |names: &BTreeSet<String>| {
            let member = |place: &String| place.strip_suffix("/opaque").unwrap().to_owned();
            let names: Vec<String> = names.iter().map(member).collect();
            names.join("+")
        };
        let mut masks: Vec<String> = select(&subject(members), policy)?
            .iter()
            .map(|selection| match names(&selection.mask.lacks).as_str() {
                "" => names(&selection.mask.has),
                lacks => format!("{}!{lacks}", names(&selection.mask.has)),
            })
            .collect();
        masks.sort_unstable();
        Ok(masks)
    }

    #[test]
    fn a_simple_subject_selects_by_each_of_its_aliases() {
        let id = |id: &str| SimpleSubject::Opaque { id: id.into() };
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![id("1"), id("2")],
        };
        let found = select(&aliases.into(), &Policy::default()).unwrap();
        assert_eq!(
            found,
            [simple_selection(&id("1")), simple_selection(&id("2"))]
        );
    }

    #[test]
    fn all_known_members_have_to_match_unless_a_session_lacks_one() {
        assert_eq!(
            selected(&["user", "session"], &Policy::default()).unwrap(),
            ["session!user", "session+user", "user!session"]
        );
    }

    #[test]
    fn a_member_that_the_application_does_not_know_is_left_out_if_user_or_session_remains() {
        let policy = Policy::default();
        assert_eq!(selected(&["user", "device"], &policy).unwrap(), ["user"]);
        assert_eq!(
            selected(&["session", "device"], &policy).unwrap(),
            ["session"]
        );
        assert_eq!(
            selected(&["device"], &policy),
            Err(Unselected::NotApplicable)
        );
    }

    #[test]
    fn a_member_is_not_left_out_if_only_a_device_would_remain() {
        assert_eq!(
            selected(&["device", "tenant"], &policy(&["device"])),
            Err(Unselected::NotApplicable)
        );
        assert_eq!(
            selected(&["device"], &policy(&["device"])).unwrap(),
            ["device"]
        );
    }

    #[test]
    fn nothing_is_left_out_where_the_application_says_so() {
        let policy = Policy {
            unknown: Unknown::Ignore,
            ..Policy::default()
        };
        assert_eq!(
            selected(&["user", "device"], &policy),
            Err(Unselected::NotApplicable)
        );
        assert_eq!(
            selected(&["user", "session"], &policy).unwrap(),
            ["session+user"]
        );
    }

    #[test]
    fn a_tenant_or_a_group_alone_selects_nobody() {
        for name in COLLECTIVE {
            for policy in [policy(&["user"]), policy(&["user", name])] {
                assert_eq!(selected(&[name], &policy), Err(Unselected::NotApplicable));
            }
        }
    }

    #[test]
    fn a_known_tenant_narrows_down() {
        assert_eq!(
            selected(&["user", "tenant"], &policy(&["user", "tenant"])).unwrap(),
            ["tenant+user", "user!tenant"]
        );
    }

    #[test]
    fn a_critical_member_is_never_left_out() {
        let mut policy = policy(&["user", "tenant"]);
        policy.critical = ["tenant".to_owned(), "device".to_owned()].into();
        assert_eq!(
            selected(&["user", "tenant"], &policy).unwrap(),
            ["tenant+user"]
        );
        assert_eq!(
            selected(&["user", "device"], &policy),
            Err(Unselected::CriticalMember)
        );
        assert_eq!(selected(&["user"], &policy).unwrap(), ["user"]);
    }

    #[test]
    fn aliases_in_several_members_multiply_up_to_a_limit() {
        let aliases = |count: usize| SimpleSubject::Aliases {
            identifiers: (0..count)
                .map(|n| SimpleSubject::Opaque { id: n.to_string() })
                .collect(),
        };
        let subject = |users: usize, sessions: usize| -> Subject {
            ComplexSubject::new([("user", aliases(users)), ("session", aliases(sessions))])
                .unwrap()
                .into()
        };
        let policy = Policy::default();
        assert_eq!(
            select(&subject(2, 3), &policy).unwrap().len(),
            2 * 3 + 2 + 3
        );
        assert_eq!(
            select(&subject(32, 32), &policy),
            Err(Unselected::TooManyCombinations)
        );
    }
}
