use proptest::prelude::*;
use ssf_types::{
    error::ErrCode,
    push::{Failure, NoAnswer},
};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn after(millis: u64) -> Timestamp {
    NOW.after(Duration::from_millis(millis))
}

fn pending(attempts: u32, key_refusals: u32, due: Timestamp) -> DeliveryState {
    DeliveryState::Pending {
        attempts,
        key_refusals,
        due,
    }
}

/// A first attempt at the delivery with this number that began at `begun`.
fn first(sequence: u64, begun: Timestamp) -> Tried {
    Tried {
        sequence,
        before: pending(0, 0, begun),
        offer: Offer::UntilSettled,
        begun,
    }
}

/// The whole of the jitter.
fn learn(health: Health, tried: &Tried, outcome: PushOutcome, now: Timestamp) -> Learnt {
    health.learn(tried, outcome, now, (&CircuitPolicy::default(), 1.0))
}

/// What a fresh stream learns from a first attempt.
fn fresh(outcome: PushOutcome) -> Learnt {
    learn(Health::default(), &first(1, NOW), outcome, NOW)
}

/// A stream on which so many SETs have met `outcome`, one after another, at once.
fn met(outcome: &PushOutcome, times: u64) -> Health {
    (1..=times).fold(Health::default(), |health, sequence| {
        learn(health, &first(sequence, NOW), outcome.clone(), NOW).health
    })
}

fn acknowledged() -> PushOutcome {
    PushOutcome::Acknowledged { status: 202 }
}

fn timeout() -> PushOutcome {
    PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Timeout))
}

fn unauthorized() -> PushOutcome {
    PushOutcome::CredentialsRefused {
        status: 401,
        error: None,
    }
}

fn gone() -> PushOutcome {
    PushOutcome::Gone { status: 404 }
}

