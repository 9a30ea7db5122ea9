//! Who gets into a tenant's portal: one-time links, and the sessions they lead to.

pub(crate) mod enter;
pub(crate) mod links;
pub(crate) mod own_session;
pub(crate) mod sessions;
mod views;

pub(crate) use views::PortalView;
