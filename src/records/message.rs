//! Reduces an error message to its template: the fixed words of the service stay, and each value is replaced by
//! [`MASK`].
//!
//! A template depends on one message only. So the same message gives the same template on any machine, in any order, on
//! any day. Templates learned from a stream of messages could not guarantee this. All kinds of values have the same
//! mask, because a field may contain an id in one message and a name in the next. Callers influence the message, so the
//! time is linear in its length for any text.
//!
//! These parts are values; the first match wins:
//! 1. whole words that are also strings in `requestParameters`, which is the surest sign;
//! 2. the encoded part of an authorization failure, which becomes [`ENCODED_MASK`];
//! 3. text in quotes, unless it is the name of a field ("at 'maxResults'"); text in brackets or braces, unless it is a
//!    sentence; a single word in parentheses; a schedule ("cron(0 12 * * ? *)");
//! 4. a word announced by the text before it: `key=value`, "with name orders", "Table: orders";
//! 5. dates, ARNs, URLs, host names, types ("`AWS::IAM::User`"), and words with a digit, `-`, `_`, `/` or `@`.
//!    Exceptions are English words ("identity-based"), names of techniques ("`x86_64`"), constants ("`READ_ONLY`") and
//!    IAM actions ("ec2:RunInstances").
//!
//! Then a list of values becomes one value, several spaces become one, and the template is truncated at
//! [`TEMPLATE_BYTES_MAX`].

use json::bytes::kinds;

use crate::denial::{ENCODED, is_action};

/// The text that replaces each variable part of an error message, such as an id or a name, in the message's template.
pub const MASK: &str = "<*>";

/// The text that replaces the encoded part of an error message, an "encoded authorization failure message", in the
/// message's template.
pub const ENCODED_MASK: &str = "<encoded>";

/// Maximum length of the template of an error message, in bytes. A longer template is truncated at the end of a word.
///
/// The words by which messages differ are near the start, so little is lost.
pub const TEMPLATE_BYTES_MAX: usize = 200;

/// Maximum number of bytes read from a message. CloudTrail truncates `errorMessage` at 1 KB, so a longer message did
/// not come from CloudTrail.
const MESSAGE_BYTES_MAX: usize = 2048;

/// Maximum number of strings from the request parameters that [`template`] searches for in a message; further strings
/// are ignored.
pub const REQUEST_VALUES_MAX: usize = 64;

/// Returns the template of an error message, such as `Instance <*> is busy` for `Instance i-0a1b2c3d is busy`.
///
/// `request_values` are the strings of the record's `requestParameters`. They are masked wherever they are whole words
/// of the message.
///
/// The template of a template is the template itself. A message longer than 2 KB is read up to that length.
pub fn template(message: &str, request_values: &[impl AsRef<str>]) -> String {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    // A merged list or a quotation mark without a partner may bring together text that another pass
    // reads differently. So passes are repeated until nothing changes.
    let (mut template, mut settled) = pass(message, &Requested::of(request_values));
    for _ in 0..PASSES_MAX {
        if settled {
            break;
        }
        let (again, all_paired) = pass(&template, &Requested::default());
        settled = all_paired || again == template;
        template = again;
    }
    template
}

/// Maximum number of further passes. Two passes are enough for all real messages. Each pass only removes text, so a few
/// passes are enough for invented messages too.
const PASSES_MAX: usize = 6;

/// Masks a message in one pass; `true`: another pass would change nothing.
fn pass(message: &str, requested: &Requested<'_>) -> (String, bool) {
    let mut scan = Scan {
        text: message,
        at: 0,
        copied: 0,
        requested,
        template: String::with_capacity(message.len().min(TEMPLATE_BYTES_MAX + 64)),
        unpaired: [false; 3],
        settled: true,
    };
    scan.run();
    scan.copy();
    cut(&mut scan.template);
    (scan.template, scan.settled)
}

fn cut(template: &mut String) {
    if template.len() > TEMPLATE_BYTES_MAX {
        let limit = template.floor_char_boundary(TEMPLATE_BYTES_MAX);
        let edge = template[..limit].rfind(' ').unwrap_or(limit);
        template.truncate(edge);
        // After truncation, a word of a sentence must not be alone after a colon: the next pass
        // would take it for a value.
        if let Some((before, _)) = template.rsplit_once(' ')
            && before.ends_with(':')
        {
            let length = before.len();
            template.truncate(length);
        }
    }
    template.truncate(template.trim_ascii_end().len());
}

