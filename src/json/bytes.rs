//! What each byte is, to be looked up: tables that are made when the program is compiled.

/// Returns a table in which each byte has the bits of all lists that it is in.
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
