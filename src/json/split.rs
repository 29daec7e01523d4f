//! Finds the borders of JSON values in a stream, without parsing the values.
//!
//! Brackets are counted and strings are skipped. Nothing is parsed, and no function calls itself. One
//! buffer is refilled and reused. The buffer grows only if a value must stay in memory as a whole, and
//! never beyond the limit for that value.
//!
//! The search is lenient: any bytes may be between the borders. The parser of a record reports what is
//! wrong with the record, so that a broken record does not affect the records around it.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use crate::bytes::kinds;

/// Number of bytes in one read: large enough that the cost of a call does not matter, small enough for a processor
/// cache.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a move of a [`Cursor`] over a JSON value ended: after the value, at the end of the input, or at a byte that is
/// not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The value is complete; the cursor is after its last byte.
    Whole,
    /// The input, or the line in line mode, ended inside of the value.
    Cut,
    /// The value is not JSON: the next byte cannot be part of it. The cursor is before this byte.
    Broken,
}

/// The next member of an object, or the end of the object, as [`Cursor::next_member`] found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// A key with its value; the cursor is at the start of the value.
    Field {
        /// Offsets of the key in the stream, without its quotes.
        key: Range<u64>,
        /// First byte of the value.
        first: u8,
    },
    /// There is no further member. The [`Reach`] is whether the object is complete, cut off or not JSON.
    End(Reach),
}

/// The next element of an array, or the end of the array, as [`Cursor::next_element`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// An element that begins with this byte; the cursor is at its start.
    Value(u8),
    /// There is no further element. The [`Reach`] is whether the array is complete or cut off.
    End(Reach),
}

/// The bytes of one JSON value or line, or the reason why they are not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The value or line is complete; these are its bytes.
    Whole(&'a [u8]),
    /// The value or line is longer than the limit of the caller, and was skipped.
    Oversize,
    /// The input ended inside of the value, or the value is not JSON.
    Cut,
}

/// A position in a stream of JSON text, which moves from one border of a value to the next without parsing the values.
///
/// Offsets are bytes from the start of the stream. A read discards the bytes before the cursor, unless they were pinned
/// with [`Self::pin`].
pub struct Cursor<R> {
    input: R,
    buffer: Vec<u8>,
    /// Offset of the first byte of the buffer in the stream.
    base: u64,
    /// Index of the cursor in the buffer.
    at: usize,
    /// Index after the last visible byte: `filled`, or the end of the line in line mode.
    end: usize,
    filled: usize,
    /// Index of the first pinned byte, and the maximum number of pinned bytes.
    pin: Option<(usize, usize)>,
    input_ended: bool,
    by_lines: bool,
    /// Whether there is a line break at `end`, and not just the end of the bytes read so far.
    line_ended: bool,
    /// Whether a line break at a place where JSON allows none makes the value [`Reach::Broken`].
    watches_breaks: bool,
    /// Number of commas before the last element, see [`Self::commas`].
    commas: u64,
}

impl Cursor<io::Empty> {
    /// Creates a cursor over an input that is already in memory: the first `length` bytes of `buffer`.
    pub fn whole(buffer: Vec<u8>, length: usize) -> Self {
        Self {
            buffer,
            end: length,
            filled: length,
            input_ended: true,
            ..Self::over(Vec::new(), io::empty())
        }
    }
}

impl<R: Read> Cursor<R> {
    /// Creates a cursor at the start of a stream.
    pub fn new(input: R) -> Self {
        Self::within(Vec::new(), input)
    }

