//! Reads the tables that are text files with tabs between the columns.

/// The first three columns of a row.
pub(crate) type Row = [&'static str; 3];

/// Reads a table, whose first line is a comment. Rows have at least three columns with tabs in between.
pub(crate) fn rows(text: &'static str) -> Vec<Row> {
    let (_, text) = text.split_once('\n').unwrap_or_default();
    let bytes = text.as_bytes();
    let mut rows = Vec::with_capacity(text.len() / size_of::<Row>());
    let (mut row, mut column, mut start) = ([""; 3], 0, 0);
    // One pass over the text, because to split each line on its own costs more.
    for at in memchr::memchr2_iter(b'\t', b'\n', bytes) {
        if let Some(cell) = row.get_mut(column) {
            *cell = &text[start..at];
        }
        (column, start) = (column + 1, at + 1);
        if bytes[at] == b'\n' {
            rows.push(row);
            (row, column) = ([""; 3], 0);
        }
    }
    rows
}
