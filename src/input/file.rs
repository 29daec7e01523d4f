//! Opens whatever holds CloudTrail records, and hands them over one at a time.
//!
//! What an input is, its content says and not its name: gzip or not; a trail file, a saved
//! subscription payload, CloudWatch Logs JSON, the answer of a look-up, EventBridge envelopes,
//! bare events, one a line, printed or in an array; several of them back to back. Memory stays
//! the same however long the input is.
//!
//! A fault stays where it happened: a record that is too long, or a line that was not written to
//! its end, is rejected alone. What makes the whole input doubtful, such as a checksum, is found
//! at its end, so the visitor must not make anything final before the reading returns.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use json::Json;
use json::prefilter::Prefilter;
use json::split::{Cursor, Element, Member, Piece, Reach, SPACE};
use records::Wrapper;

use crate::envelope::{self, Header};
use crate::likeness;
use crate::output::{Fast, Output, text};
use crate::unpack::{Faithful, GZIP_MAGIC, PACKED_WHOLE_BYTES_MAX, Unpacker, inflate};
use crate::{CAPTURE_BYTES_MAX, InputItem, Layout, Limits, ReadError};

/// Reads an input and hands over all that it holds, in order and in constant memory: the reference
/// for [`Reader`], which comes to the same result in a fraction of the time.
///
/// # Errors
/// [`ReadError`] when the input as a whole is not what it should be; it may come after items.
pub fn read_reference<R: Read>(
    input: R,
    layout: Layout,
    limits: &Limits,
    visit: &mut dyn FnMut(InputItem<'_>),
) -> Result<(), ReadError> {
    if layout == Layout::Subscription {
        return envelope::read(input, limits, visit);
    }
    let cursor = Cursor::new(unpack(input, limits)?);
    ReaderState::new(cursor, Output::new(limits, visit), layout).run()
}

/// Reads one input after another as fast as it can, without handing over what a prefilter holds back.
#[derive(Debug)]
pub struct Reader {
    fast: Fast,
    unpacker: Unpacker,
}

impl Reader {
    /// Returns a reader that hands over what the prefilter lets through.
    pub fn new(prefilter: &'static Prefilter) -> Self {
        Self {
            fast: Fast {
                prefilter,
                payload: Unpacker::default(),
                record: Vec::new(),
            },
            unpacker: Unpacker::default(),
        }
    }

    /// Reads an input as [`read_reference`] does, but for records that the prefilter holds back: those are told
    /// as [`InputItem::Skipped`].
    ///
    /// # Errors
    /// As [`read_reference`].
    pub fn read<R: Read>(
        &mut self,
        input: R,
        layout: Layout,
        limits: &Limits,
        visit: &mut dyn FnMut(InputItem<'_>),
    ) -> Result<(), ReadError> {
        let mut input = Faithful(input);
        let Self { fast, unpacker } = self;
        let output = Output {
            fast: Some(fast),
            ..Output::new(limits, visit)
        };
        if layout == Layout::Subscription {
            let room = std::mem::take(&mut unpacker.unpacked);
            let (room, done) = envelope::read_within(room, input, output);
            unpacker.unpacked = room;
            return done;
        }
        let is_gzip = begins_with_gzip(&mut input, &mut unpacker.packed)?;
        let room = std::mem::take(&mut unpacker.unpacked);
        if !is_gzip {
            let head = &unpacker.packed[..];
            let (room, done) =
                ReaderState::new(Cursor::within(room, head.chain(input)), output, layout)
                    .run_within();
            unpacker.unpacked = room;
            return done;
        }
        unpacker.unpacked = room;
        let max = PACKED_WHOLE_BYTES_MAX - unpacker.packed.len();
        let count = input
            .by_ref()
            .take(max as u64)
            .read_to_end(&mut unpacker.packed)?;
        if count < max
            && let Some(length) = unpacker.unpack(limits)
        {
            let cursor = Cursor::whole(std::mem::take(&mut unpacker.unpacked), length);
            let (room, done) = ReaderState::new(cursor, output, layout).run_within();
            unpacker.unpacked = room;
            return done;
        }
        let packed = BufReader::with_capacity(64 * 1024, unpacker.packed.chain(input));
        ReaderState::new(Cursor::new(inflate(packed, limits)), output, layout).run()
    }
}

struct ReaderState<'v, R> {
    cursor: Cursor<R>,
    output: Output<'v>,
    layout: Layout,
    /// Whether a first value was found.
    has_begun: bool,
    /// Whether the first bare event may still show that every line stands for itself.
    is_undecided: bool,
}

/// What the members of a top-level object have told so far.
struct ObjectState {
    start: u64,
    header: Header,
    is_event: bool,
    /// Whether it wraps records and is none itself.
    is_wrapper: bool,
    /// Whether the list of records was read to its end.
    is_complete: bool,
    detail: Option<Range<u64>>,
}

impl<'v, R: Read> ReaderState<'v, R> {
    fn new(mut cursor: Cursor<R>, output: Output<'v>, layout: Layout) -> Self {
        if layout == Layout::Lines {
            cursor.bound_by_lines();
        }
        Self {
            cursor,
            output,
            layout,
            has_begun: false,
            is_undecided: layout == Layout::Guess,
        }
    }

    /// Runs and gives the room back that the cursor was made with.
    fn run_within(mut self) -> (Vec<u8>, Result<(), ReadError>) {
        let done = self.run();
        (self.cursor.into_room(), done)
    }

    fn run(&mut self) -> Result<(), ReadError> {
        loop {
            self.cursor.skip_all(SPACE)?;
            self.cursor.skip_byte_order_mark()?;
            match self.cursor.skip_all(SPACE)? {
                None if self.cursor.next_line()? => continue,
                None => break,
                Some(b'{') => drop(self.object()?),
                Some(b'[') => self.list()?,
                Some(byte) => self.garbage(byte)?,
            }
            self.has_begun = true;
        }
        if !self.has_begun && self.layout == Layout::Guess {
            return Err(ReadError::Empty);
        }
        Ok(())
    }

    /// Takes a line that begins with neither object nor array: a broken one, unless it is the
    /// first thing in the input and so says that the input is something else altogether.
    fn garbage(&mut self, byte: u8) -> Result<(), ReadError> {
        if !self.has_begun && (self.layout == Layout::Guess || byte < b' ') {
            let offset = self.cursor.offset();
            let likeness = likeness::of_bytes(self.cursor.ahead());
            return Err(ReadError::NotJson { offset, likeness });
        }
        let max = self.output.limits.record_bytes_max;
        self.output.piece(self.cursor.rest_of_line(max)?);
        Ok(())
    }

    /// Takes an array of whatever else may stand at the top.
    fn list(&mut self) -> Result<(), ReadError> {
        let was_undecided = std::mem::replace(&mut self.is_undecided, false);
        self.cursor.step();
        let max = self.output.limits.record_bytes_max;
        let reach = loop {
            match self.cursor.next_element()? {
                Element::Value(b'{') => match self.object()? {
                    Reach::Cut => return Ok(()),
                    Reach::Whole | Reach::Broken => {}
                },
                Element::Value(_) => match self.cursor.value(max)? {
                    Piece::Cut => break Reach::Cut,
                    piece => self.output.piece(piece),
                },
                Element::End(reach) => break reach,
            }
        };
        if reach == Reach::Cut {
            self.output.truncated();
        }
        self.is_undecided = was_undecided;
        Ok(())
    }

    /// Takes an object: an event, or something that wraps records.
    fn object(&mut self) -> Result<Reach, ReadError> {
        let mut seen = ObjectState {
            start: self.cursor.offset(),
            header: Header::default(),
            is_event: false,
            is_wrapper: false,
            is_complete: false,
            detail: None,
        };
        self.cursor.pin(CAPTURE_BYTES_MAX);
        self.cursor.step();
        self.watch_lines()?;
        let reach = loop {
            if !self.cursor.is_pinned() {
                self.cursor.pin(CAPTURE_BYTES_MAX);
            }
            let (key, first) = match self.cursor.next_member()? {
                Member::Field { key, first } => (key, first),
                Member::End(reach) => break reach,
            };
            match self.member(key, first, &mut seen)? {
                Reach::Whole => {}
                reach => break reach,
            }
            if seen.is_wrapper {
                self.cursor.unpin();
            }
        };
        self.cursor.watch_breaks(false);
        if seen.is_wrapper {
            self.end_wrapper(&seen, reach);
        } else {
            self.end_event(&seen, reach)?;
        }
        self.cursor.unpin();
        Ok(reach)
    }

    /// Looks whether the first event could be a line. Printed JSON breaks right behind the brace;
    /// where it does not, a line break that JSON cannot have shows a line that is not whole.
    fn watch_lines(&mut self) -> Result<(), ReadError> {
        if self.is_undecided && matches!(self.cursor.skip_all(b" \t\r")?, Some(b'\n')) {
            self.is_undecided = false;
        }
        self.cursor.watch_breaks(self.is_undecided);
        Ok(())
    }

    fn member(
        &mut self,
        key: Range<u64>,
        first: u8,
        seen: &mut ObjectState,
    ) -> Result<Reach, ReadError> {
        let start = self.cursor.offset();
        let name = Name::of(self.cursor.slice(key));
        if seen.is_event {
            return Ok(self.cursor.skip_value()?);
        }
        match (name, first) {
            (Name::Payload, _) => {
                seen.is_wrapper = true;
                seen.is_complete = true;
                self.cursor.watch_breaks(false);
                envelope::payload(&mut self.cursor, &mut self.output)?;
                return Ok(Reach::Whole);
            }
            (Name::Records | Name::Lookup | Name::Logs, b'[') => {
                self.cursor.watch_breaks(false);
                self.cursor.unpin();
                self.cursor.step();
                seen.is_wrapper = true;
                let reach = self.wrapped(name, &seen.header)?;
                seen.is_complete = reach == Reach::Whole;
                return Ok(reach);
            }
            (Name::Records | Name::Logs, b'n') => seen.is_wrapper = true,
            (Name::EventSource, _) => seen.is_event = true,
            _ => {}
        }
        let reach = self.cursor.skip_value()?;
        let span = start..self.cursor.offset();
        match name {
            Name::Detail if first == b'{' => seen.detail = Some(span),
            Name::Header(field) => {
                seen.header.set(field, self.cursor.slice(span));
                seen.is_wrapper |= seen.header.is_log_data();
            }
            _ => {}
        }
        Ok(reach)
    }

    /// Hands over the records of a list whose bracket was stepped over.
    fn wrapped(&mut self, name: Name, header: &Header) -> Result<Reach, ReadError> {
        match name {
            Name::Logs if header.is_control() => self.skip_elements(),
            Name::Logs => {
                let wrapper = header.wrapper();
                envelope::log_events(
                    &mut self.cursor,
                    envelope::MESSAGE,
                    wrapper,
                    None,
                    &mut self.output,
                )
            }
            Name::Lookup => {
                let wrapper = Wrapper::default();
                let field = b"CloudTrailEvent";
                envelope::log_events(&mut self.cursor, field, wrapper, None, &mut self.output)
            }
            _ => self.records(),
        }
    }

    fn records(&mut self) -> Result<Reach, ReadError> {
        let max = self.output.limits.record_bytes_max;
        loop {
            match self.cursor.next_element()? {
                Element::End(reach) => return Ok(reach),
                Element::Value(_) => {
                    let taken = self.output.records(self.cursor.ahead());
                    if taken > 0 {
                        self.cursor.advance(taken);
                        continue;
                    }
                    match self.cursor.value(max)? {
                        Piece::Cut => return Ok(Reach::Cut),
                        piece => self.output.piece(piece),
                    }
                }
            }
        }
    }

    fn skip_elements(&mut self) -> Result<Reach, ReadError> {
        loop {
            match self.cursor.next_element()? {
                Element::End(reach) => return Ok(reach),
                Element::Value(_) => match self.cursor.skip_value()? {
                    Reach::Whole => {}
                    reach => return Ok(reach),
                },
            }
        }
    }

    /// Ends an object that wrapped records: one that was cut off before the end of its list lost
    /// some, which must not go unseen.
    fn end_wrapper(&mut self, seen: &ObjectState, reach: Reach) {
        if reach == Reach::Cut && !seen.is_complete {
            self.output.truncated();
        } else if seen.header.is_control() {
            self.output.control_message();
        }
    }

    /// Hands over an object that is an event, or lets lines bound the input from here on.
    fn end_event(&mut self, seen: &ObjectState, reach: Reach) -> Result<(), ReadError> {
        if reach == Reach::Broken {
            if self.is_undecided && self.cursor.rewind(seen.start) {
                self.decide_for_lines();
                let max = self.output.limits.record_bytes_max;
                self.output.piece(self.cursor.rest_of_line(max)?);
                return Ok(());
            }
            if self.cursor.is_bound_by_lines() {
                self.cursor.skip_line()?;
            } else if self.cursor.rewind(seen.start) {
                // Its brackets still tell where it ends and its neighbours begin.
                let max = self.output.limits.record_bytes_max;
                self.output.piece(self.cursor.value(max)?);
                return Ok(());
            }
        }
        if reach == Reach::Cut && self.cursor.is_at_input_end() {
            self.output.truncated();
            return Ok(());
        }
        let max = self.output.limits.record_bytes_max;
        let whole = self.cursor.piece_since(seen.start, max);
        let piece = match &seen.detail {
            Some(span) if reach == Reach::Whole && !seen.is_event => {
                event_in(&self.cursor, span.clone(), max).unwrap_or(whole)
            }
            _ => whole,
        };
        let is_one_line = matches!(whole, Piece::Whole(bytes) if !bytes.contains(&b'\n'));
        self.output.piece(piece);
        if self.is_undecided && reach == Reach::Whole {
            self.is_undecided = false;
            if is_one_line && self.cursor.skip_all(b" \t\r")? == Some(b'\n') {
                self.decide_for_lines();
            }
        }
        Ok(())
    }

    fn decide_for_lines(&mut self) {
        self.is_undecided = false;
        self.cursor.bound_by_lines();
    }
}

/// Returns the `detail` of an EventBridge envelope, if an event is in it.
fn event_in<R: Read>(cursor: &Cursor<R>, span: Range<u64>, max: usize) -> Option<Piece<'_>> {
    let detail = cursor.slice(span)?;
    if detail.len() > max {
        return Some(Piece::Oversize);
    }
    let text = text(detail);
    let is_event = Json::new(&text).at(&["eventSource"]).is_some();
    is_event.then_some(Piece::Whole(detail))
}

