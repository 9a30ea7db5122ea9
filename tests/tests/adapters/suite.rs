//! The ports' contracts: one test per promise, over every adapter.
//!
//! A promise is a function over the ports of a [`Stores`], a [`Queues`],
//! [`MasterKeys`](data_keys::MasterKeys) or a [`Patient`](doctor::Patient); a fixture makes one of those for an
//! adapter, empty and of its own. To hold a further adapter to the contracts,
//! write its fixture and name it below.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Documents, Events, Hooks, Keys, ManualClock, OsRandom, QueueReceiver,
    QueueSender, Replays, Subscriptions, Tenants,
};
use domain::time::Timestamp;
use services::delivery::resolved_hook::ResolvedHooks;
use services::{Foundation, Writers};

use samples::RETENTION;

pub(crate) mod activity;
mod audit;
mod cached;
mod data_keys;
mod deliveries;
mod doctor;
mod documents;
pub(crate) mod dynamo;
mod events;
mod hooks;
mod keys;
pub(crate) mod on_disk;
mod portal;
mod profiles;
mod queue;
mod random;
pub(crate) mod replays;
pub(crate) mod samples;
pub(crate) mod sealed;
pub(crate) mod sqs;
mod states;
mod subscriptions;
mod tenants;

/// The stores of one adapter.
pub(crate) struct Stores {
    pub(crate) clock: ManualClock,
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) deliveries: Arc<dyn DeliveryLog>,
    pub(crate) activity: Arc<dyn ActivityLog>,
    pub(crate) audit: Arc<dyn AuditLog>,
    /// What the stores stand on: a server, a directory.
    pub(crate) _keep: Arc<dyn Any + Send + Sync>,
}

impl Stores {
    /// What stages stand on, as on AWS. `hooks` are taken as they are, and nothing is cached.
    pub(crate) fn foundation(&self) -> Foundation {
        let stores = services::Stores {
            hooks: Arc::clone(&self.hooks),
            subscriptions: Arc::clone(&self.subscriptions),
            events: Arc::clone(&self.events),
            log: Arc::clone(&self.deliveries),
            activity: Arc::clone(&self.activity),
            audit: Arc::clone(&self.audit),
            documents: Arc::clone(&self.documents),
            states: Arc::clone(&self.documents),
        };
        let writers = Writers::Many { fresh_for: Duration::ZERO };
        Foundation::new(stores, writers, Arc::new(self.clock.clone()), Arc::new(OsRandom), RETENTION)
    }

    pub(crate) fn replays(&self) -> Arc<dyn Replays> {
        self.foundation().replays
    }
}

/// Hooks with what applies to them.
pub(crate) fn resolved(foundation: &Foundation) -> Arc<ResolvedHooks> {
    Arc::new(foundation.resolved(Arc::clone(&foundation.hooks), "standard".parse().unwrap()))
}

/// Both ends of one queue of an adapter.
pub(crate) struct Queues {
    pub(crate) time: Time,
    pub(crate) sender: Arc<dyn QueueSender>,
    pub(crate) receiver: Arc<dyn QueueReceiver>,
    /// How long a message that is not settled stays away.
    pub(crate) lease: Duration,
    /// A body of this many bytes is too large.
    pub(crate) too_large: usize,
    pub(crate) dead_letters: Box<dyn DeadLetters>,
    pub(crate) _keep: Box<dyn Any + Send + Sync>,
}

/// Where a queue gets the time from.
pub(crate) enum Time {
    Manual(ManualClock),
    /// The emulator's own; waiting is all one can do.
    Real(Arc<dyn Clock>),
}

impl Time {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Manual(clock) => clock.now(),
            Self::Real(clock) => clock.now(),
        }
    }

    pub(crate) async fn pass(&self, duration: Duration) {
        match self {
            Self::Manual(clock) => clock.advance(duration),
            Self::Real(_) => tokio::time::sleep(duration).await,
        }
    }
}

#[async_trait]
pub(crate) trait DeadLetters: Send + Sync {
    /// Bodies and reasons of the messages that became dead letters.
    async fn all(&self) -> Vec<(Bytes, String)>;
}

/// The start of a manual clock: late enough for retention, and not round.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_780_000_000_123);

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
        promises!($fixture, states:
            failures_that_several_processes_see_add_up
            of_all_processes_one_takes_the_probe
            another_tenants_hook_of_the_same_id_is_another
            what_was_removed_is_as_if_it_had_never_been
            all_processes_together_keep_to_the_rate
            how_long_the_line_is_can_be_asked_anywhere_without_joining_it
            a_circuit_that_was_opened_in_the_future_is_probed_as_soon_as_was_meant
            turns_that_were_given_in_the_future_come_as_soon_as_was_meant
            a_jump_that_no_process_saw_counts_for_a_fifth_of_what_disables_a_hook
            the_audit_trail_of_a_hook_reads_newest_first
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

mod on_embedded {
    store_contracts!(crate::suite::on_disk::stores);
    queue_contracts!(crate::suite::on_disk::queues);
    key_contracts!(crate::suite::data_keys::in_a_file);
    doctor_contracts!(crate::suite::doctor::of_a_directory);
}

/// As one process sees its own changes. What another one changed may be read as it was for some
/// seconds, so that no promise about several processes holds through a cache: `states`, which count
/// what all processes saw, are never cached and not held to any here, nor are `events`,
/// `deliveries`, `activity`, `audit` and `replays`.
mod on_cached_embedded {
    document_contracts!(crate::suite::cached::stores);
    hook_contracts!(crate::suite::cached::stores);
}

mod on_embedded_between_stages {
    queue_contracts!(crate::suite::on_disk::queues_between_stages);
}

mod on_aws {
    doctor_contracts!(crate::suite::doctor::of_an_account);
}

mod on_kms {
    key_contracts!(crate::suite::data_keys::in_kms);
}

mod on_sealed_embedded {
    hook_contracts!(crate::suite::sealed::over_embedded);
}

mod on_sealed_dynamo {
    hook_contracts!(crate::suite::sealed::over_dynamo);
}

mod on_dynamo {
    store_contracts!(crate::suite::dynamo::stores);
}

mod on_sqs {
    queue_contracts!(crate::suite::sqs::queues);
}
