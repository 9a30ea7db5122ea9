//! What ids and secrets are made of.

use std::collections::HashSet;

use contract::ports::OsRandom;
use domain::random::Random as _;

/// Small requests are served of bytes that were asked for ahead, in each thread.
#[test]
fn no_bytes_are_handed_out_twice_whatever_their_number() {
    let draw = || {
        let draws = (0..2_000).map(|turn| {
            let mut bytes = vec![0; [10, 16, 32, 64, 65, 600][turn % 6]];
            OsRandom.fill(&mut bytes);
            bytes
        });
        draws.flat_map(|bytes| bytes.chunks_exact(8).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let drawn: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let different: HashSet<&[u8]> = drawn.iter().map(Vec::as_slice).collect();
    assert_eq!(different.len(), drawn.len());
}

#[test]
fn a_unit_is_at_least_zero_and_below_one() {
    assert!((0..10_000).all(|_| (0.0..1.0).contains(&OsRandom.unit())));
}
