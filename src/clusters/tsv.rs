//! Reads the tables that are text files with tabs between the columns.

/// The first three columns of a row.
pub(crate) type Row = [&'static str; 3];

/// Returns the first `COLUMNS` columns of each row of a table; a missing column is empty. Lines that begin with `#` are
/// comments, and have no tab.
pub(crate) fn rows<const COLUMNS: usize>(text: &'static str) -> Vec<[&'static str; COLUMNS]> {
    let bytes = text.as_bytes();
    let mut rows = Vec::with_capacity(text.len() / size_of::<Row>());
    let (mut row, mut column, mut start) = ([""; COLUMNS], 0, 0);
    // One pass over the text, because to split each line on its own costs more.
    for at in memchr::memchr2_iter(b'\t', b'\n', bytes) {
        if let Some(cell) = row.get_mut(column) {
            *cell = &text[start..at];
        }
        (column, start) = (column + 1, at + 1);
        if bytes[at] == b'\n' {
            if !row[0].starts_with('#') {
                rows.push(row);
            }
            (row, column) = ([""; COLUMNS], 0);
        }
    }
    rows
}
