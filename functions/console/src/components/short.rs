//! Texts of any length, where there is room for a few words. Pages are at most 60 KB.

use std::borrow::Cow;

/// A name, an address or the like in a list, in characters.
pub(crate) const IN_A_LIST: usize = 120;

/// At most so many characters, and an ellipsis where there were more.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or(text))),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_between_characters_and_says_so() {
        assert_eq!(shortened("grün", 4), "grün");
        assert_eq!(shortened("grüner", 4), "grün…");
        assert_eq!(shortened("", 0), "");
    }
}
