//! The error text, masked to its template: the words a service always writes stay, the values it
//! fills in become [`MASK`].
//!
//! A template is computed from one message alone, so that the same text gives the same template on
//! any machine, in any order, on any day; learning templates from a stream cannot promise that.
//! All kinds of values share one mask, because a field that holds an id today and a name tomorrow
//! is still the same field. One pass, linear in the length of the message, whatever it contains:
//! the text is written by whoever made the call.
//!
//! What counts as a value, first match wins:
//! 1. what also stands in `requestParameters`, as a whole word: the surest sign of all;
//! 2. the encoded part of an authorization failure, which becomes [`ENCODED_MASK`];
//! 3. what stands in quotes, unless it names a field ("at 'maxResults'"), in brackets or braces,
//!    unless it is a sentence, a single word in parentheses, and a schedule ("cron(0 12 * * ? *)");
//! 4. what the words before it announce: `key=value`, "with name orders", "Table: orders";
//! 5. dates, ARNs, URLs, host names, types ("`AWS::IAM::User`"), and words with a digit, `-`, `_`,
//!    `/` or `@`, unless they are English ("identity-based"), the name of a technique ("`x86_64`"), a
//!    constant ("`READ_ONLY`") or an IAM action ("ec2:RunInstances").
//!
//! Then lists of values fold into one, spaces collapse, and the template is cut at
//! [`TEMPLATE_BYTES_MAX`].

use json::bytes::kinds;

use crate::denial::{ENCODED, is_action};

/// Stands for a value.
pub const MASK: &str = "<*>";

/// Stands for an encoded authorization failure message.
pub const ENCODED_MASK: &str = "<encoded>";

/// A template is cut at this length, at the edge of a word; what makes messages differ comes first.
pub const TEMPLATE_BYTES_MAX: usize = 200;

/// CloudTrail cuts errorMessage at 1 KB; what is longer did not come from it.
const MESSAGE_BYTES_MAX: usize = 2048;

/// How many values of the request are looked for in the message.
pub const REQUEST_VALUES_MAX: usize = 64;

/// Masks a message to its template, given the strings that the request contained.
///
/// Folding a list, or a mark that found no partner, may bring together what a second pass reads
/// differently; passes repeat until nothing changes, so that masking a template gives the template.
pub fn template(message: &str, request_values: &[impl AsRef<str>]) -> String {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
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

/// Two passes settle all but made-up texts; each pass only ever removes, so a few settle those.
const PASSES_MAX: usize = 6;

/// Masks once; `true` says that another pass would change nothing.
fn pass(message: &str, requested: &Requested<'_>) -> (String, bool) {
    let mut scan = Scan {
        text: message,
        at: 0,
        kept: 0,
        requested,
        template: String::with_capacity(message.len().min(TEMPLATE_BYTES_MAX + 64)),
        unpaired: [false; 3],
        settled: true,
    };
    scan.run();
    scan.keep();
    // Where it is cut, a word stands at the end that did not before.
    cut(&mut scan.template);
    (scan.template, scan.settled)
}

fn cut(template: &mut String) {
    if template.len() > TEMPLATE_BYTES_MAX {
        let limit = template.floor_char_boundary(TEMPLATE_BYTES_MAX);
        let edge = template[..limit].rfind(' ').unwrap_or(limit);
        template.truncate(edge);
        // A word that was prose must not stand alone behind its colon now, like a value.
        if let Some((before, _)) = template.rsplit_once(' ')
            && before.ends_with(':')
        {
            let length = before.len();
            template.truncate(length);
        }
    }
    template.truncate(template.trim_ascii_end().len());
}

/// Words too common in messages to be taken for a value of the request.
const NEVER_VALUES: [&str; 14] = [
    "default", "true", "false", "null", "none", "all", "any", "auto", "enabled", "disabled",
    "string", "name", "the", "not",
];

/// The strings of the request that are worth looking for, the longest first.
#[derive(Default)]
struct Requested<'v> {
    values: Vec<&'v str>,
    /// Their first bytes, one bit for each of ASCII's, so that most words need no comparison.
    firsts: u128,
}

