//! One contract for all stores, and what is particular to a database.

/// Makes a test of every sentence on both databases.
macro_rules! on_both {
    ($($sentence:ident)+) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $sentence() {
                let rig = crate::sqlite::Rig::new();
                super::$sentence(&rig.open().await, &rig.url()).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $sentence() {
                let rig = crate::postgres::Rig::new();
                super::$sentence(&rig.open().await, rig.url()).await;
            })+
        }
    };
}

#[cfg(test)]
mod at_once;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod ordered;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod set_aside;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod unreadable;

/// Makes a test of every sentence of the contract on every store; whatever it is about, the ledger balances at its end.
macro_rules! on_every_store {
    ($($sentence:ident)+) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $sentence() {
                let rig = super::sqlite::Rig::new();
                let store = rig.open().await;
                super::contract::$sentence(&store).await;
                super::fixture::balances(&store).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $sentence() {
                let rig = super::postgres::Rig::new();
                let store = rig.open().await;
                super::contract::$sentence(&store).await;
                super::fixture::balances(&store).await;
            })+
        }

        mod in_memory {
            $(#[tokio::test]
            async fn $sentence() {
                let store = ssf_transmitter::testing::MemoryStore::default();
                super::contract::$sentence(&store).await;
                super::fixture::balances(&store).await;
            })+
        }
    };
}

