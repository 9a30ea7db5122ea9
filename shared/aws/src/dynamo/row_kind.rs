//! The kinds of rows that are no documents, each with the name that its
//! partitions begin with.

macro_rules! kinds {
    ($($kind:ident $table:literal $name:literal $parts:literal $sk:literal $holds:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum RowKind {
            $(#[doc = $holds] $kind,)*
        }

        impl RowKind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$kind),*];

            const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// Table, parts of `pk` behind the name, `sk`, and what it holds.
            #[cfg(test)]
            const fn describe(self) -> [&'static str; 4] {
                match self { $(Self::$kind => [$table, $parts, $sk, $holds]),* }
            }
        }
    };
}

kinds! {
    Hook "hooks" "h" "#tenant" "hook" "the hook";
    FormerHook "hooks" "v" "#tenant#hook" "version" "a former version of a hook";
    HookCount "hooks" "c" "#tenant" "`hooks`" "how many hooks a tenant has";
    Subscription "hooks" "s" "#tenant#pattern" "hook" "what matching needs; in one transaction with the hook";
    Delivery "logs" "d" "#tenant#hook" "event sequence" "the delivery, its last attempt inline";
    ExhaustedMark "logs" "f" "#tenant#hook" "event sequence" "that a delivery failed for good";
    WaitingMark "logs" "z" "#tenant#hook" "event sequence" "that a delivery waits for its hook to be enabled";
    Attempt "logs" "a" "#tenant#hook#sequence" "attempt number" "an attempt that failed";
    Event "logs" "e" "#tenant#event" "page" "the event with page zero of its fan-out; later pages";
    UnclaimedEvent "logs" "u" "#tenant" "event sequence" "that an event is in no hook's log";
    Activity "logs" "y" "#tenant#shard" "time and a random number" "what one invocation made of this tenant's deliveries";
    ActiveTenant "logs" "w" "#hour" "tenant" "that something was noted in a tenant in an hour";
    HourCounts "logs" "n" "#tenant" "hour" "the counts of an hour";
    Audit "logs" "r" "#tenant" "time and a random number" "who changed what; of the deployment without a tenant";
}

impl RowKind {
    /// A partition of this kind. A tenant's id cannot hold a `#`, so no key of
    /// one can be read as a key of another.
    pub(super) fn partition(self, parts: &[&str]) -> String {
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
    use services::repositories::document_kind::DocumentKind;

    use super::RowKind;

    #[test]
    fn no_two_kinds_of_rows_and_documents_share_a_partition() {
        let mut names: Vec<_> = RowKind::ALL.iter().map(|kind| kind.name()).collect();
        names.extend(DocumentKind::ALL.iter().map(|kind| kind.name()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_documentation_lists_every_kind() {
        let document = include_str!("../../../../docs/aws.md");
        for kind in RowKind::ALL {
            let [table, parts, sk, holds] = kind.describe();
            let line = format!("| `{table}` | `{}{parts}` | {sk} | {holds} |", kind.name());
            assert!(document.contains(&line), "docs/aws.md lacks: {line}");
        }
        for kind in DocumentKind::ALL {
            let named = [format!("| `hooks` | `{}` |", kind.name()), format!("| `hooks` | `{}#", kind.name())];
            assert!(named.iter().any(|row| document.contains(row)), "docs/aws.md lacks: {}", kind.name());
        }
    }
}
