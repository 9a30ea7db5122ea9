//! What is said of one hook: whether the event went to it, or why not.

use domain::choices;
use domain::event::Event;
use domain::filter::{UnmetCondition, summary};
use domain::hook::Hook;
use domain::judgement::Judgement;
use serde::Serialize;

use super::fanout::Fanout;

choices! {
    /// Whether an event went to a hook, or why not.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    pub(crate) enum VerdictCode {
        /// The event went to it: `delivery` says what came of that.
        Chosen = "chosen",
        /// None of its `patterns` matches the event's type.
        Type = "type",
        /// It asks for `channels`, and the event has none of them.
        Channel = "channel",
        /// Its filter: `unmet` has each condition that `data` does not meet.
        Filter = "filter",
        /// It was made after the event was accepted.
        MadeLater = "made_later",
        /// Its `expires_at` had passed when the event was accepted.
        HookExpired = "hook_expired",
        /// As it is, or was as far as that is known, it asks for the event: it was changed around that time or since.
        ChangedSince = "changed_since",
        /// The fan-out had not come to it.
        NotReached = "not_reached",
    }
}

choices! {
    /// Which version of a hook was judged.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    pub(crate) enum JudgedFrom {
        /// That of the time when the event was accepted.
        VersionThen = "version_then",
        /// The present one: that of then is not kept, or the hook was made later.
        VersionNow = "version_now",
    }
}

/// A version of a hook, and what matching makes of it.
pub(super) struct Judged {
    pub(super) hook: Hook,
    pub(super) from: JudgedFrom,
    pub(super) judgement: Judgement,
}

impl Judged {
    pub(super) fn new(present: &Hook, then: Option<Hook>, event: &Event) -> Self {
        let (hook, from) = match then {
            Some(then) => (then, JudgedFrom::VersionThen),
            None => (present.clone(), JudgedFrom::VersionNow),
        };
        let judgement = hook.judge(event);
        Self { hook, from, judgement }
    }

    fn is_of_then(&self) -> bool {
        self.from == JudgedFrom::VersionThen
    }
}

/// A hook, and all that its verdict follows from.
pub(super) struct Subject<'a> {
    pub(super) event: &'a Event,
    /// As it is now.
    pub(super) hook: &'a Hook,
    pub(super) judged: &'a Judged,
    pub(super) fanout: &'a Fanout,
}

/// Why an event did not go to a hook.
pub(super) struct PassedOver<'a> {
    pub(super) code: VerdictCode,
    pub(super) sentence: String,
    pub(super) unmet: &'a [UnmetCondition],
}

impl<'a> Subject<'a> {
    fn is_made_later(&self) -> bool {
        self.hook.created_at > self.event.seq.at()
    }

    /// By the record of the fan-out the event did not go to it.
    pub(super) fn passed_over(&self) -> PassedOver<'a> {
        let of = |code, sentence| PassedOver { code, sentence, unmet: &[] };
        let (event, judged) = (self.event, self.judged);
        if self.is_made_later() {
            let (made, accepted) = (self.hook.created_at, event.seq.at());
            let sentence = format!("the hook was made at {made}, after the event was accepted at {accepted}");
            return of(VerdictCode::MadeLater, sentence);
        }
        match &judged.judgement {
            Judgement::Type => {
                let patterns = listed(&judged.hook.events);
                let sentence = format!("its type {} matches none of the hook's patterns: {patterns}", event.event_type);
                of(VerdictCode::Type, sentence)
            }
            Judgement::Channel => {
                let (wanted, has) = (listed(&judged.hook.channels), listed(&event.channels));
                let has = if has.is_empty() { "is in no channel".to_owned() } else { format!("is in {has}") };
                of(VerdictCode::Channel, format!("the hook asks for the channels {wanted}, and the event {has}"))
            }
            Judgement::Expired => {
                let at = judged.hook.expires_at.map(|at| at.to_string()).unwrap_or_default();
                of(VerdictCode::HookExpired, format!("the hook expired at {at}, before the event was accepted"))
            }
            Judgement::Filter(unmet) => PassedOver { unmet, ..of(VerdictCode::Filter, summary(unmet)) },
            Judgement::Wanted | Judgement::Unknown if !self.fanout.is_complete => {
                of(VerdictCode::NotReached, self.not_reached().to_owned())
            }
            Judgement::Unknown => {
                let sentence = "the hook has a filter; by which of its rules the event was passed over cannot be told, \
                                for its payload was expunged";
                of(VerdictCode::Filter, sentence.to_owned())
            }
            Judgement::Wanted => of(VerdictCode::ChangedSince, self.changed()),
        }
    }

    fn not_reached(&self) -> &'static str {
        if !self.fanout.unreadable.is_empty() {
            "a page of the event's fan-out cannot be read, so whether it went to this hook is not known"
        } else if self.event.data.is_none() {
            "the event was expunged before its fan-out came to this hook"
        } else {
            "the event's fan-out has not come to this hook yet"
        }
    }

    /// It asks for the event, and did not get it.
    fn changed(&self) -> String {
        if self.judged.is_of_then() {
            "the hook asks for this event and was passed over all the same: it was made or changed within seconds of the \
             event, and fan-out read it as it was before; or its subscription could not be read, which the log tells"
                .to_owned()
        } else {
            format!(
                "as it is now the hook asks for this event; it was last changed at {}, after the event, and asked for \
                 something else before",
                self.hook.updated_at
            )
        }
    }

    /// What a reader has to know to judge the verdict.
    pub(super) fn remark(&self, is_chosen: bool) -> Option<String> {
        let (judged, present) = (self.judged, self.hook.version);
        let wanted = matches!(judged.judgement, Judgement::Wanted | Judgement::Unknown);
        match judged.from {
            _ if is_chosen && self.is_made_later() => {
                Some("the hook was made after the event was accepted and before it was fanned out".to_owned())
            }
            JudgedFrom::VersionThen if is_chosen && !wanted => Some(format!(
                "by version {} of the hook, that of then, the event would not have gone to it: the hook was changed within \
                 seconds of the event",
                judged.hook.version
            )),
            JudgedFrom::VersionThen if judged.hook.version != present => {
                Some(format!("the hook has changed since: it is at version {present} now"))
            }
            JudgedFrom::VersionThen => None,
            JudgedFrom::VersionNow if self.is_made_later() => None,
            JudgedFrom::VersionNow if is_chosen && !wanted => {
                Some("the hook has changed since: as it is now it would not get this event".to_owned())
            }
            JudgedFrom::VersionNow => Some(
                "judged by the hook as it is now, for the version of then is not kept; it may have asked for something else"
                    .to_owned(),
            ),
        }
    }
}

fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