/// Words that are too common in messages to count as values of the request.
const NEVER_VALUES: [&str; 14] = [
    "default", "true", "false", "null", "none", "all", "any", "auto", "enabled", "disabled",
    "string", "name", "the", "not",
];

/// The strings of the request to search for, the longest first.
#[derive(Default)]
struct Requested<'v> {
    values: Vec<&'v str>,
    /// First bytes of the values, one bit for each ASCII byte, so that most words need no comparison.
    firsts: u128,
}

impl<'v> Requested<'v> {
    fn of(values: &'v [impl AsRef<str>]) -> Self {
        let mut requested = Self::default();
        for value in values.iter().take(REQUEST_VALUES_MAX).map(AsRef::as_ref) {
            // A word that is masked because of its form need not be searched for.
            let wanted = (3..=256).contains(&value.len())
                && (!is_value(value) || value.bytes().any(is_break))
                && !NEVER_VALUES
                    .iter()
                    .any(|never| never.eq_ignore_ascii_case(value));
            if wanted {
                requested.firsts |= bit(value.as_bytes()[0]);
                requested.values.push(value);
            }
        }
        requested
            .values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
        requested
    }

    /// Returns the length of the value at the start of a text, if the value is a whole word there.
    fn at_start(&self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        if self.firsts & bit(bytes[0]) == 0 {
            return None;
        }
        let whole = |value: &&&str| {
            let after = bytes.get(value.len());
            text.starts_with(**value)
                && after.is_none_or(|&b| is_break(b) || is_sentence_mark(b) || b == b'\'')
        };
        self.values.iter().find(whole).map(|value| value.len())
    }
}

/// Returns the bit of a first byte; all bytes outside of ASCII share one bit.
fn bit(byte: u8) -> u128 {
    1 << byte.min(127)
}

