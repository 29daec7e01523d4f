//! Opens the envelopes that CloudWatch Logs puts around records, and passes the records on, one by one.
//!
//! The payload of a subscription is refused as a whole if its base64, its gzip data or its JSON frame
//! is wrong. A bad log event is rejected alone.
//!
//! Source: CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions".

use std::borrow::Cow;
use std::io::Read;
use std::iter;
use std::mem;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use json::Json;
use json::split::{self, Cursor, Element, Member, Piece, Reach, SPACE};
use json::structure::{self, UNESCAPE_EXTRA_BYTES};
use records::time::Timestamp;
use records::{Rejection, Wrapper};

use crate::output::{Output, text};
use crate::unpack::{Faithful, GZIP_MAGIC, Unpacker, inflate};
use crate::{
    CAPTURE_BYTES_MAX, InputItem, Limits, PACKED_BYTES_MAX, PayloadFault, PayloadOrigin, ReadError,
};

/// Reads the invocation event that CloudWatch Logs sends to a function, and passes its records to `visit`; any other
/// event is an error.
pub(crate) fn read<R: Read>(
    event: R,
    limits: &Limits,
    visit: &mut dyn FnMut(InputItem<'_>),
) -> Result<(), ReadError> {
    let (_, result) = read_within(Vec::new(), Faithful(event), Output::new(limits, visit));
    result
}

/// Reads the invocation event of a subscription, and passes its records to `output`. Reuses the memory of `buffer`, and
/// returns the buffer.
pub(crate) fn read_within<R: Read>(
    buffer: Vec<u8>,
    event: R,
    mut output: Output<'_>,
) -> (Vec<u8>, Result<(), ReadError>) {
    let mut cursor = Cursor::within(buffer, event);
    let result = subscription(&mut cursor, |cursor| payload(cursor, &mut output));
    (cursor.into_buffer(), result)
}

/// Reads the event of a subscription; `open` reads the value of `awslogs`.
fn subscription<R: Read>(
    cursor: &mut Cursor<R>,
    mut open: impl FnMut(&mut Cursor<R>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    if cursor.skip_all(SPACE)? != Some(b'{') {
        return Err(PayloadFault::NoData.into());
    }
    cursor.step();
    let mut is_found = false;
    loop {
        cursor.pin(CAPTURE_BYTES_MAX);
        match cursor.next_member()? {
            Member::Field { key, .. } if cursor.slice(key.clone()) == Some(b"awslogs") => {
                if is_found {
                    return Err(PayloadFault::Trailing.into());
                }
                open(cursor)?;
                is_found = true;
            }
            Member::Field { .. } if cursor.skip_value()? == Reach::Whole => {}
            Member::End(Reach::Whole) if is_found => break,
            Member::End(Reach::Whole | Reach::Broken) => return Err(PayloadFault::NoData.into()),
            _ => return Err(PayloadFault::Cut.into()),
        }
    }
    cursor.unpin();
    match cursor.skip_all(SPACE)? {
        None => Ok(()),
        Some(_) => Err(PayloadFault::Trailing.into()),
    }
}

/// Decompresses the payload of a subscription, and passes its records to `output`; the cursor is at the value of
/// `awslogs`.
pub(crate) fn payload<R: Read>(
    cursor: &mut Cursor<R>,
    output: &mut Output<'_>,
) -> Result<(), ReadError> {
    cursor.pin(CAPTURE_BYTES_MAX);
    let span = find_data(cursor)?;
    let data = cursor.slice(span).ok_or(PayloadFault::TooLong)?;
    let unpacker = output.fast.as_mut().map(|fast| &mut fast.payload);
    let mut unpacker = unpacker.map(mem::take).unwrap_or_default();
    let result = unpack(data, &mut unpacker, output);
    if let Some(fast) = &mut output.fast {
        fast.payload = unpacker;
    }
    result
}

/// Decompresses the payload of a subscription: in one step in the fast path if this is safe, or else as a stream.
fn unpack(data: &[u8], unpacker: &mut Unpacker, output: &mut Output<'_>) -> Result<(), ReadError> {
    decode(data, &mut unpacker.packed)?;
    let limits = output.limits;
    let whole = output.fast.as_ref().and_then(|_| unpacker.unpack(limits));
    let mut header = Header::default();
    let result = passes(|pass| match whole {
        Some(length) => {
            let mut cursor = Cursor::whole(mem::take(&mut unpacker.unpacked), length);
            let result = message(&mut cursor, &mut header, pass, output);
            unpacker.unpacked = cursor.into_buffer();
            result
        }
        None => {
            let mut cursor = Cursor::new(inflate(&unpacker.packed[..], limits));
            message(&mut cursor, &mut header, pass, output)
        }
    });
    if let Some(fast) = &mut output.fast {
        fast.origin = mem::take(&mut header.origin);
    }
    result?;
    if header.is_control() {
        output.control_message();
    }
    Ok(())
}

/// Reads a message in one pass. If its header is not before its records, two further passes are needed.
fn passes(mut run: impl FnMut(Pass) -> Result<bool, ReadError>) -> Result<(), ReadError> {
    if !run(Pass::Hopeful)? {
        run(Pass::Header)?;
        run(Pass::Records)?;
    }
    Ok(())
}

/// Finds the base64 text in an `awslogs` value.
fn find_data<R: Read>(cursor: &mut Cursor<R>) -> Result<Range<u64>, ReadError> {
    match cursor.peek()? {
        None => return Err(PayloadFault::Cut.into()),
        Some(b'{') => cursor.step(),
        Some(_) => return Err(PayloadFault::NoData.into()),
    }
    let mut data = None;
    loop {
        match cursor.next_member()? {
            Member::Field { key, first } => {
                // If the key is no longer in memory, the value is too long for a payload.
                let key = cursor.slice(key).ok_or(PayloadFault::TooLong)?;
                let is_data = key == b"data";
                let start = cursor.offset();
                if cursor.skip_value()? != Reach::Whole {
                    return Err(PayloadFault::Cut.into());
                }
                if is_data {
                    data = (first == b'"').then(|| start + 1..cursor.offset() - 1);
                }
            }
            Member::End(Reach::Whole) => break,
            Member::End(Reach::Cut) => return Err(PayloadFault::Cut.into()),
            Member::End(Reach::Broken) => return Err(PayloadFault::NoData.into()),
        }
    }
    match data {
        Some(span) if !span.is_empty() => Ok(span),
        _ => Err(PayloadFault::NoData.into()),
    }
}

/// The purpose of a pass over a message.
///
/// CloudWatch Logs writes the header before the records, so one pass is enough. If the header comes
/// later, the message is decompressed again, because it is not kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Reads all, if the header comes first.
    Hopeful,
    /// Reads only the header, at any place.
    Header,
    /// Reads the records; the header is already known.
    Records,
}

/// Reads the message of a payload. `false`: the header does not come first, so two further passes are needed.
fn message<R: Read>(
    cursor: &mut Cursor<R>,
    header: &mut Header,
    pass: Pass,
    output: &mut Output<'_>,
) -> Result<bool, ReadError> {
    if cursor.skip_all(SPACE)? != Some(b'{') {
        return Err(PayloadFault::NotLogs.into());
    }
    cursor.step();
    let mut is_log = false;
    loop {
        cursor.pin(CAPTURE_BYTES_MAX);
        let (key, first) = match cursor.next_member()? {
            Member::Field { key, first } => (key, first),
            Member::End(Reach::Whole) => break,
            Member::End(Reach::Cut) => return Err(PayloadFault::Cut.into()),
            Member::End(Reach::Broken) => return Err(PayloadFault::NotLogs.into()),
        };
        let key = cursor.slice(key).unwrap_or_default();
        let field = HeaderField::of(key);
        let is_list = key == b"logEvents";
        is_log |= is_list || field == Some(HeaderField::MessageType);
        let reach = match (is_list, first, pass) {
            (false, ..) | (true, b'n', _) | (true, b'[', Pass::Header) => {
                value(cursor, field, header)?
            }
            (true, b'[', Pass::Hopeful) if !header.is_known() => return Ok(false),
            (true, b'[', _) => list(cursor, header, output)?,
            (true, ..) => return Err(PayloadFault::NotLogs.into()),
        };
        if reach != Reach::Whole {
            return Err(PayloadFault::Cut.into());
        }
    }
    cursor.unpin();
    // The search for more text reads the gzip data to its end, so that its checksum is verified.
    match cursor.skip_all(SPACE)? {
        Some(_) => Err(PayloadFault::Trailing.into()),
        None if !is_log => Err(PayloadFault::NotLogs.into()),
        None => Ok(true),
    }
}

/// Passes on the log events in a payload; those of a control message are skipped.
fn list<R: Read>(
    cursor: &mut Cursor<R>,
    header: &Header,
    output: &mut Output<'_>,
) -> Result<Reach, ReadError> {
    if header.is_control() {
        return Ok(cursor.skip_value()?);
    }
    cursor.unpin();
    cursor.step();
    let max = Some(output.limits.records_max);
    log_events(cursor, MESSAGE, header.wrapper(), max, output)
}

/// Moves to the first byte after a value, and stores the value in the header if it is a field of the header.
fn value<R: Read>(
    cursor: &mut Cursor<R>,
    field: Option<HeaderField>,
    header: &mut Header,
) -> Result<Reach, ReadError> {
    let start = cursor.offset();
    let reach = cursor.skip_value()?;
    if let Some(field) = field {
        header.set(field, cursor.slice(start..cursor.offset()));
    }
    Ok(reach)
}

/// Passes on the records in a list of JSON objects, such as log events; the string `field` of each object contains the
/// record.
///
/// The cursor is after the opening bracket of the list. More than `records_max` records are an error; `None` is no
/// limit. Returns how the list ended.
pub(crate) fn log_events<R: Read>(
    cursor: &mut Cursor<R>,
    field: &[u8],
    mut wrapper: Wrapper,
    records_max: Option<u64>,
    output: &mut Output<'_>,
) -> Result<Reach, ReadError> {
    let mut left = records_max;
    loop {
        if let Element::End(reach) = cursor.next_element()? {
            return Ok(reach);
        }
        if let (Some(0), Some(limit)) = (left, records_max) {
            return Err(ReadError::Records { limit });
        }
        left = left.map(|count| count - 1);
        if field == MESSAGE
            && let Some(read) = output.log_event(cursor.ahead(), &mut wrapper)
        {
            cursor.advance(read);
            continue;
        }
        match cursor.value(output.limits.record_bytes_max)? {
            Piece::Cut => return Ok(Reach::Cut),
            Piece::Oversize => {
                // The timestamp of the log event is unknown.
                wrapper.logged_at = None;
                output.oversize(&wrapper);
            }
            Piece::Whole(bytes) => {
                let event = text(bytes);
                match record_in(&event, field, &mut wrapper) {
                    Ok(record) => output.record(record, &wrapper),
                    Err(rejection) => output.reject(rejection, &wrapper),
                }
            }
        }
    }
}

/// The key in the JSON of a log event whose value is the text of the record.
pub(crate) const MESSAGE: &[u8] = b"message";

/// Returns the offset of the message in a log event, after the opening quote, and the timestamp of the event.
///
/// `None` unless the event has the form that CloudWatch Logs writes: `{"id":"1","timestamp":1,"message":"`.
fn message_in(event: &[u8]) -> Option<(usize, Option<Timestamp>)> {
    let rest = event.strip_prefix(b"{\"id\":\"")?;
    let (_, rest) = digits(rest)?;
    let rest = rest.strip_prefix(b"\",\"timestamp\":")?;
    let (milliseconds, rest) = digits(rest)?;
    let rest = rest.strip_prefix(b",\"message\":\"")?;
    let milliseconds = std::str::from_utf8(milliseconds).ok()?;
    // JSON allows no number with a leading zero.
    let is_number = !milliseconds.starts_with('0') && !milliseconds.is_empty();
    let at = event.len() - rest.len();
    is_number.then(|| (at, time(Json::new(milliseconds))))
}

fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit())?;
    Some(text.split_at(length))
}