fn busy(seconds: Option<u64>) -> PushOutcome {
    PushOutcome::Busy {
        status: 429,
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn refusal(err: ErrCode) -> PushError {
    PushError::new(err, "why")
}

fn key_refused() -> PushOutcome {
    PushOutcome::KeyRefused(refusal(ErrCode::InvalidKey))
}

fn misdirected() -> PushOutcome {
    PushOutcome::StreamRefused(refusal(ErrCode::InvalidAudience))
}

fn quarantined(err: ErrCode, at: Timestamp) -> DeliveryState {
    DeliveryState::refused(&refusal(err), at)
}

/// Everything that says nothing about the SET and may pass.
fn failures() -> [PushOutcome; 5] {
    [
        PushOutcome::OtherSuccess { status: 204 },
        PushOutcome::Redirected { status: 307 },
        PushOutcome::Failed(Failure::Status(500)),
        PushOutcome::Failed(Failure::Status(400)),
        timeout(),
    ]
}

#[test]
fn an_acknowledgement_settles_a_delivery_and_widens_the_window() {
    let learnt = fresh(acknowledged());
    assert_eq!(learnt.state, DeliveryState::Acknowledged { at: NOW });
    assert_eq!((learnt.pace, learnt.pause), (Pace::Widen, None));
    assert_eq!(learnt.health, Health::default());
}

#[test]
fn a_refused_set_is_quarantined_at_once_and_nothing_else_changes() {
    for err in [
        ErrCode::InvalidRequest,
        ErrCode::InvalidState,
        ErrCode::Other("x_new".into()),
    ] {
        let learnt = fresh(PushOutcome::SetRefused(refusal(err.clone())));
        assert_eq!(learnt.state, quarantined(err, NOW));
        assert_eq!((learnt.pace, learnt.pause), (Pace::Widen, None));
        assert_eq!(learnt.health, Health::default());
    }
}

#[test]
fn a_refused_key_is_shown_again_four_times_and_then_quarantined() {
    let mut tried = first(1, NOW);
    for (refusals, seconds) in (1..).zip([5, 30, 120, 600]) {
        let learnt = learn(Health::default(), &tried, key_refused(), NOW);
        assert_eq!(
            learnt.state,
            pending(refusals, refusals, after(seconds * 1000))
        );
        assert_eq!((learnt.pace, learnt.pause), (Pace::Narrow, None));
        assert_eq!(learnt.health, Health::default(), "the stream goes on");
        tried.before = learnt.state;
    }
    let learnt = learn(Health::default(), &tried, key_refused(), NOW);
    assert_eq!(learnt.state, quarantined(ErrCode::InvalidKey, NOW));
}

#[test]
fn other_failures_do_not_use_up_the_schedule_of_a_refused_key() {
    let mut tried = first(1, NOW);
    tried.before = pending(40, 0, NOW);
    let learnt = learn(Health::default(), &tried, key_refused(), NOW);
    assert_eq!(learnt.state, pending(41, 1, after(5000)));
}

#[test]
fn each_failure_that_may_pass_is_repeated_from_a_quarter_of_a_second() {
    for outcome in failures() {
        let learnt = fresh(outcome.clone());
        assert_eq!(learnt.state, pending(1, 0, after(250)), "{outcome:?}");
        assert_eq!((learnt.pace, learnt.pause), (Pace::Narrow, None));
        let trouble = learnt.health.trouble.as_ref().unwrap();
        assert_eq!(
            (trouble.kind, trouble.since),
            (TroubleKind::Unreachable, NOW)
        );
        assert_eq!(learnt.health.circuit(), Circuit::Closed);
    }
}

#[test]
fn three_sets_that_fail_in_a_row_open_the_circuit() {
    for outcome in failures() {
        assert_eq!(met(&outcome, 2).circuit(), Circuit::Closed);
        let health = met(&outcome, 3);
        assert_eq!(health.circuit(), Circuit::Open);
        assert!(health.is_resting(after(249)) && !health.is_resting(after(250)));
    }
}

#[test]
fn one_set_that_fails_again_and_again_does_not_open_the_circuit() {
    let mut health = Health::default();
    let mut tried = first(7, NOW);
    for _ in 0..50 {
        let learnt = learn(health, &tried, timeout(), NOW);
        health = learnt.health;
        tried.before = learnt.state;
    }
    assert_eq!(health.circuit(), Circuit::Closed);
    assert_eq!(tried.before, pending(50, 0, after(300_000)));
}

#[test]
fn an_answer_between_failures_begins_the_row_anew() {
    let health = met(&timeout(), 2);
    let health = learn(health, &first(3, NOW), acknowledged(), NOW).health;
    assert_eq!(health, Health::default());
    let health = learn(health, &first(4, NOW), timeout(), NOW).health;
    assert_eq!(health.circuit(), Circuit::Closed);
}

#[test]
fn while_the_circuit_is_open_each_question_in_vain_doubles_the_rest_up_to_five_minutes() {
    let mut health = met(&timeout(), 3);
    let mut now = NOW;
    for millis in [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000] {
        now = health.not_before;
        let learnt = learn(health, &first(9, now), timeout(), now);
        assert_eq!(
            learnt.state,
            pending(1, 0, now),
            "it goes behind those that wait"
        );
        health = learnt.health;
        assert_eq!(
            health.not_before.since(now),
            Duration::from_millis(millis),
            "{millis}"
        );
    }
    for _ in 0..1000 {
        now = health.not_before;
        health = learn(health, &first(9, now), timeout(), now).health;
    }
    assert_eq!(health.not_before.since(now), Duration::from_mins(5));
}

#[test]
fn what_was_under_way_when_the_circuit_opened_makes_the_rest_no_longer() {
    let opened = met(&timeout(), 3);
    let late = after(240);
    let learnt = learn(opened.clone(), &first(4, NOW), timeout(), late);
    assert_eq!(learnt.health.rests, 1);
    assert_eq!(learnt.health.not_before, opened.not_before);
    let learnt = learn(learnt.health, &first(5, NOW), acknowledged(), late);
    assert_eq!(learnt.health, Health::default(), "somebody is there");
}

#[test]
fn a_busy_receiver_gets_the_time_that_it_asks_for_up_to_five_minutes() {
    for (asked, given) in [(Some(30), 30_000), (Some(3600), 300_000), (None, 250)] {
        let learnt = fresh(busy(asked));
        assert_eq!(learnt.health.not_before, after(given));
        assert_eq!(learnt.state, pending(1, 0, after(given)));
        assert_eq!(learnt.health.failed_sets, 0, "it is not unreachable");
        assert_eq!(learnt.health.trouble.unwrap().kind, TroubleKind::Busy);
    }
}

#[test]
fn an_answer_to_what_was_under_way_does_not_end_the_rest_of_a_busy_receiver() {
    let resting = fresh(busy(Some(30))).health;
    let learnt = learn(
        resting.clone(),
        &first(2, NOW),
        acknowledged(),
        after(29_000),
    );
    assert_eq!(learnt.health, resting);
    assert_eq!(learnt.pace, Pace::Narrow);
    let late = learn(resting.clone(), &first(2, NOW), timeout(), after(29_000));
    assert_eq!(late.health, resting, "nor does a failure of it count");
    let begun = after(30_000);
    let learnt = learn(resting, &first(3, begun), acknowledged(), begun);
    assert_eq!(learnt.health, Health::default());
}

#[test]
fn what_was_under_way_may_ask_a_busy_stream_for_more_time() {
    let resting = fresh(busy(Some(30))).health;
    let learnt = learn(resting, &first(2, NOW), busy(Some(60)), after(1000));
    assert_eq!(learnt.health.not_before, after(61_000));
    assert_eq!(learnt.health.rests, 1);
}

#[test]
fn a_receiver_that_does_not_let_us_in_is_asked_once_a_minute_and_nothing_is_quarantined() {
    let in_words = PushOutcome::CredentialsRefused {
        status: 400,
        error: Some(refusal(ErrCode::AccessDenied)),
    };
    for outcome in [unauthorized(), in_words] {
        assert_eq!(
            fresh(outcome.clone()).state,
            pending(1, 0, after(60_000)),
            "one SET alone may be what is not let in"
        );
        let mut health = met(&outcome, 3);
        assert_eq!(health.not_before, after(60_000));
        for _ in 0..10 {
            let now = health.not_before;
            health = learn(health, &first(9, now), outcome.clone(), now).health;
            assert_eq!(health.not_before.since(now), Duration::from_mins(1));
        }
    }
}

#[test]
fn an_hour_of_not_being_let_in_pauses_a_stream() {
    let health = met(&unauthorized(), 3);
    let soon = after(3_599_999);
    assert_eq!(
        learn(health.clone(), &first(4, soon), unauthorized(), soon).pause,
        None
    );
    let late = after(3_600_000);
    let learnt = learn(health, &first(4, late), unauthorized(), late);
    assert_eq!(learnt.pause, Some(PauseCause::Unauthorized));
    assert_eq!(learnt.state, pending(1, 0, late), "nothing is quarantined");
}

#[test]
fn any_other_answer_begins_the_hour_anew() {
    let health = met(&unauthorized(), 1);
    let between = after(3_000_000);
    let health = learn(health, &first(2, between), timeout(), between).health;
    let late = after(3_600_000);
    let learnt = learn(health, &first(3, late), unauthorized(), late);
    assert_eq!(learnt.pause, None);
    assert_eq!(learnt.health.trouble.unwrap().since, late);
}

#[test]
fn a_day_of_nobody_being_there_pauses_a_stream() {
    let health = met(&gone(), 3);
    let soon = after(86_399_999);
    assert_eq!(
        learn(health.clone(), &first(4, soon), gone(), soon).pause,
        None
    );
    let late = after(86_400_000);
    assert_eq!(
        learn(health, &first(4, late), gone(), late).pause,
        Some(PauseCause::Gone)
    );
}

#[test]
fn three_misdirected_sets_pause_a_stream_and_what_was_under_way_is_held() {
    let mut health = Health::default();
    for (sequence, pause) in [(1, None), (2, None), (3, Some(PauseCause::Misdirected))] {
        let learnt = learn(health, &first(sequence, NOW), misdirected(), NOW);
        assert_eq!(learnt.state, quarantined(ErrCode::InvalidAudience, NOW));
        assert_eq!((learnt.pace, learnt.pause), (Pace::Narrow, pause));
        assert_eq!(learnt.health.circuit(), Circuit::Closed);
        health = learnt.health;
    }
    let learnt = learn(health, &first(4, NOW), misdirected(), NOW);
    assert_eq!(learnt.state, pending(1, 0, NOW));
    assert_eq!(learnt.pause, Some(PauseCause::Misdirected));
}

#[test]
fn an_acknowledgement_alone_ends_a_row_of_misdirected_sets() {
    let refused = PushOutcome::SetRefused(refusal(ErrCode::InvalidRequest));
    for between in [timeout(), busy(None), refused, key_refused()] {
        let health = met(&misdirected(), 2);
        let health = learn(health, &first(3, NOW), between, NOW).health;
        let learnt = learn(
            health,
            &first(4, after(60_000)),
            misdirected(),
            after(60_000),
        );
        assert_eq!(learnt.pause, Some(PauseCause::Misdirected));
    }
    let health = met(&misdirected(), 2);
    let health = learn(health, &first(3, NOW), acknowledged(), NOW).health;
    assert_eq!(
        learn(health, &first(4, NOW), misdirected(), NOW).pause,
        None
    );
}

#[test]
fn what_is_offered_once_is_not_repeated() {
    let once = Tried {
        offer: Offer::Once,
        ..first(1, NOW)
    };
    let dropped = DeliveryState::Dropped {
        at: NOW,
        reason: DropReason::AnnouncementFailed,
    };
    for outcome in [
        timeout(),
        unauthorized(),
        gone(),
        busy(Some(1)),
        key_refused(),
    ] {
        let learnt = learn(Health::default(), &once, outcome, NOW);
        assert_eq!(learnt.state, dropped);
    }
    let learnt = learn(Health::default(), &once, acknowledged(), NOW);
    assert_eq!(learnt.state, DeliveryState::Acknowledged { at: NOW });
}

#[test]
fn without_a_signature_the_stream_rests_and_the_receiver_is_not_blamed() {
    let rest = |health: Health, begun, now| {
        health.not_signed(begun, now, (&CircuitPolicy::default(), 1.0))
    };
    let health = rest(Health::default(), NOW, NOW);
    assert_eq!(
        health.trouble.as_ref().unwrap().kind,
        TroubleKind::NotSigned
    );
    assert_eq!((health.failed_sets, health.not_before), (0, after(250)));
    let health = rest(health, NOW, NOW);
    assert_eq!(
        health.not_before,
        after(250),
        "they were signed at the same time"
    );
    let health = rest(health, after(250), after(250));
    assert_eq!(health.not_before, after(750));
}

#[test]
fn a_receiver_that_acts_is_asked_at_once() {
    let health = met(&timeout(), 3).after_act();
    assert_eq!(health.circuit(), Circuit::Closed);
    assert!(!health.is_resting(NOW));
    assert_eq!((health.trouble, health.acts), (None, 1));
}

fn outcomes() -> impl Strategy<Value = PushOutcome> {
    let of_table = vec![
        acknowledged(),
        PushOutcome::SetRefused(refusal(ErrCode::InvalidRequest)),
        key_refused(),
        misdirected(),
        unauthorized(),
        gone(),
        busy(None),
        busy(Some(7)),
        busy(Some(3600)),
        timeout(),
        PushOutcome::Redirected { status: 302 },
        PushOutcome::OtherSuccess { status: 200 },
        PushOutcome::Failed(Failure::Status(500)),
    ];
    prop::sample::select(of_table)
}

proptest! {
    #[test]
    fn no_delay_leaves_its_bounds(
        steps in prop::collection::vec((outcomes(), 0..400_000_u64, 1..9_u64, 0..60_u32, 0..6_u32), 1..60),
        jitter in 0.0..=1.0_f64,
    ) {
        let mut health = Health::default();
        let mut now = NOW;
        for (outcome, millis, sequence, attempts, key_refusals) in steps {
            now = now.after(Duration::from_millis(millis)).max(health.not_before);
            let tried = Tried { before: pending(attempts, key_refusals, now), ..first(sequence, now) };
            let key_refused = matches!(outcome, PushOutcome::KeyRefused(_));
            let learnt = health.learn(&tried, outcome, now, (&CircuitPolicy::default(), jitter));
            if let DeliveryState::Pending { due, .. } = learnt.state {
                let longest = if key_refused { Duration::from_mins(10) } else { Duration::from_mins(5) };
                prop_assert!(due >= now && due.since(now) <= longest);
            }
            health = learnt.health;
            prop_assert!(health.not_before.since(now) <= Duration::from_mins(5));
            prop_assert_eq!(health.circuit() == Circuit::Open, health.rests > 0);
            prop_assert!(!health.is_resting(now) || health.circuit() == Circuit::Open);
        }
    }

    #[test]
    fn a_receiver_that_comes_back_hears_from_us_within_five_minutes_whatever_was_before(
        steps in prop::collection::vec((outcomes(), 0..400_000_u64), 1..60),
        jitter in 0.0..=1.0_f64,
    ) {
        let mut health = Health::default();
        let mut now = NOW;
        for (sequence, (outcome, millis)) in (1..).zip(steps) {
            now = now.after(Duration::from_millis(millis)).max(health.not_before);
            health = health.learn(&first(sequence, now), outcome, now, (&CircuitPolicy::default(), jitter)).health;
        }
        let back = now.after(Duration::from_mins(5));
        prop_assert!(!health.is_resting(back));
        let learnt = learn(health, &first(1000, back), acknowledged(), back);
        prop_assert_eq!((learnt.health, learnt.pace), (Health::default(), Pace::Widen));
    }

    #[test]
    fn what_is_settled_stays_so(outcome in outcomes(), rests in 0..9_u32) {
        let health = Health { rests, ..Health::default() };
        let dropped = DeliveryState::Dropped { at: NOW, reason: DropReason::AnnouncementFailed };
        for settled in [
            DeliveryState::Acknowledged { at: NOW },
            quarantined(ErrCode::InvalidKey, NOW),
            dropped,
        ] {
            let tried = Tried { before: settled.clone(), ..first(1, NOW) };
            let learnt = learn(health.clone(), &tried, outcome.clone(), after(1000));
            prop_assert_eq!(learnt.state, settled);
            prop_assert_eq!(&learnt.health, &health);
        }
    }

    #[test]
    fn unreachability_never_pauses_a_stream(days in 0..4000_u64, outcome in prop::sample::select(failures().to_vec())) {
        let late = NOW.after(Duration::from_hours(24 * days));
        let health = met(&outcome, 3);
        prop_assert_eq!(learn(health.clone(), &first(4, late), outcome, late).pause, None);
        prop_assert_eq!(learn(health, &first(4, late), busy(None), late).pause, None);
    }
}

#[test]
fn a_change_closes_the_circuit_of_a_stream_that_sends() {
    use StreamStatus::{Disabled, Enabled, Paused};
    for (by, before, after, closes) in [
        (Decider::Receiver, Enabled, Enabled, true),
        (Decider::Receiver, Paused, Enabled, true),
        (Decider::Receiver, Paused, Paused, false),
        (Decider::Receiver, Enabled, Disabled, false),
        (Decider::Transmitter, Enabled, Enabled, false),
        (Decider::Transmitter, Disabled, Enabled, true),
        (Decider::Transmitter, Enabled, Paused, false),
    ] {
        assert_eq!(closes_circuit(by, before, after), closes);
    }
}