/// One pass over a message, byte by byte. All marks with a meaning are ASCII.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The text before this offset was copied to the template, replaced or left out.
    copied: usize,
    requested: &'a Requested<'a>,
    template: String,
    /// For `'`, `"` and the backtick: whether the rest of the text has no closing mark, so that a failed search is not
    /// repeated.
    unpaired: [bool; 3],
    /// Whether another pass would change nothing.
    settled: bool,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            if self.template.len() + (self.at - self.copied) > TEMPLATE_BYTES_MAX {
                return;
            }
            if self.requested_value() {
                continue;
            }
            let announced = !is_break(byte) && self.is_announced();
            if byte.is_ascii_alphabetic() && !announced && (self.date() || self.plain_word()) {
                continue;
            }
            let done = match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.spaces(),
                b'\'' | b'"' | b'`' => self.opens_quote() && self.quoted(byte),
                b'(' => self.parenthesised(),
                b'[' | b'{' => self.bracketed(byte),
                b'<' => self.masked_before(),
                _ if is_break(byte) => false,
                _ => self.word(announced),
            };
            if !done {
                // A mark without a partner stays, and may have a partner in another pass.
                self.settled &= b",=;|".contains(&byte);
                self.at += 1;
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Copies the text up to the current position to the template.
    fn copy(&mut self) {
        self.template.push_str(&self.text[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Moves to a position without copying the text before it, because the text is left out or was replaced.
    fn skip_to(&mut self, at: usize) {
        self.at = at;
        self.copied = at;
    }

    /// Passes over a word of letters and one space, which is most of a message; `false` if there is none here.
    fn plain_word(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let ends = |byte: &u8| KINDS[usize::from(*byte)] & LETTER == 0;
        let length = rest.iter().position(ends);
        let Some(length) = length.filter(|&length| rest[length] == b' ') else {
            return false;
        };
        let next = rest.get(length + 1);
        // Several spaces, and the words before an encoded part, need the full examination.
        if next.is_none_or(u8::is_ascii_whitespace) || rest.starts_with(b"Encoded ") {
            return false;
        }
        if is_given_name(&self.rest()[..length]) {
            return false;
        }
        self.at += length + 1;
        true
    }

    /// Reduces white space to one space, and to none at the start of a template.
    fn spaces(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b);
        let length = length.unwrap_or(rest.len());
        let end = self.at + length;
        let single = length == 1 && rest[0] == b' ';
        if single && self.at > self.copied {
            self.at = end;
            return true;
        }
        self.copy();
        let is_written = !self.template.is_empty() && !self.template.ends_with(' ');
        if is_written {
            self.template.push(' ');
        }
        // A single space that is written again is no change.
        self.settled &= is_written && single;
        self.skip_to(end);
        true
    }

    /// Writes a mask for the text up to `end`. If the template ends in a list whose last element is the same mask, the
    /// new value joins the list and nothing is written.
    fn mask(&mut self, masked: &str, end: usize) {
        self.copy();
        let listed = unlisted(&self.template);
        if listed.len() < self.template.len() && listed.ends_with(masked) {
            let length = listed.len();
            self.template.truncate(length);
            self.settled = false;
        } else {
            self.template.push_str(masked);
        }
        self.skip_to(end);
    }

    fn requested_value(&mut self) -> bool {
        let before = self.text.as_bytes()[..self.at].last();
        if self.requested.firsts == 0 || before.is_some_and(|&byte| !is_break(byte)) {
            return false;
        }
        let Some(length) = self.requested.at_start(self.rest()) else {
            return false;
        };
        self.mask(MASK, self.at + length);
        self.settled = false;
        true
    }

    /// Checks whether a quotation mark opens a quotation: after a space or an opening punctuation mark, unlike in
    /// "doesn't".
    fn opens_quote(&self) -> bool {
        let before = self.text.as_bytes()[..self.at].last();
        before.is_none_or(|byte| byte.is_ascii_whitespace() || b"([{=,:;".contains(byte))
    }

    fn quoted(&mut self, mark: u8) -> bool {
        let (slot, masked) = match mark {
            b'\'' => (0, "'<*>'"),
            b'"' => (1, "\"<*>\""),
            _ => (2, "`<*>`"),
        };
        if self.unpaired[slot] {
            return false;
        }
        let inside = &self.rest()[1..];
        let Some(length) = closing_mark(inside.as_bytes(), mark) else {
            self.unpaired[slot] = true;
            return false;
        };
        let end = self.at + length + 2;
        if self.names_field(&inside[..length], &inside[length + 1..]) {
            self.at = end;
        } else {
            self.mask(masked, end);
        }
        true
    }

    /// Checks whether a quotation is the name of a field and not a value: `at 'name'`, `'disableApiStop' attribute`.
    fn names_field(&self, content: &str, after: &str) -> bool {
        let letters = |byte: u8| byte.is_ascii_alphabetic() || byte == b'.';
        if content.is_empty() || !content.bytes().all(letters) {
            return false;
        }
        let camel = content.starts_with(|c: char| c.is_ascii_lowercase())
            && content.bytes().any(|byte| byte.is_ascii_uppercase());
        let before = self.text[..self.at].trim_ascii_end().trim_end_matches(':');
        let before = before.rsplit(' ').next().unwrap_or_default();
        let next = after.trim_ascii_start();
        let next = next.split(|c: char| !c.is_ascii_alphabetic()).next();
        camel
            || before == "at"
            || FIELD_NOUNS.contains(&before)
            || next.is_some_and(|word| FIELD_NOUNS.contains(&word))
    }

    /// Masks a single word in parentheses, which is a value. Several words are a remark, and `role(s)` is a plural.
    fn parenthesised(&mut self) -> bool {
        if let Some(length) = schedule_length(&self.text[..self.at], self.rest()) {
            self.mask("(<*>)", self.at + length);
            return true;
        }
        let content = self.rest()[1..].trim_ascii_start();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')');
        let Some(length) = content.as_bytes().iter().position(ends) else {
            return false;
        };
        let Some(after) = content[length..].trim_ascii_start().strip_prefix(')') else {
            return false;
        };
        if length == 0 || matches!(&content[..length], "s" | "es") {
            return false;
        }
        self.mask("(<*>)", self.text.len() - after.len());
        true
    }

    /// Masks the content of brackets. Route 53 writes whole sentences in brackets; these are read like
    /// other text, so that their words stay in the template.
    fn bracketed(&mut self, mark: u8) -> bool {
        let (close, masked) = match mark {
            b'[' => (b']', "[<*>]"),
            _ => (b'}', "{<*>}"),
        };
        let rest = self.rest();
        if opens_sentence(&rest[1..]) {
            return false;
        }
        let Some(length) = closing_bracket(rest.as_bytes(), mark, close) else {
            return false;
        };
        let after = rest[length..].trim_start_matches(char::from(close));
        self.mask(masked, self.text.len() - after.len());
        // The masked text may have contained a bracket without a partner, so an earlier bracket may
        // have a partner in the next pass.
        self.settled = false;
        true
    }

    fn date(&mut self) -> bool {
        let Some(length) = date_length(self.rest()) else {
            return false;
        };
        self.mask(MASK, self.at + length);
        true
    }

    /// Checks whether the text before a word announces a value, of any form. For nearly all words the
    /// two bytes before them are enough to decide.
    fn is_announced(&self) -> bool {
        let before = &self.text[..self.at];
        match before.as_bytes() {
            [.., key, b'='] => key.is_ascii_alphanumeric(),
            [.., b':' | b' ', b' '] => self.follows_kind(before.trim_ascii_end()),
            [.., b'e' | b'd' | b'D', b' '] => {
                let before = &before[..before.len() - 1];
                NAMINGS.iter().any(|naming| before.ends_with(naming)) && {
                    let rest = self.rest();
                    !is_function(&rest[..word_length(rest)])
                }
            }
            _ => false,
        }
    }

    /// Checks whether a single word follows a kind and a colon; several words are a sentence.
    fn follows_kind(&self, before: &str) -> bool {
        let Some(before) = before.strip_suffix(':') else {
            return false;
        };
        let rest = self.rest();
        let word = &rest[..word_length(rest)];
        let after = rest[word.len()..].trim_ascii_start();
        let ends =
            word.ends_with(['.', ':']) || after.is_empty() || after.starts_with([',', ';', ')']);
        ends && announces(before)
    }

    /// Keeps a mask that is already in the text, so that masking twice changes nothing.
    fn masked_before(&mut self) -> bool {
        let masked = [MASK, ENCODED_MASK]
            .into_iter()
            .find(|mask| self.rest().starts_with(mask));
        if let Some(masked) = masked {
            self.mask(masked, self.at + masked.len());
        }
        masked.is_some()
    }

    fn word(&mut self, announced: bool) -> bool {
        let rest = self.rest();
        if rest.starts_with('E') && rest.starts_with(ENCODED) {
            self.mask(ENCODED_MASK, self.text.len());
            return true;
        }
        let word = &rest[..word_length(rest)];
        let end = self.at + word.len();
        // Marks around a value stay, so that the byte beside a quotation is the same before and after
        // masking.
        let bytes = word.as_bytes();
        let lead = bytes
            .iter()
            .take_while(|byte| is_sentence_mark(**byte))
            .count();
        let marks = |byte: &&u8| is_sentence_mark(**byte) || is_break(**byte);
        let tail = bytes[lead..].iter().rev().take_while(marks).count();
        let core = &word[lead..word.len() - tail];
        if (announced && !core.is_empty()) || is_value(core) {
            self.at += lead;
            self.mask(MASK, end - tail);
            // A bracket in the word was not examined, and may now be directly after a mask.
            self.settled &= !word.bytes().any(|byte| b"([{".contains(&byte));
        }
        self.at = end;
        true
    }
}

/// Words for the fields of a request; the name of a field is not a value.
const FIELD_NOUNS: [&str; 8] = [
    "parameter",
    "attribute",
    "field",
    "member",
    "property",
    "argument",
    "header",
    "element",
];

/// Returns a template without the comma or "and" at its end, which would continue a list.
fn unlisted(template: &str) -> &str {
    let separators = |text: &'_ str| -> usize {
        text.bytes()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b','))
            .count()
    };
    let listed = &template[..template.len() - separators(template)];
    let listed = listed.strip_suffix(" and").unwrap_or(listed);
    &listed[..listed.len() - separators(listed)]
}