impl<'v> Requested<'v> {
    fn of(values: &'v [impl AsRef<str>]) -> Self {
        let mut requested = Self::default();
        for value in values.iter().take(REQUEST_VALUES_MAX).map(AsRef::as_ref) {
            // A word that is masked for its shape need not be looked for.
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

    /// Returns the length of the value that a text begins with, if it is a whole word there.
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

/// Returns the bit of a first byte; all that are not ASCII share one.
fn bit(byte: u8) -> u128 {
    1 << byte.min(127)
}

/// One pass over a message, byte by byte: all marks that matter are ASCII.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Where the text begins that stays as it is and was not copied yet.
    kept: usize,
    requested: &'a Requested<'a>,
    template: String,
    /// Quotation marks of which none is left, so that a search that failed is not repeated.
    unpaired: [bool; 3],
    /// Whether nothing happened that another pass could read differently.
    settled: bool,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            if self.template.len() + (self.at - self.kept) > TEMPLATE_BYTES_MAX {
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
                // A mark without a partner stays, and may find one in another pass.
                self.settled &= b",=;|".contains(&byte);
                self.at += 1;
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Copies what stays.
    fn keep(&mut self) {
        self.template.push_str(&self.text[self.kept..self.at]);
        self.kept = self.at;
    }

    /// Passes over what is left out or was replaced.
    fn skip_to(&mut self, at: usize) {
        self.at = at;
        self.kept = at;
    }

    /// Passes over a word of letters and the one space behind it, which most of a message is.
    fn plain_word(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let ends = |byte: &u8| KINDS[usize::from(*byte)] & LETTER == 0;
        let length = rest.iter().position(ends);
        let Some(length) = length.filter(|&length| rest[length] == b' ') else {
            return false;
        };
        let next = rest.get(length + 1);
        // More spaces, or the words that announce an encoded part, are for the long way round.
        if next.is_none_or(u8::is_ascii_whitespace) || rest.starts_with(b"Encoded ") {
            return false;
        }
        if is_given_name(&self.rest()[..length]) {
            return false;
        }
        self.at += length + 1;
        true
    }

    /// One space stays; more become one, and none begins a template.
    fn spaces(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b);
        let length = length.unwrap_or(rest.len());
        let end = self.at + length;
        let single = length == 1 && rest[0] == b' ';
        if single && self.at > self.kept {
            self.at = end;
            return true;
        }
        self.keep();
        let stays = !self.template.is_empty() && !self.template.ends_with(' ');
        if stays {
            self.template.push(' ');
        }
        // One space that stays is as it was.
        self.settled &= stays && single;
        self.skip_to(end);
        true
    }

    /// Puts a mask for the text up to a place, and folds it into an equal one it is listed with.
    fn mask(&mut self, masked: &str, end: usize) {
        self.keep();
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

    /// A mark opens a quotation only after a space or an opening punctuation: "doesn't" does not.
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

    /// Tells a quoted field name from a quoted value: `at 'name'`, `'disableApiStop' attribute`.
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

    /// A single word in parentheses is a value, prose in parentheses is not, `role(s)` is a plural.
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

    /// Brackets around a sentence are only its dress, as Route 53 wears it; what the sentence says
    /// must not be lost, so it is read on.
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
        // What went with it may have been what kept a bracket before it from its partner.
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

    /// Tells by what stands before it that a word is a value, whatever it looks like. Two bytes
    /// decide for nearly all words that nothing announces them.
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

    /// Tells a word on its own behind a kind and a colon; more words are prose.
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

    /// A mask that is there already stays, so that masking twice changes nothing.
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
        // Marks around a value stay, so that what stands beside a quotation is the same before and
        // after masking.
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
            // A bracket in it or behind it was not looked at, and stands behind a mask now.
            self.settled &= !word.bytes().any(|byte| b"([{".contains(&byte));
        }
        self.at = end;
        true
    }
}

/// Words for the fields of a request; the name of one is no value.
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

/// Returns a template without the marks that would list another value after its last one.
fn unlisted(template: &str) -> &str {
    let unmarked = |text: &'_ str| -> usize {
        text.bytes()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b','))
            .count()
    };
    let listed = &template[..template.len() - unmarked(template)];
    let listed = listed.strip_suffix(" and").unwrap_or(listed);
    &listed[..listed.len() - unmarked(listed)]
}

/// Returns where a quotation ends; an apostrophe inside a word ends none.
fn closing_mark(inside: &[u8], mark: u8) -> Option<usize> {
    memchr::memchr_iter(mark, inside).find(|&at| {
        let before = inside[..at].last().is_some_and(|&byte| in_word(byte));
        let after = inside.get(at + 1).is_some_and(|&byte| in_word(byte));
        !(mark == b'\'' && before && after)
    })
}

/// How many brackets are looked at for the partner of one, so that no text takes long.
const BRACKETS_MAX: usize = 64;

/// Returns where a bracket closes, with regard to those inside it.
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
    // A value may hold brackets without partners, or the message was cut: then up to the first.
    Some(partner.unwrap_or(first))
}

/// Tells a sentence from a list of values: three words and more.
fn opens_sentence(inside: &str) -> bool {
    let mut words = inside.split(' ');
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
    words.by_ref().take(3).filter(|word| plain(word)).count() == 3 && words.next().is_some()
}

/// Returns the length of a schedule's parentheses, `(0 12 * * ? *)` behind `cron`.
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

