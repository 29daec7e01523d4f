//! Masks an error message in one pass, byte by byte.

use std::ops::Range;

use super::dates::{date_length, schedule_length};
use super::nouns::{self, Next};
use super::words::{
    self, FIELD_NOUNS, GIVEN_NAME_BYTES_MIN, KINDS, LETTER, in_word, is_break, is_given_name,
    is_sentence_mark, is_value, word_length,
};
use super::{ENCODED_MASK, MASK, Requested, TEMPLATE_BYTES_MAX};
use crate::denial::ENCODED;

/// Masks a message in one pass. Returns the template, and whether another pass would change nothing.
pub(super) fn pass(message: &str, requested: &Requested<'_>) -> (String, bool) {
    let mut scan = Scan {
        text: message,
        at: 0,
        copied: 0,
        requested,
        template: String::with_capacity(message.len().min(TEMPLATE_BYTES_MAX + 64)),
        unpaired: [false; 3],
        settled: true,
        verb_end: 0,
        has_names: !REFUSALS.iter().any(|refusal| message.starts_with(refusal)),
    };
    scan.run();
    scan.copy();
    // A truncated sentence ends elsewhere, so another pass may find a name at its end.
    let settled = scan.settled && scan.template.len() <= TEMPLATE_BYTES_MAX;
    cut(&mut scan.template);
    (scan.template, settled)
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
    /// The offset behind the last word that may end a name, and behind the space after it; 0 if there is none.
    verb_end: usize,
    /// Whether the text may have names that only their place in the sentence shows.
    has_names: bool,
}