/// Returns the offset of the closing quotation mark; an apostrophe inside a word does not count.
fn closing_mark(inside: &[u8], mark: u8) -> Option<usize> {
    memchr::memchr_iter(mark, inside).find(|&at| {
        let before = inside[..at].last().is_some_and(|&byte| in_word(byte));
        let after = inside.get(at + 1).is_some_and(|&byte| in_word(byte));
        !(mark == b'\'' && before && after)
    })
}

/// Maximum number of brackets in the search for a closing bracket, which limits the time for any text.
const BRACKETS_MAX: usize = 64;

/// Returns the offset of the closing bracket, with regard to nested brackets.
fn closing_bracket(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let first = memchr::memchr(close, text)?;
    let mut depth = 0_usize;
    let partner = memchr::memchr2_iter(open, close, text)
        .take(BRACKETS_MAX)
        .find(|&at| {
            depth = if text[at] == open {
                depth + 1
            } else {
                depth - 1
            };
            depth == 0
        });
    // A value may contain brackets without partners, or the message was truncated. Then the first
    // closing bracket counts.
    Some(partner.unwrap_or(first))
}

/// Checks whether a text begins with a sentence and not with a list of values: with three words, and more text after
/// the words.
fn opens_sentence(inside: &str) -> bool {
    let mut words = inside.split(' ');
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
    words.by_ref().take(3).filter(|word| plain(word)).count() == 3 && words.next().is_some()
}

