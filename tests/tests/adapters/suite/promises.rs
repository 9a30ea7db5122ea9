//! Which promises each port makes.

/// One test for each promise; a fixture that makes nothing skips it.
macro_rules! promises {
    ($fixture:path, $port:ident: $($promise:ident)*) => {
        mod $port {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    if let Some(fixture) = $fixture().await {
                        crate::suite::$port::$promise(&fixture).await;
                    }
                }
            )*
        }
    };
}

macro_rules! store_contracts {
    ($fixture:path) => {
        document_contracts!($fixture);
        promises!($fixture, identity:
            an_identity_is_had_again_with_its_secrets_open_and_is_stored_sealed
            of_two_who_rotate_it_at_once_one_is_told_of_the_other
            what_was_opened_once_stays_open_until_it_changes
        );
        promises!($fixture, keyed_requests:
            of_all_who_claim_a_request_one_gets_it_and_all_are_told_its_answer
            what_died_under_way_is_claimed_again_after_a_minute_and_what_was_answered_after_a_day
            requests_of_days_ago_are_deleted_as_others_come
        );
        promises!($fixture, states:
            failures_that_several_processes_see_add_up
            of_all_processes_one_takes_the_probe
            another_tenants_hook_of_the_same_id_is_another
            what_was_removed_is_as_if_it_had_never_been
            all_processes_together_keep_to_the_rate
            all_processes_together_keep_to_what_a_minute_may_see
            how_long_the_line_is_can_be_asked_anywhere_without_joining_it
            a_circuit_that_was_opened_in_the_future_is_probed_as_soon_as_was_meant
            turns_that_were_given_in_the_future_come_as_soon_as_was_meant
            a_jump_that_no_process_saw_counts_for_a_fifth_of_what_disables_a_hook
            the_audit_trail_of_a_hook_reads_newest_first
            hooks_that_fail_are_listed_over_all_tenants_the_most_failures_first
            a_hook_that_goes_well_again_is_not_listed_any_more
        );
        hook_contracts!($fixture);
        promises!($fixture, events:
            the_first_message_wins_the_same_resumes_and_any_other_is_a_duplicate
            of_concurrent_messages_one_wins
            a_page_is_recorded_once_as_well
            data_is_read_back_byte_for_byte
            the_largest_data_is_read_back
            the_pages_of_an_event_are_listed_in_order
            an_event_is_found_under_its_own_tenant_only
            an_event_past_its_expiry_is_not_found_and_its_id_is_free
            of_an_event_past_its_expiry_it_is_told_when_that_was
            an_expunged_payload_is_gone_and_the_event_stays
            a_deleted_event_is_gone_and_a_later_one_of_its_id_stays
            unclaimed_events_are_listed_in_order_of_time
        );
        promises!($fixture, deliveries:
            a_row_is_written_only_over_what_was_expected
            a_row_that_was_skipped_is_not_what_was_read_before
            a_row_that_began_to_wait_is_not_what_was_read_before
            what_waits_is_marked_as_long_as_it_does_and_listed_oldest_first
            marks_of_what_has_expired_hide_none_that_waits
            of_concurrent_writers_one_wins
            every_field_is_read_back
            failed_attempts_are_kept_and_all_are_listed_in_order
            the_attempts_of_a_row_that_was_read_are_those_up_to_its_last
            a_success_is_kept_when_an_attempt_by_hand_follows
            a_success_is_kept_when_that_of_an_overtaken_copy_follows
            the_attempts_of_a_conflicting_writer_are_not_kept
            the_log_of_a_hook_is_complete_and_newest_first
            a_cursor_stays_valid_while_rows_are_added
            a_cursor_of_another_hook_is_refused
            filters_apply_across_pages
            times_narrow_the_log
            a_delivery_is_found_under_its_own_tenant_only
            a_row_past_its_expiry_is_not_found
            an_exhausted_delivery_is_marked_until_it_ends_otherwise
            marks_are_listed_newest_first_and_narrowed_by_time
            what_was_deleted_is_gone_with_all_that_belongs_to_it
        );
        promises!($fixture, activity:
            what_was_noted_is_listed_newest_first_with_every_field
            a_list_reads_each_row_once_however_it_is_cut_in_pages
            reading_goes_on_where_it_ended_while_more_is_noted
            times_narrow_by_when_a_row_was_written
            what_was_noted_in_one_tenant_is_not_listed_in_another
            a_row_past_its_expiry_is_not_listed
            of_writers_at_once_every_entry_is_listed
            the_tenants_of_an_hour_are_listed_in_order_each_once
            what_was_deleted_is_gone_and_nothing_that_was_noted_since
            counts_are_read_back_and_written_only_over_those_that_were_read
        );
        promises!($fixture, audit:
            what_was_written_is_listed_newest_first_with_every_field
            what_is_of_one_tenant_or_of_none_is_not_listed_elsewhere
            an_entry_past_its_expiry_is_not_listed
            what_was_deleted_is_gone_and_nothing_that_was_written_since
        );
        promises!($fixture, replays:
            an_update_based_on_an_older_version_is_a_conflict
            replays_are_listed_in_order_under_their_own_hook
        );
    };
}

