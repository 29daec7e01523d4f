//! Removes the time and the log stream in front of records, as `aws logs tail` and exports of CloudWatch Logs to S3 write
//! them, and joins a record that was printed over several lines.
//!
//! `2026-11-20T08:15:00+00:00 stream {…}` (tail, detailed), `2026-11-20T08:15:00 {…}` (tail, short), a line with the time
//! and the record formatted below it (tail, json), `2026-11-20T08:15:00.000Z {…}` (export).

use std::io::{self, BufRead as _, BufReader, Read};

use crate::produced::{LINE_BYTES_MAX, Produced};

/// Checks whether a text begins with a date and a time, maybe in colour.
pub(crate) fn begins_with_time(text: &[u8]) -> bool {
    let text = match text {
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().take(8).position(|byte| *byte == b'm');
            &rest[end.map_or(0, |end| end + 1)..]
        }
        text => text,
    };
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";
    text.len() >= FORM.len()
        && FORM.iter().zip(text).all(|(form, byte)| match form {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            form => form == byte,
        })
}

/// U+FEFF in UTF-8, which Windows PowerShell writes in front of a text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the records of an input, one a line.
pub(crate) fn records(input: impl Read + 'static) -> Box<dyn Read> {
    let mut lines = Lines {
        input: BufReader::with_capacity(64 * 1024, input),
        is_at_start: true,
        is_first: true,
        is_in_record: false,
        words: Vec::new(),
    };
    Box::new(Produced::new(move |out: &mut Vec<u8>| lines.next(out)))
}

struct Lines<R> {
    input: BufReader<R>,
    /// Whether the next piece begins a line. A line that is too long comes in pieces.
    is_at_start: bool,
    is_first: bool,
    is_in_record: bool,
    /// The text behind a time, without a record. It is dropped if a record follows in the next line.
    words: Vec<u8>,
}

impl<R: Read> Lines<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let mut piece = Vec::new();
        let limit = &mut self.input;
        limit.take(LINE_BYTES_MAX).read_until(b'\n', &mut piece)?;
        if piece.is_empty() {
            self.end(out);
            return Ok(false);
        }
        let starts = std::mem::replace(&mut self.is_at_start, piece.ends_with(b"\n"));
        let text = piece.strip_suffix(b"\n").unwrap_or(&piece);
        let text = match std::mem::take(&mut self.is_first) {
            true => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
            false => text,
        };
        if !(starts && begins_with_time(text)) {
            if text.starts_with(b"{") {
                self.words.clear();
            }
            self.is_in_record = true;
            out.extend(starts.then_some(b' '));
            out.extend_from_slice(text);
            return Ok(true);
        }
        self.end(out);
        match text.iter().position(|byte| *byte == b'{') {
            Some(start) => {
                self.is_in_record = true;
                out.extend_from_slice(&text[start..]);
            }
            None => self.words = text.to_vec(),
        }
        Ok(true)
    }

    /// Ends the record or the text before.
    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.words.is_empty() {
            out.append(&mut self.words);
            self.is_in_record = true;
        }
        if std::mem::take(&mut self.is_in_record) {
            out.push(b'\n');
        }
    }
}
