//! Finds where JSON values begin and end in a stream, without reading them.
//!
//! Brackets are counted, strings are skipped, nothing is parsed and nothing recurses. One buffer
//! is refilled and reused; it grows only around the value that is being kept, and never past the
//! limit set for that value.
//!
//! Borders are found leniently. What stands between them may be any bytes; the reader of a record
//! says what is wrong with it, so that a broken record costs itself and not its neighbours.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use crate::bytes::kinds;

/// How much is read at a time: enough to drown the cost of a call, little enough for a cache.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a walk over a value ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Behind its last byte.
    Whole,
    /// The input, or the line that bounds it, ended inside.
    Cut,
    /// Something stands where no value, key or border can; the cursor is before it.
    Broken,
}

/// What comes next in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// A key, and the cursor is at the value behind it.
    Field {
        /// Where the key stands, without its quotes.
        key: Range<u64>,
        /// The first byte of the value.
        first: u8,
    },
    /// There is no further member; the reach says how the object ended.
    End(Reach),
}

/// What comes next in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// The cursor is at a value that begins with this byte.
    Value(u8),
    /// There is no further element; the reach says how the array ended.
    End(Reach),
}

/// One value, cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Its bytes.
    Whole(&'a [u8]),
    /// It is longer than the limit and was skipped.
    Oversize,
    /// The input ended inside.
    Cut,
}

/// A place in a stream of JSON that moves from border to border.
///
/// Places are told as offsets from the start of the stream. Bytes behind the cursor are forgotten
/// with the next read, unless they were pinned before.
pub struct Cursor<R> {
    input: R,
    buffer: Vec<u8>,
    /// The offset of the first byte in the buffer.
    base: u64,
    /// Index of the cursor.
    at: usize,
    /// Index behind the last byte that may be looked at: `filled`, or the end of the line.
    end: usize,
    filled: usize,
    /// The index from which bytes are kept, and how many at most.
    pin: Option<(usize, usize)>,
    input_ended: bool,
    by_lines: bool,
    /// Whether `end` is a line break, and not just the end of what was read so far.
    line_ended: bool,
    /// Whether a line break that no JSON text can have makes a value broken.
    watches_breaks: bool,
}

impl Cursor<io::Empty> {
    /// Takes an input that is in memory already: the first bytes of `room`.
    pub fn whole(room: Vec<u8>, length: usize) -> Self {
        Self {
            buffer: room,
            end: length,
            filled: length,
            input_ended: true,
            ..Self::over(Vec::new(), io::empty())
        }
    }
}

impl<R: Read> Cursor<R> {
    /// Takes a stream from its start.
    pub fn new(input: R) -> Self {
        Self::within(Vec::new(), input)
    }

    /// Takes a stream from its start, with room that was used before.
    pub fn within(mut room: Vec<u8>, input: R) -> Self {
        if room.len() < CHUNK_BYTES {
            // What is in there does not matter, and the allocator has zeros.
            room = vec![0; CHUNK_BYTES];
        }
        Self::over(room, input)
    }

    fn over(buffer: Vec<u8>, input: R) -> Self {
        Self {
            input,
            buffer,
            base: 0,
            at: 0,
            end: 0,
            filled: 0,
            pin: None,
            input_ended: false,
            by_lines: false,
            line_ended: false,
            watches_breaks: false,
        }
    }

    /// Gives the room back.
    pub fn into_room(self) -> Vec<u8> {
        self.buffer
    }

