//! Filters decide as Amazon's own library does, but for what is documented.

use domain::filter::Filter;
use fastrand::Rng;
use serde_json::value::RawValue;

use crate::drawn::{Draw, Drawn, Feature};
use crate::ruler::{Question, ask};

const PATTERNS: usize = 10_000;
const EVENTS_OF_EACH: usize = 4;

fn taken(pattern: &str) -> Option<Filter> {
    let filter: Filter = serde_json::from_str(pattern).unwrap();
    let mut errors = Vec::new();
    filter.check("filter", &mut errors);
    errors.is_empty().then_some(filter)
}

fn admits(filter: &Filter, event: &str) -> bool {
    filter.admits(&RawValue::from_string(event.to_owned()).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
fn seed() -> u64 {
    std::env::var("HOOKLINE_RULER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20)
}

/// Whether the documents say that the library does not take such a pattern.
fn may_be_refused(pattern: &Drawn) -> bool {
    [
        Feature::UpperBoundFirst,
        Feature::EqualBounds,
        Feature::Mixture,
        Feature::EmptyAffix,
        Feature::SingleAddress,
        Feature::ReservedName,
        Feature::InexactNumber,
    ]
    .iter()
    .any(|feature| pattern.features.contains(feature))
}

/// Whether the documents say that the library may decide otherwise.
fn may_differ(pattern: &Drawn, event: &Drawn, ours: bool) -> bool {
    let asks = |feature: Feature| pattern.features.contains(&feature);
    let has = |feature: Feature| event.features.contains(&feature);
    (asks(Feature::Absence) && has(Feature::ArrayOfContainers) && !ours)
        || (has(Feature::TwoWays) && has(Feature::ArrayOfContainers) && ours)
        || asks(Feature::PathTwice)
        || asks(Feature::InexactNumber)
        || has(Feature::InexactNumber)
        || asks(Feature::Quote)
        || ((asks(Feature::PlainAddress) || asks(Feature::Network)) && has(Feature::OddAddress))
        // A number, or an address of the other family, passes for the first digits of one.
        || (asks(Feature::Network) && has(Feature::NumberOrAddress) && !ours)
        || asks(Feature::CaseBeyondAscii)
        || asks(Feature::WildcardAndCase)
        || asks(Feature::EmptyName)
        || has(Feature::EmptyName)
}

#[test]
fn ten_thousand_drawn_patterns_decide_as_those_of_amazons_own_library() {
    let mut rng = Rng::with_seed(seed());
    let mut drawn = Vec::new();
    for n in 0..PATTERNS {
        let mut draw = Draw { rng: &mut rng, plain: n % 5 != 0 };
        let pattern = draw.pattern();
        let events: Vec<Drawn> = (0..EVENTS_OF_EACH).map(|_| draw.event()).collect();
        drawn.push((pattern, events));
    }
    let questions: Vec<Question> = drawn
        .iter()
        .map(|(pattern, events)| Question {
            pattern: pattern.text.clone(),
            events: events.iter().map(|event| event.text.clone()).collect(),
        })
        .collect();
    let Some(answers) = ask(&questions) else { return };
    let (mut yes, mut strict) = (0, 0);
    for ((pattern, events), answer) in drawn.iter().zip(&answers) {
        let ours = taken(&pattern.text);
        let Some(filter) = ours else { panic!("{} is not taken; HOOKLINE_RULER_SEED={}", pattern.text, seed()) };
        if let Some(refusal) = &answer.refusal {
            assert!(may_be_refused(pattern), "{}: {refusal}; HOOKLINE_RULER_SEED={}", pattern.text, seed());
            continue;
        }
        for (event, theirs) in events.iter().zip(&answer.matches) {
            let ours = admits(&filter, &event.text);
            let documented = may_differ(pattern, event, ours);
            yes += usize::from(ours);
            strict += usize::from(!documented);
            let (text, data) = (&pattern.text, &event.text);
            assert!(
                ours == *theirs || documented,
                "{text} on {data}: {ours}, and {theirs} by the library; HOOKLINE_RULER_SEED={}",
                seed()
            );
            let explained = filter.explain(&RawValue::from_string(data.clone()).unwrap());
            assert_eq!(explained.is_empty(), ours, "{text} on {data}: {explained:?}");
        }
    }
    // Else the draw would prove little.
    assert!(yes > 2_000 && strict > 20_000, "{yes} matches, {strict} held to be the same");
}

/// The columns of the rows of a table, after the first.
fn rows(document: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = document.split_once(heading).unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let columns =
        |line: &'static str| line.trim_matches('|').split('|').map(|one| one.trim().trim_matches('`')).collect();
    table.skip(2).map(columns).collect()
}

#[test]
fn each_difference_that_is_documented_is_one() {
    let rows = rows(include_str!("../../../docs/events.md"), "### Differences from Amazon's Ruler");
    assert!(rows.len() > 25);
    let verdict = |refused: bool, passes: bool| match (refused, passes) {
        (true, _) => "refused",
        (_, true) => "passes",
        _ => "no",
    };
    for row in &rows {
        let &[what, pattern, data, ours, _] = row.as_slice() else { panic!("{row:?}") };
        let filter = taken(pattern);
        let passes = filter.as_ref().is_some_and(|filter| admits(filter, data));
        assert_eq!(verdict(filter.is_none(), passes), ours, "{what}");
    }
    let question = |row: &Vec<&str>| Question { pattern: row[1].to_owned(), events: vec![row[2].to_owned()] };
    let Some(answers) = ask(&rows.iter().map(question).collect::<Vec<_>>()) else { return };
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(verdict(answer.refusal.is_some(), answer.matches[0]), row[4], "{row:?}");
        assert_ne!(row[3], row[4], "{row:?}");
    }
}
