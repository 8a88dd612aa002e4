//! Deviations: each is one way in which a peer departs from SSF 1.0.

use std::fmt;

use super::{Body, claims, event, object::Object, stream, subject};

/// One way in which a peer departs from SSF 1.0.
///
/// It can be undone in what the peer wrote, and committed in what the peer shall read. Unless its description says
/// otherwise, nothing is lost on the way there and back.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Deviation {
    /// `sse-event-uris`: the framework events stand under `…/secevent/sse/event-type/` (SSE draft 1 §7.1.4.1, §7.1.5).
    SseEventUris,
    /// `risc-verification-uri`: the verification event stands under `…/secevent/risc/event-type/` (RISC profile 2018 §4.1.4.1).
    RiscVerificationUri,
    /// `token-claims-changed-uri`: `token-claims-change` is spelled `token-claims-changed` (SSE draft 1 §11.1.3 to SSF draft 3 §10.1.3).
    TokenClaimsChangedUri,
    /// `subject-type`: the discriminator of a subject is `subject_type`, not `format` (RISC profile 2018 §2.1).
    SubjectType,
    /// `iss-sub-hyphen`: the format `iss_sub` is spelled `iss-sub` (Google's Cross-Account Protection, RISC 1.0 §3.1).
    IssSubHyphen,
    /// `token-format-hyphens`: the formats `jwt_id` and `saml_assertion_id` are spelled `jwt-id` and `saml-assertion-id`
    /// (SSE draft 1 §3.4).
    TokenFormatHyphens,
    /// `phone-format`: the format `phone_number` is called `phone`, and perhaps its member too (RISC profile 2018 §2.1.2).
    PhoneFormat,
    /// `subject-under-user`: a simple subject stands alone as the member `user` of an object without `format`.
    ///
    /// Written that way, a complex subject of a user alone comes back as that user.
    SubjectUnderUser,
    /// `complex-without-format`: a complex subject has its members and no `format` (SSE draft 1 §3.2).
    ComplexWithoutFormat,
    /// `subject-in-both`: an event repeats the `sub_id` of the SET as its own `subject`, as SSF 1.0 §3.1.1 lets those of
    /// CAEP and RISC do.
    ///
    /// It is written for these alone.
    SubjectInBoth,
    /// `subjects-differ`: an event has a `subject` that is not the `sub_id` of the SET; `sub_id` counts.
    ///
    /// The event keeps its `subject`, as a member that it does not define. Never written.
    SubjectsDiffer,
    /// `subject-in-event`: the subject stands as `subject` in the event, and there is no `sub_id` (SSE draft 1 §11.1.2).
    ///
    /// An event that has a member `subject` for something else is written with `sub_id`.
    SubjectInEvent,
    /// `framework-event-without-subject`: an event about the stream has no subject, because the peer has one stream
    /// (SSE draft 1 §7.1.4.2).
    ///
    /// It is read as being about [`IMPLICIT_STREAM`](super::IMPLICIT_STREAM); written only where it is about that.
    FrameworkEventWithoutSubject,
    /// `token-claims-unwrapped`: the changed claims of a token stand in the event itself, not in `claims`
    /// (SSE draft 1 §11.1.3, SSF draft 2 §11.1.3).
    ///
    /// Written only where the event has no other members and no claim is called like one of CAEP's own.
    TokenClaimsUnwrapped,
    /// `reason-as-text`: `reason_admin` or `reason_user` is a text without its language (examples in SSE draft 1 §5,
    /// and there up to SSF draft 3).
    ///
    /// It is read under the tag `und`, which BCP 47 has for a language that was not determined: `en` would be a guess
    /// that nobody downstream could tell from a statement. Written only where `und` is the one tag.
    ReasonAsText,
    /// `millisecond-times`: `event_timestamp`, `iat` or `toe` counts milliseconds (examples of CAEP drafts 1 and 2, against their text).
    ///
    /// Whole numbers from 10^11 up to 10^14 are read so: as seconds they would be dates after the year 5138. A moment
    /// before March 1973 is written in seconds, since it would not be recognised.
    MillisecondTimes,
    /// `lower-case-levels`: the levels and the principal of `risk-level-change` are in lower case, or in mixed case.
    ///
    /// No dialect with a name has it; Okta's levels in lower case belong to event types of its own. Values that CAEP does
    /// not define stay as they are.
    LowerCaseLevels,
    /// `new-value-underscore`: the member `new-value` of `identifier-changed` is spelled `new_value`.
    ///
    /// No dialect with a name has it.
    NewValueUnderscore,
    /// `amr-as-text`: `amr` is a text, not an array of texts (CAEP draft 2 §3.6.2).
    ///
    /// Written only where the array has one.
    AmrAsText,
    /// `assurance-without-namespace`: `assurance-level-change` has no `namespace` and a level of NIST's, such as
    /// `nist-aal2` (CAEP draft 1 §3.4).
    ///
    /// It is read as being in `NIST-AAL`, and written only for that namespace and those levels.
    AssuranceWithoutNamespace,
    /// `null-state`: a verification that nobody asked for has a `state` of `null` (authentik).
    NullState,
    /// `numeric-txn`: `txn` is a number (examples of SSF draft 3).
    ///
    /// Written only where the text is that of a whole number of at most 15 digits.
    NumericTxn,
    /// `exp-present`: the SET has an `exp`; it is ignored (Google's Cross-Account Protection). Never written.
    ExpPresent,
    /// `delivery-member-names`: the members of `delivery` are called `delivery_method` and `url` (RISC profile
    /// 2018 §4.1.2, SSE draft 1 §7.1.2).
    DeliveryMemberNames,
    /// `risc-delivery-methods`: push and poll are named by URLs under `…/secevent/risc/delivery-method/` (SSE draft 1 §11.2.1).
    RiscDeliveryMethods,
    /// `transmitter-members-in-create`: a request that creates a stream has members that are the Transmitter's to supply
    /// (Apple Business Manager). They stay, for [`Dialect::echo`](super::Dialect::echo); never written.
    TransmitterMembersInCreate,
    /// `stream-subject-format`: a stream has a `format` or `subject_type`, the format of subjects that the Receiver wants
    /// (RISC profile 2018 §4.1.2, SSE draft 1 §7.1.2). It stays; never written.
    StreamSubjectFormat,
    /// `null-events-requested`: `events_requested` of a stream is `null` (older builds of caep.dev). Never written.
    NullEventsRequested,
    /// `stream-id-left-out`: a body has no `stream_id`, because the peer has one stream (SSE draft 1 §7.1), or because the
    /// request named it (SSF draft 2 §7.1.2.1).
    ///
    /// The stream that the reader names is put in its place.
    StreamIdLeftOut,
    /// `streams-not-listed`: the answer that lists streams is one stream, and no array (SSE draft 1 §7.1.2.1).
    ///
    /// Written only where there is one stream.
    StreamsNotListed,
    /// `poll-acks`: the member `ack` of a poll request is spelled `acks` (duo-labs' samples).
    ///
    /// No dialect with a name has it.
    PollAcks,
    /// `set-data-code`: the code `invalid_state` is spelled `setData` (SSE draft 1 §7.1.4.1, SSF draft 2 §7.1.4.1).
    SetDataCode,
}

