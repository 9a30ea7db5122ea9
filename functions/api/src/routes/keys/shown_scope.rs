//! What the document says of a key's scope. It is shown by fewer names than it is stored by.

use domain::choices;
use serde::Serialize;

choices! {
    /// What a key may do.
    #[derive(Serialize)]
    pub(crate) enum Scope {
        /// Everything. Such a key has no tenant.
        Operator = "operator",
        /// Everything within one tenant.
        Tenant = "tenant",
        /// Publish events of one tenant, and nothing else.
        Publish = "publish",
        /// Look after the hooks of one tenant, as its capabilities say.
        Portal = "portal",
        /// Propose plans of one tenant, and nothing else.
        Planner = "planner",
    }
}
