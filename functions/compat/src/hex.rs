//! Bytes in lower-case hexadecimal, for names that are made of a hash.

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
