//! Makes records of the rows of a table of comma-separated values.
//!
//! A table has either a column with the whole record, or columns that are named after the fields of a record, in any
//! spelling. Without a column of error codes a failure would look like a success, so such a table is refused.
//!
//! Sources: Amazon Athena User Guide, "Query AWS CloudTrail logs"; AWS CloudTrail User Guide, "Downloading events" and
//! "CloudTrail Lake, save query results"; CloudWatch Logs User Guide, "Export results"; Splunk Search Manual, "Export
//! search results".

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use input::row;

use crate::produced::{LINE_BYTES_MAX, Produced};

/// What the columns of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    delimiter: u8,
    /// The place of the column that has the whole record.
    whole: Option<usize>,
    has_source: bool,
    has_code: bool,
    identity: Identity,
}

/// What the columns of a table say of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// The whole `userIdentity`.
    Whole,
    /// Some of its fields, such as its ARN.
    Parts,
    /// The user name of the console's event history, which may be the name of a session.
    Console,
    Absent,
}

/// Names of columns that have the whole record; without signs, in lower case.
const WHOLE: [&str; 6] = [
    "raw",
    "eventjson",
    "message",
    "eventoriginal",
    "cloudtrailevent",
    "eventdata",
];

/// Fields without which a failure looks like a success. If one of them is the last column, nothing shows that its last cell
/// is whole, unless a line break follows.
const OUTCOMES: [&str; 3] = ["errorcode", "errormessage", "responseelements"];

/// Names of columns that are fields of the identity, and the field of each.
const PARTS: [(&str, &str); 8] = [
    ("type", "type"),
    ("principalid", "principalId"),
    ("arn", "arn"),
    ("accountid", "accountId"),
    ("accesskeyid", "accessKeyId"),
    ("awsaccesskey", "accessKeyId"),
    ("username", "userName"),
    ("invokedby", "invokedBy"),
];

/// Returns a name without signs and spaces, in lower case.
fn plain(name: &[u8]) -> String {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

fn reader(input: impl Read, delimiter: u8) -> Reader<impl Read> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(input)
}

/// Finds the columns in the first bytes of a table. `None`: this is no table of events.
pub(crate) fn columns(head: &[u8]) -> Option<Columns> {
    let is_trail = |name: &str| {
        head.windows(name.len())
            .any(|window| window == name.as_bytes())
    };
    [b',', b'\t', b';'].into_iter().find_map(|delimiter| {
        let mut table = reader(head, delimiter);
        let header = table.byte_headers().ok()?;
        let names: Vec<String> = header.iter().map(plain).collect();
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let is_console = header
            .iter()
            .any(|name| name.eq_ignore_ascii_case(b"User name"));
        let whole = WHOLE
            .iter()
            .find_map(|wanted| names.iter().position(|name| name == wanted));
        let whole = whole
            .filter(|_| is_trail("eventSource") || is_trail("awslogs"))
            .filter(|place| has_json(&mut table, *place));
        // Other tables have names of events, too.
        let is_of_events = has("eventname") && (has("eventsource") || has("errorcode"));
        if whole.is_none() && !is_of_events {
            return None;
        }
        let identity = match () {
            () if has("useridentity") => Identity::Whole,
            () if is_console => Identity::Console,
            () if PARTS.iter().any(|(name, _)| has(name)) => Identity::Parts,
            () => Identity::Absent,
        };
        Some(Columns {
            delimiter,
            whole,
            has_source: has("eventsource"),
            has_code: has("errorcode"),
            identity,
        })
    })
}

/// Checks whether the first cell of a column that is not empty begins as JSON does.
fn has_json(table: &mut Reader<impl Read>, place: usize) -> bool {
    let mut rows = table.byte_records().map_while(Result::ok);
    let first = rows.find_map(|row| {
        let cell = row.get(place)?.trim_ascii();
        cell.first().copied()
    });
    matches!(first, Some(b'{' | b'['))
}

impl Columns {
    /// Returns whether records can be made of the rows.
    pub(crate) fn is_complete(self) -> bool {
        self.whole.is_some() || (self.has_source && self.has_code)
    }

    /// Returns what is missing, and what to do, for a table that is not complete.
    pub(crate) fn advice(self) -> String {
        let missing = match (self.has_source, self.has_code) {
            (false, _) => "it has no column eventsource",
            _ => "it has no column errorcode, so failures would look like successes",
        };
        format!(
            "{missing}; select at least eventid, eventtime, eventsource, eventname, errorcode, errormessage, \
             useridentity and recipientaccountid, or the whole record as eventJson"
        )
    }