/// Base64 with optional padding, because the length alone is enough to decode.
static BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64, given as the raw content of a JSON string, to gzip data.
fn decode(data: &[u8], packed: &mut Vec<u8>) -> Result<(), PayloadFault> {
    packed.clear();
    // The usual form: digits with their padding and nothing else.
    if base64_simd::STANDARD.decode_append(data, packed).is_err() {
        packed.clear();
        decode_any_spelling(data, packed)?;
    }
    if packed.len() > PACKED_BYTES_MAX {
        return Err(PayloadFault::TooLong);
    }
    if !packed.starts_with(&GZIP_MAGIC) {
        return Err(PayloadFault::NotGzip);
    }
    Ok(())
}

/// Decodes base64 with or without padding, white space and escapes.
fn decode_any_spelling(data: &[u8], packed: &mut Vec<u8>) -> Result<(), PayloadFault> {
    if BASE64.decode_vec(data, packed).is_err() {
        let digits = digits_of(data).ok_or(PayloadFault::Base64)?;
        packed.clear();
        let decoded = BASE64.decode_vec(digits, packed);
        decoded.map_err(|_| PayloadFault::Base64)?;
    }
    Ok(())
}

/// Decodes base64 with or without padding and white space. `None`: it is not base64 in the standard alphabet.
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits.collect();
    BASE64.decode(digits).ok()
}

