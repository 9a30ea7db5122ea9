//! Times: how long ago or ahead, with the exact time beside it, in the reader's zone.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::reader::{Language, Reader};

/// Of a time as the API writes it. Scripts bring it up to date.
pub(crate) fn relative(text: &str, reader: &Reader, language: Language) -> Markup {
    let Ok(time) = text.parse::<Timestamp>() else { return html! { (text) } };
    html! {
        time datetime=(text) title=(exactly(time, reader, language)) data-relative { (distance(time, reader.now, language)) }
    }
}

pub(crate) fn exact(text: &str, reader: &Reader, language: Language) -> Markup {
    let Ok(time) = text.parse::<Timestamp>() else { return html! { (text) } };
    html! { time datetime=(text) { (exactly(time, reader, language)) } }
}

fn exactly(time: Timestamp, reader: &Reader, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %b %Y, %H:%M:%S %Z",
        Language::German => "%-d.%-m.%Y, %H:%M:%S %Z",
    };
    reader.at(time).strftime(format).to_string()
}

/// In the largest unit that fits.
pub(crate) fn distance(time: Timestamp, now: Timestamp, language: Language) -> String {
    const UNITS: [(i64, [&str; 2], [&str; 2]); 4] = [
        (86_400, ["day", "days"], ["Tag", "Tagen"]),
        (3_600, ["hour", "hours"], ["Stunde", "Stunden"]),
        (60, ["minute", "minutes"], ["Minute", "Minuten"]),
        (1, ["second", "seconds"], ["Sekunde", "Sekunden"]),
    ];
    let seconds = time.as_second() - now.as_second();
    let away = seconds.abs();
    let Some((size, english, german)) = UNITS.into_iter().find(|(size, ..)| away >= *size) else {
        return match language {
            Language::English => "now".to_owned(),
            Language::German => "jetzt".to_owned(),
        };
    };
    let count = away / size;
    let plural = usize::from(count != 1);
    match (language, seconds < 0) {
        (Language::English, true) => format!("{count} {} ago", english[plural]),
        (Language::English, false) => format!("in {count} {}", english[plural]),
        (Language::German, true) => format!("vor {count} {}", german[plural]),
        (Language::German, false) => format!("in {count} {}", german[plural]),
    }
}

/// How long something took.
pub(crate) fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..=9_999 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_told_in_the_largest_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let told =
            |seconds: i64, language| distance(Timestamp::from_second(1_000_000 + seconds).unwrap(), now, language);
        assert_eq!(told(-59, Language::English), "59 seconds ago");
        assert_eq!(told(-60, Language::English), "1 minute ago");
        assert_eq!(told(7_200, Language::English), "in 2 hours");
        assert_eq!(told(-172_800, Language::German), "vor 2 Tagen");
        assert_eq!(told(0, Language::German), "jetzt");
    }
}
