//! Plans that wait for a decision, and what was changed automatically: for customers and operators.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::badge::{Tone, badge};
use super::changes::{Change, changes, changes_of};
use super::field::{self, Field};
use super::short::{IN_A_LIST, shortened};
use super::{facts, id, notice, time};
use crate::api::Entry;
use crate::reader::{Language, Reader};
use crate::texts::{Texts, fill};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Plan {
    pub(crate) id: String,
    title: String,
    state: String,
    change: PlannedChange,
    #[serde(default)]
    evidence: Vec<Evidence>,
    impact: Option<Impact>,
    /// As the plan says itself, and as the key says that submitted it.
    proposed_by: String,
    submitted_by: String,
    created_at: String,
    expires_at: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
    reason: Option<String>,
    adjustment_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct PlannedChange {
    kind: String,
    hook: Option<String>,
    event_type: Option<String>,
    target: Option<String>,
    patch: Option<Value>,
    before: Option<Value>,
    after: Option<Value>,
    overlap: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Evidence {
    name: String,
    value: Value,
    unit: Option<String>,
    since: Option<String>,
    until: Option<String>,
    source: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Impact {
    text: Option<String>,
    #[serde(default)]
    numbers: Vec<ImpactNumber>,
}

#[derive(Clone, Debug, Deserialize)]
struct ImpactNumber {
    name: String,
    before: Option<Value>,
    after: Option<Value>,
    unit: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Adjustment {
    id: String,
    at: String,
    cause: String,
    by: String,
    target: Target,
    plan_id: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    kind: String,
    id: String,
}

/// What became of a plan that was decided.
#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    pub(crate) state: String,
}

impl Decision {
    /// The tab where it is now.
    pub(crate) fn tab(&self) -> &'static str {
        let is_of = |(_, states): &&(&str, &str)| states.split(',').any(|state| state == self.state);
        TABS.iter().find(is_of).map_or("pending", |(name, _)| name)
    }
}

/// What was just done, as the address of a page names it: by the state that a plan came to.
pub(crate) fn done(done: &str, t: &Texts) -> Markup {
    match done {
        "applied" => notice::toast(t.plan_was_applied),
        "approved" => notice::toast(t.plan_was_approved),
        "rejected" => notice::toast(t.plan_was_rejected),
        "reverted" => notice::toast(t.plan_was_made),
        "failed" => notice::notice(Tone::Bad, &html! { p role="alert" { (t.plan_was_not_applied) } }),
        _ => html! {},
    }
}

/// Which plans a tab shows: its name, and their states.
pub(crate) const TABS: [(&str, &str); 3] =
    [("pending", "pending"), ("approved", "approved,applied,failed"), ("rejected", "rejected,expired")];

pub(crate) fn states_of(tab: &str) -> (&'static str, &'static str) {
    TABS.into_iter().find(|(name, _)| *name == tab).unwrap_or(TABS[0])
}

/// For whom, and what may be done.
pub(crate) struct Seen<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) language: Language,
    pub(crate) form_token: &'a str,
    /// Where the forms of these pages go.
    pub(crate) base: &'a str,
    /// The page of a hook.
    pub(crate) hook_page: &'a dyn Fn(&str) -> String,
    pub(crate) may_decide: bool,
}

impl Seen<'_> {
    fn texts(&self) -> &'static Texts {
        self.language.texts()
    }
}

fn tone(state: &str) -> Tone {
    match state {
        "applied" => Tone::Good,
        "failed" => Tone::Bad,
        "pending" | "approved" => Tone::Warning,
        _ => Tone::Neutral,
    }
}

fn state_name<'a>(t: &'static Texts, state: &'a str) -> &'a str {
    match state {
        "pending" => t.plan_pending,
        "approved" => t.plan_approved,
        "applied" => t.plan_applied,
        "failed" => t.plan_failed,
        "rejected" => t.plan_rejected,
        "expired" => t.plan_expired,
        other => other,
    }
}

/// Characters of what plans change, shared out among those of a page.
const MOST_OF_CHANGES: usize = 20_000;
/// Numbers of a plan that are shown.
const MOST_NUMBERS: usize = 10;
const MOST_OF_IMPACT: usize = 500;
/// Plans of a page.
pub(crate) const ON_A_PAGE: &str = "10";