/// Returns the base64 digits of the raw content of a JSON string, without white space and escapes.
fn digits_of(data: &[u8]) -> Option<String> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let digits = data.iter().copied().filter(|byte| !is_space(byte));
    let string: Vec<u8> = iter::once(b'"').chain(digits).chain([b'"']).collect();
    let string = String::from_utf8(string).ok()?;
    let mut digits = Json::new(&string).text()?.into_owned();
    digits.retain(|digit| !digit.is_ascii_whitespace());
    Some(digits)
}

/// Returns the record in one log event, and sets its timestamp in `wrapper`.
fn record_in<'a>(
    event: &'a str,
    field: &[u8],
    wrapper: &mut Wrapper,
) -> Result<Cow<'a, str>, Rejection> {
    let mut message = None;
    wrapper.logged_at = None;
    json::each_field(event, |key, value| match key {
        b"timestamp" => wrapper.logged_at = time(value),
        key if key == field => message = Some(value),
        _ => {}
    })?;
    let record = message.and_then(|message| {
        if message.as_str().starts_with('{') {
            return Some(Cow::Borrowed(message.as_str()));
        }
        message.text()
    });
    match record {
        Some(Cow::Owned(text)) if text.starts_with(BYTE_ORDER_MARK) => Ok(Cow::Owned(
            text.trim_start_matches(BYTE_ORDER_MARK).to_owned(),
        )),
        Some(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.trim_start_matches(BYTE_ORDER_MARK))),
        Some(text) => Ok(text),
        None if field != MESSAGE && Json::new(event).at(&["eventSource"]).is_some() => {
            Ok(Cow::Borrowed(event))
        }
        None => Err(Rejection::NotJson {
            detail: match field {
                MESSAGE => "log event without a message",
                _ => "no CloudTrailEvent in it; drop --query, or add CloudTrailEvent to it",
            }
            .to_owned(),
        }),
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Parses a `timestamp`: milliseconds since 1970 as a number, or as a string with a number.
pub(crate) fn time(value: Json<'_>) -> Option<Timestamp> {
    let milliseconds: i64 = value.as_str().trim_matches('"').parse().ok()?;
    Timestamp::from_seconds(milliseconds.div_euclid(1000))
}