    /// Creates a cursor at the start of a stream, and reuses the memory of `buffer`, whose content does not matter.
    pub fn within(mut buffer: Vec<u8>, input: R) -> Self {
        if buffer.len() < CHUNK_BYTES {
            // A new allocation is cheaper than to grow, because zeros from the system cost nothing.
            buffer = vec![0; CHUNK_BYTES];
        }
        Self::over(buffer, input)
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
            commas: 0,
        }
    }

    /// Returns the memory of the cursor as a buffer, for reuse by another cursor.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Returns the bytes from the cursor on that are already in memory; in line mode only up to the end of the line.
    pub fn ahead(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    /// Reads until `bytes` bytes from the cursor on are in memory, or the input or line ends; returns [`Self::ahead`].
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn look_ahead(&mut self, bytes: usize) -> Result<&[u8], io::Error> {
        let start = self.offset();
        self.pin(bytes);
        while self.offset() - start < bytes as u64 && self.peek()?.is_some() {
            self.at += 1;
        }
        self.rewind(start);
        self.unpin();
        Ok(self.ahead())
    }

    /// Moves the cursor forward by `count` bytes, at most the length of [`Self::ahead`].
    pub fn advance(&mut self, count: usize) {
        debug_assert!(
            count <= self.end - self.at,
            "only over bytes that are in memory"
        );
        self.at += count;
    }

    /// Returns the offset of the cursor: the number of bytes from the start of the stream.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Keeps all bytes from the current position on in memory while the cursor moves on, until [`Self::unpin`].
    ///
    /// The pin ends by itself when more than `max` bytes would have to stay in memory.
    pub fn pin(&mut self, max: usize) {
        // One byte more, because only the byte after a number shows the end of the number.
        self.pin = Some((self.at, max + 1));
    }

    /// Checks whether the last [`Self::pin`] still keeps bytes in memory.
    pub fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// Ends the last [`Self::pin`]: the next read may discard the bytes before the cursor.
    pub fn unpin(&mut self) {
        self.pin = None;
    }

    /// Returns the bytes between two offsets of the stream; `None` if they are no longer in memory.
    pub fn slice(&self, span: Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(span.start.checked_sub(self.base)?).ok()?;
        let end = usize::try_from(span.end.checked_sub(self.base)?).ok()?;
        self.buffer[..self.filled].get(start..end)
    }

    /// Moves the cursor back to an offset of the stream. `false`: the bytes there are no longer in memory, and the
    /// cursor did not move.
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

    /// Sets whether a line break inside a value, where JSON allows none, ends the value as [`Reach::Broken`].
    ///
    /// Such a break shows that a line of JSON lines was not written completely.
    pub fn watch_breaks(&mut self, watches: bool) {
        self.watches_breaks = watches;
    }

    /// Switches to line mode: each line break acts as the end of the input, until [`Self::next_line`] is called.
    pub fn enter_line_mode(&mut self) {
        self.by_lines = true;
        self.find_line_end(self.at);
    }

    /// Returns whether the cursor is in line mode, see [`Self::enter_line_mode`].
    pub fn is_in_line_mode(&self) -> bool {
        self.by_lines
    }

    /// Returns whether the cursor is at the end of the whole input, and not only of a line.
    pub fn is_at_input_end(&self) -> bool {
        self.at == self.end && self.input_ended && !self.line_ended
    }

    /// Moves to the start of the next line. `false`: there is no further line, or the cursor is not in line mode.
    ///
    /// # Errors
    /// When reading the input fails.
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

    /// Returns the byte at the cursor; `None` at the end of the input, or of the line in line mode.
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn peek(&mut self) -> Result<Option<u8>, io::Error> {
        if self.at == self.end && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Moves the cursor forward by one byte, the byte that [`Self::peek`] returned.
    pub fn step(&mut self) {
        debug_assert!(self.at < self.end, "only over a byte that is in memory");
        self.at += 1;
    }

    /// Moves to the first byte that is not in `set`, and returns this byte; `None` at the end of the input, or of the
    /// line in line mode.
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn skip_all(&mut self, set: &[u8]) -> Result<Option<u8>, io::Error> {
        loop {
            match self.peek()? {
                Some(byte) if set.contains(&byte) => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Moves over a UTF-8 byte order mark, if there is one at the cursor.
    ///
    /// # Errors
    /// When reading the input fails.
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

    /// Moves to the end of the line, and returns the bytes from the old position to this end; [`Piece::Oversize`] if
    /// they are more than `max`.
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn rest_of_line(&mut self, max: usize) -> Result<Piece<'_>, io::Error> {
        let start = self.offset();
        self.pin(max);
        self.skip_line()?;
        self.unpin();
        Ok(self.piece_since(start, max))
    }

    /// Moves to the end of the current line, before the line break.
    ///
    /// # Errors
    /// When reading the input fails.
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

    /// Moves to the first byte after the value at the cursor, and returns the bytes of the value; [`Piece::Oversize`]
    /// if they are more than `max`.
    ///
    /// # Errors
    /// When reading the input fails.
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

    /// Returns the bytes between the offset `start` and the cursor. [`Piece::Oversize`]: they are more than `max`
    /// bytes, or no longer in memory.
    pub fn piece_since(&self, start: u64, max: usize) -> Piece<'_> {
        match self.slice(start..self.offset()) {
            Some(bytes) if bytes.len() <= max => Piece::Whole(bytes),
            _ => Piece::Oversize,
        }
    }

    /// Moves to the start of the next element of an array, or after the closing bracket if there is no further element.
    ///
    /// The cursor must be after the opening bracket or after an element.
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn next_element(&mut self) -> Result<Element, io::Error> {
        // A surplus brace belongs to no element. It is skipped, so that the further elements are found.
        const BETWEEN: &[u8] = b" \t\r\n,}";
        self.commas = 0;
        let mut first = self.skip_between(BETWEEN)?;
        if first == BYTE_ORDER_MARK.first().copied() {
            self.skip_byte_order_mark()?;
            first = self.skip_between(BETWEEN)?;
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

    /// Returns the number of commas that [`Self::next_element`] skipped. JSON has none before the first element and at the end,
    /// and one before each other element.
    pub fn commas(&self) -> u64 {
        self.commas
    }

    /// Moves over the bytes of `set`, and counts the commas among them. Returns the byte after them.
    fn skip_between(&mut self, set: &[u8]) -> Result<Option<u8>, io::Error> {
        loop {
            match self.peek()? {
                Some(byte) if set.contains(&byte) => {
                    self.commas += u64::from(byte == b',');
                    self.at += 1;
                }
                other => return Ok(other),
            }
        }
    }

    /// Moves to the value of the next member of an object, or after the closing brace if there is no further member.
    ///
    /// The cursor must be after the opening brace or after a value.
    ///
    /// # Errors
    /// When reading the input fails.
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

    /// Moves to the first byte after the value at the cursor. The result is whether the value is complete, cut off or
    /// not JSON.
    ///
    /// # Errors
    /// When reading the input fails.
    pub fn skip_value(&mut self) -> Result<Reach, io::Error> {
        match self.peek()? {
            None => Ok(Reach::Cut),
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_nested(),
            Some(_) => self.skip_scalar(),
        }
    }

    /// Moves to the first byte after a number, a literal such as `true`, or other text: to the next border.
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

    /// Moves to the first byte after an object or array by counting brackets. Whether opening and closing brackets are
    /// of the same kind is not checked.
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
            // The byte after a backslash does not end the string, and may not be in memory yet.
            match self.peek()? {
                None => return Ok(Reach::Cut),
                Some(b'\n') if self.watches_breaks => return Ok(Reach::Broken),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Moves over a line break inside of a value, and returns whether the break shows that the value is incomplete.
    ///
    /// In printed JSON, a line break is after an opening bracket, a comma or a colon, or before a closing bracket, a
    /// comma or a colon. Any other break ends a line of JSON lines that was not written completely.
    fn is_break_out_of_place(&mut self) -> Result<bool, io::Error> {
        let before = &self.buffer[..self.at];
        let last = before.iter().rfind(|byte| !SPACE.contains(byte)).copied();
        let next = self.skip_all(SPACE)?;
        Ok(!matches!(last, None | Some(b'{' | b'[' | b',' | b':'))
            && !matches!(next, None | Some(b'}' | b']' | b',' | b':')))
    }

    /// Reads more bytes; the cursor must be at `end`. Returns whether there is a byte at the cursor now.
    fn fill(&mut self) -> Result<bool, io::Error> {
        if self.line_ended || self.input_ended {
            return Ok(false);
        }
        self.make_space();
        let start = self.filled;
        let limit = self.buffer.len().min(start + CHUNK_BYTES);
        let count = loop {
            match self.input.read(&mut self.buffer[start..limit]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.input_ended = count == 0;
        self.filled += count;
        self.find_line_end(start);
        Ok(self.at < self.end)
    }

    /// Sets `end`, the end of the visible bytes; there is no line break before `start`.
    fn find_line_end(&mut self, start: usize) {
        let line = self
            .by_lines
            .then(|| memchr(b'\n', &self.buffer[start..self.filled]))
            .flatten();
        self.line_ended = line.is_some();
        self.end = line.map_or(self.filled, |length| start + length);
    }

    /// Makes space for the next read: discards bytes that are not pinned, and grows the buffer if a pin needs it.
    fn make_space(&mut self) {
        let (pinned_from, max) = match self.pin {
            Some((start, max)) if self.filled - start < max => (start, max),
            _ => {
                self.pin = None;
                (self.at, 0)
            }
        };
        if pinned_from < self.filled && self.buffer.len() - self.filled >= CHUNK_BYTES / 4 {
            return;
        }
        self.buffer.copy_within(pinned_from..self.filled, 0);
        self.base += pinned_from as u64;
        self.at -= pinned_from;
        self.filled -= pinned_from;
        self.end = self.filled;
        if let Some((start, _)) = &mut self.pin {
            *start = 0;
        }
        if self.buffer.len() - self.filled < CHUNK_BYTES / 4 {
            self.grow(max);
        }
    }

    /// Doubles the buffer. If doubling twice would exceed the limit of the pin, grows directly to that limit.
    ///
    /// So the old and the new buffer together never exceed one and a half times the limit.
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

/// The bytes that are white space in JSON (RFC 8259, section 2).
pub const SPACE: &[u8] = b" \t\r\n";

/// The UTF-8 byte order mark, which some editors write at the start of a file.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes that matter inside of an object or array; all others are skipped.
static BORDERS: [u8; 256] = kinds(&[(b"\"{}[]\n", 1)]);

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    /// A reader that returns at most a few bytes in each call, as pipes and sockets do.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let limit = self.1.min(buffer.len());
            self.0.read(&mut buffer[..limit])
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
    fn memory_stays_near_the_limit_of_the_pin() {
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
    fn lines_limit_the_visible_input() {
        for size in [1, 2, 100] {
            let mut cursor = Cursor::new(Trickle(b"[1\n\n{\"a\n2", size));
            cursor.enter_line_mode();
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