/// Returns the length of a schedule in parentheses, such as `(0 12 * * ? *)` after `cron`.
fn schedule_length(before: &str, rest: &str) -> Option<usize> {
    if !(before.ends_with("cron") || before.ends_with("rate")) {
        return None;
    }
    let length = memchr::memchr(b')', rest.as_bytes())?;
    rest[..length].contains(' ').then_some(length + 1)
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Other words in a date.
const ZONES: [&str; 4] = ["UTC", "GMT", "AM", "PM"];

/// Returns the length of a date with names of days or months, which the rule for digits would not mask whole:
/// `Tue Nov 03 08:12:01 UTC 2026`, `Tue, 03 Nov 2026 08:12:01 GMT`, `Nov 3, 2026 8:12 PM`.
fn date_length(text: &str) -> Option<usize> {
    // A quick check that excludes most words: three letters and a separator.
    if !matches!(text.as_bytes(), [b'A'..=b'W', _, _, b' ' | b',', ..]) {
        return None;
    }
    let name = text.get(..3)?;
    let day = DAYS.contains(&name);
    if !day && !MONTHS.contains(&name) {
        return None;
    }
    let next = text[3..].strip_prefix(',').unwrap_or(&text[3..]);
    let next = next.strip_prefix(' ')?;
    let numeric = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let month = next.split(' ').next().is_some_and(|m| MONTHS.contains(&m));
    if !(numeric(next) || (day && month)) {
        return None;
    }
    let mut at = text.len() - next.len();
    let mut end = at;
    for part in next.split(' ') {
        let length = part.bytes().take_while(|&byte| !is_break(byte)).count();
        let core = part[..length].trim_end_matches(['.', ':', '!', '?']);
        if !(numeric(core) || MONTHS.contains(&core) || ZONES.contains(&core)) {
            break;
        }
        end = at + core.len();
        at += part.len() + 1;
        if !matches!(&part[core.len()..], "" | ",") {
            break;
        }
    }
    Some(end)
}

/// Checks whether a byte beside an apostrophe belongs to a word; a mask counts as a word.
fn in_word(byte: u8) -> bool {
    matches!(byte, b'<' | b'>') || !(is_break(byte) || is_sentence_mark(byte))
}

/// Checks for punctuation marks that belong to the sentence and not to the word beside them.
fn is_sentence_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b':' | b'!' | b'?')
}

/// Returns the length of the word at the start of a text, at least one byte.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if starts_address(text) {
        // Addresses contain marks that end other words.
        let ends = |byte: &u8| KINDS[usize::from(*byte)] & ADDRESS_END != 0;
        return bytes.iter().position(ends).unwrap_or(bytes.len());
    }
    let mut at = 1;
    while let Some(length) = bytes[at..].iter().position(|&byte| is_break(byte)) {
        at += length;
        let apostrophe = bytes[at] == b'\''
            && in_word(bytes[at - 1])
            && bytes.get(at + 1).is_some_and(|&next| in_word(next));
        if !apostrophe {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// Checks whether a byte ends a word.
fn is_break(byte: u8) -> bool {
    KINDS[usize::from(byte)] & BREAK != 0
}

const BREAK: u8 = 1;
const DIGIT: u8 = 2;
const JOINT: u8 = 4;
const DOT: u8 = 8;
const COLON: u8 = 16;
const ADDRESS_END: u8 = 32;
const LETTER: u8 = 64;

/// The kinds of each byte. This is a table because each byte of each message is looked up.
static KINDS: [u8; 256] = kinds(&[
    (b" \t\n\r\x0b\x0c'\"`()[]{}<>=;,|", BREAK),
    (b"0123456789", DIGIT),
    (b"-_/@", JOINT),
    (b".", DOT),
    (b":", COLON),
    (b"abcdefghijklmnopqrstuvwxyz", LETTER),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", LETTER),
    (b" \t\n\r\x0b\x0c\"'`,]>)", ADDRESS_END),
]);

fn starts_address(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'a') => text.starts_with("arn:"),
        Some(b'h') => text.starts_with("http://") || text.starts_with("https://"),
        _ => false,
    }
}

