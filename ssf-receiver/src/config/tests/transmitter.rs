//! What `[transmitter]` may say.

use super::*;

#[test]
fn there_is_at_least_one_transmitter_and_each_has_its_name() {
    assert_eq!(
        faults("", &[]),
        [
            "transmitter (default): must be set: 1 to 64 tables [[transmitter]], each with a name, and what is known of it"
        ]
    );
    let twice = format!("{TABLE}{TABLE}");
    assert_eq!(
        faults(&twice, &[]),
        ["transmitter (file t.toml): must have different names; two are called idp"]
    );
    assert_eq!(
        faults("transmitter = 'idp'", &[]),
        [
            "transmitter (file t.toml): must be tables in the file, each with [[transmitter]] above it"
        ]
    );
    for name in ["", "name = 'IdP'", "name = 'a_b'", "name = 7"] {
        let told = faults(&format!("[[transmitter]]\n{name}"), &[]);
        let expected = "transmitter (file t.toml): must each have a name of 1 to 32 of the characters a-z and 0-9";
        assert_eq!(told, [expected], "{name}");
    }
}

#[test]
fn a_stream_is_managed_or_was_made_by_somebody_else() {
    let header = (
        "SSF_RECEIVER_TRANSMITTER_IDP_PUSH_AUTHORIZATION",
        "Bearer s3cret",
    );
    let file = format!("{TABLE}audience = ['https://rp.example.com']");
    let config = read(&file, &[header]).unwrap();
    let StreamSettings::Existing(audience, secret) = &config.transmitters[0].stream else {
        panic!("{:?}", config.transmitters[0].stream)
    };
    let values: Vec<&str> = audience.values().collect();
    assert_eq!(values, ["https://rp.example.com"]);
    assert_eq!(secret.expose(), "Bearer s3cret");
    assert_eq!(
        faults(TABLE, &[]),
        [
            "transmitter.idp.management_token_file (default): must be set, or client_id; or, for a stream that somebody else made, audience and push_authorization_file, or delivery = \"poll\", audience, poll_url and poll_token_file"
        ]
    );
    let half = "transmitter.idp.audience (default): must stand beside push_authorization_file: a stream that somebody else made, and that pushes, has both and no more";
    assert_eq!(faults(TABLE, &[header]), [half]);
    assert_eq!(faults(&file, &[]), [half]);
    assert_eq!(
        faults(&file, &[TOKEN]),
        [
            "transmitter.idp.management_token (default): must not stand beside audience, push_authorization, poll_url or poll_token, which are for a stream that somebody else made"
        ]
    );
}

#[test]
fn a_stream_may_be_polled() {
    let config = read(&format!("{TABLE}delivery = 'poll'"), &[TOKEN]).unwrap();
    assert!(matches!(
        config.transmitters[0].stream,
        StreamSettings::Polled(_)
    ));
    let bound = config.listen.address;
    let endpoint = config.transmitters[0].endpoint(&config.listen, bound);
    assert!(endpoint.unwrap().is_none());
    assert_eq!(
        faults_within("delivery = 'pull'", &[TOKEN]),
        ["transmitter.idp.delivery (file t.toml): must be push or poll"]
    );
}

