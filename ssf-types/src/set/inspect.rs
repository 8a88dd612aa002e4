//! Every check of a token, each with its own result: what verifying stops to tell after the first fault.
//!
//! ```
//! use ssf_types::set::inspect::{Check, Inspector, Verdict};
//!
//! // A logout token: {"typ":"logout+jwt","alg":"RS256"}, and claims with a `sub` and no `sub_id`.
//! let token = "eyJ0eXAiOiJsb2dvdXQrand0IiwiYWxnIjoiUlMyNTYifQ\
//!     .eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbSIsInN1YiI6ImFsaWNlIn0.AAAA";
//! let inspection = Inspector::default().inspect(token.as_bytes());
//! let broken: Vec<Check> = inspection.faults().map(|(check, _)| check).collect();
//! assert!(broken.starts_with(&[Check::Typ]));
//! assert!(broken.contains(&Check::NoSub));
//! assert_eq!(Check::NoSub.section(), "SSF 1.0 §4.1.2");
//! ```

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::{
    Header, SetError, Verifier, profile,
    token::{Parts, header_bytes},
};
use crate::{
    audience::Audience,
    json::{self, Members},
    time::Timestamp,
    uri::Issuer,
};

/// One rule that a SET has to follow, or should.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Check {
    /// The token has the form of a JWS, of bounded length.
    Form,
    /// The header is sound JSON.
    Header,
    /// The header's `typ` says that this is a SET.
    Typ,
    /// The header neither brings a key nor points to one.
    NoKeyInHeader,
    /// The header has no critical extension.
    NoCriticalExtension,
    /// The header's `alg` is one that SETs are signed with.
    Alg,
    /// The header's `kid` can name a key.
    Kid,
    /// The claims are sound JSON, with no member twice.
    Claims,
    /// `iss` is the expected issuer.
    Iss,
    /// The signature was made with a key of the issuer.
    Signature,
    /// `aud` names this Receiver.
    Aud,
    /// There is no `sub`.
    NoSub,
    /// There is no `exp`.
    NoExp,
    /// There is a `jti`.
    Jti,
    /// There is an `iat`, in seconds.
    Iat,
    /// `txn`, if there, is a string; it should be there.
    Txn,
    /// `toe`, if there, is a number of seconds.
    Toe,
    /// There is a `sub_id` that follows its format.
    SubId,
    /// There is one event, and it follows its definition.
    Event,
    /// The subject suits the event.
    SubjectSuitsEvent,
    /// `iat` does not lie in the future.
    NotInFuture,
}

impl Check {
    /// All checks, in the order in which verifying makes them.
    pub const ALL: &[Self] = &[
        Self::Form,
        Self::Header,
        Self::Typ,
        Self::NoKeyInHeader,
        Self::NoCriticalExtension,
        Self::Alg,
        Self::Kid,
        Self::Claims,
        Self::Iss,
        Self::Signature,
        Self::Aud,
        Self::NoSub,
        Self::NoExp,
        Self::Jti,
        Self::Iat,
        Self::Txn,
        Self::Toe,
        Self::SubId,
        Self::Event,
        Self::SubjectSuitsEvent,
        Self::NotInFuture,
    ];