/// What else stands in a date.
const ZONES: [&str; 4] = ["UTC", "GMT", "AM", "PM"];

/// Returns the length of a date with names in it, which digits alone would not mask:
/// `Tue Nov 03 08:12:01 UTC 2026`, `Tue, 03 Nov 2026 08:12:01 GMT`, `Nov 3, 2026 8:12 PM`.
fn date_length(text: &str) -> Option<usize> {
    // Three letters and a break come first; most words are told by that.
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

/// Tells whether a byte beside an apostrophe makes it part of a word; a mask is a word.
fn in_word(byte: u8) -> bool {
    matches!(byte, b'<' | b'>') || !(is_break(byte) || is_sentence_mark(byte))
}

/// Tells marks that stand beside a word and belong to the sentence.
fn is_sentence_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b':' | b'!' | b'?')
}

/// Returns the length of the word at the start of a text, at least one byte.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if starts_address(text) {
        // Addresses hold marks that end other words.
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

/// Tells marks that end a word.
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

/// What each byte is to a word; a table, because every byte of every message is looked up.
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

/// After these words comes a name.
const NAMINGS: [&str; 5] = [" with name", " with id", " with ID", " with Id", " named"];

/// Tells words that no value is: "with name and path", "named in the request".
fn is_function(word: &str) -> bool {
    const WORDS: [&str; 26] = [
        "a", "already", "an", "and", "are", "as", "at", "because", "can", "cannot", "does", "for",
        "from", "has", "have", "in", "is", "must", "not", "of", "on", "or", "that", "the", "to",
        "was",
    ];
    WORDS.contains(&word) || word.contains('\'')
}

/// Tells whether the text before a colon ends in a word for a kind of thing, so that the one word
/// behind the colon says which one: "reserved keyword: status". After any other word it may say
/// what is wrong, "Error: Unauthorized", or which field, "Invalid parameter: Endpoint".
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

/// Tells by its shape whether a word is a value.
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

/// Names of techniques and services that contain a digit and are no value, lower case.
const TECHNIQUES: [&str; 30] = [
    "s3", "ec2", "x86_64", "arm64", "i386", "amd64", "ipv4", "ipv6", "sha1", "sha256", "sha-1",
    "sha-256", "sha512", "md5", "base64", "utf8", "utf-8", "oauth2", "http2", "http/1.1", "http/2",
    "route53", "x509", "x.509", "iso8601", "rfc3339", "db2", "k8s", "pkcs8", "pkcs1",
];

/// The longest of these names; what is longer, as most values are, need not be compared.
const TECHNIQUE_BYTES_MAX: usize = 8;

fn is_technique(word: &str) -> bool {
    word.len() <= TECHNIQUE_BYTES_MAX
        && TECHNIQUES
            .iter()
            .any(|name| name.eq_ignore_ascii_case(word))
}

/// Top-level domains by which a word is taken for a host name.
const DOMAINS: [&str; 8] = ["com", "net", "org", "io", "cn", "aws", "internal", "local"];

fn is_host(word: &str) -> bool {
    word.rsplit_once('.')
        .is_some_and(|(name, domain)| !name.is_empty() && DOMAINS.contains(&domain))
}

/// Tells a name of several parts, such as the type `AWS::IAM::User` or a dimension
/// `ecs:service:DesiredCount`; two parts may be a word of a language, `Fn::GetAtt`.
fn is_type(word: &str) -> bool {
    word.contains(':') && word.split(':').filter(|part| !part.is_empty()).count() > 2
}

/// Tells names that AWS gives and that need not hold a digit: service-linked roles, and the ids
/// of principals and access keys, of which one in thirty is all letters.
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

/// Tells a constant of an API, such as `READ_ONLY`.
fn is_constant(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// Compound words that services write, lower case. Whole words and not their halves: anything else
/// with a joint may be a name, `user-api` as well as `user-defined`.
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

/// Tells an English compound from a name.
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
    fn values_go_and_words_stay() {
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
    fn what_announces_a_value_masks_it() {
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
    fn names_without_a_telling_shape_are_found_through_the_request() {
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
    fn an_encoded_failure_is_cut() {
        assert_eq!(
            masked(
                "You are not authorized to perform this operation. Encoded authorization failure message: aB3dE"
            ),
            "You are not authorized to perform this operation. <encoded>"
        );
    }

    #[test]
    fn what_stands_beyond_the_longest_message_is_not_looked_at() {
        // Marks that never close are what makes a careless search quadratic.
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
    fn a_bracket_that_goes_with_a_value_may_give_another_one_its_partner() {
        let once = masked("Tue with name arn:aws:s3:::x{aTue{}");
        assert_eq!(masked(&once), once);
    }

    #[test]
    fn a_long_message_is_cut_at_a_word() {
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
