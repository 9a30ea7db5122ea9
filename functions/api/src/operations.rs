//! Every operation of the API: its route, and what its document says of it.
//!
//! Describing them all takes longer than all else at a start, so a process does that when it is
//! asked for the document.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, get};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa_axum::PathItemExt as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::{paste, routes};

use crate::routes::*;
use crate::{Deps, openapi};

/// Hands their functions to a macro, those of one path together.
macro_rules! each_operation {
    ($macro:ident) => {
        $macro! {
            health::healthz;
            doctor::examine;
            tenants::create, tenants::list;
            tenants::get, tenants::update, tenants::deletion::delete;
            profiles::create, profiles::list;
            profiles::preview::preview;
            profiles::get, profiles::update, profiles::delete;
            event_types::shared::create_shared, event_types::shared::list_shared;
            event_types::shared::get_shared, event_types::shared::update_shared, event_types::shared::delete_shared;
            catalogue::export_shared, catalogue::import_shared;
            event_types::create, event_types::list;
            event_types::get, event_types::update, event_types::delete;
            catalogue::export, catalogue::import;
            fields::of_tenant;
            webhooks::describe;
            keys::operator::create_operators, keys::operator::list_operators;
            keys::operator::delete_operators;
            identity::read;
            identity::identity_key;
            identity::directory;
            keys::create, keys::list;
            keys::delete;
            portal::links::create;
            portal::sessions::list, portal::sessions::end_all;
            portal::sessions::end;
            portal::enter::create;
            portal::own_session::get, portal::own_session::end;
            portal::own_session::refresh;
            hooks::create, hooks::list;
            hooks::get, hooks::update, hooks::delete;
            hooks::failing::list_all;
            fields::of_hook;
            hooks::preview::preview;
            audit::list;
            caller::get;
            audit::of_tenant;
            audit::of_deployment;
            test_send::test;
            test_send::verify;
            confirm::confirm, confirm::confirm_by_browser;
            jwks::jwks;
            secrets::reveal;
            secrets::rotate;
            secrets::cut_over;
            activity::events::list_all;
            activity::deliveries::list_all;
            activity::deliveries::list;
            activity::counts::read;
            events::publish, activity::events::list;
            events::batch::publish_batch;
            events::stored::get;
            events::stored::expunge;
            explain::explain;
            expungements::create, expungements::list;
            expungements::get, expungements::cancel;
            deliveries::of_event;
            deliveries::of_hook;
            deliveries::get;
            deliveries::retry;
            deliveries::cancel;
            stats::of_hook;
            stats::of_tenant;
            plans::create, plans::list;
            plans::get;
            plans::decide::approve;
            plans::decide::reject;
            plans::decide::applied;
            plans::decide::failed;
            advice::advise;
            advice::get, advice::update;
            adjustments::list;
            adjustments::get;
            adjustments::revert;
            replays::create, replays::list;
            replays::get, replays::cancel;
        }
    };
}

// `routes!` describes an operation whenever it makes its route, so its parts are called singly here.
macro_rules! routed {
    ($($($function:path),+;)+) => {{
        let (mut router, mut operations) = (Router::new(), Operations::default());
        $(
            let (mut paths, mut methods) = (Vec::new(), MethodRouter::new());
            $(
                paste! {
                    let path = routes!(@path [path()] of $function);
                    for method in routes!(@path [methods()] of $function) {
                        methods = methods.on(method.to_method_filter(), $function);
                        operations.add(&path, &method, || routes!(@path [operation()] of $function));
                    }
                    paths.push(path);
                }
            )+
            debug_assert!(paths.iter().all(|path| *path == paths[0]), "one of {paths:?} would be at another's");
            router = router.route(&paths[0], methods);
        )+
        (router, operations)
    }};
}

macro_rules! documented {
    ($($($function:path),+;)+) => {
        OpenApiRouter::<Arc<Deps>>::with_openapi(openapi::base())$(.routes(routes!($($function),+)))+.into_openapi()
    };
}

static ROUTES: LazyLock<(Router<Arc<Deps>>, Operations)> = LazyLock::new(|| each_operation!(routed));
/// Most processes are never asked for it.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::finish(each_operation!(documented)));

/// The routes of all, and that of the document.
pub(crate) fn all() -> (Router<Arc<Deps>>, &'static Operations) {
    let (router, operations) = &*ROUTES;
    (router.clone().route("/openapi.json", get(async || openapi::serve(&DOCUMENT))), operations)
}

/// What operations take, by path, as their document says.
#[derive(Debug, Default)]
pub(crate) struct Operations(HashMap<String, Vec<Known>>);

#[derive(Debug)]
struct Known {
    method: Method,
    describe: fn() -> Operation,
    /// Known once it was asked for.
    takes: OnceLock<Takes>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Takes {
    pub(crate) query: bool,
    pub(crate) body: bool,
}

impl Operations {
    fn add(&mut self, path: &str, method: &HttpMethod, describe: fn() -> Operation) {
        let method = match method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Delete => Method::DELETE,
            HttpMethod::Options => Method::OPTIONS,
            HttpMethod::Head => Method::HEAD,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Trace => Method::TRACE,
        };
        self.0.entry(path.to_owned()).or_default().push(Known { method, describe, takes: OnceLock::new() });
    }

    pub(crate) fn takes(&self, method: &Method, path: &str) -> Takes {
        // One who asks for the head alone gets that of GET.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let known = self.0.get(path).and_then(|known| known.iter().find(|known| known.method == *method));
        known.map_or_else(Takes::default, |known| *known.takes.get_or_init(|| Takes::of(&(known.describe)())))
    }
}

impl Takes {
    fn of(operation: &Operation) -> Self {
        let query = operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
            // What it refers to is not looked up; the route itself refuses what it does not take.
            RefOr::Ref(_) => true,
        });
        Self { query, body: operation.request_body.is_some() }
    }
}
