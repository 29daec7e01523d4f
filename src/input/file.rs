//! Opens inputs of all supported formats, and passes their CloudTrail records on, one by one.
//!
//! The content of an input decides its format, not its name. Gzip data is decompressed. The formats
//! are: trail files, saved payloads of subscriptions, CloudWatch Logs JSON, answers of
//! `LookupEvents`, EventBridge envelopes, and bare events, as JSON lines, printed or in an array; and
//! the wrappings of the module `wrapping`, which may be in each other. An input may have several of these
//! in sequence. The memory does not depend on the length of the input.
//!
//! Wrappings are looked for only in values that are not events, and in a list of records only if the first
//! record is a wrapping. So they cost nothing where there are none.
//!
//! A fault affects only its own place: a record that is too long, or a line that was not written
//! completely, is rejected alone. A fault of the whole input, such as a wrong checksum, is found only
//! at its end. So the visitor must not make anything final before the function returns.

mod open;

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use json::Json;
use json::prefilter::Prefilter;
use json::split::{Cursor, Element, Member, Piece, Reach, SPACE};
use records::Wrapper;

use crate::envelope::{self, Header};
use crate::likeness;
use crate::output::{Fast, Output, text};
use crate::unpack::{Faithful, GZIP_MAGIC, PACKED_WHOLE_BYTES_MAX, Unpacker, inflate};
use crate::wrapping;
use crate::{CAPTURE_BYTES_MAX, InputItem, Layout, Limits, PayloadOrigin, ReadError};

/// Reads an input of any supported format, and passes its records to `visit`, in their order and in constant memory.
///
/// This is the slow reference reader. [`Reader`] gives the same result in a fraction of the time.
///
/// # Errors
/// [`ReadError`] if the input as a whole is unreadable. The caller must then discard the items that were passed to
/// `visit` before.
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

/// Reads inputs faster than [`read_reference`], and reuses its buffers from one input to the next.
///
/// Records of successful calls are only counted, unless the prefilter lets them through.
#[derive(Debug)]
pub struct Reader {
    fast: Fast,
    unpacker: Unpacker,
}

impl Reader {
    /// Creates a reader. The prefilter contains the event names whose records are passed on even if the call succeeded.
    pub fn new(prefilter: Arc<Prefilter>) -> Self {
        Self {
            fast: Fast {
                prefilter,
                payload: Unpacker::default(),
                record: Vec::new(),
                origin: PayloadOrigin::default(),
            },
            unpacker: Unpacker::default(),
        }
    }

    /// Returns the log group and the log stream of the payload of a subscription that was read last, also if it was unreadable from
    /// some place on. Of other inputs nothing is known.
    pub fn origin(&self) -> &PayloadOrigin {
        &self.fast.origin
    }