/// Words that are followed by a name.
const NAMINGS: [&str; 5] = [" with name", " with id", " with ID", " with Id", " named"];

/// Checks for words that are never a name, as in "with name and path" or "named in the request".
fn is_function(word: &str) -> bool {
    const WORDS: [&str; 26] = [
        "a", "already", "an", "and", "are", "as", "at", "because", "can", "cannot", "does", "for",
        "from", "has", "have", "in", "is", "must", "not", "of", "on", "or", "that", "the", "to",
        "was",
    ];
    WORDS.contains(&word) || word.contains('\'')
}

/// Checks whether the text before a colon ends in a word for a kind of thing, so that the word after
/// the colon is a name: "reserved keyword: status". After another word, the colon may introduce the
/// problem, "Error: Unauthorized", or the field, "Invalid parameter: Endpoint".
fn announces(before: &str) -> bool {
    const THINGS: [&str; 22] = [
        "name",
        "id",
        "identifier",
        "keyword",
        "index",
        "protocol",
        "label",
        "alias",
        "user",
        "role",
        "bucket",
        "database",
        "table",
        "queue",
        "topic",
        "stream",
        "function",
        "cluster",
        "region",
        "domain",
        "namespace",
        "engine",
    ];
    let mut words = before.rsplit(' ');
    let is_in = |word: Option<&str>, list: &[&str]| {
        word.is_some_and(|word| list.iter().any(|listed| listed.eq_ignore_ascii_case(word)))
    };
    is_in(words.next(), &THINGS) && !is_in(words.next(), &FIELD_NOUNS)
}

/// Checks whether a word has the form of a value.
fn is_value(word: &str) -> bool {
    if starts_address(word) {
        return true;
    }
    let kinds = word
        .bytes()
        .fold(0, |kinds, byte| kinds | KINDS[usize::from(byte)]);
    let is_action = || kinds & COLON != 0 && is_action(word);
    if kinds & DIGIT != 0 {
        !is_technique(word) && !is_action()
    } else if kinds & JOINT != 0 {
        !is_action() && !is_english(word) && !is_constant(word)
    } else {
        (kinds & DOT != 0 && is_host(word))
            || (kinds & COLON != 0 && is_type(word))
            || is_given_name(word)
    }
}

/// Names of techniques and services that contain a digit but are not values, in lower case.
const TECHNIQUES: [&str; 30] = [
    "s3", "ec2", "x86_64", "arm64", "i386", "amd64", "ipv4", "ipv6", "sha1", "sha256", "sha-1",
    "sha-256", "sha512", "md5", "base64", "utf8", "utf-8", "oauth2", "http2", "http/1.1", "http/2",
    "route53", "x509", "x.509", "iso8601", "rfc3339", "db2", "k8s", "pkcs8", "pkcs1",
];

/// Length of the longest of these names, in bytes. A longer word, as most values are, need not be compared.
const TECHNIQUE_BYTES_MAX: usize = 8;

fn is_technique(word: &str) -> bool {
    word.len() <= TECHNIQUE_BYTES_MAX
        && TECHNIQUES
            .iter()
            .any(|name| name.eq_ignore_ascii_case(word))
}

/// Top-level domains: a word that ends in one of them counts as a host name.
const DOMAINS: [&str; 8] = ["com", "net", "org", "io", "cn", "aws", "internal", "local"];

fn is_host(word: &str) -> bool {
    word.rsplit_once('.')
        .is_some_and(|(name, domain)| !name.is_empty() && DOMAINS.contains(&domain))
}

/// Checks for a name of three or more parts, such as the type `AWS::IAM::User` or the dimension
/// `ecs:service:DesiredCount`. A name of two parts may be a word of a language, such as `Fn::GetAtt`.
fn is_type(word: &str) -> bool {
    word.contains(':') && word.split(':').filter(|part| !part.is_empty()).count() > 2
}