/// The keys that tell what an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// Of a trail file.
    Records,
    /// Of the answer to a look-up.
    Lookup,
    /// Of CloudWatch Logs JSON.
    Logs,
    /// Of a subscription payload.
    Payload,
    /// Of an EventBridge envelope.
    Detail,
    /// Of an event.
    EventSource,
    /// What CloudWatch Logs JSON says about all its records.
    Header(envelope::HeaderField),
    Other,
}

impl Name {
    fn of(key: Option<&[u8]>) -> Self {
        match key.unwrap_or_default() {
            b"Records" => Self::Records,
            b"Events" => Self::Lookup,
            b"logEvents" => Self::Logs,
            b"awslogs" => Self::Payload,
            b"detail" => Self::Detail,
            b"eventSource" => Self::EventSource,
            key => envelope::HeaderField::of(key).map_or(Self::Other, Self::Header),
        }
    }
}

/// Returns the bytes of an input after unpacking, if gzip is what it begins with.
fn unpack<'a, R: Read + 'a>(input: R, limits: &Limits) -> Result<Box<dyn Read + 'a>, ReadError> {
    let mut input = Faithful(input);
    let mut head = Vec::new();
    if begins_with_gzip(&mut input, &mut head)? {
        Ok(Box::new(inflate(buffered(head, input), limits)))
    } else {
        Ok(Box::new(io::Cursor::new(head).chain(input)))
    }
}

/// Takes the first bytes of an input into `head` and tells whether they are those of gzip data.
fn begins_with_gzip(input: &mut impl Read, head: &mut Vec<u8>) -> Result<bool, ReadError> {
    head.clear();
    input.take(GZIP_MAGIC.len() as u64).read_to_end(head)?;
    Ok(*head == GZIP_MAGIC)
}

fn buffered<'a>(head: Vec<u8>, rest: impl Read + 'a) -> impl BufRead + 'a {
    BufReader::with_capacity(64 * 1024, io::Cursor::new(head).chain(rest))
}

#[cfg(test)]
mod tests;
