//! Subjects of streams in memory: compared one by one, as SSF 1.0 §8.1.3.1 says it.

use ssf_types::{
    metadata::DefaultSubjects,
    subject::{ComplexSubject, SimpleSubject, Subject},
    time::Timestamp,
};

use super::{MemoryStore, kept::Kept};
use crate::{
    domain::{
        coverage::{Place, Span, Step, SubjectOperation, SubjectRefusal, SubjectTerms, step},
        matching,
    },
    ports::{StoreError, SubjectChange, SubjectChanged, SubjectStore},
};

/// The subjects of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptSubjects {
    spans: Vec<KeptSpan>,
    used_until: u64,
}

#[derive(Clone, Debug)]
struct KeptSpan {
    subject: Subject,
    keys: u64,
    span: Span,
}

impl KeptSubjects {
    /// Whether the stream's entries have a subject at an event.
    pub(super) fn list(&self, subject: &Subject, position: u64, accepted_at: Timestamp) -> bool {
        (self.spans.iter())
            .any(|kept| kept.span.has(position, accepted_at) && kept.subject.matches(subject))
    }

    pub(super) fn keys(&self) -> u64 {
        self.spans.iter().map(|kept| kept.keys).sum()
    }

    fn newest(&self, subject: &Subject) -> Option<usize> {
        let is_it = |kept: &KeptSpan| is_same(&kept.subject, subject);
        self.spans.iter().rposition(is_it)
    }

    fn change(
        &mut self,
        covers: DefaultSubjects,
        change: &SubjectChange,
        terms: &SubjectTerms,
        place: Place,
    ) -> Result<(), SubjectRefusal> {
        let entries = matching::entries(&change.subject).map_err(SubjectRefusal::Unfit)?;
        if change.operation == SubjectOperation::Remove
            && change.subject == Subject::stream(&change.stream)
        {
            return Err(SubjectRefusal::StreamItself);
        }
        let keys: usize = entries.iter().map(|entry| entry.keys.len()).sum();
        let used_until = terms.pace.allow(self.used_until, keys as u64, place.now);
        self.used_until = used_until.map_err(SubjectRefusal::TooFast)?;
        let keys_of_each = (keys / entries.len().max(1)) as u64;
        let steps: Vec<(Subject, Option<usize>, Step)> = without_aliases(&change.subject)
            .into_iter()
            .map(|subject| {
                let at = self.newest(&subject);
                let newest = at.map(|at| self.spans[at].span);
                let step = step(covers, change.operation, newest, place);
                (subject, at, step)
            })
            .collect();
        let begun = |(_, _, step): &&(Subject, Option<usize>, Step)| matches!(step, Step::Begin(_));
        let added = steps.iter().filter(begun).count() as u64 * keys_of_each;
        if added > 0 && self.keys() + added > terms.keys_max {
            return Err(SubjectRefusal::TooMany);
        }
        for (subject, at, step) in steps {
            match (step, at) {
                (Step::Begin(span), _) => self.spans.push(KeptSpan {
                    subject,
                    keys: keys_of_each,
                    span,
                }),
                (Step::Become(span), Some(at)) => self.spans[at].span = span,
                // An empty span keeps its place, so that the others keep theirs.
                (Step::Forget, Some(at)) => {
                    self.spans[at].span.through_position = Some(0);
                    self.spans[at].keys = 0;
                }
                (Step::Keep, _) | (Step::Become(_) | Step::Forget, None) => {}
            }
        }
        Ok(())
    }

    fn forget(&mut self, dispatched: u64, now: Timestamp, limit: u64) -> u64 {
        let mut forgotten = 0;
        self.spans.retain(|kept| {
            let by_position = (kept.span.through_position).is_some_and(|last| last <= dispatched);
            let is_over = by_position || kept.span.until.is_some_and(|until| until <= now);
            let goes = is_over && forgotten + kept.keys <= limit;
            forgotten += if goes { kept.keys } else { 0 };
            !goes
        });
        forgotten
    }
}

/// Whether two subjects without aliases are the same: they match, and neither has what the other has not.
fn is_same(one: &Subject, two: &Subject) -> bool {
    let names = |subject: &Subject| match subject {
        Subject::Complex(complex) => complex.members().map(|(name, _)| name.to_owned()).collect(),
        Subject::Simple(_) | _ => Vec::new(),
    };
    names(one) == names(two) && one.matches(two)
}

fn without_aliases(subject: &Subject) -> Vec<Subject> {
    let mut all: Vec<Subject> = match subject {
        Subject::Simple(simple) => simple
            .alternatives()
            .iter()
            .cloned()
            .map(Subject::from)
            .collect(),
        Subject::Complex(complex) => {
            let mut lists: Vec<Vec<(&str, SimpleSubject)>> = vec![Vec::new()];
            for (name, member) in complex.members() {
                let with = |list: &Vec<(_, _)>, one: &SimpleSubject| {
                    [list.as_slice(), &[(name, one.clone())]].concat()
                };
                lists = (lists.iter())
                    .flat_map(|list| member.alternatives().iter().map(move |one| with(list, one)))
                    .collect();
            }
            let complex = |list: Vec<(&str, SimpleSubject)>| ComplexSubject::new(list).ok();
            lists
                .into_iter()
                .filter_map(complex)
                .map(Subject::from)
                .collect()
        }
        other => vec![other.clone()],
    };
    let mut at = 0;
    while at < all.len() {
        let (before, rest) = all.split_at(at);
        if before.iter().any(|earlier| is_same(earlier, &rest[0])) {
            all.remove(at);
        } else {
            at += 1;
        }
    }
    all
}

impl SubjectStore for MemoryStore {
    async fn change_subjects(
        &self,
        changes: &[SubjectChange],
        terms: &SubjectTerms,
        now: Timestamp,
    ) -> Result<Vec<SubjectChanged>, StoreError> {
        let mut state = self.state();
        let place = Place {
            after_position: state.events.len() as u64,
            now,
            grace: terms.grace,
        };
        let mut make = |change: &SubjectChange| {
            let own = |kept: &&mut Kept| {
                kept.stream.receiver == change.receiver && kept.stream.id == change.stream
            };
            let Some(kept) = state.streams.iter_mut().find(own) else {
                return SubjectChanged::NotFound;
            };
            let covers = kept.stream.default_subjects;
            match kept.subjects.change(covers, change, terms, place) {
                Ok(()) => SubjectChanged::Stored,
                Err(refusal) => SubjectChanged::Refused(refusal),
            }
        };
        Ok(changes.iter().map(&mut make).collect())
    }

    async fn forget_subjects(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut state = self.state();
        let dispatched = state.dispatched as u64;
        let minute_ago = now.before(std::time::Duration::from_mins(1));
        let mut left = limit;
        for kept in &mut state.streams {
            left -= kept.subjects.forget(dispatched, minute_ago, left);
        }
        if left == limit {
            left -= state.keys_of_gone_streams.min(limit);
            state.keys_of_gone_streams -= limit - left;
        }
        Ok(limit - left)
    }
}
