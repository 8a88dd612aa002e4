//! The dialects that have a name.

use super::{Deviation as D, Dialect, Management};
use crate::{metadata::WellKnown, push::Acknowledge};

impl Dialect {
    /// SSF 1.0 to the letter: nothing is tolerated, nothing is changed. The default.
    pub const SSF_1_0: Self = Self::new("ssf-1.0", "SSF 1.0 (2025), to the letter");

    /// SSF Implementer's Draft 3 with CAEP Implementer's Draft 2 (June 2024).
    ///
    /// What SSF 1.0 writes is a faithful text of the draft, so that nothing is changed in writing.
    pub const SSF_ID3: Self =
        Self::new("ssf-id3", "SSF draft 3 and CAEP draft 2 (2024)").reading(&[
            D::TokenClaimsChangedUri,
            D::SubjectInBoth,
            D::SubjectsDiffer,
            D::SubjectInEvent,
            D::ReasonAsText,
            D::MillisecondTimes,
            D::AmrAsText,
            D::NumericTxn,
        ]);

    /// SSF Implementer's Draft 2 (October 2023), whose examples have the subject in the event.
    pub const SSF_ID2: Self = Self::new("ssf-id2", "SSF draft 2 (2023)")
        .reading(&[
            D::TokenClaimsChangedUri,
            D::SubjectInBoth,
            D::SubjectsDiffer,
            D::SubjectInEvent,
            D::TokenClaimsUnwrapped,
            D::ReasonAsText,
            D::MillisecondTimes,
            D::AmrAsText,
            D::NumericTxn,
            D::StreamIdLeftOut,
            D::SetDataCode,
        ])
        .writing(&[D::SubjectInBoth, D::SetDataCode]);

    /// SSE Implementer's Draft 1 and CAEP Implementer's Draft 1 (June 2021).
    ///
    /// A `stream-updated` of that draft may be about a tenant or a user: SSF 1.0 has no word for a stream that is
    /// stopped for some, so that such a SET is refused in this dialect too.
    pub const SSE_ID1: Self = Self::new("sse-id1", "SSE draft 1 and CAEP draft 1 (2021)")
        .reading(&[
            D::SseEventUris,
            D::TokenClaimsChangedUri,
            D::TokenFormatHyphens,
            D::PhoneFormat,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::TokenClaimsUnwrapped,
            D::ReasonAsText,
            D::MillisecondTimes,
            D::AssuranceWithoutNamespace,
            D::DeliveryMemberNames,
            D::RiscDeliveryMethods,
            D::StreamSubjectFormat,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
            D::SetDataCode,
        ])
        .writing(&[
            D::SseEventUris,
            D::TokenFormatHyphens,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::AssuranceWithoutNamespace,
            D::RiscDeliveryMethods,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
            D::SetDataCode,
        ])
        .found_at(WellKnown::Sse)
        .managed(Management::OneStream);

    /// The OpenID RISC Profile of 2018.
    pub const RISC_2018: Self = Self::new("risc-2018", "RISC profile (2018)")
        .reading(&[
            D::RiscVerificationUri,
            D::SubjectType,
            D::IssSubHyphen,
            D::PhoneFormat,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::DeliveryMemberNames,
            D::RiscDeliveryMethods,
            D::StreamSubjectFormat,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
            D::SetDataCode,
        ])
        .writing(&[
            D::RiscVerificationUri,
            D::SubjectType,
            D::PhoneFormat,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::RiscDeliveryMethods,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
            D::SetDataCode,
        ])
        .found_at(WellKnown::Risc)
        .managed(Management::OneStream);

    /// Google's Cross-Account Protection as a Transmitter: RISC of 2018 with `iss-sub`
    /// ("Protect user accounts with Cross-Account Protection", Google Identity; RISC 1.0 §3.1).
    ///
    /// Its issuer, `https://accounts.google.com/`, ends with a slash, and `aud` is an OAuth client id.
    pub const GOOGLE_RISC: Self = Self::new("google-risc", "Google Cross-Account Protection")
        .reading(&[
            D::RiscVerificationUri,
            D::SubjectType,
            D::IssSubHyphen,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::ExpPresent,
            D::DeliveryMemberNames,
            D::RiscDeliveryMethods,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
        ])
        .writing(&[
            D::RiscVerificationUri,
            D::SubjectType,
            D::IssSubHyphen,
            D::SubjectInEvent,
            D::FrameworkEventWithoutSubject,
            D::DeliveryMemberNames,
            D::RiscDeliveryMethods,
            D::StreamIdLeftOut,
            D::StreamsNotListed,
        ])
        .found_at(WellKnown::Risc)
        .managed(Management::OneStream);