impl Output<'_> {
    /// Passes on the log event at the start of `ahead`, and returns its length.
    ///
    /// `None`: there is no fast path, or the event is not of the usual form; nothing was passed on.
    fn log_event(&mut self, ahead: &[u8], wrapper: &mut Wrapper) -> Option<usize> {
        let fast = self.fast.as_mut()?;
        let (at, logged_at) = message_in(ahead)?;
        let buffer_bytes = self.limits.record_bytes_max + UNESCAPE_EXTRA_BYTES;
        if fast.record.len() < buffer_bytes {
            // Zeros from the system cost nothing until they are overwritten.
            fast.record = vec![0; buffer_bytes];
        }
        let (end, length) = structure::unescape(&ahead[at..], &mut fast.record)?;
        let read = at + end + 2;
        let is_plain = length > 0
            && read <= self.limits.record_bytes_max
            && ahead[at + end..].starts_with(b"\"}")
            && !fast.record.starts_with(split::BYTE_ORDER_MARK);
        if !is_plain {
            return None;
        }
        let record = mem::take(&mut fast.record);
        let text = std::str::from_utf8(&record[..length]);
        let is_text = text.is_ok();
        if let Ok(text) = text {
            wrapper.logged_at = logged_at;
            self.record(Cow::Borrowed(text), wrapper);
        }
        if let Some(fast) = &mut self.fast {
            fast.record = record;
        }
        is_text.then_some(read)
    }
}

