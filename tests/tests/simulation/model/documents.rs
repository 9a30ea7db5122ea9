use contract::ports::{Document, Documents as _};
use proptest::prelude::*;

use super::hold_to;

#[derive(Clone, Debug)]
enum Call {
    Get(usize, usize),
    /// How far the version is from the stored one.
    Put(usize, usize, u64),
    Delete(usize, usize),
}

const PARTITIONS: [&str; 2] = ["health", "rate"];
const NAMES: [&str; 2] = ["a", "b"];

fn calls() -> impl Strategy<Value = Call> {
    let place = || (0..PARTITIONS.len(), 0..NAMES.len());
    prop_oneof![
        place().prop_map(|(partition, name)| Call::Get(partition, name)),
        (place(), prop_oneof![3 => Just(1_u64), 1 => Just(0), 1 => Just(2)])
            .prop_map(|((partition, name), ahead)| Call::Put(partition, name, ahead)),
        place().prop_map(|(partition, name)| Call::Delete(partition, name)),
    ]
}

#[test]
fn documents_are_read_and_written_as_in_the_real_store() {
    let call = |pair: &super::Pair, versions: &mut [[u64; NAMES.len()]; PARTITIONS.len()], call: &Call| match *call {
        Call::Get(partition, name) => {
            let (partition, name) = (PARTITIONS[partition], NAMES[name]);
            pair.agree(pair.documents.get(partition, name), pair.real.documents.get(partition, name)).map(drop)
        }
        Call::Put(partition, name, ahead) => {
            let stored = &mut versions[partition][name];
            let version = *stored + ahead;
            let document = Document { name: NAMES[name].to_owned(), version, body: format!(r#"{{"n":{version}}}"#) };
            let partition = PARTITIONS[partition];
            let model = pair.documents.put(partition, &document);
            if pair.agree(model, pair.real.documents.put(partition, &document))? {
                *stored = version;
            }
            Ok(())
        }
        Call::Delete(partition, name) => {
            versions[partition][name] = 0;
            let (partition, name) = (PARTITIONS[partition], NAMES[name]);
            pair.agree(pair.documents.delete(partition, name), pair.real.documents.delete(partition, name)).map(drop)
        }
    };
    hold_to(calls(), |_| Default::default(), call, |_, _| Ok(()));
}
