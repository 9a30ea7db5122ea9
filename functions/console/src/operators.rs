//! The console: what operators see of all tenants.

mod audit;
mod automation;
mod batch;
mod cost;
mod dead_letters;
mod delivery;
mod doctor;
mod enter;
mod event_types;
mod explorer;
mod failing;
pub(crate) mod frame;
mod gallery;
mod hook;
mod keys;
mod overview;
mod owner;
mod portal_links;
mod profiles;
mod replays;
mod shown;
mod statistics;
mod tenant;
mod tenants;

use axum::response::{Redirect, Response};

use crate::components::listing::address;
use crate::page::see_other;
use crate::portal::preferences;
use crate::table::Table;

pub use enter::{LINK_NAME, link, link_body};

pub(crate) fn pages(table: Table) -> Table {
    let table = table
        .open_page("/console", async || Redirect::to("/console/overview"))
        .open_page("/console/login", enter::login)
        .open_form("/console/login", enter::log_in)
        .open_page("/console/enter", enter::page)
        .open_form("/console/enter", enter::send)
        .form("/console/logout", enter::log_out)
        .open_form("/console/preferences", preferences::set)
        .open_page("/console/components", gallery::page)
        .page("/console/overview", overview::page)
        .page("/console/failing", failing::page)
        .form("/console/hooks/batch", batch::hooks)
        .page("/console/events", explorer::events)
        .page("/console/deliveries", explorer::deliveries)
        .form("/console/deliveries/batch", batch::deliveries)
        .page("/console/dead-letters", dead_letters::list)
        .form("/console/dead-letters/batch", batch::letters)
        .page("/console/dead-letters/{letter}", dead_letters::show)
        .form("/console/dead-letters/{letter}/redrive", dead_letters::redrive)
        .form("/console/dead-letters/{letter}/delete", dead_letters::delete)
        .page("/console/doctor", doctor::page)
        .page("/console/cost", cost::page)
        .page("/console/keys", keys::page)
        .form("/console/keys", keys::create)
        .form("/console/keys/revoke", keys::revoke)
        .page("/console/audit", audit::page);
    catalogue(profiles(tenants(table)))
}

fn tenants(table: Table) -> Table {
    table
        .page("/console/tenants", tenants::list)
        .form("/console/tenants", tenant::create)
        .page("/console/tenants/{tenant}", tenant::page)
        .page("/console/tenants/{tenant}/settings", tenant::settings)
        .form("/console/tenants/{tenant}/settings", tenant::save)
        .form("/console/tenants/{tenant}/delete", tenant::delete)
        .page("/console/tenants/{tenant}/keys", keys::of_tenant)
        .form("/console/tenants/{tenant}/keys", keys::create_of_tenant)
        .form("/console/tenants/{tenant}/keys/revoke", keys::revoke_of_tenant)
        .page("/console/tenants/{tenant}/audit", audit::of_tenant)
        .page("/console/tenants/{tenant}/statistics", statistics::of_tenant)
        .page("/console/tenants/{tenant}/replays", replays::of_tenant)
        .page("/console/tenants/{tenant}/automation", automation::plans)
        .form("/console/tenants/{tenant}/automation/advise", automation::advise)
        .form("/console/tenants/{tenant}/automation/{plan}/approve", automation::approve)
        .form("/console/tenants/{tenant}/automation/{plan}/reject", automation::reject)
        .page("/console/tenants/{tenant}/automation/log", automation::log)
        .form("/console/tenants/{tenant}/automation/log/{adjustment}/revert", automation::revert)
        .page("/console/tenants/{tenant}/portal", portal_links::page)
        .form("/console/tenants/{tenant}/portal", portal_links::create)
        .form("/console/tenants/{tenant}/portal/open", portal_links::open)
        .form("/console/tenants/{tenant}/portal/end", portal_links::end)
        .page("/console/tenants/{tenant}/events/{event}", delivery::event)
        .page("/console/tenants/{tenant}/deliveries/{delivery}", delivery::page)
        .form("/console/tenants/{tenant}/deliveries/{delivery}/retry", delivery::retry)
        .form("/console/tenants/{tenant}/deliveries/{delivery}/cancel", delivery::cancel)
        .page("/console/tenants/{tenant}/hooks/{hook}", hook::page)
        .form("/console/tenants/{tenant}/hooks/{hook}/enable", hook::enable)
        .form("/console/tenants/{tenant}/hooks/{hook}/disable", hook::disable)
        .form("/console/tenants/{tenant}/hooks/{hook}/delete", hook::delete)
        .page("/console/tenants/{tenant}/hooks/{hook}/statistics", statistics::of_hook)
        .page("/console/tenants/{tenant}/hooks/{hook}/audit", audit::of_hook)
        .page("/console/tenants/{tenant}/hooks/{hook}/replays", replays::page)
        .form("/console/tenants/{tenant}/hooks/{hook}/replays", replays::count)
        .page("/console/tenants/{tenant}/hooks/{hook}/replays/{replay}", replays::show)
        .form("/console/tenants/{tenant}/hooks/{hook}/replays/{replay}/send", replays::send)
        .form("/console/tenants/{tenant}/hooks/{hook}/replays/{replay}/cancel", replays::cancel)
}

fn profiles(table: Table) -> Table {
    table
        .page("/console/profiles", profiles::list)
        .page("/console/profiles/new", profiles::new)
        .form("/console/profiles/new", profiles::create)
        .form("/console/profiles/new/preview", profiles::preview_new)
        .page("/console/profiles/{profile}", profiles::page)
        .form("/console/profiles/{profile}", profiles::save)
        .form("/console/profiles/{profile}/preview", profiles::preview_of)
        .form("/console/profiles/{profile}/delete", profiles::delete)
}

fn catalogue(table: Table) -> Table {
    table
        .page("/console/event-types", event_types::list)
        .page("/console/event-types/new", event_types::new)
        .form("/console/event-types/new", event_types::create)
        .page("/console/event-types/import", event_types::import)
        .form("/console/event-types/import", event_types::replace)
        .page("/console/event-types/type/{type}", event_types::page)
        .form("/console/event-types/type/{type}", event_types::save)
        .form("/console/event-types/type/{type}/delete", event_types::delete)
        .page("/console/tenants/{tenant}/event-types", event_types::of_tenant::list)
        .page("/console/tenants/{tenant}/event-types/new", event_types::of_tenant::new)
        .form("/console/tenants/{tenant}/event-types/new", event_types::of_tenant::create)
        .page("/console/tenants/{tenant}/event-types/import", event_types::of_tenant::import)
        .form("/console/tenants/{tenant}/event-types/import", event_types::of_tenant::replace)
        .page("/console/tenants/{tenant}/event-types/type/{type}", event_types::of_tenant::page)
        .form("/console/tenants/{tenant}/event-types/type/{type}", event_types::of_tenant::save)
        .form("/console/tenants/{tenant}/event-types/type/{type}/delete", event_types::of_tenant::delete)
}

/// To the login, and from there to the page that was asked for.
pub(crate) fn login_to(wanted: Option<&str>) -> Response {
    see_other(&address("/console/login", &[("back", wanted.unwrap_or_default())], &[]))
}