    /// Returns the bytes from the cursor on that have been read, up to the end of a line that
    /// bounds what can be seen.
    pub fn ahead(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    /// Goes over bytes that were seen [`Self::ahead`].
    pub fn advance(&mut self, count: usize) {
        debug_assert!(
            count <= self.end - self.at,
            "only over bytes that were seen"
        );
        self.at += count;
    }

    /// Returns the offset of the cursor.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Keeps the bytes from here on, until more than `max` of them have come.
    pub fn pin(&mut self, max: usize) {
        // One more, because the end of a number is known from the byte behind it.
        self.pin = Some((self.at, max + 1));
    }

    /// Returns whether bytes are being kept; a pin falls out by itself when they get too many.
    pub fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// Lets the bytes behind the cursor go.
    pub fn unpin(&mut self) {
        self.pin = None;
    }

    /// Returns the bytes between two offsets, `None` when they are gone.
    pub fn slice(&self, span: Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(span.start.checked_sub(self.base)?).ok()?;
        let end = usize::try_from(span.end.checked_sub(self.base)?).ok()?;
        self.buffer[..self.filled].get(start..end)
    }

    /// Goes back to an offset; returns whether its bytes were still there to go back to.
    pub fn rewind(&mut self, offset: u64) -> bool {
        let index = offset
            .checked_sub(self.base)
            .and_then(|index| usize::try_from(index).ok());
        match index {
            Some(index) if index <= self.at => {
                self.at = index;
                true
            }
            _ => false,
        }
    }

    /// Makes a line break that no JSON text can have break the value, see [`Reach::Broken`].
    pub fn watch_breaks(&mut self, watches: bool) {
        self.watches_breaks = watches;
    }

    /// Lets every line end be the end of the input, until [`Self::next_line`] goes on.
    pub fn bound_by_lines(&mut self) {
        self.by_lines = true;
        self.find_line_end(self.at);
    }

    /// Returns whether lines bound what can be seen.
    pub fn is_bound_by_lines(&self) -> bool {
        self.by_lines
    }

    /// Returns whether what ended here is the input itself and not only a line.
    pub fn is_at_input_end(&self) -> bool {
        self.at == self.end && self.input_ended && !self.line_ended
    }

    /// Goes behind the end of the line; returns false at the end of the input.
    pub fn next_line(&mut self) -> Result<bool, io::Error> {
        if !self.by_lines {
            return Ok(false);
        }
        self.at = self.end;
        while !self.line_ended {
            if !self.fill()? && !self.line_ended {
                return Ok(false);
            }
            self.at = self.end;
        }
        self.at = self.end + 1;
        self.find_line_end(self.at);
        Ok(true)
    }

    /// Returns the byte at the cursor, `None` at the end.
    pub fn peek(&mut self) -> Result<Option<u8>, io::Error> {
        if self.at == self.end && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Goes over the byte that was peeked at.
    pub fn step(&mut self) {
        debug_assert!(self.at < self.end, "only over a byte that was seen");
        self.at += 1;
    }

    /// Moves to the first byte that is not in `set`, and returns it; `None` at the end of the
    /// input.
    pub fn skip_all(&mut self, set: &[u8]) -> Result<Option<u8>, io::Error> {
        loop {
            match self.peek()? {
                Some(byte) if set.contains(&byte) => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Goes over a UTF-8 byte order mark, if one stands here.
    pub fn skip_byte_order_mark(&mut self) -> Result<(), io::Error> {
        let start = self.offset();
        self.pin(BYTE_ORDER_MARK.len());
        for byte in BYTE_ORDER_MARK {
            if self.peek()? != Some(*byte) {
                self.rewind(start);
                break;
            }
            self.at += 1;
        }
        self.unpin();
        Ok(())
    }

    /// Cuts out the rest of the line.
    pub fn rest_of_line(&mut self, max: usize) -> Result<Piece<'_>, io::Error> {
        let start = self.offset();
        self.pin(max);
        self.skip_line()?;
        self.unpin();
        Ok(self.piece_since(start, max))
    }

    /// Goes to the end of the line, before its line break.
    pub fn skip_line(&mut self) -> Result<(), io::Error> {
        loop {
            if let Some(length) = memchr(b'\n', &self.buffer[self.at..self.end]) {
                self.at += length;
                return Ok(());
            }
            self.at = self.end;
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Cuts out the value at the cursor.
    pub fn value(&mut self, max: usize) -> Result<Piece<'_>, io::Error> {
        let start = self.offset();
        self.pin(max);
        let reach = self.skip_value()?;
        self.unpin();
        match reach {
            Reach::Whole => Ok(self.piece_since(start, max)),
            Reach::Cut | Reach::Broken => Ok(Piece::Cut),
        }
    }

    /// Returns what stands between an offset and the cursor.
    pub fn piece_since(&self, start: u64, max: usize) -> Piece<'_> {
        match self.slice(start..self.offset()) {
            Some(bytes) if bytes.len() <= max => Piece::Whole(bytes),
            _ => Piece::Oversize,
        }
    }

    /// Goes to the next element of the array whose bracket was stepped over.
    pub fn next_element(&mut self) -> Result<Element, io::Error> {
        // A brace too many belongs to no element: skipping it keeps the elements behind it.
        const BETWEEN: &[u8] = b" \t\r\n,}";
        let mut first = self.skip_all(BETWEEN)?;
        if first == BYTE_ORDER_MARK.first().copied() {
            self.skip_byte_order_mark()?;
            first = self.skip_all(BETWEEN)?;
        }
        match first {
            None => Ok(Element::End(Reach::Cut)),
            Some(b']') => {
                self.at += 1;
                Ok(Element::End(Reach::Whole))
            }
            Some(first) => Ok(Element::Value(first)),
        }
    }

    /// Goes to the next member of the object whose brace was stepped over.
    pub fn next_member(&mut self) -> Result<Member, io::Error> {
        match self.skip_all(b" \t\r\n,")? {
            None => return Ok(Member::End(Reach::Cut)),
            Some(b'"') => {}
            Some(b'}') => {
                self.at += 1;
                return Ok(Member::End(Reach::Whole));
            }
            Some(_) => return Ok(Member::End(Reach::Broken)),
        }
        let start = self.offset() + 1;
        let reach = self.skip_string()?;
        if reach != Reach::Whole {
            return Ok(Member::End(reach));
        }
        let key = start..self.offset() - 1;
        match self.skip_all(SPACE)? {
            None => return Ok(Member::End(Reach::Cut)),
            Some(b':') => self.at += 1,
            Some(_) => return Ok(Member::End(Reach::Broken)),
        }
        match self.skip_all(SPACE)? {
            None => Ok(Member::End(Reach::Cut)),
            Some(first) => Ok(Member::Field { key, first }),
        }
    }

    /// Goes behind the value at the cursor.
    pub fn skip_value(&mut self) -> Result<Reach, io::Error> {
        match self.peek()? {
            None => Ok(Reach::Cut),
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_nested(),
            Some(_) => self.skip_scalar(),
        }
    }

    /// Goes behind a number, a name or a run of garbage, up to the next border.
    fn skip_scalar(&mut self) -> Result<Reach, io::Error> {
        loop {
            let ahead = &self.buffer[self.at..self.end];
            let border = |byte: &u8| b" \t\r\n,]}\"{[".contains(byte);
            if let Some(length) = ahead.iter().position(border) {
                self.at += length;
                return Ok(Reach::Whole);
            }
            self.at = self.end;
            if !self.fill()? {
                return Ok(Reach::Cut);
            }
        }
    }

    /// Goes behind an object or array by counting brackets; which kind closes which is not checked.
    fn skip_nested(&mut self) -> Result<Reach, io::Error> {
        let mut depth = 0_u64;
        loop {
            let ahead = &self.buffer[self.at..self.end];
            let Some(length) = ahead
                .iter()
                .position(|byte| BORDERS[usize::from(*byte)] != 0)
            else {
                self.at = self.end;
                if !self.fill()? {
                    return Ok(Reach::Cut);
                }
                continue;
            };
            self.at += length;
            match self.buffer[self.at] {
                b'"' => match self.skip_string()? {
                    Reach::Whole => continue,
                    reach => return Ok(reach),
                },
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ if self.watches_breaks => {
                    if self.is_break_out_of_place()? {
                        return Ok(Reach::Broken);
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(Reach::Whole);
            }
        }
    }

    fn skip_string(&mut self) -> Result<Reach, io::Error> {
        self.at += 1;
        loop {
            let ahead = &self.buffer[self.at..self.end];
            let hit = if self.watches_breaks {
                memchr3(b'"', b'\\', b'\n', ahead)
            } else {
                memchr2(b'"', b'\\', ahead)
            };
            let Some(length) = hit else {
                self.at = self.end;
                if !self.fill()? {
                    return Ok(Reach::Cut);
                }
                continue;
            };
            self.at += length;
            match self.buffer[self.at] {
                b'\n' => return Ok(Reach::Broken),
                b'"' => {
                    self.at += 1;
                    return Ok(Reach::Whole);
                }
                _ => self.at += 1,
            }
            // The byte behind a backslash ends nothing, and may not have been read yet.
            match self.peek()? {
                None => return Ok(Reach::Cut),
                Some(b'\n') if self.watches_breaks => return Ok(Reach::Broken),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Goes over a line break inside a value; returns whether it splits what JSON cannot split.
    ///
    /// Printed JSON breaks its lines behind an opening bracket, a comma or a colon, or before a
    /// closing bracket. Any other break ends a line of JSON lines that was not written to its end.
    fn is_break_out_of_place(&mut self) -> Result<bool, io::Error> {
        let before = &self.buffer[..self.at];
        let last = before.iter().rfind(|byte| !SPACE.contains(byte)).copied();
        let next = self.skip_all(SPACE)?;
        Ok(!matches!(last, None | Some(b'{' | b'[' | b',' | b':'))
            && !matches!(next, None | Some(b'}' | b']' | b',' | b':')))
    }

    /// Reads on, with the cursor at the end; returns whether there is a byte to look at now.
    fn fill(&mut self) -> Result<bool, io::Error> {
        if self.line_ended || self.input_ended {
            return Ok(false);
        }
        self.make_room();
        let start = self.filled;
        let room = self.buffer.len().min(start + CHUNK_BYTES);
        let count = loop {
            match self.input.read(&mut self.buffer[start..room]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.input_ended = count == 0;
        self.filled += count;
        self.find_line_end(start);
        Ok(self.at < self.end)
    }

    /// Sets the end of what can be seen, where no line end was found before `start`.
    fn find_line_end(&mut self, start: usize) {
        let line = self
            .by_lines
            .then(|| memchr(b'\n', &self.buffer[start..self.filled]))
            .flatten();
        self.line_ended = line.is_some();
        self.end = line.map_or(self.filled, |length| start + length);
    }

    fn make_room(&mut self) {
        let (kept_from, max) = match self.pin {
            Some((start, max)) if self.filled - start < max => (start, max),
            _ => {
                self.pin = None;
                (self.at, 0)
            }
        };
        if kept_from < self.filled && self.buffer.len() - self.filled >= CHUNK_BYTES / 4 {
            return;
        }
        self.buffer.copy_within(kept_from..self.filled, 0);
        self.base += kept_from as u64;
        self.at -= kept_from;
        self.filled -= kept_from;
        self.end = self.filled;
        if let Some((start, _)) = &mut self.pin {
            *start = 0;
        }
        if self.buffer.len() - self.filled < CHUNK_BYTES / 4 {
            self.grow(max);
        }
    }

    /// Doubles the buffer, or takes all that the pin allows where doubling twice would pass it, so
    /// that the old and the new buffer never exceed one and a half times the limit.
    fn grow(&mut self, max: usize) {
        let length = self.buffer.len();
        let limit = max.max(self.filled) + CHUNK_BYTES;
        let grown = if length * 4 > limit {
            limit
        } else {
            length * 2
        };
        if grown > length {
            self.buffer.reserve_exact(grown - length);
            self.buffer.resize(grown, 0);
        }
    }
}

/// What JSON calls white space.
pub const SPACE: &[u8] = b" \t\r\n";

/// What some editors put before the text of a file.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes that matter between the borders of a value; all others are skipped unseen.
static BORDERS: [u8; 256] = kinds(&[(b"\"{}[]\n", 1)]);

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    /// Hands over at most a few bytes a call, as pipes and sockets do.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let room = self.1.min(buffer.len());
            self.0.read(&mut buffer[..room])
        }
    }

    fn elements(text: &str, size: usize) -> Vec<String> {
        let mut cursor = Cursor::new(Trickle(text.as_bytes(), size));
        assert_eq!(cursor.skip_all(SPACE).unwrap(), Some(b'['));
        cursor.step();
        let mut elements = Vec::new();
        while let Element::Value(_) = cursor.next_element().unwrap() {
            let Piece::Whole(bytes) = cursor.value(text.len()).unwrap() else {
                panic!("a whole element");
            };
            elements.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        assert_eq!(cursor.skip_all(SPACE).unwrap(), None);
        elements
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~]{0,12}|\\PC{0,8}|[\"\\\\\n{}\\[\\],:]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("[ -~]{0,6}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn borders_are_where_serde_json_finds_them(
            values in proptest::collection::vec(any_json(), 0..8),
            size in 1_usize..40,
            is_printed in any::<bool>(),
        ) {
            let text = if is_printed {
                serde_json::to_string_pretty(&values).unwrap()
            } else {
                serde_json::to_string(&values).unwrap()
            };
            let raw: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
            let expected: Vec<_> = raw.iter().map(|value| value.get().to_owned()).collect();
            prop_assert_eq!(elements(&text, size), expected);
        }
    }

    #[test]
    fn memory_stays_near_the_limit_of_what_is_kept() {
        for max in [1_000, 2 << 20, 9 << 20] {
            let input = b"\""
                .chain(io::repeat(b'x').take(64 << 20))
                .chain(&b"\" 7 "[..]);
            let mut cursor = Cursor::new(input);
            assert_eq!(cursor.value(max).unwrap(), Piece::Oversize);
            assert!(cursor.buffer.capacity() <= max + 2 * CHUNK_BYTES, "{max}");
            assert_eq!(cursor.skip_all(SPACE).unwrap(), Some(b'7'));
            assert_eq!(cursor.value(max).unwrap(), Piece::Whole(b"7"));
        }
    }

    #[test]
    fn lines_bound_what_is_seen() {
        for size in [1, 2, 100] {
            let mut cursor = Cursor::new(Trickle(b"[1\n\n{\"a\n2", size));
            cursor.bound_by_lines();
            assert_eq!(cursor.value(9).unwrap(), Piece::Cut);
            assert!(!cursor.is_at_input_end());
            assert!(cursor.next_line().unwrap());
            assert_eq!(cursor.peek().unwrap(), None);
            assert!(cursor.next_line().unwrap());
            assert_eq!(cursor.value(9).unwrap(), Piece::Cut);
            assert!(cursor.next_line().unwrap());
            assert_eq!(cursor.rest_of_line(9).unwrap(), Piece::Whole(b"2"));
            assert!(cursor.is_at_input_end());
            assert!(!cursor.next_line().unwrap());
        }
    }
}
