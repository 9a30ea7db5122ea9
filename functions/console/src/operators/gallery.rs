//! Every component, for who builds pages. It shows nothing of anybody.

use maud::{Markup, html};

use crate::components::badge::{Tone, badge};
use crate::components::chart::{Bar, columns, lines, progress, share, sparkline};
use crate::components::field::{Field, Mistakes};
use crate::components::listing::{self, Column};
use crate::components::menu::{self, Entry};
use crate::components::timeline::{Step, timeline};
use crate::components::{code, facts, heading, id, notice, time};
use crate::page::Page;
use crate::reader::{Language, Reader};

const TONES: [(Tone, &str); 4] =
    [(Tone::Good, "Succeeded"), (Tone::Bad, "Failed"), (Tone::Warning, "Retrying"), (Tone::Neutral, "Pending")];

pub(crate) async fn page(reader: Reader) -> Page {
    let main = html! {
        (heading("Components", &html! { a.button href="/console" { "Secondary" } button.button.primary type="button" { "Primary" } }))
        (part("Badges and notices", &html! {
            p { @for (tone, text) in TONES { (badge(tone, text)) " " } }
            @for (tone, text) in TONES { (notice::notice(tone, &html! { p { "A notice: " (text) } })) }
        }))
        (part("Cards", &html! { ul.cards { @for name in ["One", "Two", "Three"] { li { article.card { h3 { (name) } p { "What it is about." } } } } } }))
        (part("Tabs", &menu::tabs(&[Entry::new("Overview", "#overview", true), Entry::new("Executions", "#executions", false)], "Tabs")))
        (part("Table", &table(&reader)))
        (part("Facts", &facts(&[("Id", id("hook_01M7YRY66B9CZNF4GV85GH11D0", "Copy")), ("Events", html! { code.tag { "post.*" } })])))
        (part("Time line", &timeline(&[
            Step { tone: Tone::Bad, title: html! { "1. answered with 503" }, inner: html! { p { "after 120 ms" } } },
            Step { tone: Tone::Good, title: html! { "2. answered with 200" }, inner: html! { p { "after 80 ms" } } },
            Step { tone: Tone::Neutral, title: html! { "Next attempt in 5 minutes" }, inner: html! {} },
        ])))
        (part("Code", &code::block("Body", &code::laid_out(r#"{"type":"post.published","data":{"post_id":1}}"#), "Copy")))
        (part("Chart and progress", &html! {
            (sparkline(&(0..24).map(|hour| Bar { good: hour * 3 % 17, bad: hour % 5 }).collect::<Vec<_>>(), "24 hours"))
            div.chart { (columns(&(0..24).map(|hour| Bar { good: hour * 3 % 17, bad: hour % 5 }).collect::<Vec<_>>(), "24 hours")) }
            div.chart { (lines(&[("p50", (0..24).map(|hour| Some(20 + hour * 7 % 13)).collect()), ("p95", (0..24).map(|hour| (hour != 7).then_some(60 + hour * 5 % 31)).collect())], "Durations")) }
            ul.legend { li.p50 { "p50" } li.p95 { "p95" } }
            p { (share(Bar { good: 40, bad: 10 }, 100)) " 50 %" }
            (progress(40, Some(100), "Sent again"))
            (progress(40, None, "Sent again"))
        }))
        (part("Form", &form()))
        (part("Question", &notice::confirm("Delete", "The hook and its log are deleted. This cannot be undone.", &html! { button.button.danger type="button" { "Delete" } })))
        (part("Toast", &notice::toast("Saved")))
        (part("Empty state", &notice::empty("No hooks yet", &html! { p { "What to do next stands here, with the command for it." } (code::block("Shell", "hookline hooks create --tenant acme", "Copy")) })))
    };
    Page::new("", "Components", main)
}

fn part(title: &str, inner: &Markup) -> Markup {
    html! { section { h2 { (title) } (inner) } }
}

fn table(reader: &Reader) -> Markup {
    let columns = [Column::text("Status"), Column::text("Event"), Column::number("Attempts"), Column::text("When")];
    let at = reader.now.to_string();
    listing::table(
        "Deliveries",
        &columns,
        &html! {
            @for (index, (tone, text)) in TONES.into_iter().enumerate() {
                tr { td { (badge(tone, text)) } td { code { "post.published" } } td.number { (index * 37) } td { (time::relative(&at, reader, Language::English)) " " (time::exact(&at, reader, Language::English)) } }
            }
        },
    )
}

fn form() -> Markup {
    let mut mistakes = Mistakes::default();
    mistakes.add("url", "expected an https address");
    html! {
        form action="/console/components" {
            (Field::new("name", "Name").help("For people.").input("text", "Billing"))
            (Field::new("url", "URL").mistakes(&mistakes).required().input("url", "ftp://example.com"))
            (Field::new("method", "Method").select(&[("POST", "POST"), ("PUT", "PUT")], "PUT"))
            (Field::new("filter", "Filter").help("JSON").area("{}", 4))
            (Field::new("enabled", "Active").checkbox(true))
            button.button.primary type="button" { "Save" }
        }
    }
}
