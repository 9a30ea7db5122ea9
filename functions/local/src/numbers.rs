//! Numbers that flags take, and what is said of those that do not fit.

/// Parses a whole number within bounds, both included.
pub(crate) fn whole<T: TryFrom<u64>>(low: u64, high: u64) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse::<u64>().ok().filter(|number| (low..=high).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match high {
            u64::MAX => format!("expected a whole number of {low} or more"),
            _ => format!("expected a whole number from {low} to {high}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_fit_is_told_what_would() {
        let (percent, any) = (whole::<u32>(1, 100), whole::<u64>(0, u64::MAX));
        assert_eq!((percent("100"), any("0")), (Ok(100), Ok(0)));
        for wrong in ["0", "101", "-1", "1.5", "x", ""] {
            assert_eq!(percent(wrong).unwrap_err(), "expected a whole number from 1 to 100");
        }
        assert_eq!(any("x").unwrap_err(), "expected a whole number of 0 or more");
    }
}
