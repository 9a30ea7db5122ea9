//! Whether two tables hold the same.

use ::store::Slice;
use xxhash_rust::xxh3::Xxh3;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) rows: u64,
    hash: u128,
}

/// The number of rows, and a hash of all keys and values in their order.
pub(super) fn digest<E>(rows: impl Iterator<Item = Result<(Slice, Slice), E>>) -> Result<Digest, E> {
    let (mut count, mut hash) = (0, Xxh3::new());
    for row in rows {
        let (key, value) = row?;
        count += 1;
        for part in [key, value] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(&part);
        }
    }
    Ok(Digest { rows: count, hash: hash.digest128() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(rows: &[(&str, &str)]) -> Digest {
        let rows = rows.iter().map(|(key, value)| Ok((Slice::from(*key), Slice::from(*value))));
        digest::<std::convert::Infallible>(rows).unwrap()
    }

    #[test]
    fn any_other_row_and_any_other_split_of_the_bytes_is_noticed() {
        let rows = digest_of(&[("a", "1"), ("b", "2")]);
        assert_eq!(rows, digest_of(&[("a", "1"), ("b", "2")]));
        assert_eq!(rows.rows, 2);
        let others: [&[_]; 5] =
            [&[("a", "1")], &[("a", "1"), ("b", "3")], &[("a", "1"), ("c", "2")], &[("a1", ""), ("b", "2")], &[]];
        for other in others {
            assert_ne!(rows, digest_of(other), "{other:?}");
        }
    }
}
