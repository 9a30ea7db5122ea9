//! The kinds of rows, each with the first byte of its keys.

#[cfg(test)]
use super::store::Table;

macro_rules! kinds {
    ($($kind:ident $table:ident $prefix:literal $after:literal $holds:literal;)*) => {
        /// What a row is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum RowKind {
            $(#[doc = $holds] $kind,)*
        }

        impl RowKind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$kind),*];

            #[cfg(test)]
            const fn table(self) -> Table {
                match self { $(Self::$kind => Table::$table),* }
            }

            pub(super) const fn prefix(self) -> u8 {
                match self { $(Self::$kind => $prefix),* }
            }

            /// What its keys hold behind the prefix, and what its values hold.
            #[cfg(test)]
            const fn describe(self) -> (&'static str, &'static str) {
                match self { $(Self::$kind => ($after, $holds)),* }
            }
        }
    };
}

kinds! {
    Hook Hooks b'h' "tenant, hook" "the hook";
    FormerHook Hooks b'v' "tenant, hook, version" "a former version of a hook";
    HookCount Hooks b'c' "tenant" "how many hooks a tenant has";
    Subscription Hooks b's' "tenant, pattern, hook" "what matching needs of a hook";
    Document Hooks b'd' "partition, name" "a tenant, API key, portal link or session, profile, event type, replay or audit record";
    KeyCheck Hooks b'k' "master key" "a text encrypted under a master key";
    Delivery Logs b'd' "tenant, hook, event" "a delivery with its last attempt";
    ExhaustedMark Logs b'f' "tenant, hook, event" "that a delivery failed for good";
    WaitingMark Logs b'z' "tenant, hook, event" "that a delivery waits for its hook to be enabled";
    Attempt Logs b'a' "tenant, hook, event, number" "an attempt before the last one";
    Event Logs b'e' "tenant, event" "an event, with the first page of its fan-out";
    FanoutPage Logs b'p' "tenant, event, number" "a further page of a fan-out";
    UnclaimedEvent Logs b'u' "tenant, event" "that an event is in no hook's log";
    Activity Logs b'y' "tenant, time and number" "what a delivery became, or that an event went to no hook";
    ActiveTenant Logs b'w' "hour, tenant" "that something was noted in a tenant in an hour";
    HourCounts Logs b'c' "tenant, hour" "the counts of an hour";
    Audit Logs b'r' "tenant, or nothing for the deployment, time" "who changed what";
    Message Messages b'm' "queue, number" "a message";
    QueueOpenings Messages b'n' "queue" "how often a queue was opened";
    DeadLetter Messages b'x' "time, message" "a message that could not be processed";
}

#[cfg(test)]
mod tests {
    use super::RowKind;

    #[test]
    fn no_two_kinds_of_a_table_share_a_prefix() {
        for (n, kind) in RowKind::ALL.iter().enumerate() {
            for other in &RowKind::ALL[..n] {
                assert!(kind.table() != other.table() || kind.prefix() != other.prefix(), "{kind:?} and {other:?}");
            }
        }
    }

    #[test]
    fn the_specification_lists_every_kind() {
        let document = include_str!("../../../docs/storage.md");
        for kind in RowKind::ALL {
            let (after, holds) = kind.describe();
            let table = format!("{:?}", kind.table()).to_lowercase();
            let line = format!("| `{table}` | `{}` | {after} | {holds} |", kind.prefix() as char);
            assert!(document.contains(&line), "docs/storage.md lacks: {line}");
        }
    }
}