    /// Google Workspace as a Receiver of `session-revoked`: the subject stands in both places
    /// ("Shared Signals Framework", Google Workspace closed beta).
    pub const GOOGLE_WORKSPACE: Self = Self::new("google-workspace", "Google Workspace receiver")
        .reading(&[D::SubjectInBoth, D::SubjectsDiffer])
        .writing(&[D::SubjectInBoth]);

    /// Okta in both roles: the subject stands in the event, its user under `user`
    /// ("SSF Transmitter SET payload structures" and "SSF Security Event Tokens", Okta Developer).
    pub const OKTA: Self = Self::new("okta", "Okta")
        .reading(&[
            D::SubjectUnderUser,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
            D::RiscDeliveryMethods,
            D::StreamSubjectFormat,
        ])
        .writing(&[
            D::SubjectUnderUser,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
        ]);

    /// Apple Business Manager and Apple School Manager as Receivers: the shape of SSE, with requests that bring members
    /// of the Transmitter's (as in authentik's tests and Keycloak's profile for Apple).
    ///
    /// It leaves out `stream_id` in its requests, wants to see its `aud` and `format` again, and answers pushes with 200.
    pub const APPLE: Self = Self::new("apple", "Apple Business Manager and School Manager")
        .reading(&[
            D::RiscDeliveryMethods,
            D::TransmitterMembersInCreate,
            D::StreamSubjectFormat,
            D::StreamIdLeftOut,
        ])
        .writing(&[
            D::SubjectUnderUser,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
            D::RiscDeliveryMethods,
        ])
        .found_at(WellKnown::Sse)
        .echoing(&["aud", "format"])
        .acknowledging(Acknowledge::Any2xx);

    /// `SailPoint` Identity Security Cloud: SSF 1.0, and a `status` in the configuration of a stream
    /// ("Shared Signals Framework (SSF)", `SailPoint` Developer; field reports).
    ///
    /// A request that updates a stream may name it in the query alone.
    pub const SAILPOINT: Self = Self::new("sailpoint", "SailPoint Identity Security Cloud")
        .reading(&[D::StreamIdLeftOut])
        .showing_status();

    /// caep.dev, the Transmitter for trials: older builds answered `events_requested` with `null`.
    pub const CAEP_DEV: Self = Self::new("caep-dev", "caep.dev").reading(&[D::NullEventsRequested]);

    /// Keycloak as a Transmitter in its profile `SSE_CAEP`, made for Apple's Receivers (Keycloak 26.7).
    pub const KEYCLOAK_SSE: Self = Self::new("keycloak-sse", "Keycloak, profile SSE_CAEP")
        .reading(&[
            D::SubjectUnderUser,
            D::ComplexWithoutFormat,
            D::SubjectInEvent,
            D::RiscDeliveryMethods,
            D::StreamSubjectFormat,
        ])
        .found_at(WellKnown::Sse);

    /// authentik as a Transmitter: RISC's delivery methods and a `state` of `null` (authentik 2025.2).
    pub const AUTHENTIK: Self = Self::new("authentik", "authentik")
        .reading(&[
            D::SubjectInEvent,
            D::NullState,
            D::RiscDeliveryMethods,
            D::StreamSubjectFormat,
        ])
        .writing(&[D::RiscDeliveryMethods]);

    /// All dialects with a name, SSF 1.0 first.
    pub const ALL: &[&'static Self] = &[
        &Self::SSF_1_0,
        &Self::SSF_ID3,
        &Self::SSF_ID2,
        &Self::SSE_ID1,
        &Self::RISC_2018,
        &Self::GOOGLE_RISC,
        &Self::GOOGLE_WORKSPACE,
        &Self::OKTA,
        &Self::APPLE,
        &Self::SAILPOINT,
        &Self::CAEP_DEV,
        &Self::KEYCLOAK_SSE,
        &Self::AUTHENTIK,
    ];
}
