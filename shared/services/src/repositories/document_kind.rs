//! Which partition of the documents holds what.

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DocumentKind {
            $($(#[$doc])* $kind,)*
        }

        impl DocumentKind {
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
        }
    };
}

kinds! {
    Tenants = "tenants",
    /// When they were deleted, until nothing of them is left.
    DeletedTenants = "deleted-tenants",
    Profiles = "profiles",
    /// Of the deployment.
    Identity = "identity",
    /// Of a tenant, or of operators.
    ApiKeys = "keys",
    /// Of a tenant.
    PortalLinks = "portal-links",
    PortalSessions = "portal-sessions",
    /// Of a tenant, or of all.
    EventTypes = "event-types",
    /// Who has a catalogue of event types.
    Catalogues = "catalogues",
    /// Of a tenant.
    Expungements = "expungements",
    Plans = "plans",
    Adjustments = "adjustments",
    /// How often something was proposed to each tenant.
    Proposals = "proposals",
    /// What tenants ask of the advisor.
    Advisors = "advisors",
    /// Of a tenant, or of operators: requests that came with an `Idempotency-Key`.
    KeyedRequests = "keyed-requests",
    /// The same by when they came.
    KeyedRequestsByTime = "keyed-requests-by-time",
    /// Of a tenant's hooks, by their clients' names.
    HookUids = "hook-uids",
    /// Of all tenants, by how much they fail.
    FailingHooks = "failing-hooks",
    /// Of all tenants, by when they were disabled for it.
    DisabledHooks = "disabled-hooks",
    /// What each tenant has sent to hosts that have not verified themselves.
    UnverifiedHosts = "unverified-hosts",
    /// Of a hook, like all that follow.
    Replays = "replays",
    Audit = "audit",
    Health = "health",
    RateLimit = "rate",
    /// Of another document.
    FormerVersions = "was",
}

impl DocumentKind {
    /// A partition of this kind. No part but the last holds a `#`, so no two
    /// partitions are the same.
    pub fn partition(self, parts: &[&str]) -> String {
        let mut partition = self.name().to_owned();
        for part in parts {
            partition.push('#');
            partition.push_str(part);
        }
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::DocumentKind;

    #[test]
    fn no_two_kinds_share_a_partition() {
        let mut names: Vec<_> = DocumentKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DocumentKind::ALL.len());
        assert!(names.iter().all(|name| !name.contains('#')));
        assert_eq!(DocumentKind::Audit.partition(&["acme", "hook_1"]), "audit#acme#hook_1");
    }
}