#[test]
fn a_stream_that_somebody_else_made_may_be_polled() {
    let token = ("SSF_RECEIVER_TRANSMITTER_IDP_POLL_TOKEN", "poll-s3cret");
    let file = format!(
        "{TABLE}delivery = 'poll'\naudience = 'https://rp.example.com'\npoll_url = 'https://idp.example.com/poll/1'"
    );
    let config = read(&file, &[token]).unwrap();
    let StreamSettings::ExistingPolled(_, url, secret) = &config.transmitters[0].stream else {
        panic!("{:?}", config.transmitters[0].stream)
    };
    assert_eq!(url.as_str(), "https://idp.example.com/poll/1");
    assert_eq!(secret.expose_secret(), "poll-s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    let part = "transmitter.idp.audience (default): must stand beside poll_url and poll_token_file: a stream that somebody else made, and that is polled, has all three and no more";
    assert_eq!(faults(&file, &[]), [part]);
    assert_eq!(faults_within("delivery = 'poll'", &[token]), [part]);
    let http = file.replace(
        "https://idp.example.com/poll",
        "http://idp.example.com/poll",
    );
    let told = faults(&http, &[token]);
    assert!(told[0].starts_with("transmitter.idp.poll_url (file t.toml): must be an https URL"));
}

#[test]
fn a_dialect_has_a_name() {
    let dialect = |name: &str| read(&format!("{TABLE}dialect = '{name}'"), &[TOKEN]);
    assert_eq!(
        dialect("okta").unwrap().transmitters[0].dialect,
        &Dialect::OKTA
    );
    let default = read(TABLE, &[TOKEN]).unwrap().transmitters.remove(0);
    assert_eq!(default.dialect, &Dialect::SSF_1_0);
    let told = dialect("Okta").unwrap_err().to_string();
    assert!(told.contains("transmitter.idp.dialect (file t.toml): must be one of ssf-1.0,"));
}

#[test]
fn what_follows_from_an_event_is_named_by_what_it_says_or_by_its_type() {
    let own = "urn:example:fired?a=b";
    let file =
        format!("{TABLE}[transmitter.actions]\nrisk_high = 'end'\n'{own}' = 'end_and_block'");
    let config = read(&file, &[TOKEN]).unwrap();
    let fired = Trigger::Other(EventTypeUri::parse(own).unwrap());
    let expected = [
        (Trigger::RiskHigh, Action::End),
        (fired, Action::EndAndBlock),
    ];
    assert_eq!(config.transmitters[0].actions, expected);
    let variable = "SSF_RECEIVER_TRANSMITTER_IDP_ACTIONS";
    let text = format!("risk_high=end, {own}=end_and_block");
    let config = read(TABLE, &[TOKEN, (variable, &text)]).unwrap();
    assert_eq!(config.transmitters[0].actions, expected);
    assert!(
        read(TABLE, &[TOKEN]).unwrap().transmitters[0]
            .actions
            .is_empty()
    );
}

#[test]
fn what_follows_from_no_event_is_told() {
    let caep = "https://schemas.openid.net/secevent/caep/event-type";
    for (actions, problem) in [
        (
            "'risk-high' = 'end'".to_owned(),
            "must name events by one of",
        ),
        (
            format!("'{caep}/session-revoked' = 'end'"),
            "must name events by one of",
        ),
        (
            "risk_high = 'kill'".to_owned(),
            "must have actions among block,",
        ),
        ("risk_high = 7".to_owned(), "must be at most 64 lines"),
    ] {
        let told = faults_within(&format!("[transmitter.actions]\n{actions}"), &[TOKEN]);
        let expected = format!("transmitter.idp.actions (file t.toml): {problem}");
        assert!(told[0].starts_with(&expected), "{told:?}");
    }
    // It may say something that has no name of its own.
    let other = format!("'{caep}/session-presented' = 'note'");
    assert!(read(&format!("{TABLE}[transmitter.actions]\n{other}"), &[TOKEN]).is_ok());
}

#[test]
fn members_that_sessions_lack_are_left_out_or_keep_an_event_from_having_an_effect() {
    let of = |file: &str| {
        read(&format!("{TABLE}{file}"), &[TOKEN])
            .unwrap()
            .transmitters
            .remove(0)
    };
    assert_eq!(of("").unknown_members_of_device_events, Unknown::Ignore);
    let widened = of("unknown_members_of_device_events = 'widen'");
    assert_eq!(widened.unknown_members_of_device_events, Unknown::Widen);
    assert_eq!(
        faults_within("unknown_members_of_device_events = 'no'", &[TOKEN]),
        ["transmitter.idp.unknown_members_of_device_events (file t.toml): must be widen or ignore"]
    );
}

#[test]
fn framework_events_are_nothing_to_ask_for() {
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    for events in [
        format!("['{verification}']"),
        "[]".to_owned(),
        "['x']".to_owned(),
        "[7]".to_owned(),
    ] {
        assert_eq!(
            faults_within(&format!("events = {events}"), &[TOKEN]),
            [
                "transmitter.idp.events (file t.toml): must be a list of event type URIs, framework events excepted"
            ],
            "{events}"
        );
    }
}