    /// What the rule asks for, in a sentence without a full stop.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Form => "the token is one JWS in compact form",
            Self::Header => "the header is sound JSON",
            Self::Typ => "typ is secevent+jwt",
            Self::NoKeyInHeader => "the header has no jwk, jku, x5c or x5u",
            Self::NoCriticalExtension => "the header has no crit",
            Self::Alg => "alg is RS256, PS256, ES256 or EdDSA",
            Self::Kid => "kid, if there, can name a key",
            Self::Claims => "the claims are sound JSON, no member twice",
            Self::Iss => "iss is the issuer of the stream",
            Self::Signature => "the signature is that of a key of the issuer",
            Self::Aud => "aud names the receiver",
            Self::NoSub => "there is no sub",
            Self::NoExp => "there is no exp",
            Self::Jti => "jti is there",
            Self::Iat => "iat is there, in seconds",
            Self::Txn => "txn is a string",
            Self::Toe => "toe, if there, is in seconds",
            Self::SubId => "sub_id is there and follows its format",
            Self::Event => "events has one member that follows its definition",
            Self::SubjectSuitsEvent => "the subject suits the event",
            Self::NotInFuture => "iat does not lie in the future",
        }
    }

    /// Where the rule stands.
    pub fn section(self) -> &'static str {
        match self {
            Self::Form => "RFC 7515 §7.1",
            Self::Header => "RFC 7515 §4",
            Self::Typ => "SSF 1.0 §4.1.1",
            Self::NoKeyInHeader => "RFC 8725 §3.10",
            Self::NoCriticalExtension => "RFC 7515 §4.1.11",
            Self::Alg => "RFC 8725 §3.1",
            Self::Kid => "RFC 7515 §4.1.4",
            Self::Claims => "RFC 8417 §2",
            Self::Iss => "SSF 1.0 §4.1.6",
            Self::Signature => "SSF 1.0 §4.1.4",
            Self::Aud => "SSF 1.0 §4.1.8",
            Self::NoSub => "SSF 1.0 §4.1.2",
            Self::NoExp => "SSF 1.0 §4.1.7",
            Self::Jti | Self::Iat | Self::Toe | Self::NotInFuture => "RFC 8417 §2.2",
            Self::Txn => "SSF 1.0 §4.1.9",
            Self::SubId => "SSF 1.0 §3.1",
            Self::Event => "SSF 1.0 §4.2.1",
            Self::SubjectSuitsEvent => "SSF 1.0 §8.1.4.1, RISC 1.0 §2.5",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The rule holds.
    Passed,
    /// The rule holds to the letter, and could be followed better in the way that is told.
    Advice(&'static str),
    /// The rule is broken.
    Failed(SetError),
    /// The check could not be made, for the reason that is told.
    NotRun(&'static str),
}

/// What a token is, and the result of each check.
///
/// Printing it for debugging shows the results and nothing of the token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// The header's JSON text, where it could be decoded; nothing vouches for it.
    pub header: Option<String>,
    /// The claims' JSON text, where it could be decoded; nothing vouches for it unless [`Check::Signature`] passed.
    pub claims: Option<String>,
    /// One result for each of [`Check::ALL`], in that order.
    pub findings: Vec<(Check, Verdict)>,
}

impl Inspection {
    /// The checks that failed, in the order in which verifying makes them: the first is what verifying reports.
    pub fn faults(&self) -> impl Iterator<Item = (Check, &SetError)> {
        self.findings
            .iter()
            .filter_map(|(check, verdict)| match verdict {
                Verdict::Failed(error) => Some((*check, error)),
                Verdict::Passed | Verdict::Advice(_) | Verdict::NotRun(_) => None,
            })
    }

    /// The result of one check.
    pub fn verdict(&self, check: Check) -> Option<&Verdict> {
        self.findings
            .iter()
            .find_map(|(found, verdict)| (*found == check).then_some(verdict))
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection")
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

/// What a token is compared with; what is absent leaves its check undone.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Inspector<'i> {
    /// The issuer that `iss` has to be.
    pub issuer: Option<&'i Issuer>,
    /// The names of which `aud` has to hold one.
    pub audience: Option<&'i Audience>,
    /// The issuer's keys.
    pub keys: Option<&'i dyn Verifier>,
    /// The latest `iat` that is not in the future: the time now, and the leeway for clocks.
    pub latest: Option<Timestamp>,
}

impl Inspector<'_> {
    /// Makes every check that the token's form allows.
    pub fn inspect(&self, token: &[u8]) -> Inspection {
        let mut inspection = Inspection {
            header: None,
            claims: None,
            findings: Vec::with_capacity(Check::ALL.len()),
        };
        let findings = &mut inspection.findings;
        match Parts::split(token) {
            Err(error) => findings.push((Check::Form, Verdict::Failed(error))),
            Ok(parts) => {
                let signature = BASE64URL.decode(parts.signature);
                let claims = BASE64URL.decode(parts.claims);
                let form = signature.is_ok() && claims.is_ok();
                findings.push((Check::Form, passed(form, SetError::NotCompact)));
                inspection.header = header(parts.header, findings);
                let parsed = inspection
                    .header
                    .as_deref()
                    .and_then(|header| Header::parse(header.as_bytes()).ok());
                let signed = || {
                    let Some(keys) = self.keys else {
                        return Verdict::NotRun("no keys were given");
                    };
                    match (&parsed, &signature) {
                        (Some(header), Ok(signature)) => {
                            let input = parts.signing_input.as_bytes();
                            verdict(keys.check(header, input, signature))
                        }
                        (None, _) => Verdict::NotRun("the header is faulty"),
                        (Some(_), Err(_)) => Verdict::NotRun("the signature cannot be decoded"),
                    }
                };
                inspection.claims = claims
                    .ok()
                    .and_then(|claims| self.claims(claims, signed, findings));
            }
        }
        fill(findings);
        inspection
    }

    fn claims(
        &self,
        claims: Vec<u8>,
        signed: impl Fn() -> Verdict,
        findings: &mut Vec<(Check, Verdict)>,
    ) -> Option<String> {
        let members = json::check(&claims).and_then(Members::parse);
        let members = match members {
            Ok(members) => members,
            Err(error) => {
                findings.push((Check::Claims, Verdict::Failed(SetError::Claims(error))));
                findings.push((Check::Signature, signed()));
                return String::from_utf8(claims).ok();
            }
        };
        let fresh = || members.clone();
        let sub_id = profile::subject(&mut fresh());
        let event = profile::event(&mut fresh());
        let suits = match (&event, &sub_id) {
            (Ok(event), Ok(sub_id)) => verdict(profile::subject_suits_event(event, sub_id)),
            (Err(_), _) | (_, Err(_)) => Verdict::NotRun("the subject or the event is faulty"),
        };
        findings.extend([
            (Check::Claims, Verdict::Passed),
            (Check::Iss, self.issuer(fresh())),
            (Check::Signature, signed()),
            (Check::Aud, self.audience(fresh())),
            (Check::NoSub, verdict(profile::no_sub(&members))),
            (Check::NoExp, verdict(profile::no_exp(&members))),
            (Check::Jti, verdict(profile::jti(&mut fresh()))),
            (Check::Iat, verdict(profile::issued_at(&mut fresh()))),
            (Check::Txn, transaction(fresh())),
            (Check::Toe, verdict(profile::time_of_event(&mut fresh()))),
            (Check::SubId, verdict(sub_id)),
            (Check::Event, verdict(event)),
            (Check::SubjectSuitsEvent, suits),
            (Check::NotInFuture, self.issued_before(fresh())),
        ]);
        drop(members);
        String::from_utf8(claims).ok()
    }

    fn issuer(&self, mut claims: Members<'_>) -> Verdict {
        match (profile::issuer(&mut claims), self.issuer) {
            (Err(error), _) => Verdict::Failed(error),
            (Ok(iss), Some(expected)) => verdict(profile::issuer_is(&iss, expected)),
            (Ok(_), None) => Verdict::NotRun("no issuer was given"),
        }
    }

    fn audience(&self, mut claims: Members<'_>) -> Verdict {
        match (profile::audience(&mut claims), self.audience) {
            (Err(error), _) => Verdict::Failed(error),
            (Ok(aud), Some(expected)) => verdict(profile::audience_is(&aud, expected)),
            (Ok(_), None) => Verdict::NotRun("no audience was given"),
        }
    }

    fn issued_before(&self, mut claims: Members<'_>) -> Verdict {
        match (profile::issued_at(&mut claims), self.latest) {
            (Err(_), _) => Verdict::NotRun("there is no iat to compare"),
            (Ok(iat), Some(latest)) => verdict(profile::issued_before(iat, latest)),
            (Ok(_), None) => Verdict::NotRun("no time was given"),
        }
    }
}

/// Judges the header and returns its text, where it can be decoded.
fn header(encoded: &str, findings: &mut Vec<(Check, Verdict)>) -> Option<String> {
    let header = match header_bytes(encoded) {
        Ok(header) => header,
        Err(error) => {
            findings.push((Check::Header, Verdict::Failed(error)));
            return None;
        }
    };
    let members = match json::check(&header).and_then(Members::parse) {
        Ok(members) => members,
        Err(error) => {
            findings.push((Check::Header, Verdict::Failed(SetError::Header(error))));
            return String::from_utf8(header).ok();
        }
    };
    let fresh = || members.clone();
    findings.extend([
        (Check::Header, Verdict::Passed),
        (Check::Typ, typ(fresh())),
        (
            Check::NoKeyInHeader,
            verdict(profile::no_key_in_header(&members)),
        ),
        (
            Check::NoCriticalExtension,
            verdict(profile::no_critical_extension(&members)),
        ),
        (Check::Alg, verdict(profile::algorithm(&mut fresh()))),
        (Check::Kid, kid(fresh())),
    ]);
    drop(members);
    String::from_utf8(header).ok()
}

fn typ(header: Members<'_>) -> Verdict {
    let spelled: Option<String> = header.clone().optional("typ", "a string").ok().flatten();
    match profile::is_secevent(&mut { header }) {
        Ok(()) if spelled.as_deref() != Some(super::TYP) => {
            Verdict::Advice("it is best written in short form and in lower case (RFC 8417 §2.3)")
        }
        result => verdict(result),
    }
}

fn kid(mut header: Members<'_>) -> Verdict {
    match profile::key_id(&mut header) {
        Ok(None) => Verdict::Advice("a kid lets the receiver choose among the issuer's keys"),
        result => verdict(result),
    }
}

fn transaction(mut claims: Members<'_>) -> Verdict {
    match profile::transaction(&mut claims) {
        Ok(None) => Verdict::Advice("it should be there (SSF 1.0 §4.1.9)"),
        result => verdict(result),
    }
}

fn verdict<T>(result: Result<T, SetError>) -> Verdict {
    match result {
        Ok(_) => Verdict::Passed,
        Err(error) => Verdict::Failed(error),
    }
}

fn passed(holds: bool, error: SetError) -> Verdict {
    verdict(if holds { Ok(()) } else { Err(error) })
}

/// Brings the findings into their order, and names those that an earlier fault made impossible.
fn fill(findings: &mut Vec<(Check, Verdict)>) {
    let mut made = std::mem::take(findings);
    findings.extend(Check::ALL.iter().map(|check| {
        let at = made.iter().position(|(found, _)| found == check);
        at.map_or(
            (*check, Verdict::NotRun("an earlier fault is in the way")),
            |at| made.swap_remove(at),
        )
    }));
}
