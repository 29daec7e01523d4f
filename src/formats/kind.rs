//! Recognises what an input is by its first bytes.
//!
//! Sources: the specifications of the formats, by their first bytes; AWS CLI Command Reference, `logs tail`; Amazon
//! CloudWatch Logs User Guide, "Export log data to Amazon S3".

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use crate::HEAD_BYTES;
use crate::archive;
use crate::table::{self, Columns};
use crate::timed_lines::{BYTE_ORDER_MARK, begins_with_time};
use crate::utf16::ByteOrder;

/// The kind of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON text; what is in it is not examined, except for [`Kind::SecurityLake`].
    Json,
    /// Gzip data.
    Gzip,
    /// Zstandard data.
    Zstd,
    /// UTF-16 text: with a byte order mark, or JSON without one.
    Utf16(ByteOrder),
    /// Records with a time in front, as `aws logs tail` and exports of CloudWatch Logs have it.
    TimedLines,
    /// A table of comma-separated values with these columns.
    Table(Columns),
    /// A table of events without the columns that are needed.
    Incomplete(Columns),
    /// Events of Security Lake (OCSF) in JSON.
    SecurityLake,
    /// A Parquet file.
    Parquet,
    /// A known format that is not read.
    Unsupported {
        /// Name of the format.
        what: &'static str,
        /// What to do; the word `FILE` stands for the name of the input.
        advice: &'static str,
    },
    /// Anything else.
    Other,
}

/// The first bytes of formats that are not read: bytes, name, and what to do.
const UNSUPPORTED: [(&[u8], &str, &str); 8] = [
    (b"BZh", "bzip2 data", "unpack it first: bunzip2 -k FILE"),
    (b"\xfd7zXZ", "xz data", "unpack it first: unxz -k FILE"),
    (
        b"7z\xbc\xaf",
        "a 7-Zip archive",
        "unpack it first: 7z x FILE",
    ),
    (b"Rar!", "a RAR archive", "unpack it first: unrar x FILE"),
    (b"\x04\"M\x18", "LZ4 data", "unpack it first: unlz4 FILE"),
    (
        b"SQLite format 3",
        "a SQLite database",
        "a store written by scan --db is shown by: cloudtrail-inspector clusters list --db FILE",
    ),
    (b"ORC", "an ORC file", "export the rows as JSON or CSV"),
    (b"Obj\x01", "an Avro file", "export the rows as JSON or CSV"),
];

/// Offset and bytes of the mark of a tar archive (POSIX, ustar).
const TAR: (usize, &[u8]) = (257, b"ustar");

impl Kind {
    /// Returns whether something of another kind is inside.
    pub(crate) fn is_layer(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd | Self::Utf16(_))
    }
}

/// Returns the kind of an input that begins with these bytes. At least 64 KiB, or the whole input, should be given.
pub fn of(head: &[u8]) -> Kind {
    match head {
        [0x1f, 0x8b, ..] => return Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Kind::Zstd,
        [0xff, 0xfe, ..] | [b'{' | b'[', 0, ..] => return Kind::Utf16(ByteOrder::Little),
        [0xfe, 0xff, ..] | [0, b'{' | b'[', ..] => return Kind::Utf16(ByteOrder::Big),
        [b'P', b'A', b'R', b'1', ..] => return Kind::Parquet,
        _ => {}
    }
    let (at, mark) = TAR;
    if head.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
        let (what, advice) = ("a tar archive", "unpack it first: tar -xf FILE");
        return Kind::Unsupported { what, advice };
    }
    let found = UNSUPPORTED
        .iter()
        .find(|(magic, ..)| head.starts_with(magic));
    if let Some(&(_, what, advice)) = found {
        return Kind::Unsupported { what, advice };
    }
    if archive::is_zip(head) {
        return Kind::Unsupported {
            what: "a zip archive that is named as a trail file, inside of another file or on standard input",
            advice: "unpack it first: unzip FILE",
        };
    }
    of_text(head)
}

fn of_text(head: &[u8]) -> Kind {
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let text = text.trim_ascii_start();
    match text {
        [b'{', ..] | [b'[', b'{' | b'[' | b'"' | b']' | b' ' | b'\r' | b'\n', ..] => {
            return match is_security_lake(text) {
                true => Kind::SecurityLake,
                false => Kind::Json,
            };
        }
        [b'"', b'{' | b'[', ..] => return Kind::Json,
        _ => {}
    }
    if begins_with_time(text) && (has(text, b"\"eventSource\"") || has(text, b"\"eventName\"")) {
        return Kind::TimedLines;
    }
    match table::columns(text) {
        Some(columns) if columns.is_complete() => Kind::Table(columns),
        Some(columns) => Kind::Incomplete(columns),
        None => Kind::Other,
    }
}

/// The keys of an event of Security Lake; no record of CloudTrail has the first.
fn is_security_lake(text: &[u8]) -> bool {
    has(text, b"\"class_uid\"") && has(text, b"\"metadata\"") && !has(text, b"\"eventVersion\"")
}

fn has(text: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find(text, key).is_some()
}

/// Number of unpacked bytes that are examined: as many as of an input that is not packed.
const UNPACKED_BYTES: u64 = HEAD_BYTES as u64;

/// Returns the kind of what is in gzip data; `None` for other data, or if nothing can be unpacked from its first bytes.
pub(crate) fn unpacked_head(kind: Kind, head: &[u8]) -> Option<Kind> {
    if kind != Kind::Gzip {
        return None;
    }
    let mut unpacked = Vec::new();
    // The head ends within the data, so the decoder fails there; what came before counts.
    let _ = MultiGzDecoder::new(head)
        .take(UNPACKED_BYTES)
        .read_to_end(&mut unpacked);
    match unpacked.is_empty() {
        // `input` reports the damage.
        true => Some(Kind::Json),
        false => Some(match of(&unpacked) {
            Kind::Other => Kind::Json,
            kind => kind,
        }),
    }
}