/// The fields of CloudWatch Logs JSON that apply to all its records: message type, log group and log stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    kind: Option<Kind>,
    has_stream: bool,
    account_id: Option<String>,
    origin: PayloadOrigin,
}

/// The fields of CloudWatch Logs JSON from which a [`Header`] is built.
///
/// The field `owner` is not read. It is the account that owns the log group, and an organization trail writes the
/// records of all accounts into one log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderField {
    MessageType,
    LogGroup,
    LogStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Control,
    Other,
}

impl HeaderField {
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"messageType" => Some(Self::MessageType),
            b"logGroup" => Some(Self::LogGroup),
            b"logStream" => Some(Self::LogStream),
            _ => None,
        }
    }
}

impl Header {
    /// Sets a field of the header from its JSON text. `None`: the text was too long for memory, and the field counts as
    /// absent.
    pub(crate) fn set(&mut self, field: HeaderField, json: Option<&[u8]>) {
        let json = text(json.unwrap_or_default());
        let text = Json::new(&json).text();
        match field {
            HeaderField::MessageType => {
                self.kind = Some(match text.as_deref() {
                    Some("DATA_MESSAGE") => Kind::Data,
                    Some("CONTROL_MESSAGE") => Kind::Control,
                    _ => Kind::Other,
                });
            }
            HeaderField::LogGroup => self.origin.log_group = text.map(Cow::into_owned),
            HeaderField::LogStream => {
                self.has_stream = true;
                self.account_id = text.as_deref().and_then(account_of).map(str::to_owned);
                self.origin.log_stream = text.map(Cow::into_owned);
            }
        }
    }

    /// Returns whether all fields that the records need are known.
    fn is_known(&self) -> bool {
        self.kind.is_some() && self.has_stream
    }

    /// Returns whether the message with this header is a control message, by which CloudWatch Logs only checks that the
    /// destination exists.
    pub(crate) fn is_control(&self) -> bool {
        self.kind == Some(Kind::Control)
    }

    /// Returns whether the message type in this header proves that the JSON comes from CloudWatch Logs.
    pub(crate) fn is_log_data(&self) -> bool {
        matches!(self.kind, Some(Kind::Data | Kind::Control))
    }

    pub(crate) fn wrapper(&self) -> Wrapper {
        Wrapper {
            account_id: self.account_id.clone(),
            logged_at: None,
        }
    }
}

/// Returns the account id in the name of a log stream that CloudTrail writes, such as
/// `123456789012_CloudTrail_us-east-1`. The trail of an organization writes its id in front.
pub(crate) fn account_of(stream: &str) -> Option<&str> {
    let stream = match stream.split_once('_') {
        Some((organisation, rest)) if organisation.starts_with("o-") => rest,
        _ => stream,
    };
    let (account_id, rest) = stream.split_at_checked(12)?;
    let is_account = account_id.bytes().all(|byte| byte.is_ascii_digit());
    (is_account && rest.starts_with("_CloudTrail")).then_some(account_id)
}