pub(crate) fn cards(seen: &Seen<'_>, plans: &[Entry<Plan>]) -> Markup {
    let room = MOST_OF_CHANGES / plans.len().max(1);
    html! {
        ul.cards.wide { @for entry in plans { li {
            @match entry {
                Entry::Fine(plan) => (card(seen, plan, room)),
                Entry::Unreadable { id, unreadable } => article.card {
                    h2 { (id) } p { (fill(seen.texts().unreadable, &[("why", unreadable)])) }
                },
            }
        } } }
    }
}

fn card(seen: &Seen<'_>, plan: &Plan, room: usize) -> Markup {
    let t = seen.texts();
    let when = |at: &str| time::relative(at, seen.reader, seen.language);
    html! {
        article.card id=(plan.id) {
            header { h2 { (plan.title) } (badge(tone(&plan.state), state_name(t, &plan.state))) }
            h3 { (t.plan_change) }
            (change(seen, &plan.change, room))
            @if !plan.evidence.is_empty() { h3 { (t.plan_evidence) } (evidence(seen, &plan.evidence)) }
            @if let Some(expected) = &plan.impact { h3 { (t.plan_impact) } (impact(expected)) }
            (facts(&[
                (t.plan_proposed, html! {
                    (when(&plan.created_at)) ", " code { (plan.submitted_by) }
                    @if plan.proposed_by != plan.submitted_by { ", " (fill(t.plan_names, &[("name", &plan.proposed_by)])) }
                }),
                ("ID", id(&plan.id, t.copy)),
            ]))
            @if let (Some(by), Some(at)) = (&plan.decided_by, &plan.decided_at) {
                p.help { (fill(t.plan_decided, &[("by", by)])) " " (when(at)) }
            }
            @if let Some(reason) = &plan.reason { p { (t.plan_reason) ": " (shortened(reason, MOST_OF_IMPACT)) } }
            @if plan.state == "pending" {
                p.help { (t.plan_expires) " " (when(&plan.expires_at)) }
                @if seen.may_decide { (decide(seen, plan)) }
            }
            @if let Some(adjustment) = &plan.adjustment_id {
                p.actions { a.button href={ (seen.base) "/log#" (adjustment) } { (t.plan_show_adjustment) } }
            }
        }
    }
}

fn decide(seen: &Seen<'_>, plan: &Plan) -> Markup {
    let t = seen.texts();
    let action = |how: &str| format!("{}/{}/{how}", seen.base, plan.id);
    let rejection = html! {
        (Field::new("reason", t.plan_reason).input("text", ""))
        button.button { (t.plan_reject) }
    };
    html! {
        div.actions {
            (field::button(&action("approve"), seen.form_token, "primary", t.plan_approve))
            (notice::confirm(t.plan_reject, t.plan_reject_why, &field::form(&action("reject"), seen.form_token, &rejection)))
        }
    }
}

fn change(seen: &Seen<'_>, change: &PlannedChange, room: usize) -> Markup {
    let t = seen.texts();
    let fields = changed_fields(change);
    let most = room / (2 * fields.len().max(1));
    html! {
        p {
            @match (&change.hook, &change.event_type, &change.target) {
                (Some(hook), ..) => { (t.hook) " " a href=((seen.hook_page)(hook)) { code { (hook) } } },
                (_, Some(event_type), _) => { (t.event_type) " " code { (event_type) } },
                (.., Some(target)) => (target),
                _ => (t.plan_of_tenant),
            }
            @if change.kind == "hook_secret" {
                ": " (fill(t.plan_rotation, &[("seconds", &change.overlap.unwrap_or(86_400).to_string())]))
            }
        }
        (changes_of(&fields, most, t))
        @if fields.iter().any(|field| field.is_longer_than(most)) { p.warning { (t.too_long) } }
    }
}

