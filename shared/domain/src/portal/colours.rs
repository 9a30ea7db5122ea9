//! Colours that people can read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invalid::FieldError;
use crate::unknown::{Unknown, keeps_unknown};

/// What WCAG 2.2 asks of text of the usual size, at level AA (1.4.3).
const MIN_CONTRAST: f64 = 4.5;

/// Colours as `#rrggbb`. One that is left out is that of the theme, of the light one
/// where the theme is `auto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Colours {
    /// Links and buttons; has to be readable on the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub accent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub background: Option<String>,
    /// Has to be readable on the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub text: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub unknown: Unknown,
}

keeps_unknown!(Colours);

impl Colours {
    /// Those of a theme, for what a tenant leaves out.
    pub fn standard(dark: bool) -> [&'static str; 3] {
        if dark { ["#8ab4f8", "#111418", "#e8eaed"] } else { ["#1d4ed8", "#ffffff", "#111827"] }
    }

    /// Accent, background and text as they apply.
    pub fn settled(&self, dark: bool) -> [String; 3] {
        let [accent, background, text] = Self::standard(dark);
        [(&self.accent, accent), (&self.background, background), (&self.text, text)]
            .map(|(own, standard)| own.clone().unwrap_or_else(|| standard.to_owned()))
    }

    pub(super) fn check(&self, dark: bool, errors: &mut Vec<FieldError>) {
        let own = [("accent", &self.accent), ("background", &self.background), ("text", &self.text)];
        let mut readable = true;
        for (name, colour) in own {
            if colour.as_deref().is_some_and(|colour| luminance(colour).is_none()) {
                errors.push(FieldError::new(format!("portal.colours.{name}"), "expected a colour such as #1d4ed8"));
                readable = false;
            }
        }
        if !readable {
            return;
        }
        let [accent, background, text] = self.settled(dark);
        for (name, colour) in [("accent", accent), ("text", text)] {
            let Some(contrast) = contrast(&colour, &background).filter(|contrast| *contrast < MIN_CONTRAST) else {
                continue;
            };
            // Rounded down, so that what is refused never reads as enough.
            let contrast = (contrast * 10.0).floor() / 10.0;
            let message =
                format!("{colour} on {background} has a contrast of {contrast:.1}; expected at least {MIN_CONTRAST}");
            errors.push(FieldError::new(format!("portal.colours.{name}"), message));
        }
    }
}

/// From 1 to 21, as WCAG defines it.
fn contrast(one: &str, other: &str) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

/// The relative luminance of WCAG; none for what is no colour.
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?) / 255.0;
        Some(if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(0)? + 0.7152 * channel(2)? + 0.0722 * channel(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(accent: Option<&str>, background: Option<&str>, text: Option<&str>, dark: bool) -> Vec<FieldError> {
        let own = |colour: Option<&str>| colour.map(str::to_owned);
        let colours =
            Colours { accent: own(accent), background: own(background), text: own(text), unknown: Unknown::NONE };
        let mut errors = Vec::new();
        colours.check(dark, &mut errors);
        errors
    }

    #[test]
    fn contrast_is_what_wcag_says_it_is() {
        assert!((contrast("#000000", "#ffffff").unwrap() - 21.0).abs() < 1e-9);
        // Published by WebAIM: the darkest grey that fails on white, and the one that does not.
        assert!(contrast("#777777", "#ffffff").unwrap() < MIN_CONTRAST);
        assert!(contrast("#767676", "#FFFFFF").unwrap() >= MIN_CONTRAST);
    }

    #[test]
    fn what_cannot_be_read_on_the_background_is_refused_with_its_contrast() {
        let errors = wrong(Some("#777777"), None, Some("#ffffff"), false);
        assert_eq!(errors[0].field, "portal.colours.accent");
        assert_eq!(errors[0].message, "#777777 on #ffffff has a contrast of 4.4; expected at least 4.5");
        assert_eq!(errors[1].message, "#ffffff on #ffffff has a contrast of 1.0; expected at least 4.5");
        // A background alone can make the theme's own colours unreadable.
        assert_eq!(wrong(None, Some("#1d4ed8"), Some("#ffffff"), false)[0].field, "portal.colours.accent");
        assert!(wrong(Some("#ffff00"), None, None, true).is_empty());
        for dark in [false, true] {
            assert!(wrong(None, None, None, dark).is_empty(), "the themes' own are readable");
        }
    }

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        for text in ["", "#fff", "1d4ed8", "#1d4ed", "#1d4ed8f", "red", "#1d4e+8", "#ééé", "#1d4ed8;"] {
            let errors = wrong(Some(text), None, None, false);
            assert_eq!(errors.len(), 1, "{text}");
            assert_eq!(errors[0].message, "expected a colour such as #1d4ed8");
        }
    }
}
