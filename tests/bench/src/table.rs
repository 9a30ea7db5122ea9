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
        let cells =
            medians.iter().enumerate().map(|(column, median)| cell(*median, first.filter(|_| column > 0), decimals));
        say(format!("{name:<28}{}", cells.collect::<String>()).trim_end());
    }
}

/// A number, and how often it is the first one; of nothing it is no multiple.
fn cell(number: Option<f64>, first: Option<f64>, decimals: usize) -> String {
    let Some(number) = number else { return format!("{:>10}{:8}", "–", "") };
    let compared = first.map_or_else(String::new, |first| match first > 0.0 {
        true => format!("({:>5.2})", number / first),
        false => format!("({:>5})", "–"),
    });
    format!("{number:>10.decimals$} {compared:7}")
}

/// Of an even number, the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_compared_with_the_first_one_unless_that_is_nothing() {
        assert_eq!(cell(Some(3.0), Some(2.0), 0), "         3 ( 1.50)");
        assert_eq!(cell(Some(3.0), Some(0.0), 0), "         3 (    –)");
        assert_eq!(cell(Some(0.0), Some(0.0), 1), "       0.0 (    –)");
        assert_eq!(cell(Some(3.0), None, 2).trim_end(), "      3.00");
        assert_eq!(cell(None, Some(2.0), 0).trim(), "–");
    }

    #[test]
    fn a_median_is_in_the_middle_of_odd_and_of_even_numbers() {
        for (values, expected) in
            [(vec![], None), (vec![4.0], Some(4.0)), (vec![9.0, 1.0], Some(5.0)), (vec![9.0, 1.0, 2.0], Some(2.0))]
        {
            assert_eq!(median(values.into_iter()), expected);
        }
    }
}