/// Checks for names from AWS that may have no digit: service-linked roles, and the ids of principals
/// and access keys. One in thirty of these ids has only letters.
///
/// Source: AWS IAM User Guide, "IAM identifiers", "Understanding unique ID prefixes".
fn is_given_name(word: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "AGPA", "AIDA", "AIPA", "AKIA", "ANPA", "ANVA", "AROA", "ASCA", "ASIA",
    ];
    if word.len() < 16 || !word.starts_with('A') {
        return false;
    }
    let id = word.bytes().all(|byte| byte.is_ascii_uppercase());
    word.starts_with("AWSServiceRoleFor")
        || (id && PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
}

/// Checks for a constant of an API, such as `READ_ONLY`.
fn is_constant(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// Compound words in the messages of services, in lower case. The list has whole words, because a
/// single part proves nothing: `user-defined` is a word, but `user-api` is a name.
const COMPOUNDS: [&str; 57] = [
    "and/or",
    "auto-generated",
    "auto-scaling",
    "built-in",
    "case-insensitive",
    "case-sensitive",
    "client-side",
    "comma-separated",
    "cross-account",
    "cross-origin",
    "cross-region",
    "cross-service",
    "customer-managed",
    "customer-provided",
    "first-party",
    "identity-based",
    "in-progress",
    "key-value",
    "log-in",
    "long-term",
    "lower-case",
    "multi-az",
    "multi-factor",
    "multi-region",
    "multi-valued",
    "non-default",
    "non-empty",
    "non-existent",
    "non-zero",
    "on-demand",
    "one-time",
    "opt-in",
    "pre-defined",
    "pre-signed",
    "read-only",
    "read-write",
    "read/write",
    "resource-based",
    "role-based",
    "self-managed",
    "server-side",
    "service-linked",
    "short-term",
    "sign-in",
    "sub-resource",
    "system-defined",
    "tag-based",
    "third-party",
    "time-based",
    "two-factor",
    "up-to-date",
    "upper-case",
    "user-defined",
    "user-provided",
    "well-formed",
    "write-only",
    "zero-length",
];

/// Checks for an English compound, which is not a name; also for a word of hyphens and slashes only.
fn is_english(word: &str) -> bool {
    word.bytes().all(|b| b == b'-' || b == b'/')
        || COMPOUNDS
            .iter()
            .any(|compound| compound.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(message: &str) -> String {
        template(message, &[] as &[&str])
    }

    #[test]
    fn values_are_masked_and_words_stay() {
        for (message, wanted) in [
            (
                "Value (web-7f) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                "Value (<*>) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            ),
            (
                "The instance 'i-0a1b2c3d4e5f60718' may not be terminated. Modify its 'disableApiStop' instance attribute and try again.",
                "The instance '<*>' may not be terminated. Modify its 'disableApiStop' instance attribute and try again.",
            ),
            (
                "1 validation error detected: Value '[x]' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64",
                "<*> validation error detected: Value '<*>' at 'name' failed to satisfy constraint: Member must have length less than or equal to <*>",
            ),
            (
                "AccountId: 111122223333 doesn't exist!",
                "AccountId: <*> doesn't exist!",
            ),
            (
                "Instances i-0a1b2c3d, i-1a1b2c3d and i-2a1b2c3d are busy",
                "Instances <*> are busy",
            ),
            (
                "Instances [[i-0a1b2c3d]] not in a valid state",
                "Instances [<*>] not in a valid state",
            ),
            (
                "The architecture 'x86_64' of an arm64 AMI",
                "The architecture '<*>' of an arm64 AMI",
            ),
            (
                "Cross-account pass role and/or READ_ONLY is not allowed.",
                "Cross-account pass role and/or READ_ONLY is not allowed.",
            ),
            (
                "not authorized to perform ec2:RunInstances in shop-prod",
                "not authorized to perform ec2:RunInstances in <*>",
            ),
            (
                "Unknown trail: arn:aws:cloudtrail:us-east-1:111122223333:trail/a for the user: 111122223333",
                "Unknown trail: <*> for the user: <*>",
            ),
            (
                "Ask bo@example.com or see https://example.com/a?b=c, then  retry",
                "Ask <*> or see <*>, then retry",
            ),
            (
                "It isn't the customers' fault",
                "It isn't the customers' fault",
            ),
            (
                "The role(s) (see below) failed",
                "The role(s) (see below) failed",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn announced_values_are_masked() {
        for (message, wanted) in [
            (
                "[Tried to make record set [name='a.example.', type='A'] but it is there]",
                "[Tried to make record set [<*>] but it is there]",
            ),
            (
                "Bad body at [Source: (byte[])\"x y\"; line: 1] of {\"a\":{\"b\":1}} for {proxy+}",
                "Bad body at [<*>] of {<*>} for {<*>}",
            ),
            (
                "The combination: Engine=postgres, Class=db.t9.tiny, Tag=a=b is off",
                "The combination: Engine=<*>, Class=<*>, Tag=<*>=<*> is off",
            ),
            (
                "A queue with name orders or one named in a rule; with name and path. Stack with id Net gone",
                "A queue with name <*> or one named in a rule; with name and path. Stack with id <*> gone",
            ),
            (
                "Reserved keyword: status. Table: orders, Role: must be there; Parameter Name: size",
                "Reserved keyword: <*>. Table: <*>, Role: must be there; Parameter Name: size",
            ),
            ("Invalid parameter: Endpoint", "Invalid parameter: Endpoint"),
            (
                "Made at Tue Nov 03 08:12:01 UTC 2026, now Nov 3, 2026 8:12:01 PM. On Sun May rises",
                "Made at <*>, now <*>. On <*> rises",
            ),
            ("Expires Tue, 03 Nov 2026 08:12:01 GMT", "Expires <*>"),
            (
                "Type AWS::IAM::User and ecs:service:DesiredCount, not Fn::GetAtt or ec2:RunInstances",
                "Type <*>, not Fn::GetAtt or ec2:RunInstances",
            ),
            (
                "Roles AWSServiceRoleForECS of AROAABCDEFGHIJKLMNOPQ are UNAUTHORIZED",
                "Roles <*> of <*> are UNAUTHORIZED",
            ),
            (
                "Schedule cron(0 25 * * ? *) or rate(5 minutes), rate(s) apply",
                "Schedule cron(<*>) or rate(<*>), rate(s) apply",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn names_without_a_special_form_are_found_by_the_request() {
        let names = ["Falsimentis", "default", "Ann Lee"];
        assert_eq!(
            template("Dashboard Falsimentis does not exist", &names),
            "Dashboard <*> does not exist"
        );
        assert_eq!(
            template("Bus default of Falsimentister is off", &names),
            "Bus default of Falsimentister is off"
        );
        assert_eq!(template("User Ann Lee: gone", &names), "User <*>: gone");
    }

    #[test]
    fn an_encoded_failure_is_masked() {
        assert_eq!(
            masked(
                "You are not authorized to perform this operation. Encoded authorization failure message: aB3dE"
            ),
            "You are not authorized to perform this operation. <encoded>"
        );
    }

    #[test]
    fn text_beyond_the_longest_message_is_ignored() {
        // Marks without a partner would make a careless search quadratic.
        for mark in [
            "'", "\"", "(", "[", "<", " '", "((a ", "{", "[ [ ]", "a: ", "Tue 1 ", "cron( ",
        ] {
            let endless = mark.repeat(1 << 20);
            assert_eq!(
                masked(&endless),
                masked(&endless[..MESSAGE_BYTES_MAX]),
                "{mark}"
            );
        }
    }

    #[test]
    fn a_masked_bracket_may_leave_its_partner_to_another_one() {
        let once = masked("Tue with name arn:aws:s3:::x{aTue{}");
        assert_eq!(masked(&once), once);
    }

    #[test]
    fn a_long_message_is_truncated_at_a_word() {
        let template = masked(&"sound ".repeat(100));
        assert!(template.len() <= TEMPLATE_BYTES_MAX && template.ends_with("sound"));
    }

    proptest::proptest! {
        #[test]
        fn masking_twice_changes_nothing(message in r#"([a-z]{1,6}|[A-Z][a-z]+|cron|rate| with name | id: |Tue|Nov|UTC|A::B::C|[0-9]{1,4}|[a-z]-[0-9a-f]{3}|arn:aws:s3:::x|https://a\.com|['"`()\[\]{}<>.,:;=-]|<\*>|at|and| |é){0,60}"#) {
            let once = masked(&message);
            assert_eq!(masked(&once), once, "of {message:?}");
        }

        #[test]
        fn any_text_has_a_template(message in "\\PC{0,300}", value in "\\PC{0,12}") {
            let _ = template(&message, &[value]);
        }
    }
}