impl Deviation {
    /// All deviations, in the order in which they are undone; they are committed in the reverse order.
    pub const ALL: &[Self] = &[
        Self::SseEventUris,
        Self::RiscVerificationUri,
        Self::TokenClaimsChangedUri,
        Self::SubjectType,
        Self::IssSubHyphen,
        Self::TokenFormatHyphens,
        Self::PhoneFormat,
        Self::SubjectUnderUser,
        Self::ComplexWithoutFormat,
        Self::SubjectInBoth,
        Self::SubjectsDiffer,
        Self::SubjectInEvent,
        Self::FrameworkEventWithoutSubject,
        Self::TokenClaimsUnwrapped,
        Self::ReasonAsText,
        Self::MillisecondTimes,
        Self::LowerCaseLevels,
        Self::NewValueUnderscore,
        Self::AmrAsText,
        Self::AssuranceWithoutNamespace,
        Self::NullState,
        Self::NumericTxn,
        Self::ExpPresent,
        Self::DeliveryMemberNames,
        Self::RiscDeliveryMethods,
        Self::TransmitterMembersInCreate,
        Self::StreamSubjectFormat,
        Self::NullEventsRequested,
        Self::StreamIdLeftOut,
        Self::StreamsNotListed,
        Self::PollAcks,
        Self::SetDataCode,
    ];