    /// Reads an input as [`read_reference`] does, except for records that the prefilter does not let through. Their
    /// number is passed to `visit` as [`InputItem::Skipped`].
    ///
    /// # Errors
    /// [`ReadError`] if the input as a whole is unreadable. The caller must then discard the items that were passed to
    /// `visit` before.
    pub fn read<R: Read>(
        &mut self,
        input: R,
        layout: Layout,
        limits: &Limits,
        visit: &mut dyn FnMut(InputItem<'_>),
    ) -> Result<(), ReadError> {
        let mut input = Faithful(input);
        let Self { fast, unpacker } = self;
        fast.origin = PayloadOrigin::default();
        let output = Output {
            fast: Some(fast),
            ..Output::new(limits, visit)
        };
        if layout == Layout::Subscription {
            let buffer = std::mem::take(&mut unpacker.unpacked);
            let (buffer, result) = envelope::read_within(buffer, input, output);
            unpacker.unpacked = buffer;
            return result;
        }
        let is_gzip = begins_with_gzip(&mut input, &mut unpacker.packed)?;
        let buffer = std::mem::take(&mut unpacker.unpacked);
        if !is_gzip {
            let head = &unpacker.packed[..];
            let (buffer, result) =
                ReaderState::new(Cursor::within(buffer, head.chain(input)), output, layout)
                    .run_within();
            unpacker.unpacked = buffer;
            return result;
        }
        unpacker.unpacked = buffer;
        let max = PACKED_WHOLE_BYTES_MAX - unpacker.packed.len();
        let count = input
            .by_ref()
            .take(max as u64)
            .read_to_end(&mut unpacker.packed)?;
        if count < max
            && let Some(length) = unpacker.unpack(limits)
        {
            let cursor = Cursor::whole(std::mem::take(&mut unpacker.unpacked), length);
            let (buffer, result) = ReaderState::new(cursor, output, layout).run_within();
            unpacker.unpacked = buffer;
            return result;
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
    /// Whether the first bare event may still show that the input is JSON lines.
    is_undecided: bool,
    nesting: open::Nesting,
    /// What the last answer says of itself, if it is not complete. Of several pages, the last one decides.
    incomplete: Option<&'static str>,
    /// Whether commas between records are missing or surplus.
    has_odd_commas: bool,
}

/// What is known about a top-level object from the members read so far.
struct ObjectState {
    start: u64,
    header: Header,
    is_event: bool,
    /// Whether the object is an envelope with records, and not a record itself.
    is_wrapper: bool,
    /// Whether the list of records was read to its end.
    is_complete: bool,
    detail: Option<Range<u64>>,
    /// What the answer says of itself, if it is not complete.
    incomplete: Option<&'static str>,
}

impl<'v, R: Read> ReaderState<'v, R> {
    fn new(mut cursor: Cursor<R>, output: Output<'v>, layout: Layout) -> Self {
        if layout == Layout::Lines {
            cursor.enter_line_mode();
        }
        Self {
            cursor,
            output,
            layout,
            has_begun: false,
            is_undecided: layout == Layout::Guess,
            nesting: open::Nesting::default(),
            incomplete: None,
            has_odd_commas: false,
        }
    }

    /// Reads the input, and returns the buffer of the cursor for reuse.
    fn run_within(mut self) -> (Vec<u8>, Result<(), ReadError>) {
        let result = self.run();
        (self.cursor.into_buffer(), result)
    }

    fn run(&mut self) -> Result<(), ReadError> {
        loop {
            self.output.check_strangers()?;
            self.cursor.skip_all(SPACE)?;
            self.cursor.skip_byte_order_mark()?;
            match self.cursor.skip_all(SPACE)? {
                None if self.cursor.next_line()? => continue,
                None => break,
                Some(b'{') => drop(self.object()?),
                Some(b'[') => self.list()?,
                Some(b'"') => self.string()?,
                Some(byte) => self.garbage(byte)?,
            }
            self.has_begun = true;
        }
        if !self.has_begun && self.layout == Layout::Guess {
            return Err(ReadError::Empty);
        }
        if let Some(reason) = self.incomplete {
            self.output.incomplete(reason);
        }
        if self.has_odd_commas {
            self.output.odd_commas();
        }
        Ok(())
    }

    /// Reads a line that begins with neither an object nor an array. The line is rejected as broken, unless it is at
    /// the start of the input: then the input is of an unknown format.
    fn garbage(&mut self, byte: u8) -> Result<(), ReadError> {
        if !self.has_begun && (self.layout == Layout::Guess || byte < b' ') {
            let offset = self.cursor.offset();
            let likeness = likeness::of_bytes(self.cursor.look_ahead(likeness::LINE_BYTES_MAX)?);
            return Err(ReadError::NotJson { offset, likeness });
        }
        let max = self.output.limits.record_bytes_max;
        self.output.piece(self.cursor.rest_of_line(max)?);
        Ok(())
    }

    /// Reads a top-level string: a record as `jq` prints it, or else a line that is no JSON.
    fn string(&mut self) -> Result<(), ReadError> {
        let start = self.cursor.offset();
        if let Piece::Whole(bytes) = self.cursor.value(self.output.limits.record_bytes_max)? {
            let string = text(bytes);
            if wrapping::content(&string).is_some() {
                open::value(&string, self.nesting, &mut self.output);
                return Ok(());
            }
        }
        match self.cursor.rewind(start) {
            true => self.garbage(b'"'),
            false => {
                self.output.oversize(&Wrapper::default());
                Ok(())
            }
        }
    }

    /// Reads a top-level array of objects.
    fn list(&mut self) -> Result<(), ReadError> {
        let was_undecided = std::mem::replace(&mut self.is_undecided, false);
        self.cursor.step();
        let max = self.output.limits.record_bytes_max;
        let reach = loop {
            self.output.check_strangers()?;
            match self.cursor.next_element()? {
                Element::Value(b'{') => match self.object()? {
                    Reach::Cut => return Ok(()),
                    Reach::Whole | Reach::Broken => {}
                },
                Element::Value(_) => match self.cursor.value(max)? {
                    Piece::Cut => break Reach::Cut,
                    Piece::Whole(bytes) => {
                        open::value(&text(bytes), self.nesting, &mut self.output);
                    }
                    piece @ Piece::Oversize => self.output.piece(piece),
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

    /// Reads an object: an event, or an envelope with records.
    fn object(&mut self) -> Result<Reach, ReadError> {
        let mut seen = ObjectState {
            start: self.cursor.offset(),
            header: Header::default(),
            is_event: false,
            is_wrapper: false,
            is_complete: false,
            detail: None,
            incomplete: None,
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
            self.incomplete = seen.incomplete;
            self.end_wrapper(&seen, reach);
        } else {
            self.end_event(&seen, reach)?;
        }
        self.cursor.unpin();
        Ok(reach)
    }

    /// Checks whether the first event may be a line of JSON lines. Printed JSON has a line break directly after the
    /// brace. Otherwise, a line break at a place where JSON allows none shows an incomplete line.
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
            (Name::Payload, _) if !self.nesting.is_unpacked => {
                seen.is_wrapper = true;
                seen.is_complete = true;
                self.cursor.watch_breaks(false);
                envelope::payload(&mut self.cursor, &mut self.output)?;
                return Ok(Reach::Whole);
            }
            (Name::Hits, b'{') => {
                self.cursor.watch_breaks(false);
                self.cursor.step();
                seen.is_wrapper = true;
                let reach = self.hits()?;
                seen.is_complete = reach == Reach::Whole;
                return Ok(reach);
            }
            (Name::Records | Name::Lookup | Name::Logs | Name::Wrapped, b'[') => {
                self.cursor.watch_breaks(false);
                self.cursor.unpin();
                self.cursor.step();
                seen.is_wrapper = true;
                let reach = self.wrapped(name, &seen.header)?;
                seen.is_complete = reach == Reach::Whole;
                return Ok(reach);
            }
            (Name::Records | Name::Logs, b'n') => seen.is_wrapper = true,
            _ => {}
        }
        let reach = self.cursor.skip_value()?;
        let span = start..self.cursor.offset();
        match name {
            Name::EventSource => {
                // Records of Kinesis, SQS and others have a source, too.
                let source = self.cursor.slice(span);
                seen.is_event = !source.is_some_and(|source| source.starts_with(b"\"aws:"));
            }
            Name::Progress => {
                let value = text(self.cursor.slice(span).unwrap_or_default());
                seen.incomplete = seen.incomplete.or(incomplete(&value));
            }
            Name::NextPage if first == b'"' => {
                let is_empty = span.end - span.start <= 2;
                seen.incomplete = seen
                    .incomplete
                    .or((!is_empty).then_some("there are further pages"));
            }
            Name::Detail if first == b'{' => seen.detail = Some(span),
            Name::Header(field) => {
                seen.header.set(field, self.cursor.slice(span));
                seen.is_wrapper |= seen.header.is_log_data();
            }
            _ => {}
        }
        Ok(reach)
    }

    /// Passes on the records of a list in an envelope; the cursor is after the opening bracket.
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
            Name::Wrapped => self.values(),
            _ => self.records(),
        }
    }

    /// Passes on what is in the values of a list, which are wrappings or events.
    fn values(&mut self) -> Result<Reach, ReadError> {
        let max = self.output.limits.record_bytes_max;
        loop {
            self.output.check_strangers()?;
            if let Element::End(reach) = self.cursor.next_element()? {
                return Ok(reach);
            }
            match self.cursor.value(max)? {
                Piece::Cut => return Ok(Reach::Cut),
                Piece::Whole(bytes) => open::value(&text(bytes), self.nesting, &mut self.output),
                piece @ Piece::Oversize => self.output.piece(piece),
            }
        }
    }

    /// Passes on the documents of a search, `{"total": …, "hits": […]}`; the cursor is after the opening brace.
    fn hits(&mut self) -> Result<Reach, ReadError> {
        loop {
            self.cursor.pin(CAPTURE_BYTES_MAX);
            let (key, first) = match self.cursor.next_member()? {
                Member::Field { key, first } => (key, first),
                Member::End(reach) => return Ok(reach),
            };
            let is_list = first == b'[' && self.cursor.slice(key) == Some(b"hits");
            self.cursor.unpin();
            let reach = match is_list {
                true => {
                    self.cursor.step();
                    self.values()?
                }
                false => self.cursor.skip_value()?,
            };
            if reach != Reach::Whole {
                return Ok(reach);
            }
        }
    }

    /// Passes on the records of a trail file. If the first one is a wrapping, all are.
    fn records(&mut self) -> Result<Reach, ReadError> {
        let max = self.output.limits.record_bytes_max;
        let mut is_first = true;
        let mut commas = 0;
        loop {
            self.output.check_strangers()?;
            let element = self.cursor.next_element()?;
            if matches!(element, Element::End(_)) {
                commas = 0;
            }
            self.has_odd_commas |=
                self.cursor.commas() != commas && element != Element::End(Reach::Cut);
            commas = 1;
            match element {
                Element::End(reach) => return Ok(reach),
                Element::Value(_) => {
                    if std::mem::take(&mut is_first) && !begins_record(self.cursor.ahead()) {
                        match self.first_value()? {
                            First::Wrapping => return self.values(),
                            First::Other => {}
                            First::Gone(Reach::Cut) => return Ok(Reach::Cut),
                            First::Gone(_) => continue,
                        }
                    }
                    let ahead = self.cursor.ahead();
                    let read = self.output.records(ahead);
                    if read > 0 {
                        commas = u64::from(!ahead[..read].trim_ascii_end().ends_with(b","));
                        self.cursor.advance(read);
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

    /// Checks whether the value at the cursor is a wrapping. The cursor does not move, unless the value is too long; then
    /// the value is rejected.
    fn first_value(&mut self) -> Result<First, ReadError> {
        let start = self.cursor.offset();
        let piece = self.cursor.value(self.output.limits.record_bytes_max)?;
        let is_cut = piece == Piece::Cut;
        let is_wrapping =
            matches!(piece, Piece::Whole(bytes) if wrapping::content(&text(bytes)).is_some());
        Ok(match self.cursor.rewind(start) {
            true if is_wrapping => First::Wrapping,
            true => First::Other,
            false if is_cut => First::Gone(Reach::Cut),
            false => {
                self.output.oversize(&Wrapper::default());
                First::Gone(Reach::Whole)
            }
        })
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

    /// Ends an envelope. If the input ended inside of its list, records are missing, so one record is rejected as
    /// truncated.
    fn end_wrapper(&mut self, seen: &ObjectState, reach: Reach) {
        if reach == Reach::Cut && !seen.is_complete {
            self.output.truncated();
        } else if seen.header.is_control() {
            self.output.control_message();
        }
    }

    /// Passes on an object that is an event. If the object shows that the input is JSON lines, the cursor is in line
    /// mode from here on.
    fn end_event(&mut self, seen: &ObjectState, reach: Reach) -> Result<(), ReadError> {
        if reach == Reach::Broken {
            if self.is_undecided && self.cursor.rewind(seen.start) {
                self.decide_for_lines();
                let max = self.output.limits.record_bytes_max;
                self.output.piece(self.cursor.rest_of_line(max)?);
                return Ok(());
            }
            if self.cursor.is_in_line_mode() {
                self.cursor.skip_line()?;
            } else if self.cursor.rewind(seen.start) {
                // The brackets still show the end of the object and the start of the next one.
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
        match piece {
            // An event that EventBridge sent was found above.
            Piece::Whole(bytes)
                if !seen.is_event && whole == piece
                    || seen.is_event
                        && !begins_record(bytes)
                        && wrapping::row(&text(bytes)).is_some() =>
            {
                open::value(&text(bytes), self.nesting, &mut self.output);
            }
            piece => self.output.piece(piece),
        }
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
        self.cursor.enter_line_mode();
    }
}

/// What the first value of a list is.
enum First {
    /// A wrapping, as are the values after it.
    Wrapping,
    Other,
    /// The value is too long to be kept in memory; the cursor is after it.
    Gone(Reach),
}

/// Checks whether a text begins as CloudTrail's records do, with a version after 1.0. So most lists need no further look.
fn begins_record(text: &[u8]) -> bool {
    let version = text.strip_prefix(b"{\"eventVersion\":\"1.");
    matches!(version, Some([b'0'..=b'9', b'0'..=b'9', ..]))
}

/// Returns the `detail` of an EventBridge envelope, if it is a CloudTrail event. An Insights event has no source.
fn event_in<R: Read>(cursor: &Cursor<R>, span: Range<u64>, max: usize) -> Option<Piece<'_>> {
    let detail = cursor.slice(span)?;
    if detail.len() > max {
        return Some(Piece::Oversize);
    }
    let text = text(detail);
    let has = |key| Json::new(&text).at(&[key]).is_some();
    (has("eventSource") || has("insightDetails")).then_some(Piece::Whole(detail))
}

/// Returns why an answer is not complete, from the value of a member by which it says so. `None`: it may be complete.
fn incomplete(value: &str) -> Option<&'static str> {
    let json = Json::new(value);
    match value.as_bytes().first()? {
        b't' => Some("the search timed out"),
        b'{' => {
            let failed = json.at(&["failed"])?;
            (failed.as_str() != "0").then_some("a part of the search failed")
        }
        b'"' => match json.text()?.to_ascii_lowercase().as_str() {
            "scheduled" | "queued" | "running" => Some("the query still runs"),
            "failed" => Some("the query failed"),
            "cancelled" => Some("the query was cancelled"),
            "timeout" | "timed_out" => Some("the query timed out"),
            _ => None,
        },
        _ => None,
    }
}

/// The keys that show the kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// `Records`, of a trail file.
    Records,
    /// `Events`, of an answer of `LookupEvents`.
    Lookup,
    /// `logEvents`, of CloudWatch Logs JSON.
    Logs,
    /// `events`, `results` and others, of answers and events whose list holds wrappings.
    Wrapped,
    /// `hits`, of a search in Elasticsearch or `OpenSearch`.
    Hits,
    /// `awslogs`, of the payload of a subscription.
    Payload,
    /// `detail`, of an EventBridge envelope.
    Detail,
    /// `eventSource`, of an event.
    EventSource,
    /// `status` and others, by which an answer says whether it is complete.
    Progress,
    /// `nextToken`, of an answer that has further pages.
    NextPage,
    /// A field of CloudWatch Logs JSON that applies to all its records.
    Header(envelope::HeaderField),
    Other,
}

impl Name {
    fn of(key: Option<&[u8]>) -> Self {
        match key.unwrap_or_default() {
            b"Records" => Self::Records,
            b"Events" => Self::Lookup,
            b"logEvents" => Self::Logs,
            b"events" | b"results" | b"records" | b"Messages" | b"QueryResultRows" => Self::Wrapped,
            b"hits" => Self::Hits,
            b"awslogs" => Self::Payload,
            b"detail" => Self::Detail,
            b"eventSource" => Self::EventSource,
            b"status" | b"QueryStatus" | b"timed_out" | b"_shards" => Self::Progress,
            b"nextToken" | b"NextToken" => Self::NextPage,
            key => envelope::HeaderField::of(key).map_or(Self::Other, Self::Header),
        }
    }
}

/// Returns a reader of an input, which decompresses the input if it begins with gzip data.
fn unpack<'a, R: Read + 'a>(input: R, limits: &Limits) -> Result<Box<dyn Read + 'a>, ReadError> {
    let mut input = Faithful(input);
    let mut head = Vec::new();
    if begins_with_gzip(&mut input, &mut head)? {
        Ok(Box::new(inflate(buffered(head, input), limits)))
    } else {
        Ok(Box::new(io::Cursor::new(head).chain(input)))
    }
}

/// Reads the first bytes of an input into `head`, and returns whether they are those of gzip data.
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
