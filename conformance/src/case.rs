//! A case: one requirement, what judging it needs, and how it is judged.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    cases::{event::Rule, refusal::Refusal},
    checks::{Check, Level},
    context::{Context, Operation},
    event_types::EventType,
    push::Probe,
    target_file::{Delivery, Limits, TargetFile},
};

/// One requirement and how it is judged. All but the judging is data, so that cases can be listed and chosen.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `REQUIREMENT.what`, such as `SSF-T-122.empty-list`; unique, and stable once published.
    pub id: &'static str,
    /// Requirements of other documents that ask for the same.
    pub also: &'static [&'static str],
    /// Where the requirement stands.
    pub section: &'static str,
    /// How binding it is; decides what a broken expectation means.
    pub level: Level,
    /// What the requirement asks for, as a claim.
    pub title: &'static str,
    /// What `explain` adds: what is done, and what goes wrong for whom if the requirement is broken.
    pub why: &'static str,
    /// In which profiles the case is run.
    pub profiles: &'static [Profile],
    /// What the case can be chosen by besides.
    pub tags: &'static [&'static str],
    /// What has to be there; a case whose needs are not met is not run.
    pub needs: &'static [Need],
    /// How many streams it has at once.
    pub streams: u32,
    /// How long it may wait for the Transmitter besides its requests.
    pub waits: fn(&Limits) -> Duration,
    /// How it is judged.
    pub judge: Judge,
}

/// How a case is judged.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// By a pure function over the exchanges that discovery recorded.
    Check(&'static Check),
    /// By requests of its own.
    Script(Script),
    /// By a request for an operation, spoilt so that it has to be refused.
    Refused(Operation, Refusal),
    /// By an event of one type that the adapter emits.
    Event(&'static EventType, Rule),
    /// By SETs that are pushed to a Receiver.
    Push(PushScript),
}

/// Pushes and judges.
pub type PushScript = for<'p> fn(&'p Probe) -> Judging<'p>;

/// Asks and judges. What it returns early with says why it did not go on.
pub type Script = for<'c> fn(&'c Context) -> Judging<'c>;

/// A script under way.
pub type Judging<'c> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'c>>;

/// Why a script did not go on to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// An expectation is broken, which is recorded, and the rest depends on it.
    Broken,
    /// What the case is about cannot be seen.
    NotRun(NotRun),
}

/// A case was not judged. That is never a success.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotRun {
    /// What kind of reason it is.
    pub kind: NotRunKind,
    /// The reason.
    pub reason: String,
}

/// What kind of reason keeps a case from being judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotRunKind {
    /// The Transmitter does not offer what the case is about, and need not.
    NotOffered,
    /// The target file does not give what the case needs.
    NotConfigured,
    /// Something that is not what the case is about went wrong first; another case judges that.
    Blocked,
    /// The run was ended before.
    Interrupted,
}

impl NotRunKind {
    /// The kind as the reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotOffered => "not_offered",
            Self::NotConfigured => "not_configured",
            Self::Blocked => "blocked",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Stop {
    /// The Transmitter does not offer it.
    pub fn not_offered(reason: impl Into<String>) -> Self {
        Self::not_run(NotRunKind::NotOffered, reason)
    }

    /// The target file does not give it.
    pub fn not_configured(reason: impl Into<String>) -> Self {
        Self::not_run(NotRunKind::NotConfigured, reason)
    }

    /// Something else went wrong first.
    pub fn blocked(reason: impl Into<String>) -> Self {
        Self::not_run(NotRunKind::Blocked, reason)
    }

    fn not_run(kind: NotRunKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::NotRun(NotRun { kind, reason })
    }
}

/// A set of expectations that a target claims to meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Profile {
    /// SSF 1.0 and what it cites.
    #[serde(rename = "ssf-1.0")]
    Ssf,
    /// The CAEP Interoperability Profile 1.0.
    #[serde(rename = "caep-interop")]
    CaepInterop,
    /// What no specification demands and attackers look for.
    #[serde(rename = "hardening")]
    Hardening,
    /// What peers of older drafts rely on.
    #[serde(rename = "legacy")]
    Legacy,
}

impl Profile {
    /// What SSF or the interoperability profile demands, and attackers look for.
    pub const AND_HARDENING: &[Self] = &[Self::Ssf, Self::CaepInterop, Self::Hardening];

    /// What SSF demands, and older drafts as well.
    pub const AND_LEGACY: &[Self] = &[Self::Ssf, Self::CaepInterop, Self::Legacy];

    /// All profiles.
    pub const ALL: [Self; 4] = [Self::Ssf, Self::CaepInterop, Self::Hardening, Self::Legacy];

    /// The profile as it is written in target files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssf => "ssf-1.0",
            Self::CaepInterop => "caep-interop",
            Self::Hardening => "hardening",
            Self::Legacy => "legacy",
        }
    }

    /// Reads the name of a profile.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }
}

