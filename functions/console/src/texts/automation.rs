//! What changes by itself or by somebody else: plans, adjustments, and who changed a hook.

macro_rules! automation {
    ([$($rest:ident)*] $($before:tt)*) => {
        collect! { [$($rest)*] $($before)*
            // Automation
            automation: "Automation", "Automatisierung";
            plans_pending: "Pending Plans", "Offene Pläne";
            plans_approved: "Approved Plans", "Genehmigte Pläne";
            plans_rejected: "Rejected Plans", "Abgelehnte Pläne";
            adjustment_log: "Adjustment Log", "Änderungsprotokoll";
            adjustment_log_help: "What was changed automatically, the newest change first: by plans that were approved, and by the service itself.", "Was automatisch geändert wurde, die neueste Änderung zuerst: durch genehmigte Pläne und durch den Dienst selbst.";
            no_plans: "No plans here", "Hier sind keine Pläne";
            no_plans_help: "A plan is a change that somebody proposes, with the data that led to it. It waits here until you approve or reject it.", "Ein Plan ist eine Änderung, die jemand vorschlägt, mit den Daten, die dazu führten. Er wartet hier, bis Sie ihn genehmigen oder ablehnen.";
            no_adjustments: "Nothing was changed automatically", "Nichts wurde automatisch geändert";
            no_adjustments_help: "Approved plans stand here, and hooks that were disabled because their endpoint failed for long.", "Hier stehen genehmigte Pläne und Hooks, die deaktiviert wurden, weil ihr Endpunkt lange nicht antwortete.";
            plan: "Plan", "Plan";
            plan_change: "What changes", "Was sich ändert";
            plan_evidence: "The data that led to it", "Die Daten, die dazu führten";
            plan_impact: "What is expected", "Was erwartet wird";
            plan_proposed: "Proposed", "Vorgeschlagen";
            plan_names: "which calls itself “{name}”", "nach eigener Angabe „{name}“";
            plan_decided: "Decided by {by}", "Entschieden von {by}";
            plan_reason: "Reason", "Grund";
            plan_expires: "It expires", "Er verfällt";
            plan_of_tenant: "The settings of the account", "Die Einstellungen des Kontos";
            plan_rotation: "its secret is rotated, and the former one is valid for {seconds} s more", "sein Secret wird erneuert, und das frühere gilt noch {seconds} s";
            plan_approve: "Approve", "Genehmigen";
            plan_reject: "Reject", "Ablehnen";
            plan_reject_why: "Nothing is changed. A reason helps whoever proposed it.", "Nichts wird geändert. Ein Grund hilft, wer es vorgeschlagen hat.";
            plan_take_back: "Propose to take it back", "Rücknahme vorschlagen";
            plan_show_adjustment: "Show what was changed", "Zeigen, was geändert wurde";
            plan_was_applied: "The plan was approved and applied.", "Der Plan wurde genehmigt und angewendet.";
            plan_was_approved: "The plan was approved. Whoever proposed it applies it, and reports.", "Der Plan wurde genehmigt. Wer ihn vorgeschlagen hat, wendet ihn an und meldet es.";
            plan_was_not_applied: "The plan was approved and could not be applied. Its reason stands with it.", "Der Plan wurde genehmigt und konnte nicht angewendet werden. Der Grund steht bei ihm.";
            plan_was_rejected: "The plan was rejected.", "Der Plan wurde abgelehnt.";
            plan_was_made: "A plan was made that takes it back. Nothing changes before it is approved.", "Ein Plan für die Rücknahme wurde erstellt. Nichts ändert sich, bevor er genehmigt ist.";
            plan_pending: "Pending", "Offen";
            plan_approved: "Approved", "Genehmigt";
            plan_applied: "Applied", "Angewendet";
            plan_failed: "Failed", "Fehlgeschlagen";
            plan_rejected: "Rejected", "Abgelehnt";
            plan_expired: "Expired", "Verfallen";
            adjusted_plan: "a plan was approved", "ein Plan wurde genehmigt";
            adjusted_disable_after: "the endpoint failed for long", "der Endpunkt schlug lange fehl";
            adjusted_gone: "the endpoint is gone", "den Endpunkt gibt es nicht mehr";
            adjusted_asked: "the endpoint asked for it", "der Endpunkt bat darum";
            adjusted_overlap: "the overlap of a rotation has passed", "die Übergangszeit eines Wechsels ist vorbei";

            // Changes
            tab_changes: "Changes", "Änderungen";
            no_changes: "No changes yet", "Noch keine Änderungen";
            no_changes_help: "Who changes the hook, and what, will stand here.", "Wer den Hook ändert, und was, wird hier stehen.";
            change_created: "Created", "Erstellt";
            change_changed: "Changed", "Geändert";
            change_enabled: "Enabled", "Aktiviert";
            change_disabled: "Disabled", "Deaktiviert";
            change_rotated: "Secret rotated", "Secret gewechselt";
            change_verified: "Verified", "Bestätigt";
            by_itself: "by itself", "von selbst";
            by_operator: "by the operator", "durch den Betreiber";
            before: "before", "vorher";
            after: "after", "nachher";
            nothing: "nothing", "nichts";
            too_large: "too large to be kept", "zu groß, um aufbewahrt zu werden";
        }
    };
}