on_every_store! {
    an_accepted_event_reaches_each_interested_stream_once
    a_stream_gets_no_event_that_was_accepted_before_it
    deliveries_are_numbered_from_one_without_gaps
    a_step_of_the_fan_out_ends_where_its_deliveries_are_many
    a_step_of_the_fan_out_takes_the_oldest_events_first
    a_submission_larger_than_one_statement_is_accepted_whole
    the_chosen_identifier_is_kept_with_the_delivery
    a_stream_without_a_suitable_identifier_gets_nothing
    a_repeated_submission_is_answered_as_before_and_adds_nothing
    a_key_with_another_body_is_a_conflict_and_hinders_nobody
    one_worker_fans_out_at_a_time
    a_worker_that_lost_the_lease_fans_out_nothing
    where_nothing_waits_an_event_is_fanned_out_as_it_is_accepted
    behind_an_event_that_waits_others_wait_and_keep_their_order
    who_has_lost_the_fan_out_accepts_events_and_leaves_them_waiting
    a_repeated_submission_is_not_fanned_out_again
    with_what_is_fanned_out_at_once_streams_are_taken_as_many_as_there_is_room_for
    with_events_that_nobody_is_sent_no_stream_is_taken
    where_all_streams_that_get_something_are_taken_nothing_is_left
    whoever_offers_room_is_told_which_streams_get_something
    with_a_stream_comes_what_is_due_first_on_it_as_a_look_would_find_it
    with_a_stream_on_which_something_was_due_comes_nothing_or_what_a_look_would_find
    what_is_fanned_out_at_once_waits_for_what_was_refused_and_is_sent_again
    a_stream_that_is_polled_is_left_where_others_are_taken
    of_streams_that_have_something_due_those_that_get_nothing_new_are_not_taken
    what_is_fanned_out_at_once_waits_for_what_is_pending_of_the_same_user
    a_stream_has_one_owner_at_a_time
    the_stream_that_nobody_had_for_the_longest_time_is_leased_first
    a_receiver_that_has_its_share_leaves_the_others_theirs
    streams_in_trouble_that_have_their_share_leave_the_others_theirs
    the_next_owner_repeats_with_the_same_jti
    a_worker_that_lost_a_stream_changes_nothing
    deliveries_of_one_user_wait_for_each_other_and_others_pass
    a_later_event_waits_for_one_that_is_pending
    what_is_settled_stays_so
    a_repeated_settlement_does_not_hurry_a_follower
    at_most_as_many_deliveries_as_asked_for_are_due
    what_is_under_way_is_not_due_again_and_takes_no_place
    a_stream_rests_until_it_may_go_on
    a_stream_with_nothing_due_is_not_leased
    a_stream_is_read_as_it_was_created
    a_stream_is_seen_by_its_receiver_alone
    a_deleted_stream_is_gone_with_its_deliveries_and_its_lease
    a_stream_gets_a_type_from_the_moment_it_asks_for_it
    a_type_that_is_asked_for_still_misses_no_event_by_a_change
    a_type_that_is_no_longer_asked_for_is_dropped_with_a_record
    what_a_dropped_delivery_held_back_is_due
    whoever_works_on_a_stream_that_changes_loses_the_lease
    a_stream_whose_delivery_changes_goes_on_at_once_at_the_new_place
    a_change_that_is_refused_or_changes_nothing_leaves_everything_as_it_was
    a_paused_stream_numbers_what_comes_and_lets_nothing_be_due
    what_a_pause_held_is_due_in_order_when_it_ends
    what_is_under_way_at_a_pause_is_settled_and_what_fails_is_held
    a_disabled_stream_drops_what_is_pending_with_a_record
    what_was_held_is_dropped_when_a_paused_stream_is_disabled
    what_is_accepted_while_a_stream_is_disabled_never_comes
    a_type_that_is_asked_for_while_the_stream_is_disabled_comes_after_that
    a_status_is_kept_with_its_reason_and_leaves_other_streams_alone
    a_change_of_status_tells_who_works_on_the_stream_until_that_is_over
    whoever_lost_a_lease_may_be_at_work_until_its_time_is_over
    whoever_lost_a_lease_gives_it_back_all_the_same
    each_lease_that_was_taken_away_is_remembered
    a_deletion_tells_who_may_be_at_work
    another_profile_is_no_reason_to_forget_who_may_be_at_work
    whoever_gives_the_fan_out_back_lets_another_have_it_at_once
    a_pause_of_the_transmitters_lets_its_announcement_alone_be_due
    an_announcement_that_failed_comes_again_although_the_stream_is_held
    a_disabled_stream_drops_everything_but_the_announcement
    a_started_stream_sends_its_announcement_before_what_was_held
    what_was_held_does_not_wait_for_ever_for_an_announcement
    announcements_follow_each_other
    a_status_that_stays_is_not_announced
    a_stream_that_changes_otherwise_stays_closed_until_its_announcement
    the_transmitter_deletes_any_stream_with_a_record
    another_issuers_stream_is_not_decided_about
    a_verification_is_due_on_its_stream_alone_whatever_that_delivers
    a_verification_waits_for_no_event_and_no_event_for_it
    a_verification_that_came_too_soon_is_not_sent_and_changes_nothing
    while_a_verification_is_pending_no_other_is_sent
    a_stream_that_is_quiet_gets_a_keep_alive_once_in_the_period
    a_stream_on_which_something_is_delivered_needs_no_keep_alive
    a_stream_that_is_not_enabled_gets_no_keep_alive
    at_most_as_many_quiet_streams_as_asked_for_are_looked_at
    a_keep_alive_makes_way_for_a_verification_that_is_requested
    the_time_of_a_stream_of_which_nothing_is_known_begins_now
    noted_activity_keeps_a_stream_from_being_idle
    a_stream_that_is_not_enabled_is_not_idle_and_one_that_starts_begins_anew
    who_decides_on_a_status_is_told_of_activity
    a_verification_outlives_a_change_of_types
    a_verification_is_sent_to_the_streams_receiver_alone
    a_polled_stream_is_kept_as_such_and_never_leased
    a_poll_gets_what_waits_longest_first_and_hears_whether_there_is_more
    a_poll_that_wants_nothing_hears_whether_there_is_something
    an_answer_ends_before_it_is_too_long
    what_was_handed_out_comes_again_with_the_same_jti_when_its_time_is_over
    what_is_taken_back_comes_again_at_once
    what_is_acknowledged_never_comes_again_even_if_its_time_was_over
    what_is_refused_never_comes_again_and_holds_nothing_back
    an_acknowledgement_counts_before_the_next_sets_are_picked
    a_set_that_is_with_the_receiver_holds_back_later_ones_of_its_user
    a_jti_that_is_unknown_or_settled_means_nothing
    a_jti_of_another_stream_settles_nothing_there
    a_poll_finds_the_receivers_own_polled_streams_alone
    a_receiver_that_settles_nothing_gets_a_limited_number_of_sets
    a_paused_stream_hands_out_nothing_and_takes_what_is_said_of_its_sets
    a_polled_stream_that_the_transmitter_pauses_hands_out_that_alone
    a_polled_stream_that_the_transmitter_starts_hands_out_that_first
    what_was_held_does_not_wait_for_ever_for_a_receiver_that_settles_nothing
    a_disabled_stream_hands_out_nothing
    a_verification_is_handed_out_by_the_next_poll
    a_backlog_moves_from_push_to_poll_and_back
    a_poll_is_called_for_what_came_and_for_what_comes_again
    a_poll_is_called_when_a_pause_ends
    a_deleted_stream_is_not_polled_any_more
    a_stream_that_covers_nobody_gets_what_is_about_its_subjects
    a_subject_counts_for_the_events_that_are_accepted_after_it
    a_removal_that_nobody_meant_silences_nobody_within_the_grace_period
    adding_again_within_the_grace_period_takes_the_removal_back
    what_is_added_twice_is_removed_by_one_removal
    changes_that_are_made_together_are_made_in_their_order
    a_stream_that_covers_everybody_gets_nothing_about_those_who_were_removed
    a_removal_that_is_taken_back_in_time_never_excluded_anybody
    an_event_reaches_the_streams_whose_subjects_it_matches_and_no_others
    one_alias_can_be_removed_alone
    removing_one_complex_subject_leaves_those_with_the_same_member
    a_change_that_is_refused_hinders_no_other
    a_stream_has_room_for_so_many_keys_and_for_more_when_some_are_over
    a_burst_of_ten_thousand_changes_is_held_to_the_pace_of_its_stream
    what_is_over_is_forgotten_when_no_event_waits_that_it_counts_for
    the_subjects_of_a_stream_that_is_gone_are_forgotten_step_by_step
    a_stream_without_a_subject_is_verified_all_the_same
    the_same_subject_of_another_issuer_is_another_subject
    an_id_that_is_no_id_of_ours_finds_nothing
    streams_of_all_receivers_are_found_by_what_they_are
    what_waits_on_a_stream_is_counted
    what_would_become_of_an_event_is_what_becomes_of_it
    a_foreseen_event_concerns_the_streams_of_its_issuer_alone
    the_first_operator_is_added_once_and_never_again
    an_operator_is_found_by_its_token_alone
    a_rotated_token_counts_until_its_end_and_a_removed_one_no_more
    a_source_is_kept_with_its_limits_and_found_by_its_token_alone
    a_source_is_rotated_and_removed_as_an_operator_is
    an_answer_is_kept_under_its_key_until_it_is_forgotten
    entries_of_the_audit_log_are_numbered_and_linked
    entries_of_the_audit_log_are_read_in_portions
    entries_that_are_written_at_the_same_time_make_one_chain
    a_receiver_has_a_limited_number_of_streams
    a_receiver_is_found_by_its_token_alone
    a_receivers_name_is_given_once
    a_receiver_is_read_as_it_was_added
    a_receiver_is_found_by_tokens_and_not_by_secrets
    a_replaced_credential_counts_until_its_time_is_over
    a_credential_that_was_replaced_before_counts_no_longer
    credentials_of_other_kinds_are_not_replaced
    replacing_without_an_overlap_ends_what_was_issued_before
    an_external_client_is_one_receiver
    a_revoked_receiver_keeps_its_streams_and_shows_nothing
    a_receiver_is_removed_when_its_streams_are_gone
    an_assertion_is_used_once
    a_receiver_has_the_profile_that_it_was_given_last
    a_profile_is_known_at_the_issuer_of_its_receiver_alone
    who_pushes_writes_in_the_profile_and_stops_when_it_changes
    a_receiver_is_bound_to_the_hosts_it_was_given_last
    a_receiver_is_not_bound_while_a_stream_of_its_is_pushed_elsewhere
    an_algorithm_is_kept_until_the_stream_has_another_or_none
    who_pushes_signs_as_the_stream_asks_and_stops_when_it_asks_otherwise
    a_poll_hears_what_its_sets_are_to_be_signed_with
    a_key_is_read_as_it_was_stored
    two_issuers_may_have_a_key_of_one_name
    a_change_of_keys_sees_what_the_one_before_has_left
    the_revision_grows_with_each_change_of_keys_and_with_nothing_else
    a_key_without_its_private_part_stays_known_and_is_gone
    an_event_reaches_the_streams_of_its_issuer_alone
    a_receiver_is_known_at_its_own_issuer_alone
    a_setting_is_written_once_unless_it_is_replaced
    a_stream_of_which_nothing_is_due_goes_back_with_the_last_settlement
    a_stream_of_which_something_is_due_stays_with_its_owner
    what_the_last_settlement_lets_through_keeps_the_stream
    the_last_settlement_keeps_how_the_receiver_has_answered
    a_last_settlement_without_the_lease_changes_nothing
    what_is_settled_at_the_same_time_becomes_what_it_would_alone
    what_is_looked_for_at_the_same_time_is_found_as_it_would_be_alone
    the_ledger_tells_what_has_become_of_everything
    what_is_settled_twice_is_counted_once
    a_stream_that_is_gone_leaves_what_it_counted
    what_has_waited_longest_is_told_of_streams_that_are_not_held
    the_first_attempts_that_failed_and_the_latest_are_kept
    what_is_acknowledged_at_once_has_a_status_and_no_attempts
    what_is_acknowledged_at_the_same_time_keeps_its_moment_and_its_status
    what_a_poll_said_of_a_set_is_told_in_its_words
    an_event_is_found_by_its_id_a_jti_or_its_txn
    a_trace_tells_of_each_stream_what_became_of_the_event
    a_trace_is_read_stream_by_stream_and_knows_those_that_are_gone
    deliveries_are_found_by_where_they_stand_when_and_of_what
    what_was_refused_is_sent_again_under_its_number_and_name
    what_was_refused_and_is_sent_again_is_not_dropped_for_its_age
    what_was_taken_is_sent_anew_under_another_number_and_name
    what_is_sent_again_keeps_order_with_what_is_pending
    what_a_receiver_lost_is_sent_again_under_its_number_and_name
    what_a_receiver_asks_for_again_keeps_order_with_what_is_pending
    what_is_sent_once_more_on_a_held_stream_waits_for_that
    a_poll_gets_what_is_sent_once_more
    how_a_receiver_has_answered_is_kept_with_what_is_settled
    a_page_of_what_is_sent_once_more_tells_where_the_next_begins
    what_is_sent_once_more_is_not_in_a_span_that_was_over_before
    how_a_receiver_has_answered_is_kept_and_told
    streams_with_trouble_are_counted_by_its_kind
    a_disabled_stream_is_in_no_trouble_and_a_paused_one_is
    a_stream_is_in_trouble_before_its_circuit_opens
    a_receiver_that_changes_its_stream_closes_the_circuit
    a_receiver_that_enables_its_stream_once_more_closes_the_circuit
    a_verification_that_is_requested_closes_the_circuit
    a_stop_leaves_the_circuit_as_it_is_and_a_start_closes_it
    the_transmitter_alone_does_not_close_the_circuit
    what_was_learnt_before_the_receiver_acted_is_void
    who_pauses_a_stream_is_told_whether_its_receiver_has_acted
    a_refused_key_is_counted_and_keeps_its_schedule
    a_pause_that_was_not_taken_is_dropped_with_a_record
    a_pause_that_is_over_is_not_announced_any_more
    a_start_by_the_operator_is_announced_instead_of_the_pause
    what_is_pending_for_too_long_is_dropped_with_a_record
    no_more_are_dropped_in_one_step_than_asked_for
    what_an_expired_delivery_held_back_is_due
    what_a_pause_holds_is_kept_no_longer_than_other_deliveries
    what_was_settled_stays_for_its_time_and_is_then_forgotten
    what_was_quarantined_counts_as_dropped_when_its_time_is_over
    an_event_is_forgotten_when_no_delivery_of_it_is_left
    events_are_looked_at_a_few_at_a_time
    a_verification_is_forgotten_like_an_event
    what_is_left_of_a_deleted_stream_is_forgotten_too
    a_stream_goes_on_when_all_its_past_is_forgotten
    an_epoch_is_kept_with_its_stream
    a_poll_hears_what_the_run_of_its_numbers_is_called
    a_verification_tells_what_became_of_the_numbers_before_it
    what_was_dropped_is_among_the_numbers_that_were_given_up
    a_sign_of_life_tells_it_too
    nothing_is_told_on_a_stream_without_numbers
    nothing_is_told_of_numbers_that_were_given_up_and_are_gone
    another_epoch_begins_on_each_stream_with_numbers
    a_quota_of_a_source_is_kept_until_it_gets_another
    what_waits_is_counted_by_source
    who_set_a_status_is_kept_with_it
    what_a_wrong_clock_has_put_off_is_due_and_what_waits_otherwise_is_not
    what_a_wrong_clock_has_fanned_out_is_due_in_order
    what_is_put_off_is_found_on_a_stream_that_is_busy
    a_stream_that_rests_by_a_wrong_clock_rests_no_longer
    a_poll_gets_what_a_wrong_clock_has_put_off
    what_a_wrong_clock_has_handed_out_is_offered_again
    a_lease_by_a_wrong_clock_lasts_no_longer_than_any
    a_lost_lease_by_a_wrong_clock_lasts_no_longer_than_any
    the_fan_out_is_kept_by_a_wrong_clock_no_longer_than_by_any
    a_wrong_clock_keeps_no_stream_from_its_turn_or_its_verification
    streams_that_are_put_off_are_found_a_few_at_a_time
}