/// How the usual refusals begin. They name everything by its ARN, and most error messages are of this kind.
const REFUSALS: [&str; 2] = ["User: ", "You are not authorized"];

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
            if byte.is_ascii_alphabetic()
                && !announced
                && ((byte.is_ascii_uppercase() && self.date()) || self.plain_word())
            {
                continue;
            }
            let done = match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.spaces(),
                b'\'' | b'"' | b'`' => self.opens_quote() && self.quoted(byte),
                b'(' => self.parenthesised(),
                b'[' | b'{' => self.bracketed(byte),
                b'<' => self.angled(),
                _ if is_break(byte) => false,
                _ => self.word(announced),
            };
            if !done {
                // A mark without a partner stays, and may have a partner in another pass.
                self.settled &= matches!(byte, b',' | b'=' | b';' | b'|');
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

    /// Passes over a word of letters and one space, which is most of a message. Returns `false` if the text has another
    /// form here.
    fn plain_word(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| KINDS[usize::from(*byte)] & LETTER == 0;
        let length = rest.iter().position(ends);
        let Some(length) = length.filter(|&length| rest[length] == b' ') else {
            return false;
        };
        let word = &rest[..length];
        if matches!(word, b"Value" | b"value") && self.value_of_parameter() {
            return true;
        }
        let next = rest.get(length + 1);
        // Several spaces, and the words before an encoded part, need the full examination.
        if next.is_none_or(u8::is_ascii_whitespace) || rest.starts_with(b"Encoded ") {
            return false;
        }
        if length >= GIVEN_NAME_BYTES_MIN && is_given_name(&self.rest()[..length]) {
            return false;
        }
        if self.has_names {
            if nouns::ends_name(word) {
                // In "does not", the word before is no name.
                if self.verb_end != self.at {
                    self.name_before(length);
                }
                self.verb_end = self.at + length + 1;
            } else if words::has_humps(word) && self.camel_name(length) {
                return true;
            }
        }
        self.at += length + 1;
        true
    }

    /// Masks the name directly before a word at the current position that may end a name, and has `length` bytes: "Table
    /// orders does not exist".
    fn name_before(&mut self, length: usize) {
        let at = self.at;
        let next = || {
            let (word, rest) = self.rest().split_at(length);
            Next::of(word, rest)
        };
        // What was masked directly before the word is not a name any more.
        if self.copied + 1 < at
            && let Some(before) = self.text[..at].strip_suffix(' ')
            && let Some(name) = nouns::name_at_end(before, next)
        {
            self.mask_back(name);
            self.at = at;
        }
    }

    /// Masks a word in camel case at the current position, which has `length` bytes, if it is a name: "the stream
    /// webServers".
    fn camel_name(&mut self, length: usize) -> bool {
        let (before, word) = (&self.text[..self.at], &self.rest()[..length]);
        // What was masked directly before the word is not a noun any more.
        let is_name = self.copied + 1 < self.at && nouns::is_camel_name(before, word);
        if is_name {
            self.mask(MASK, self.at + length);
        }
        is_name
    }

    /// Masks a range that ends at or before the current position, if it was not yet copied to the template.
    fn mask_back(&mut self, range: Range<usize>) {
        if range.start >= self.copied {
            self.at = range.start;
            self.mask(MASK, range.end);
        }
    }

    /// Masks what is between "Value" and "for parameter", which may be empty or have several words: `Value my queue for
    /// parameter QueueName is invalid`.
    fn value_of_parameter(&mut self) -> bool {
        let Some(value) = self.rest().get("Value ".len()..) else {
            return false;
        };
        if value.starts_with(['\'', '"', '`']) {
            return false;
        }
        let within = &value[..value.floor_char_boundary(PARAMETER_VALUE_BYTES_MAX)];
        let found = [" for parameter ", " for field "]
            .into_iter()
            .find_map(|after| memchr::memmem::find(within.as_bytes(), after.as_bytes()));
        let Some(length) = found else {
            return false;
        };
        let value = &value[..length];
        let first = nouns::first_word(value);
        if value == MASK || nouns::is_english(first) {
            return false;
        }
        let start = self.at + "Value ".len();
        self.at = start;
        if value.starts_with('(') && value.ends_with(')') {
            self.mask("(<*>)", start + length);
        } else {
            self.mask(MASK, start + length);
        }
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
        // A mask soon after a verb brings the words behind it nearer, and these decide whether a name is before the verb.
        let is_near = self.at < self.verb_end + nouns::EXISTENCE_BYTES_MAX;
        self.settled &= self.verb_end == 0 || !is_near;
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
        if self.requested.values.is_empty() {
            return false;
        }
        let before = self.text.as_bytes()[..self.at].last();
        if before.is_some_and(|&byte| !is_break(byte)) {
            return false;
        }
        let Some(length) = self.requested.at_start(self.rest()) else {
            return false;
        };
        // A queue may be called "queue". Then only its sentence shows which of these words is the name.
        let (value, after) = self.rest().split_at(length);
        if nouns::is_plain_and_common(value)
            && !nouns::is_name_in_place(&self.text[..self.at], value, after)
        {
            return false;
        }
        self.mask(MASK, self.at + length);
        self.settled = false;
        true
    }

    /// Checks whether a quotation mark opens a quotation: after a space or an opening punctuation mark, unlike in
    /// "doesn't".
    fn opens_quote(&self) -> bool {
        let before = self.text.as_bytes()[..self.at].last();
        before.is_none_or(|byte| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'(' | b'[' | b'{' | b'=' | b',' | b':' | b';')
        })
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
        let content = &inside[..length];
        if self.names_field(content, &inside[length + 1..]) {
            self.field(end);
        } else if is_sentence(content) {
            self.at += 1;
        } else {
            self.mask(masked, end);
        }
        true
    }

    /// Checks whether a quotation is the name of a field and not a value: `at 'tags.1.member.key'`, `'disableApiStop'
    /// instance attribute`. Names of customers look the same, so a noun for a field has to be beside the quotation.
    fn names_field(&self, content: &str, after: &str) -> bool {
        let before = self.text[..self.at].trim_ascii_end().trim_end_matches(':');
        let before = nouns::last_word(before);
        let after = after.trim_ascii_start();
        if before == "at" {
            let is_path = after.starts_with("failed to satisfy") && words::is_path(content);
            return is_path || words::is_field(content);
        }
        let is_noun = |word: &str| FIELD_NOUNS.contains(&word.strip_suffix('s').unwrap_or(word));
        let mut next = after.split(' ').take(2).map(|word| {
            let length = word.bytes().take_while(u8::is_ascii_alphabetic).count();
            &word[..length]
        });
        words::is_field(content)
            && (is_noun(before) || next.any(is_noun))
            && (!self.requested.values.contains(&content) || nouns::is_plain_and_common(content))
    }

    /// Passes over the path of a field up to `end`, and masks each index in the path: `tags.1.member.key`.
    fn field(&mut self, end: usize) {
        while let Some(index) = words::path_index(&self.text[self.at..end]) {
            self.at += index.start;
            self.mask(MASK, self.at + index.len());
        }
        self.at = end;
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
            self.at += 1;
            return true;
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
        let before = |space: usize| &self.text[..self.at - space];
        match &self.text.as_bytes()[..self.at] {
            [.., key, b'='] => key.is_ascii_alphanumeric(),
            [.., b':' | b' ', b' '] => self.follows_kind(before(0).trim_ascii_end()),
            // The ends of the words in NAMINGS.
            [.., b'k', b'e', b'y', b' ']
            | [.., b'a', b'm', b'e', b' ']
            | [.., b'm', b'e', b'd', b' ']
            | [.., b'i', b'e', b'r', b' ']
            | [.., b' ', b'i' | b'I', b'd' | b'D', b' ']
            | [.., b'a' | b'A', b'r' | b'R', b'n' | b'N', b' '] => {
                NAMINGS.iter().any(|naming| before(1).ends_with(naming)) && {
                    let rest = self.rest();
                    let word = &rest[..word_length(rest)];
                    word == "default" || (!is_function(word) && !nouns::is_english(word))
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
        // An address is a value without an announcement.
        if words::starts_address(rest) {
            return false;
        }
        let word = &rest[..word_length(rest)];
        let core = word.trim_end_matches(|c: char| c.is_ascii() && is_sentence_mark(c as u8));
        if core == "*" {
            return before.ends_with("on resource");
        }
        // The keys of a DynamoDB table have names from the customer.
        if before.ends_with("key schema element") {
            return true;
        }
        let after = rest[word.len()..].trim_ascii_start();
        let is_last = after.is_empty() || word.ends_with('.') || after.starts_with("- ");
        let ends = is_last || word.ends_with(':') || after.starts_with([',', ';', ')']);
        if ends && announces(before) {
            return true;
        }
        // A value before the colon, which was masked, is not a kind of thing. A value by its form needs no announcement.
        // A name has no colon in it, as an action has.
        if !self.has_names || self.copied >= before.len() || core.contains(':') || is_value(core) {
            return false;
        }
        let next = nouns::first_word(after);
        let next = Next::of(next, &after[next.len()..]).filter(|_| core.len() == word.len());
        if is_last || next.is_some() {
            return !nouns::is_english(core)
                && announces_at_end(before)
                && (is_last
                    || next.is_some_and(|next| {
                        nouns::name_after_colon(before, core, next, announces(before))
                    }));
        }
        let absent = [" found", " exist", " exists"]
            .iter()
            .any(|end| before.ends_with(end));
        (absent || announces(before)) && self.spaced_name(word.len()) > word.len()
    }

    /// Checks whether the sentence goes on with a verb after the first `length` bytes of the rest.
    fn ends_name(&self, length: usize) -> bool {
        let rest = self.rest()[length..].trim_ascii_start();
        let word = nouns::first_word(rest);
        matches!(
            Next::of(word, &rest[word.len()..]),
            Some(Next::Existence { .. } | Next::Verb { .. })
        )
    }

    /// Returns the length of a name with spaces at the current position, whose first word has `length` bytes: up to a verb
    /// or to the end of the text. It is `length` if the name has one word or does not end nearby.
    fn spaced_name(&self, length: usize) -> usize {
        let rest = self.rest();
        let mut end = length;
        for _ in 0..NAME_WORDS_MAX {
            let Some(next) = rest[end..].strip_prefix(' ') else {
                break;
            };
            let word = &next[..next
                .find(|c: char| c.is_ascii() && is_break(c as u8))
                .unwrap_or(next.len())];
            if self.ends_name(end) {
                return end;
            }
            if next.trim_ascii().is_empty() {
                break;
            }
            let name = word.strip_suffix('.').unwrap_or(word);
            if !nouns::may_be_in_name(name) {
                return length;
            }
            end += 1 + name.len();
            if name.len() < word.len() {
                break;
            }
        }
        let is_last = matches!(rest[end..].trim_ascii(), "" | ".");
        let in_capitals = || {
            let mut words = rest[length..end].split_ascii_whitespace();
            words.all(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        let after_colon = self.text[..self.at].ends_with(": ");
        if self.ends_name(end) || (is_last && (after_colon || in_capitals())) {
            end
        } else {
            length
        }
    }

    /// Masks text in angle brackets, with the name of a person before an e-mail address: `Bo Lee <bo@example.com>`. A mask
    /// that is already in the text stays, so that masking twice changes nothing.
    fn angled(&mut self) -> bool {
        let rest = self.rest();
        if rest.starts_with(ENCODED_MASK) {
            self.mask(ENCODED_MASK, self.at + ENCODED_MASK.len());
            return true;
        }
        let within = &rest.as_bytes()[1..rest.len().min(ANGLED_BYTES_MAX)];
        let Some(length) = memchr::memchr2(b'<', b'>', within) else {
            return false;
        };
        let content = &rest[1..=length];
        if within[length] != b'>' || content.is_empty() || content.starts_with([' ', '=']) {
            return false;
        }
        let end = self.at + length + 2;
        if content.contains('@') {
            self.drop_person();
        }
        self.mask(MASK, end);
        true
    }

    /// Leaves out the name of a person directly before the current position, up to a comma or a colon.
    fn drop_person(&mut self) {
        let before = &self.text[self.copied..self.at];
        let start = before.rfind([',', ':', ';']).map_or(0, |at| at + 1);
        let person = before[start..].trim_ascii();
        let starts_list = start > 0 || self.copied == 0 || self.template.ends_with(MASK);
        if person.is_empty() {
            // The name was in quotes.
            self.copy();
            let quoted = self.template.trim_ascii_end().strip_suffix("\"<*>\"");
            if let Some(length) = quoted.map(str::len) {
                self.template.truncate(length);
                self.settled = false;
            }
        } else if starts_list && person.split(' ').count() <= NAME_WORDS_MAX {
            let start = self.at - before[start..].trim_ascii_start().len();
            let end = self.at;
            self.at = start;
            self.copy();
            self.skip_to(end);
        }
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
        if announced && !core.is_empty() {
            let name = self.spaced_name(word.len());
            let end = if name > word.len() {
                self.at + name
            } else {
                end - tail
            };
            self.value(lead, end, word);
            return true;
        }
        if is_value(core) || is_placeholder(word, core) {
            if words::is_indexed_path(core) {
                self.field(end);
            } else {
                self.value(lead, end - tail, word);
            }
        } else if !self.has_names {
            // The rest of the rules is for names.
        } else if word.len() <= DID_NOT_BYTES_MAX && word.contains('\'') {
            self.name_before(word.len());
        } else {
            self.name_at(lead + core.len(), word.len() - lead - core.len());
        }
        self.at = end;
        true
    }

    /// Masks a value that ends at `end`, in a word that begins with `lead` marks of the sentence.
    fn value(&mut self, lead: usize, end: usize, word: &str) {
        self.at += lead;
        self.mask(MASK, end);
        // A bracket in the word was not examined, and may now be directly after a mask.
        self.settled &= !word.bytes().any(|byte| matches!(byte, b'(' | b'[' | b'{'));
    }

    /// Masks a name that ends a sentence with the word at the current position, whose `length` bytes are followed by
    /// `tail`: "undefined resource Orders". A name with dots is masked as well: "User bo.lee cannot be found".
    fn name_at(&mut self, length: usize, tail: usize) {
        let end = self.at + length;
        let core = &self.text[self.at..end];
        let after = &self.text[end..];
        if !core.starts_with(|c: char| c.is_alphabetic()) {
            return;
        }
        if words::has_humps(core.as_bytes()) && self.camel_name(length) {
            return;
        }
        if words::is_dotted_name(core) {
            let before = self.text[..self.at].trim_ascii_end();
            let before = nouns::last_word(before);
            let is_lower = !core.bytes().any(|byte| byte.is_ascii_uppercase());
            if (is_lower && before.is_empty())
                || (nouns::is_noun(before) && (is_lower || before.eq_ignore_ascii_case("user")))
            {
                self.mask_back(self.at..end);
            }
            return;
        }
        let next = if after.len() == tail || after.starts_with('.') {
            Some(Next::End)
        } else if let Some(verb) = after.strip_prefix(", ") {
            // "with template ID orders, does not exist"
            let word = nouns::first_word(verb);
            Next::of(word, &verb[word.len()..])
                .filter(|next| *next != Next::Preposition)
                .or(Some(Next::Preposition))
        } else if after.starts_with([';', ':']) {
            Some(Next::Preposition)
        } else {
            None
        };
        if let Some(next) = next
            && let Some(name) = nouns::name_at_end(&self.text[..end], || Some(next))
        {
            self.mask_back(name);
        }
    }
}

/// The longest form of "did not" is `shouldn't` and `couldn't`, in bytes.
const DID_NOT_BYTES_MAX: usize = 9;

/// Maximum number of words of a name after its first word.
const NAME_WORDS_MAX: usize = 4;

/// Maximum length of a value between "Value" and "for parameter", in bytes.
const PARAMETER_VALUE_BYTES_MAX: usize = 256;

/// Maximum length of text in angle brackets, in bytes. Limits the time for any text.
const ANGLED_BYTES_MAX: usize = 256;

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
/// the words; or with a constant and a colon.
fn opens_sentence(inside: &str) -> bool {
    let mut words = inside.split(' ');
    let plain = |word: &str| {
        let word = word.strip_suffix(':').unwrap_or(word);
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic())
    };
    is_labelled(inside)
        || (words.by_ref().take(3).filter(|word| plain(word)).count() == 3
            && words.next().is_some())
}

/// Checks whether a text begins with a constant and a colon, such as `SCHEMA_VALIDATION_FAILED: …`.
fn is_labelled(text: &str) -> bool {
    let label = text
        .bytes()
        .take_while(|&b| b.is_ascii_uppercase() || b == b'_')
        .count();
    label > 2 && text[label..].starts_with(": ")
}

/// Checks whether a text in quotes is a sentence and not a name: it has four words and a verb.
fn is_sentence(content: &str) -> bool {
    const VERBS: [&str; 20] = [
        "is",
        "are",
        "was",
        "were",
        "be",
        "must",
        "not",
        "cannot",
        "can't",
        "does",
        "doesn't",
        "should",
        "has",
        "have",
        "contains",
        "the",
        "because",
        "found",
        "expected",
        "encountered",
    ];
    is_labelled(content)
        || (content.bytes().filter(|&byte| byte == b' ').count() > 2
            && content.split(' ').any(|word| VERBS.contains(&word)))
}

/// Checks for a placeholder in an expression of DynamoDB, such as `#userId` or `:userId`.
fn is_placeholder(word: &str, core: &str) -> bool {
    let name = core.strip_prefix('#').or_else(|| word.strip_prefix(':'));
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Words that are followed by a name.
const NAMINGS: [&str; 12] = [
    " Missing the key",
    " for key",
    " with name",
    " with id",
    " with ID",
    " with Id",
    " named",
    " the name",
    " with key",
    " with arn",
    " with ARN",
    " with identifier",
];

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
    is_in(words.next().map(words::last_hump), &THINGS) && !is_in(words.next(), &FIELD_NOUNS)
}

/// Checks whether the last word after the text and a colon is a value. It is not a value after a word for a problem
/// or for the name of something in the API.
fn announces_at_end(before: &str) -> bool {
    let mut words = before.rsplit(' ');
    let kind = words.next().unwrap_or_default();
    let is_in =
        |word: &str, list: &[&str]| list.iter().any(|listed| listed.eq_ignore_ascii_case(word));
    let is_field = words.next().is_some_and(|word| is_in(word, &FIELD_NOUNS));
    let letters = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters && !is_field && !nouns::announces_no_value(kind)
}
