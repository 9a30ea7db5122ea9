//! What may be done in a portal, one capability at a time.

use serde::{Deserialize, Serialize};

use super::word::words;

words! {
    /// One thing that a portal session or key may do with the hooks of its tenant.
    pub enum Capability {
        /// See hooks, their log, events and the catalogue.
        View = "view",
        /// Create, change, pause and delete hooks.
        Manage = "manage",
        /// See a hook's secret at any time.
        RevealSecret = "reveal_secret",
        /// Replace a hook's secret.
        Rotate = "rotate",
        /// Send test events and verify endpoints.
        Test = "test",
        /// Send deliveries again, one or many.
        SendAgain = "send_again",
        /// Approve and reject plans, and ask for adjustments to be taken back.
        Approve = "approve",
    }
}

/// What is allowed where nobody says.
const USUAL: [Capability; 4] = [Capability::View, Capability::Manage, Capability::Test, Capability::SendAgain];

/// A set of capabilities. One of a newer version is kept and allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Each once, in the order of [`Capability::ALL`].
    pub fn of(given: &[Capability]) -> Self {
        Self(Capability::ALL.iter().copied().filter(|capability| given.contains(capability)).collect())
    }

    pub fn usual() -> Self {
        Self(USUAL.to_vec())
    }

    pub fn view_only() -> Self {
        Self(vec![Capability::View])
    }

    pub fn allow(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that this version knows.
    pub fn known(&self) -> Vec<Capability> {
        Self::of(&self.0).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_of_a_newer_version_is_kept_and_allows_nothing() {
        let row = r#"["view","shred"]"#;
        let read: Capabilities = serde_json::from_str(row).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), row);
        assert_eq!(read.known(), [Capability::View]);
        for capability in Capability::ALL {
            assert_eq!(read.allow(*capability), *capability == Capability::View, "{capability:?}");
        }
    }
}
