//! Texts that follow from what the API says.

use super::Texts;

impl Texts {
    /// Of a delivery's status.
    pub(crate) fn status_of<'a>(&self, status: &'a str) -> &'a str {
        match status {
            "pending" => self.status_pending,
            "retrying" => self.status_retrying,
            "succeeded" => self.status_succeeded,
            "failed" => self.status_failed,
            "skipped" => self.status_skipped,
            "waiting" => self.status_waiting,
            "deleted" => self.status_deleted,
            // One of a newer API.
            other => other,
        }
    }
}

impl Texts {
    pub(crate) fn trigger<'a>(&self, trigger: &'a str) -> &'a str {
        match trigger {
            "first" => self.trigger_first,
            "retry" => self.trigger_retry,
            "manual" => self.trigger_manual,
            "replay" => self.trigger_replay,
            "test" => self.trigger_test,
            other => other,
        }
    }

    /// What a change did, as the audit trail has it.
    pub(crate) fn change<'a>(&self, what: &'a str) -> &'a str {
        match what {
            "created" => self.change_created,
            "changed" => self.change_changed,
            "enabled" => self.change_enabled,
            "disabled" => self.change_disabled,
            "secret rotated" => self.change_rotated,
            "verified" => self.change_verified,
            other => other,
        }
    }

    /// What was just done, as the address of a page names it.
    pub(crate) fn done(&self, done: &str) -> Option<&'static str> {
        Some(match done {
            "retry" => self.retry_done,
            "cancelled" => self.cancel_done,
            "again" => self.sent_again_done,
            "none" => self.none_selected,
            "some" => self.some_not_sent,
            "enabled" => self.done_enabled,
            "disabled" => self.done_disabled,
            "saved" => self.done_saved,
            "deleted" => self.done_deleted,
            "created" => self.done_created,
            "rotated" => self.rotated_done,
            "cutover" => self.cutover_done,
            _ => return None,
        })
    }
}
