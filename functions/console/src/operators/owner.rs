//! What a tenant has of its own, and operators for all: event types, keys.

use crate::components::listing::path;

/// A tenant; the operators where there is none.
pub(crate) struct Owner(pub(crate) Option<String>);

impl Owner {
    pub(crate) const OPERATORS: Self = Self(None);

    /// In the API.
    pub(crate) fn route<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let begin = self.0.as_deref().map_or_else(|| vec!["v1"], |tenant| vec!["v1", "tenants", tenant]);
        [begin.as_slice(), rest].concat()
    }

    /// In the console.
    pub(crate) fn page(&self, rest: &[&str]) -> String {
        let begin = self.0.as_deref().map_or_else(|| vec!["console"], |tenant| vec!["console", "tenants", tenant]);
        path(&[begin.as_slice(), rest].concat())
    }
}
