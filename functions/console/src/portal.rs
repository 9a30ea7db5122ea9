//! The portal: what customers see of the hooks of their tenant.

mod again;
mod automation;
mod catalogue;
mod changes;
mod colours;
pub(crate) mod delivery;
mod edit;
mod enter;
mod event;
pub(crate) mod frame;
mod hook;
mod hook_form;
pub(crate) mod hooks;
mod log;
pub(crate) mod preferences;
mod secret;
mod snippets;
mod statistics;
mod test_send;

use axum::response::{IntoResponse as _, Redirect, Response};
use http::header;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cookies::Jar;
use crate::page::see_other;
use crate::table::Table;

/// Where the page is noted that a visit whose session ended was on.
const WANTED: &str = "hookline-wanted";
/// Seconds for which it is worth something.
const WANTED_FOR: u64 = 3_600;

pub(crate) fn pages(table: Table) -> Table {
    table
        .open_page("/portal", async || Redirect::to("/portal/hooks"))
        .open_page("/portal/enter", enter::page)
        .open_form("/portal/enter", enter::send)
        .open_page("/portal/ended", enter::ended)
        .form("/portal/refresh", enter::refresh)
        .form("/portal/logout", enter::log_out)
        .open_page("/portal/colours/{name}", colours::stylesheet)
        .open_form("/portal/preferences", preferences::set)
        .page("/portal/hooks", hooks::list)
        .page("/portal/hooks/new", edit::new)
        .form("/portal/hooks/new", edit::create)
        .page("/portal/hooks/{hook}", hook::overview)
        .page("/portal/hooks/{hook}/executions", hook::executions)
        .page("/portal/hooks/{hook}/statistics", statistics::of_hook)
        .page("/portal/hooks/{hook}/changes", changes::page)
        .page("/portal/hooks/{hook}/settings", edit::settings)
        .form("/portal/hooks/{hook}/settings", edit::save)
        .form("/portal/hooks/{hook}/enable", hook::enable)
        .form("/portal/hooks/{hook}/disable", hook::disable)
        .form("/portal/hooks/{hook}/delete", hook::delete)
        .page("/portal/hooks/{hook}/test", test_send::page)
        .form("/portal/hooks/{hook}/test", test_send::run)
        .form("/portal/hooks/{hook}/verify", test_send::verify)
        .page("/portal/hooks/{hook}/secret", secret::page)
        .form("/portal/hooks/{hook}/secret/reveal", secret::reveal)
        .form("/portal/hooks/{hook}/secret/rotate", secret::rotate)
        .form("/portal/hooks/{hook}/secret/cutover", secret::cut_over)
        .page("/portal/hooks/{hook}/send-again", again::page)
        .form("/portal/hooks/{hook}/send-again", again::count)
        .page("/portal/hooks/{hook}/replays/{replay}", again::show)
        .form("/portal/hooks/{hook}/replays/{replay}/send", again::send)
        .form("/portal/hooks/{hook}/replays/{replay}/cancel", again::cancel)
        .page("/portal/automation", automation::plans)
        .form("/portal/automation/{plan}/approve", automation::approve)
        .form("/portal/automation/{plan}/reject", automation::reject)
        .page("/portal/automation/log", automation::log)
        .form("/portal/automation/log/{adjustment}/revert", automation::revert)
        .page("/portal/executions", log::list)
        .page("/portal/statistics", statistics::of_all)
        .form("/portal/executions/send-again", delivery::retry_selected)
        .page("/portal/executions/{delivery}", delivery::page)
        .form("/portal/executions/{delivery}/retry", delivery::retry)
        .form("/portal/executions/{delivery}/cancel", delivery::cancel)
        .page("/portal/events/{event}", event::page)
        .page("/portal/event-types", catalogue::list)
        .page("/portal/event-types/{type}", catalogue::show)
}

/// To the page that says what to do, with a note of where to come back to.
pub(crate) fn ended(wanted: Option<&str>, jar: Option<Jar>) -> Response {
    let mut response = see_other("/portal/ended").into_response();
    if let (Some(wanted), Some(jar)) = (wanted, jar) {
        let value = utf8_percent_encode(wanted, NON_ALPHANUMERIC).to_string();
        response.headers_mut().append(header::SET_COOKIE, jar.note(WANTED, &value, WANTED_FOR));
    }
    response
}
