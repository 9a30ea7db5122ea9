//! Charts, as SVG that is made here.

use std::fmt::Write as _;

use maud::{Markup, html};

/// What happened in one interval.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bar {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

const WIDTH: u64 = 4;
const GAP: u64 = 1;
const HEIGHT: u64 = 28;

/// A bar for each interval, the failed part of it at the bottom. `label` says the same in words.
pub(crate) fn sparkline(bars: &[Bar], label: &str) -> Markup {
    let most = bars.iter().map(|bar| bar.good + bar.bad).max().unwrap_or(0).max(1);
    let width = bars.len() as u64 * (WIDTH + GAP);
    let height = |count: u64| if count == 0 { 0 } else { (count * HEIGHT / most).max(2) };
    html! {
        svg.sparkline role="img" aria-label=(label) viewBox={ "0 0 " (width.max(1)) " " (HEIGHT) } preserveAspectRatio="none" {
            @for (index, bar) in bars.iter().enumerate() {
                @let x = index as u64 * (WIDTH + GAP);
                @let bad = height(bar.bad).min(HEIGHT);
                @let good = height(bar.good).min(HEIGHT - bad);
                @if bad + good == 0 { rect.none x=(x) y=(HEIGHT - 1) width=(WIDTH) height="1" {} }
                @if bad > 0 { rect.bad x=(x) y=(HEIGHT - bad) width=(WIDTH) height=(bad) {} }
                @if good > 0 { rect.good x=(x) y=(HEIGHT - bad - good) width=(WIDTH) height=(good) {} }
            }
        }
    }
}

/// The same, large enough to be compared.
pub(crate) fn columns(bars: &[Bar], label: &str) -> Markup {
    const TALL: u64 = 100;
    let most = bars.iter().map(|bar| bar.good + bar.bad).max().unwrap_or(0).max(1);
    let height = |count: u64| if count == 0 { 0 } else { scaled(count, most, TALL).max(1) };
    html! {
        svg role="img" aria-label=(label) viewBox={ "0 0 " (bars.len().max(1) * 5) " " (TALL) } preserveAspectRatio="none" {
            @for (index, bar) in bars.iter().enumerate() {
                @let bad = height(bar.bad).min(TALL);
                @let good = height(bar.good).min(TALL - bad);
                @if bad > 0 { rect.bad x=(index * 5) y=(TALL - bad) width="4" height=(bad) {} }
                @if good > 0 { rect.good x=(index * 5) y=(TALL - bad - good) width="4" height=(good) {} }
            }
        }
    }
}

/// Several lines over the same intervals, of which some may have no value. Names are classes.
pub(crate) fn lines(lines: &[(&str, Vec<Option<u64>>)], label: &str) -> Markup {
    const TALL: u64 = 100;
    // Half a line is above its points and half below.
    let y = |value: u64, most| TALL - 1 - scaled(value, most, TALL - 2);
    let most = lines.iter().flat_map(|(_, line)| line).flatten().max().copied().unwrap_or(0).max(1);
    let width = lines.iter().map(|(_, line)| line.len()).max().unwrap_or(0).max(1) * 10;
    let points = |line: &[(usize, u64)]| {
        let mut text = String::new();
        // One alone is as wide as its interval.
        if let [(index, value)] = line {
            let (x, y) = (index * 10, y(*value, most));
            let _ = write!(text, "{x},{y} {},{y}", x + 10);
            return text;
        }
        for (index, value) in line {
            let _ = write!(text, "{},{} ", index * 10 + 5, y(*value, most));
        }
        text
    };
    html! {
        svg role="img" aria-label=(label) viewBox={ "0 0 " (width) " " (TALL) } preserveAspectRatio="none" {
            @for (name, line) in lines {
                @let known: Vec<(usize, u64)> = line.iter().enumerate().filter_map(|(index, value)| Some((index, (*value)?))).collect();
                @for run in known.chunk_by(|(index, _), (next, _)| index + 1 == *next) { polyline class=(name) points=(points(run)) {} }
            }
        }
    }
}

/// How much of all this is, beside the number that says it.
pub(crate) fn share(bar: Bar, all: u64) -> Markup {
    let (bad, good) = (scaled(bar.bad, all.max(1), 100), scaled(bar.good, all.max(1), 100));
    html! {
        svg.share aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
            rect.none width="100" height="10" {}
            rect.bad width=(bad) height="10" {}
            rect.good x=(bad) width=(good) height="10" {}
        }
    }
}

fn scaled(part: u64, whole: u64, size: u64) -> u64 {
    u64::try_from(u128::from(part) * u128::from(size) / u128::from(whole)).unwrap_or(size)
}

/// How far long work has come. None where nobody knows of how much.
pub(crate) fn progress(done: u64, of: Option<u64>, label: &str) -> Markup {
    html! {
        div.progress {
            @if let Some(of) = of {
                progress max=(of.max(1)) value=(done.min(of.max(1))) aria-label=(label) {}
                span.number { (done) " / " (of) }
            } @else {
                progress aria-label=(label) {}
                span.number { (done) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_the_failed_part_and_keeps_within_its_height() {
        let text =
            sparkline(&[Bar { good: 1_000_000, bad: 1 }, Bar::default(), Bar { good: 0, bad: 7 }], "x").into_string();
        assert!(text.contains(r#"<rect class="bad" x="0" y="26" width="4" height="2">"#), "{text}");
        assert!(text.contains(r#"<rect class="good" x="0" y="0""#), "{text}");
        assert!(text.contains(r#"<rect class="none" x="5""#), "{text}");
        sparkline(&[], "nothing").into_string();
        let text =
            columns(&[Bar { good: u64::MAX / 4, bad: u64::MAX / 4 }, Bar { good: 0, bad: 1 }], "x").into_string();
        assert!(text.contains(r#"<rect class="bad" x="0" y="50" width="4" height="50">"#), "{text}");
        assert!(text.contains(r#"<rect class="bad" x="5" y="99""#), "{text}");
        columns(&[], "nothing").into_string();
        lines(&[], "nothing").into_string();
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known() {
        let text = lines(&[("p50", vec![Some(50), Some(100), None, Some(0)])], "x").into_string();
        assert!(text.contains(r#"points="5,50 15,1 ""#) && text.contains(r#"points="30,99 40,99""#), "{text}");
    }
}
