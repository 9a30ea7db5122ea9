//! JSON numbers compared as decimals, whatever their size or form.

use std::cmp::Ordering;

/// `0.d1d2d3… × 10^point`, where `d1` is not zero, with a sign; exact, so that
/// `0.1` is `1e-1` and an id of twenty digits is not its neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    /// -1, 0 or 1.
    sign: i8,
    point: i64,
    digits: Vec<u8>,
}

impl Decimal {
    /// Reads a number as JSON writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !is_number(whole) || !is_number(fraction) || !is_number(unsigned) {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = all.iter().take_while(|b| **b == b'0').count();
        let end = all.iter().rposition(|b| *b != b'0').map_or(zeros, |last| last + 1);
        if zeros == all.len() {
            return Some(Self { sign: 0, point: 0, digits: Vec::new() });
        }
        // An exponent beyond what fits is beyond everything else as well.
        let far = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
        let exponent = exponent.parse().unwrap_or(far);
        let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        let digits = all.get(zeros..end)?.to_vec();
        Some(Self { sign: if negative { -1 } else { 1 }, point: point.saturating_add(exponent), digits })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sign.cmp(&other.sign).then_with(|| {
            let magnitude = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
            if self.sign < 0 { magnitude.reverse() } else { magnitude }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn a_number_has_many_forms() {
        for form in ["300", "300.0", "3e2", "3.00E+2", "0.3e3", "3000e-1"] {
            assert_eq!(decimal(form), decimal("300"), "{form}");
        }
        for zero in ["0", "-0", "0.000", "0e999999999999999999999"] {
            assert_eq!(decimal(zero), decimal("0"), "{zero}");
        }
    }

    #[test]
    fn order_is_exact_where_floats_are_not() {
        let ascending = [
            "-1e400",
            "-12",
            "-1.5",
            "-1e-400",
            "0",
            "1e-99999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
            "1e99999999999999999999",
        ];
        assert!(ascending.windows(2).all(|pair| decimal(pair[0]) < decimal(pair[1])));
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(decimal(&a.to_string()).cmp(&decimal(&b.to_string())), a.cmp(&b));
        }

        #[test]
        fn any_text_is_survived(text in "[-+0-9.eE]{0,12}|\\PC{0,12}") {
            let _ = Decimal::parse(&text);
        }
    }
}