/// What a plan changes, field by field. Of what Hookline does not know, only where both sides have
/// fields; otherwise it is told as one, so that nothing of it is left out.
fn changed_fields(change: &PlannedChange) -> Vec<Change> {
    let whole = |value: &Option<Value>| value.clone().unwrap_or_default();
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let told = |field: String, before: Value, after: Value| Change { field, before, after, too_large: false };
    let changes: Vec<Change> = if change.kind == "external" {
        match (object(&change.before), object(&change.after)) {
            (Some(before), Some(mut after)) => {
                let gone = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect::<Vec<_>>();
                after.extend(gone.into_iter().map(|name| (name, Value::Null)));
                let of = |name: &String| before.get(name).cloned().unwrap_or_default();
                after.into_iter().map(|(name, after)| told(name.clone(), of(&name), after)).collect()
            }
            _ => vec![told(change.target.clone().unwrap_or_default(), whole(&change.before), whole(&change.after))],
        }
    } else {
        let before = object(&change.before).unwrap_or_default();
        let of = |name: &String| before.get(name).cloned().unwrap_or_default();
        let patch = object(&change.patch).unwrap_or_default();
        patch.into_iter().map(|(name, after)| told(name.clone(), of(&name), after)).collect()
    };
    changes.into_iter().filter(|change| change.before != change.after).collect()
}

fn number(value: &Value, unit: Option<&str>) -> String {
    let unit = unit.map(|unit| format!(" {}", shortened(unit, IN_A_LIST))).unwrap_or_default();
    format!("{value}{unit}")
}

fn evidence(seen: &Seen<'_>, evidence: &[Evidence]) -> Markup {
    let exact = |at: &str| time::exact(at, seen.reader, seen.language);
    html! {
        dl.facts { @for one in evidence.iter().take(MOST_NUMBERS) { div {
            dt { (shortened(&one.name, IN_A_LIST)) }
            dd {
                (number(&one.value, one.unit.as_deref()))
                @if let (Some(since), Some(until)) = (&one.since, &one.until) { " (" (exact(since)) " – " (exact(until)) ")" }
                @if let Some(source) = &one.source { br; code.help { (shortened(source, 2 * IN_A_LIST)) } }
            }
        } } }
    }
}

fn impact(impact: &Impact) -> Markup {
    html! {
        @if let Some(text) = &impact.text { p { (shortened(text, MOST_OF_IMPACT)) } }
        @if !impact.numbers.is_empty() {
            dl.facts { @for one in impact.numbers.iter().take(MOST_NUMBERS) { div {
                dt { (shortened(&one.name, IN_A_LIST)) }
                dd {
                    @if let Some(before) = &one.before { (number(before, one.unit.as_deref())) " → " }
                    @if let Some(after) = &one.after { (number(after, one.unit.as_deref())) }
                }
            } } }
        }
    }
}

fn cause_name<'a>(t: &'static Texts, cause: &'a str) -> &'a str {
    match cause {
        "plan" => t.adjusted_plan,
        "disable_after" => t.adjusted_disable_after,
        "gone" => t.adjusted_gone,
        "asked_by_endpoint" => t.adjusted_asked,
        "overlap_ended" => t.adjusted_overlap,
        other => other,
    }
}

pub(crate) fn log(seen: &Seen<'_>, adjustments: &[Entry<Adjustment>]) -> Markup {
    html! {
        ul.cards.wide { @for entry in adjustments { li {
            @match entry {
                Entry::Fine(adjustment) => (logged(seen, adjustment)),
                Entry::Unreadable { id, unreadable } => article.card {
                    h2 { (id) } p { (fill(seen.texts().unreadable, &[("why", unreadable)])) }
                },
            }
        } } }
    }
}

fn logged(seen: &Seen<'_>, of: &Adjustment) -> Markup {
    let t = seen.texts();
    let is_of_hook = of.target.kind == "hook";
    html! {
        article.card id=(of.id) {
            h2 { (shortened(of.reason.as_deref().unwrap_or(cause_name(t, &of.cause)), IN_A_LIST)) }
            p.help {
                (time::exact(&of.at, seen.reader, seen.language)) ", " (of.by) ": " (cause_name(t, &of.cause)) ", "
                @if is_of_hook { a href=((seen.hook_page)(&of.target.id)) { code { (of.target.id) } } }
                @else { code { (of.target.id) } }
            }
            (changes(&of.changes, t))
            @if let Some(plan) = &of.plan_id { p.help { (t.plan) " " code { (plan) } } }
            @if seen.may_decide && of.cause != "overlap_ended" {
                (field::button(&format!("{}/log/{}/revert", seen.base, of.id), seen.form_token, "", t.plan_take_back))
            }
        }
    }
}
