//! What the portal says, in each language. The console is in English.

mod chosen;

macro_rules! texts {
    ($($name:ident: $english:literal, $german:literal;)*) => {
        pub(crate) struct Texts {
            $(pub(crate) $name: &'static str,)*
        }

        pub(crate) static ENGLISH: Texts = Texts { $($name: $english,)* };
        pub(crate) static GERMAN: Texts = Texts { $($name: $german,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $german),)*];
    };
}

/// Puts values where a text has their names in braces.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, found)) = rest.split_once('{') {
        let Some((name, after)) = found.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(values.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Takes the texts of one file after the other.
macro_rules! collect {
    ([] $($rows:tt)*) => { texts! { $($rows)* } };
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)* } };
}

#[macro_use]
mod automation;
#[macro_use]
mod executions;
#[macro_use]
mod frame;
#[macro_use]
mod hooks;

collect! { [frame hooks executions automation] }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_the_same_values_in_each_language() {
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
            names.sort();
            names
        };
        for (name, english, german) in ALL {
            assert!(!english.is_empty() && !german.is_empty(), "{name}");
            assert_eq!(names(english), names(german), "{name}");
        }
    }

    #[test]
    fn what_is_filled_in_is_taken_as_it_is() {
        assert_eq!(fill("{a} of {b}!", &[("a", "{b}"), ("b", "<2>")]), "{b} of <2>!");
        assert_eq!(fill("{unknown} {", &[]), " {");
    }
}