    /// The deviation's name, in words joined by hyphens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SseEventUris => "sse-event-uris",
            Self::RiscVerificationUri => "risc-verification-uri",
            Self::TokenClaimsChangedUri => "token-claims-changed-uri",
            Self::SubjectType => "subject-type",
            Self::IssSubHyphen => "iss-sub-hyphen",
            Self::TokenFormatHyphens => "token-format-hyphens",
            Self::PhoneFormat => "phone-format",
            Self::SubjectUnderUser => "subject-under-user",
            Self::ComplexWithoutFormat => "complex-without-format",
            Self::SubjectInBoth => "subject-in-both",
            Self::SubjectsDiffer => "subjects-differ",
            Self::SubjectInEvent => "subject-in-event",
            Self::FrameworkEventWithoutSubject => "framework-event-without-subject",
            Self::TokenClaimsUnwrapped => "token-claims-unwrapped",
            Self::ReasonAsText => "reason-as-text",
            Self::MillisecondTimes => "millisecond-times",
            Self::LowerCaseLevels => "lower-case-levels",
            Self::NewValueUnderscore => "new-value-underscore",
            Self::AmrAsText => "amr-as-text",
            Self::AssuranceWithoutNamespace => "assurance-without-namespace",
            Self::NullState => "null-state",
            Self::NumericTxn => "numeric-txn",
            Self::ExpPresent => "exp-present",
            Self::DeliveryMemberNames => "delivery-member-names",
            Self::RiscDeliveryMethods => "risc-delivery-methods",
            Self::TransmitterMembersInCreate => "transmitter-members-in-create",
            Self::StreamSubjectFormat => "stream-subject-format",
            Self::NullEventsRequested => "null-events-requested",
            Self::StreamIdLeftOut => "stream-id-left-out",
            Self::StreamsNotListed => "streams-not-listed",
            Self::PollAcks => "poll-acks",
            Self::SetDataCode => "set-data-code",
        }
    }

    /// Where the rule stands that is departed from.
    pub const fn section(self) -> &'static str {
        match self {
            Self::SseEventUris
            | Self::RiscVerificationUri
            | Self::FrameworkEventWithoutSubject
            | Self::NullState
            | Self::SetDataCode => "SSF 1.0 §8.1.4.1",
            Self::TokenClaimsChangedUri | Self::TokenClaimsUnwrapped => "CAEP 1.0 §3.2",
            Self::SubjectType => "RFC 9493 §3",
            Self::IssSubHyphen => "RFC 9493 §3.2.3",
            Self::TokenFormatHyphens => "SSF 1.0 §3.5",
            Self::PhoneFormat => "RFC 9493 §3.2.5",
            Self::SubjectUnderUser | Self::ComplexWithoutFormat => "SSF 1.0 §3.3",
            Self::SubjectInBoth | Self::SubjectsDiffer => "SSF 1.0 §3.1.1",
            Self::SubjectInEvent => "SSF 1.0 §3.1",
            Self::ReasonAsText => "CAEP 1.0 §2",
            Self::MillisecondTimes => "RFC 7519 §2",
            Self::LowerCaseLevels => "CAEP 1.0 §3.8",
            Self::NewValueUnderscore => "RISC 1.0 §2.5",
            Self::AmrAsText => "CAEP 1.0 §3.6",
            Self::AssuranceWithoutNamespace => "CAEP 1.0 §3.4",
            Self::NumericTxn => "SSF 1.0 §4.1.9",
            Self::ExpPresent => "SSF 1.0 §4.1.7",
            Self::DeliveryMemberNames | Self::RiscDeliveryMethods => "SSF 1.0 §6.1",
            Self::TransmitterMembersInCreate => "SSF 1.0 §8.1.1.1",
            Self::StreamSubjectFormat | Self::NullEventsRequested | Self::StreamIdLeftOut => {
                "SSF 1.0 §8.1.1"
            }
            Self::StreamsNotListed => "SSF 1.0 §8.1.1.2",
            Self::PollAcks => "RFC 8936 §2.2",
        }
    }

    /// What the peer does, in a sentence without a full stop.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::SseEventUris => "the framework events have the URIs of SSE",
            Self::RiscVerificationUri => "the verification event has the URI of RISC",
            Self::TokenClaimsChangedUri => "token-claims-change is spelled token-claims-changed",
            Self::SubjectType => "subjects have subject_type instead of format",
            Self::IssSubHyphen => "the format iss_sub is spelled iss-sub",
            Self::TokenFormatHyphens => "jwt_id and saml_assertion_id are spelled with hyphens",
            Self::PhoneFormat => "the format phone_number is called phone",
            Self::SubjectUnderUser => "a simple subject stands as the member user of an object",
            Self::ComplexWithoutFormat => "complex subjects have no format",
            Self::SubjectInBoth => "the event repeats sub_id as its subject",
            Self::SubjectsDiffer => "the event's subject is not that of sub_id, which counts",
            Self::SubjectInEvent => "the subject stands in the event, and there is no sub_id",
            Self::FrameworkEventWithoutSubject => "events about the stream have no subject",
            Self::TokenClaimsUnwrapped => "changed claims stand in the event, not in claims",
            Self::ReasonAsText => "reason_admin and reason_user are texts without a language",
            Self::MillisecondTimes => "moments are told in milliseconds",
            Self::LowerCaseLevels => "risk levels and principals are in lower case",
            Self::NewValueUnderscore => "new-value is spelled new_value",
            Self::AmrAsText => "amr is a text, not an array",
            Self::AssuranceWithoutNamespace => "assurance levels have no namespace",
            Self::NullState => "a state that nobody set is null, not absent",
            Self::NumericTxn => "txn is a number, not a string",
            Self::ExpPresent => "the SET has an exp, which is ignored",
            Self::DeliveryMemberNames => "delivery has delivery_method and url",
            Self::RiscDeliveryMethods => "delivery methods have the URLs of RISC",
            Self::TransmitterMembersInCreate => {
                "the request that creates a stream has members of the transmitter's"
            }
            Self::StreamSubjectFormat => "a stream tells the format of subjects that is wanted",
            Self::NullEventsRequested => "events_requested is null, not absent",
            Self::StreamIdLeftOut => "a body leaves out the stream_id",
            Self::StreamsNotListed => "the list of streams is one stream",
            Self::PollAcks => "ack is spelled acks",
            Self::SetDataCode => "the code invalid_state is spelled setData",
        }
    }

    /// Turns what the peer wrote into what SSF 1.0 asks for; tells whether it met the deviation.
    pub(super) fn undo(self, body: Body<'_>, object: &mut Object<'_>) -> bool {
        match self {
            Self::SseEventUris => event::SSE_URIS.undo(body, object),
            Self::RiscVerificationUri => event::RISC_URIS.undo(body, object),
            Self::TokenClaimsChangedUri => event::TOKEN_CLAIMS_URIS.undo(body, object),
            Self::SubjectType => subject::each(body, object, subject::undo_subject_type),
            Self::IssSubHyphen => subject::each(body, object, subject::undo_iss_sub),
            Self::TokenFormatHyphens => subject::each(body, object, subject::undo_token_formats),
            Self::PhoneFormat => subject::each(body, object, subject::undo_phone),
            Self::SubjectUnderUser => subject::whole(body, object, subject::undo_under_user),
            Self::ComplexWithoutFormat => subject::whole(body, object, subject::undo_complex),
            Self::SubjectInBoth => claims::undo_subject_in_both(body, object),
            Self::SubjectsDiffer => claims::subjects_differ(body, object),
            Self::SubjectInEvent => claims::undo_subject_in_event(body, object),
            Self::FrameworkEventWithoutSubject => claims::undo_without_subject(body, object),
            Self::TokenClaimsUnwrapped => event::each(body, object, event::undo_unwrapped),
            Self::ReasonAsText => event::each(body, object, event::undo_reason),
            Self::MillisecondTimes => claims::undo_milliseconds(body, object),
            Self::LowerCaseLevels => event::each(body, object, event::undo_levels),
            Self::NewValueUnderscore => event::each(body, object, event::undo_new_value),
            Self::AmrAsText => event::each(body, object, event::undo_amr),
            Self::AssuranceWithoutNamespace => event::each(body, object, event::undo_namespace),
            Self::NullState => event::each(body, object, event::undo_state),
            Self::NumericTxn => claims::undo_txn(body, object),
            Self::ExpPresent => claims::undo_exp(body, object),
            Self::DeliveryMemberNames => stream::undo_member_names(body, object),
            Self::RiscDeliveryMethods => stream::undo_methods(body, object),
            Self::TransmitterMembersInCreate => stream::has_transmitter_members(body, object),
            Self::StreamSubjectFormat => stream::has_subject_format(body, object),
            Self::NullEventsRequested => stream::undo_null_events(body, object),
            Self::StreamIdLeftOut => stream::undo_id_left_out(body, object),
            Self::PollAcks => stream::undo_acks(body, object),
            Self::SetDataCode => stream::undo_code(body, object),
            // The body as a whole is not an object: `Dialect::read` sees to it.
            Self::StreamsNotListed => false,
        }
    }

    /// Turns what SSF 1.0 asks for into what the peer reads, as far as that can be told so; tells whether it did.
    pub(super) fn commit(self, body: Body<'_>, object: &mut Object<'_>) -> bool {
        match self {
            Self::SseEventUris => event::SSE_URIS.commit(body, object),
            Self::RiscVerificationUri => event::RISC_URIS.commit(body, object),
            Self::TokenClaimsChangedUri => event::TOKEN_CLAIMS_URIS.commit(body, object),
            Self::SubjectType => subject::each(body, object, subject::commit_subject_type),
            Self::IssSubHyphen => subject::each(body, object, subject::commit_iss_sub),
            Self::TokenFormatHyphens => subject::each(body, object, subject::commit_token_formats),
            Self::PhoneFormat => subject::each(body, object, subject::commit_phone),
            Self::SubjectUnderUser => subject::whole(body, object, subject::commit_under_user),
            Self::ComplexWithoutFormat => subject::whole(body, object, subject::commit_complex),
            Self::SubjectInBoth => claims::commit_subject_in_both(body, object),
            Self::SubjectInEvent => claims::commit_subject_in_event(body, object),
            Self::FrameworkEventWithoutSubject => claims::commit_without_subject(body, object),
            Self::TokenClaimsUnwrapped => event::each(body, object, event::commit_unwrapped),
            Self::ReasonAsText => event::each(body, object, event::commit_reason),
            Self::MillisecondTimes => claims::commit_milliseconds(body, object),
            Self::LowerCaseLevels => event::each(body, object, event::commit_levels),
            Self::NewValueUnderscore => event::each(body, object, event::commit_new_value),
            Self::AmrAsText => event::each(body, object, event::commit_amr),
            Self::AssuranceWithoutNamespace => event::each(body, object, event::commit_namespace),
            Self::NullState => event::each(body, object, event::commit_state),
            Self::NumericTxn => claims::commit_txn(body, object),
            Self::DeliveryMemberNames => stream::commit_member_names(body, object),
            Self::RiscDeliveryMethods => stream::commit_methods(body, object),
            Self::StreamIdLeftOut => stream::commit_id_left_out(body, object),
            Self::PollAcks => stream::commit_acks(body, object),
            Self::SetDataCode => stream::commit_code(body, object),
            // What a peer does amiss and nobody needs, and the list that is no object.
            Self::SubjectsDiffer
            | Self::ExpPresent
            | Self::TransmitterMembersInCreate
            | Self::StreamSubjectFormat
            | Self::NullEventsRequested
            | Self::StreamsNotListed => false,
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Deviation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_declaration_and_names_are_unique() {
        assert!(Deviation::ALL.is_sorted());
        let mut names: Vec<&str> = Deviation::ALL.iter().map(|one| one.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Deviation::ALL.len());
        // The last variant of the declaration, so that a new one behind it is not forgotten in the list.
        assert_eq!(Deviation::ALL.len(), Deviation::SetDataCode as usize + 1);
    }

    #[test]
    fn every_name_is_in_lower_case_words_and_every_section_names_a_document() {
        for deviation in Deviation::ALL {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(deviation.as_str().bytes().all(fits), "{deviation}");
            assert!(deviation.section().contains(" §"), "{deviation}");
            assert!(!deviation.meaning().ends_with('.'), "{deviation}");
        }
    }
}