macro_rules! document_contracts {
    ($fixture:path) => {
        promises!($fixture, documents:
            a_write_that_does_not_follow_the_stored_version_is_a_conflict
            partitions_do_not_see_each_other
            pages_are_complete_and_in_order_of_name
            of_documents_written_together_all_are_written_or_none
            a_deleted_document_is_gone_and_can_be_made_again
        );
        promises!($fixture, tenants:
            creating_a_tenant_that_exists_is_a_conflict_and_changes_nothing
            an_update_based_on_an_older_version_is_a_conflict
            what_was_written_is_read_back_at_once
            pages_are_complete_and_in_order_of_id
            a_deleted_tenant_is_gone_and_deleting_it_again_says_so
            when_a_tenant_was_deleted_is_told_until_that_is_forgotten
            former_versions_can_be_read_until_the_tenant_is_deleted
            a_cursor_of_another_list_is_refused
        );
        promises!($fixture, keys:
            a_key_is_found_under_its_own_tenant_only
            the_list_of_a_tenant_is_complete_and_in_order_of_id
            an_update_of_an_older_version_or_of_a_deleted_key_is_a_conflict
            a_deleted_key_is_gone_and_deleting_it_again_says_so
        );
        promises!($fixture, portal:
            a_link_is_found_under_its_own_tenant_only
            a_link_is_claimed_once
            of_claims_at_once_by_several_processes_one_wins
            a_deleted_link_is_gone_and_cannot_be_claimed
            the_links_of_a_tenant_are_all_listed
            a_session_is_found_under_its_own_tenant_only
            the_sessions_of_a_tenant_are_listed_in_order_page_by_page
            an_update_of_an_older_version_or_of_an_ended_session_is_a_conflict
            an_ended_session_is_gone_and_ending_it_again_says_so
        );
        promises!($fixture, profiles:
            creating_a_profile_that_exists_is_a_conflict_and_changes_nothing
            an_update_based_on_an_older_version_is_a_conflict
            the_list_is_complete_and_in_order_of_name
            only_so_many_former_versions_are_kept
            a_deleted_profile_is_gone_and_its_former_versions_stay
        );
    };
}

macro_rules! hook_contracts {
    ($fixture:path) => {
        promises!($fixture, hooks:
            a_hook_is_found_under_its_own_tenant_only
            creating_a_hook_that_exists_is_a_conflict
            an_update_based_on_an_older_version_is_a_conflict_and_changes_nothing
            an_update_moves_the_subscription_rows_with_the_hook
            documents_beside_an_update_are_written_with_it_or_not_at_all
            every_field_is_read_back
            pages_are_complete_and_in_order_of_id
            a_deleted_hook_is_gone_and_matches_nothing
            a_hook_may_have_the_most_patterns
            former_versions_can_be_read_until_they_are_forgotten
            only_so_many_former_versions_are_kept
            former_versions_are_bounded_in_bytes_and_the_newest_stays
            the_version_of_any_time_is_found_as_long_as_it_is_kept
            a_tenant_never_gets_more_hooks_than_it_may_have
        );
        promises!($fixture, subscriptions:
            every_hook_that_asks_for_the_type_is_found_once
            pages_are_complete_whatever_their_size
            another_tenants_hooks_are_never_found
            hooks_that_do_not_match_are_not_found
        );
    };
}

macro_rules! queue_contracts {
    ($fixture:path) => {
        promises!($fixture, queue:
            what_was_sent_is_received_as_it_was
            nothing_is_visible_before_it_is_due
            a_due_time_of_any_distance_is_taken
            a_message_too_large_is_a_typed_error
            a_batch_reports_just_the_message_that_failed
            a_batch_of_any_length_is_taken
            what_is_not_settled_comes_back_with_a_higher_count
            what_was_acknowledged_never_comes_back
            what_was_deferred_comes_back_when_it_is_due
            what_was_rejected_is_set_aside_with_its_reason
            an_empty_queue_gives_nothing
        );
    };
}

macro_rules! key_contracts {
    ($fixture:path) => {
        promises!($fixture, data_keys:
            every_key_is_new_and_unwraps_to_itself
            a_new_master_key_leaves_older_data_keys_readable
            what_was_changed_or_wrapped_elsewhere_never_gives_a_key
            a_master_key_that_cannot_be_used_says_what_to_do
        );
    };
}

macro_rules! doctor_contracts {
    ($fixture:path) => {
        promises!($fixture, doctor:
            a_sound_deployment_passes_every_check
            a_message_that_was_set_aside_is_told_with_what_to_do
            what_is_broken_is_told_and_all_else_is_looked_at
            a_second_look_finds_the_same
        );
    };
}

macro_rules! settlement_contracts {
    ($fixture:path) => {
        promises!($fixture, settlement:
            what_is_done_never_comes_back
            what_waits_comes_back_when_it_is_due_and_not_before
            what_is_rejected_is_a_dead_letter_with_its_reason
            what_is_released_comes_back
            what_is_settled_twice_stays_settled
        );
    };
}

macro_rules! clock_contracts {
    ($fixture:path) => {
        promises!($fixture, clock:
            both_times_run_with_the_time_that_passes
            the_steady_time_never_goes_back
            setting_the_clock_moves_the_time_of_day_alone
            nothing_expires_ahead_of_the_time_of_day
        );
    };
}

macro_rules! readiness_contracts {
    ($fixture:path) => {
        promises!($fixture, readiness:
            what_is_well_takes_work
            a_refusal_says_why_and_when_that_ends
        );
    };
}

macro_rules! http_contracts {
    ($fixture:path) => {
        promises!($fixture, http:
            every_final_status_is_an_answer_and_none_is_followed
            an_answer_is_read_as_it_was_said
            a_bounded_part_of_an_answer_is_read
            a_status_counts_whatever_becomes_of_the_body
            what_does_not_answer_is_given_up_at_the_deadline
            what_is_our_own_doing_is_never_the_endpoints
        );
    };
}
