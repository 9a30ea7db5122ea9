//! The systems side by side.

use crate::systems::System;
use crate::{Measured, Percentiles, say};

/// A row: what it is called, its number in a run, and how many decimals it has.
type Row = (&'static str, fn(&Measured) -> Option<f64>, usize);

const ROWS: [Row; 7] = [
    ("deliveries/s", |run| Some(run.delivered_per_second), 0),
    ("publish until 202, p50 ms", |run| Some(Percentiles::millis(run.accept.p50)), 2),
    ("publish until 202, p99 ms", |run| Some(Percentiles::millis(run.accept.p99)), 2),
    ("202 until arrival, p50 ms", |run| Some(Percentiles::millis(run.arrival.p50)), 2),
    ("202 until arrival, p99 ms", |run| Some(Percentiles::millis(run.arrival.p99)), 2),
    ("server CPU per delivery, µs", |run| run.cpu_per_delivery.map(|cpu| cpu.as_secs_f64() * 1e6), 0),
    ("memory after it (PSS), MiB", |run| run.memory, 1),
];

/// Of the first system the numbers alone; of the others also how often they are its.
pub(super) fn print(systems: &[System], runs: &[Vec<Measured>]) {
    let names: Vec<String> = systems.iter().map(|system| format!("{:>18}", system.name())).collect();
    say(&format!("{:<28}{}", "", names.concat()));
    for (name, number, decimals) in ROWS {
        let medians: Vec<Option<f64>> = runs.iter().map(|runs| median(runs.iter().filter_map(number))).collect();
        let first = medians.first().copied().flatten();
        let cells = medians.iter().enumerate().map(|(column, median)| match (median, first) {
            (None, _) => format!("{:>10}{:8}", "–", ""),
            (Some(median), Some(first)) if column > 0 => format!("{median:>10.decimals$} ({:>5.2})", median / first),
            (Some(median), _) => format!("{median:>10.decimals$}{:8}", ""),
        });
        say(format!("{name:<28}{}", cells.collect::<String>()).trim_end());
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