    fn note(self) -> Option<String> {
        let note = match self.identity {
            _ if self.whole.is_some() => return None,
            Identity::Whole => return None,
            Identity::Parts => {
                "the columns hold only a part of each caller; select useridentity to see the roles"
            }
            Identity::Console => {
                "the CSV of the event history has no error messages, accounts and roles, and names callers by their sessions; \
                 download it as JSON"
            }
            Identity::Absent => {
                "there is no column useridentity, so all callers are unknown; select it, too"
            }
        };
        Some(note.to_owned())
    }
}

/// Returns the records of a table, one a line, and a note about what the table does not hold.
pub(crate) fn records(
    input: impl Read + 'static,
    columns: Columns,
) -> (Box<dyn Read>, Option<String>) {
    let left = Rc::new(Cell::new(Left::Bytes(LINE_BYTES_MAX)));
    let input = Limited {
        input,
        left: Rc::clone(&left),
    };
    let mut table = reader(input, columns.delimiter);
    let mut names = None;
    let mut cells = ByteRecord::new();
    let produced = Produced::new(move |out: &mut Vec<u8>| {
        left.set(Left::Bytes(LINE_BYTES_MAX));
        let names = match &names {
            Some(names) => names,
            None => {
                let header = table.byte_headers().map_err(io::Error::from)?;
                names.insert(
                    header
                        .iter()
                        .map(|name| Name::of(name, columns))
                        .collect::<Vec<_>>(),
                )
            }
        };
        if !table
            .read_byte_record(&mut cells)
            .map_err(io::Error::from)?
        {
            return Ok(false);
        }
        // A row that ends with a line break is complete before the end of the input is seen.
        let is_open =
            left.get() == Left::Nothing && names.last().is_some_and(|name| name.is_outcome);
        let line = match columns.whole {
            Some(place) => whole(cells.get(place).unwrap_or_default()),
            None if cells.len() > names.len() => string("a row with more cells than names"),
            None if is_open || cells.len() < names.len() => string("a row that was cut off"),
            None => of_row(names, &cells, columns),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        Ok(true)
    });
    (Box::new(produced), columns.note())
}

/// Returns the JSON line of a cell that has a whole record.
pub(crate) fn whole(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        // In JSON, a line break may only be between tokens.
        return text.replace(['\n', '\r'], " ");
    }
    string(text)
}

fn string(text: &str) -> String {
    let mut json = String::new();
    row::quote(text, &mut json);
    json
}

/// The name of a column, and what it means.
struct Name {
    plain: String,
    /// The field of the identity that the column is.
    part: Option<&'static str>,
    is_outcome: bool,
}

impl Name {
    fn of(name: &[u8], columns: Columns) -> Self {
        let plain = plain(name);
        let part = PARTS.iter().find(|(part, _)| *part == plain);
        let part = part.filter(|_| columns.identity != Identity::Whole);
        Self {
            part: part.map(|(_, field)| *field),
            is_outcome: OUTCOMES.contains(&plain.as_str()),
            plain,
        }
    }
}

fn of_row(names: &[Name], cells: &ByteRecord, columns: Columns) -> String {
    let mut fields: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut identity = String::new();
    for (name, cell) in names.iter().zip(cells) {
        // Without its column of error codes, a row would be refused.
        if cell.is_empty() && !name.is_outcome {
            continue;
        }
        let cell = String::from_utf8_lossy(cell);
        match name.part {
            Some(_) if cell.trim().is_empty() => {}
            Some(field) => {
                identity.push(if identity.is_empty() { '{' } else { ',' });
                row::quote(field, &mut identity);
                identity.push(':');
                row::quote(cell.trim(), &mut identity);
            }
            None => fields.push((&name.plain, cell)),
        }
    }
    if !identity.is_empty() {
        let is_root =
            columns.identity == Identity::Console && identity.contains(r#""userName":"root""#);
        identity.push_str(if is_root { r#","type":"Root"}"# } else { "}" });
        fields.push(("useridentity", identity.into()));
    }
    row::read(fields.into_iter()).unwrap_or_else(string)
}

/// What is left of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// So many bytes at most before the row has to end.
    Bytes(u64),
    /// The input has ended.
    Nothing,
}

/// A reader that fails in a row that is too long, such as one with a quote that is never closed.
struct Limited<R> {
    input: R,
    left: Rc<Cell<Left>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(target)?;
        let Left::Bytes(left) = self.left.get() else {
            return Ok(count);
        };
        self.left.set(match left.checked_sub(count as u64) {
            _ if count == 0 && !target.is_empty() => Left::Nothing,
            Some(left) => Left::Bytes(left),
            None => {
                let text = format!("a row of the table has more than {LINE_BYTES_MAX} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        });
        Ok(count)
    }
}