/// Something a case needs besides the Transmitter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// A token that manages streams.
    Token,
    /// A token of the same Receiver that may read and not change.
    ReadOnlyToken,
    /// A token of another Receiver.
    OtherToken,
    /// A token whose only scope is `ssf.manage`.
    ManageOnlyToken,
    /// A token that has expired.
    ExpiredToken,
    /// A token that was revoked.
    RevokedToken,
    /// A token that was issued for another resource.
    OtherAudienceToken,
    /// That something happens to somebody, by the adapter.
    Emit,
    /// That the Transmitter decides on a status by itself, by the adapter.
    SetStatus,
    /// That another key signs, by the adapter.
    RotateKey,
    /// That the Transmitter ends and begins again, by the adapter.
    Restart,
    /// That the tester takes pushes.
    Push,
    /// That it does so over TLS, with an authority that the Transmitter trusts.
    PushAuthority,
    /// That the Receiver has no stream: the case runs while no other does.
    Alone,
}

impl Need {
    /// The need in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "a token (credentials.token)",
            Self::ReadOnlyToken => "a token that may read alone (credentials.read_only)",
            Self::OtherToken => "a token of another receiver (credentials.other)",
            Self::ManageOnlyToken => {
                "a token whose only scope is ssf.manage (credentials.manage_only)"
            }
            Self::ExpiredToken => "a token that has expired (credentials.expired)",
            Self::RevokedToken => "a token that was revoked (credentials.revoked)",
            Self::OtherAudienceToken => {
                "a token that was issued for another resource (credentials.other_audience)"
            }
            Self::Emit => "the adapter emit",
            Self::Push => "a place to push to (push, and push in delivery)",
            Self::PushAuthority => "a place to push to over TLS (push.authority)",
            Self::SetStatus => "the adapter set_status",
            Self::RotateKey => "the adapter rotate_key",
            Self::Restart => "the adapter restart",
            Self::Alone => "to run while no other case does",
        }
    }

    /// Whether a target has it.
    pub fn is_met_by(self, target: &TargetFile) -> bool {
        match self {
            Self::Token => target.credentials.token.is_some(),
            Self::ReadOnlyToken => target.credentials.read_only.is_some(),
            Self::OtherToken => target.credentials.other.is_some(),
            Self::ManageOnlyToken => target.credentials.manage_only.is_some(),
            Self::ExpiredToken => target.credentials.expired.is_some(),
            Self::RevokedToken => target.credentials.revoked.is_some(),
            Self::OtherAudienceToken => target.credentials.other_audience.is_some(),
            Self::Emit => target.adapters.emit.is_some(),
            Self::Push => target.push.is_some() && target.judges(Delivery::Push),
            Self::PushAuthority => {
                let push = target.push.as_ref();
                push.is_some_and(|push| push.authority.is_some()) && Self::Push.is_met_by(target)
            }
            Self::SetStatus => target.adapters.set_status.is_some(),
            Self::RotateKey => target.adapters.rotate_key.is_some(),
            Self::Restart => target.adapters.restart.is_some(),
            Self::Alone => true,
        }
    }
}

impl Case {
    /// What a case of the management API has unless it says otherwise.
    pub const MANAGEMENT: Self = Self {
        id: "",
        also: &[],
        section: "",
        level: Level::MustImplied,
        title: "",
        why: "",
        profiles: &[Profile::Ssf, Profile::CaepInterop],
        tags: &[],
        needs: &[Need::Token],
        streams: 1,
        waits: |_| Duration::ZERO,
        judge: Judge::Script(|_| Box::pin(async { Ok(()) })),
    };

    /// What a case of a push endpoint has unless it says otherwise.
    pub const PUSH: Self = Self {
        needs: &[],
        streams: 0,
        judge: Judge::Push(|_| Box::pin(async { Ok(()) })),
        ..Self::MANAGEMENT
    };

    /// The requirement in the catalogue: what stands in front of the dot.
    pub fn requirement(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }

    /// Whether the case judges this requirement, be it among others.
    pub fn is_about(&self, requirement: &str) -> bool {
        self.requirement() == requirement || self.also.contains(&requirement)
    }

    /// The first need that a target does not meet, and the streams it allows count as well.
    pub fn unmet(&self, target: &TargetFile) -> Option<String> {
        let unmet = self.needs.iter().find(|need| !need.is_met_by(target));
        if let Some(need) = unmet {
            return Some(format!("needs {}", need.as_str()));
        }
        let allowed = target.limits.streams;
        (self.streams > allowed).then(|| {
            format!(
                "needs {} streams at once, and limits.streams is {allowed}",
                self.streams
            )
        })
    }

    /// How many streams it takes of those that the Receiver may have.
    pub(crate) fn streams_of(&self, total: u32) -> u32 {
        if self.needs.contains(&Need::Alone) {
            total
        } else {
            // One that needs more than that is not run.
            self.streams.min(total)
        }
    }

    /// By when it has to have ended.
    pub fn deadline(&self, limits: &Limits) -> Duration {
        limits.case() + self.waits_at_most(limits)
    }

    /// For how long it waits if nothing comes that it waits for.
    pub fn waits_at_most(&self, limits: &Limits) -> Duration {
        (self.waits)(limits)
    }

    /// For how long it waits if everything comes at once: what is left is silence.
    pub fn waits_at_least(&self, limits: &Limits) -> Duration {
        (self.waits)(&Limits {
            event_seconds: 0,
            request_seconds: 0,
            inactivity_seconds: 0,
            ..limits.clone()
        })
    }
}
