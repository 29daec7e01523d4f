//! Tables of the kinds of each byte, built when the program is compiled.

/// Builds a table with one entry for each of the 256 byte values. Each list contains bytes, and the bits to set in the
/// entries of these bytes.
pub const fn kinds(lists: &[(&[u8], u8)]) -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut list = 0;
    while list < lists.len() {
        let (bytes, bits) = lists[list];
        let mut at = 0;
        while at < bytes.len() {
            kinds[bytes[at] as usize] |= bits;
            at += 1;
        }
        list += 1;
    }
    kinds
}
