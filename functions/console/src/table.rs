//! The table of pages. What is not in it is served by nothing, so tests can walk over all.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};

use crate::{Shared, operators, portal, same_origin};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A page for everybody, such as a login.
    OpenPage,
    /// What everybody may send, from a page of ours.
    OpenForm,
    /// A page of a session.
    Page,
    /// What is sent with a session, from a form with its token.
    Form,
}

#[derive(Clone, Debug)]
pub struct PageRoute {
    pub kind: Kind,
    /// With parameters in braces.
    pub path: &'static str,
}

impl PageRoute {
    pub fn method(&self) -> &'static str {
        match self.kind {
            Kind::OpenPage | Kind::Page => "GET",
            Kind::OpenForm | Kind::Form => "POST",
        }
    }
}

#[derive(Default)]
pub(crate) struct Table {
    router: Router<Shared>,
    routes: Vec<PageRoute>,
}

impl Table {
    pub(crate) fn page<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.add(Kind::Page, path, get(handler))
    }

    pub(crate) fn form<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.add(Kind::Form, path, post(handler).layer(from_fn(same_origin::guard)))
    }

    pub(crate) fn open_page<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.add(Kind::OpenPage, path, get(handler))
    }

    pub(crate) fn open_form<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.add(Kind::OpenForm, path, post(handler).layer(from_fn(same_origin::guard_open)))
    }

    fn add(mut self, kind: Kind, path: &'static str, method: MethodRouter<Shared>) -> Self {
        self.router = self.router.route(path, method);
        self.routes.push(PageRoute { kind, path });
        self
    }

    pub(crate) fn into_router(self) -> Router<Shared> {
        self.router
    }

    pub(crate) fn into_routes(self) -> Vec<PageRoute> {
        self.routes
    }
}

pub(crate) fn pages() -> Table {
    operators::pages(portal::pages(Table::default()))
}
