//! Makes text from callers safe to store and to show: removes invisible characters, masks secrets, and reduces a record
//! to a fixed list of fields.
//!
//! Callers choose user agents, session names and parts of error messages. These may contain terminal escapes, invisible
//! characters, or secrets that a caller wrote there by mistake. Each scanner reads a character a limited number of
//! times, for any text. Cleaning or masking a second time changes nothing, so a repeated write gives the same bytes.

use unicode_normalization::UnicodeNormalization;

use crate::denial::ends_with_ignore_case;
use crate::key_id::is_key_id;
use crate::{Record, Text, UserIdentity};

/// Maximum length, in bytes, of the JSON that [`sample`] writes for a record.
pub const SAMPLE_BYTES_MAX: usize = 8 * 1024;

/// Removes invisible characters and terminal controls, and truncates the text to `chars_max` characters.
///
/// The result is in Unicode NFC. Each run of white space is one space, and there is none at the start and the end.
/// Truncated text ends in `…`, which counts as one of the `chars_max` characters.
pub fn sanitize(text: &str, chars_max: usize) -> String {
    clean(text, chars_max).into_owned()
}

/// Removes invisible characters and terminal controls, and truncates the text to `chars_max` characters, as
/// [`sanitize`] does.
///
/// A text that needs no change is borrowed and not copied.
pub fn clean(text: &str, chars_max: usize) -> Text<'_> {
    // Nearly all text is plain, so Unicode's tables are not needed.
    if !is_plain(text) {
        return Text::Owned(composed(text, chars_max));
    }
    match text.get(..chars_max) {
        Some(start) if start.len() < text.len() => Text::Owned(cut(start.to_owned(), chars_max)),
        _ => Text::Borrowed(text),
    }
}

fn composed(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(chars_max));
    let mut count = 0;
    let mut gap = false;
    // Characters are removed before NFC, because NFC must join the characters on both sides of a
    // removed one.
    for c in text.chars().filter(|c| !is_unseen(*c)).nfc() {
        if c.is_whitespace() {
            gap = count > 0;
            continue;
        }
        if count + usize::from(gap) >= chars_max {
            return cut(clean, chars_max);
        }
        if gap {
            clean.push(' ');
        }
        clean.push(c);
        count += 1 + usize::from(gap);
        gap = false;
    }
    clean
}

/// Checks whether [`composed`] would leave a text unchanged: printable ASCII with single spaces between words.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (words, rest) = bytes.as_chunks();
    if words.iter().copied().all(is_graphic) && rest.iter().all(u8::is_ascii_graphic) {
        return true;
    }
    // These loops have no early end, so that the compiler can use vector instructions.
    let printable = bytes
        .iter()
        .fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    let spaced = pairs.fold(true, |all, (one, next)| {
        all & !((*one == b' ') & (*next == b' '))
    });
    printable && spaced && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Checks whether eight bytes are printable ASCII without a space, all at once: the highest bit of a byte shows what an
/// addition finds.
fn is_graphic(bytes: [u8; 8]) -> bool {
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let each = |byte: u8| u64::from_ne_bytes([byte; 8]);
    let word = u64::from_ne_bytes(bytes);
    if word & HIGHEST != 0 {
        return false;
    }
    // No byte is above 0x7f, so no addition carries into the next byte.
    let above_space = word + each(0x80 - b'!');
    let above_tilde = word + each(0x80 - 0x7f);
    above_space & !above_tilde & HIGHEST == HIGHEST
}

/// Truncates a text that has more than `chars_max` characters, and appends `…` within the limit.
fn cut(mut text: String, chars_max: usize) -> String {
    if let Some(last) = chars_max.checked_sub(1) {
        if let Some((at, _)) = text.char_indices().nth(last) {
            text.truncate(at);
        }
        text.truncate(text.trim_end().len());
        text.push('…');
    }
    text
}

/// Checks for characters that must not be shown. White space is not one of them; it becomes a space.
///
/// These are controls, the bidirectional controls of "Trojan Source" (CVE-2021-42574), and the default-ignorable
/// characters of Unicode: zero-width characters, fillers, variation selectors, tag characters.
fn is_unseen(c: char) -> bool {
    if c.is_whitespace() {
        return false;
    }
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns the text with secrets and personal data masked.
///
/// Masked are: access key ids and secret access keys, JSON web tokens, bearer and basic credentials, signatures in
/// signed URLs, values after words such as `password=`, PEM blocks, card numbers, encoded authorization messages, and
/// the local part of e-mail addresses.
pub fn redact(text: &str) -> String {
    masked(text.into(), true).into_owned()
}

/// Returns the text with secrets masked as by [`redact`], but with e-mail addresses unchanged, because in names of
/// callers they identify the person.
pub fn mask_secrets(text: &str) -> String {
    masked(text.into(), false).into_owned()
}

/// Repeats the masking until nothing changes, so that masking a masked text changes nothing. A text that still changes
/// after several passes was made on purpose, and is replaced as a whole.
fn masked(mut text: Text<'_>, mask_emails: bool) -> Text<'_> {
    if !may_need_masking(&text, mask_emails) {
        return text;
    }
    for _ in 0..4 {
        match Masking::new(&text, mask_emails).run() {
            Some(changed) if changed != text => text = changed.into(),
            _ => return text,
        }
    }
    MASK.into()
}

const MASK: &str = "<masked>";

/// What stands in angle brackets in place of a secret.
pub const MASKS: [&str; 6] = [
    MASK,
    "<secret-key>",
    "<jwt>",
    "<pem>",
    "<card>",
    "<encoded>",
];

/// Whether a byte is a letter or a digit.
static IN_WORD: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    all
};

/// Checks whether [`Masking`] may change a text. It is certain only that a text without anything to mask is in most cases
/// recognised, and that none with something to mask is.
///
/// Looks at the beginnings of words and at the signs between them, as [`Masking::run`] does.
fn may_need_masking(text: &str, mask_emails: bool) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut base64) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if !IN_WORD[usize::from(byte)] {
            base64 = if is_base64(byte) { base64 + 1 } else { 0 };
            let is_sign = match byte {
                b'@' => mask_emails,
                b'-' => bytes[at..].starts_with(PEM),
                b':' | b'=' => announces_secret(&text[..at], byte),
                _ => base64 >= SECRET_KEY,
            };
            if is_sign {
                return true;
            }
            at += 1;
            continue;
        }
        let in_word = |byte: &&u8| IN_WORD[usize::from(**byte)];
        let length = bytes[at..].iter().take_while(in_word).count();
        base64 += length;
        if base64 >= SECRET_KEY || secret_by_form(byte, &text[at..]).is_some() {
            return true;
        }
        at += length;
    }
    false
}

/// Checks whether the text before a separator announces a secret or an encoded message.
fn announces_secret(before: &str, separator: u8) -> bool {
    ends_with_ignore_case(before.as_bytes(), ENCODED_MESSAGE) || is_secret_label(before, separator)
}

/// The start of a PEM block.
const PEM: &[u8] = b"-----BEGIN ";

/// The length of a secret access key.
const SECRET_KEY: usize = 40;

/// Returns the mask and the length of a secret at the start of a text that its own form shows; `first` is its first byte.
fn secret_by_form(first: u8, text: &str) -> Option<(String, usize)> {
    match first {
        b'A' => key_id(text),
        b'e' => json_web_token(text),
        b'B' | b'b' => credentials(text),
        b'g' | b's' | b'r' | b'x' => vendor_token(text),
        b'0'..=b'9' => card_number(text),
        _ => None,
    }
}

/// One pass over a text that copies the text and masks secrets.
struct Masking<'t> {
    text: &'t str,
    out: String,
    /// The text before this offset was copied or masked.
    copied: usize,
    mask_emails: bool,
    /// Start and end of a secret key that was found ahead; `usize::MAX` if there is none.
    secret: (usize, usize),
}

impl<'t> Masking<'t> {
    fn new(text: &'t str, mask_emails: bool) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
            mask_emails,
            secret: (usize::MAX, usize::MAX),
        }
    }

    /// Masks the text; `None` if nothing had to be masked.
    fn run(mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.find_secret_key(at);
            if at == self.secret.0 {
                let is_key = self.secret.1 - at == SECRET_KEY;
                let mask = if is_key { "<secret-key>" } else { MASK };
                self.mask(at, mask, self.secret.1);
                at = self.secret.1;
            } else if let Some((mask, length)) = self.secret_by_form(at) {
                self.mask(at, &mask, at + length);
                at += length;
            } else if byte.is_ascii_alphanumeric() {
                // No secret begins inside a word.
                at += run_length(&bytes[at..], |b| b.is_ascii_alphanumeric());
            } else {
                if byte == b'@' && self.mask_emails {
                    self.mask_email(at);
                }
                at += 1;
                if byte == b':' || byte == b'=' {
                    at = self.mask_value(at);
                }
            }
        }
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(&self.text[self.copied..]);
        Some(self.out)
    }

    /// Copies the text up to `at`, and writes a mask for the text from `at` to `end`.
    fn mask(&mut self, at: usize, mask: &str, end: usize) {
        self.out.push_str(&self.text[self.copied..at]);
        self.out.push_str(mask);
        self.copied = end;
    }

    /// Returns the mask and the length of a secret at `at` that its own form shows.
    fn secret_by_form(&self, at: usize) -> Option<(String, usize)> {
        let bytes = self.text.as_bytes();
        if bytes[at..].starts_with(PEM) {
            return Some(("<pem>".to_owned(), pem_length(&self.text[at..])));
        }
        if !bytes[at].is_ascii_alphanumeric() || self.is_inside_word(at) {
            return None;
        }
        secret_by_form(bytes[at], &self.text[at..])
    }

    fn is_inside_word(&self, at: usize) -> bool {
        at > 0 && self.text.as_bytes()[at - 1].is_ascii_alphanumeric()
    }

    /// Searches a run of base64 letters for a secret access key: the whole run of 40 letters, or its last 40 letters
    /// after a slash, as in `AKIA…/secret`. A long random run is a secret as a whole. Each run is searched once, at its
    /// start.
    fn find_secret_key(&mut self, at: usize) {
        let bytes = self.text.as_bytes();
        if !is_base64(bytes[at]) || (at > 0 && is_base64(bytes[at - 1])) {
            return;
        }
        let end = at + run_length(&bytes[at..], is_base64);
        if is_long_token(&bytes[at..end]) {
            self.secret = (at, end);
            return;
        }
        let Some(start) = end.checked_sub(SECRET_KEY).filter(|start| *start >= at) else {
            return;
        };
        if (start == at || bytes[start - 1] == b'/') && is_random(&bytes[start..end]) {
            self.secret = (start, end);
        }
    }

    /// Masks the local part of an e-mail address, which was already copied when the `@` at `at` is read.
    fn mask_email(&mut self, at: usize) {
        if !starts_with_domain(&self.text[at + 1..]) {
            return;
        }
        self.mask(at, "", at);
        let is_local = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
        let copied = self.out.as_bytes();
        let length = run_length_back(copied, is_local);
        if length > 0 {
            self.out.truncate(copied.len() - length);
            self.out.push_str("***");
        }
    }

    /// Masks the value at `at`, after a separator, if the word before the separator announces a secret. Returns where
    /// to read on.
    fn mask_value(&mut self, at: usize) -> usize {
        let before = &self.text[..at - 1];
        if ends_with_ignore_case(before.as_bytes(), ENCODED_MESSAGE) {
            return self.mask_encoded(at);
        }
        if !is_secret_label(before, self.text.as_bytes()[at - 1]) {
            return at;
        }
        let (start, end) = match ends_with_ignore_case(before.as_bytes(), COOKIE) {
            true => cookies(self.text, at),
            false => value(self.text, at),
        };
        if start < end {
            self.mask(start, MASK, end);
        }
        end
    }

    fn mask_encoded(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let start = at + rest.len() - rest.trim_start().len();
        let is_blob = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
        let end = start + run_length(&self.text.as_bytes()[start..], is_blob);
        if start < end {
            self.mask(start, "<encoded>", end);
        }
        end
    }
}

/// The words before a message that `sts:DecodeAuthorizationMessage` can decode.
const ENCODED_MESSAGE: &str = "Encoded authorization failure message";

/// Words that announce a secret value, in lower case and without `_` and `-`. An identifier only has to end in such a
/// word (`DBPassword`, `aws_session_token`, `x-api-key`).
const SECRET_LABELS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secretkey",
    "secretaccesskey",
    "secretstring",
    "secretbinary",
    "token",
    "apikey",
    "authorization",
    "privatekey",
    // Of signed URLs: of AWS (versions 2 and 4), CloudFront, Google Cloud; and of Azure.
    "signature",
    "sig",
    COOKIE,
    "xamzcredential",
    "sharedkey",
    "plaintext",
];

/// The word before the value of a header `Cookie` or `Set-Cookie`.
const COOKIE: &str = "cookie";

/// A bit for the last letter of each word above, and for hyphens and underscores after the word. This excludes most
/// text before a colon of an ARN quickly.
const LABEL_ENDS: u32 = {
    let mut ends = 1 << (b'_' & 31) | 1 << (b'-' & 31);
    let mut label = 0;
    while label < SECRET_LABELS.len() {
        let bytes = SECRET_LABELS[label].as_bytes();
        ends |= 1 << (bytes[bytes.len() - 1] & 31);
        label += 1;
    }
    ends
};

/// Maximum number of bytes read backwards for a word above with its hyphens.
const LABEL_BYTES: usize = 24;

/// Checks whether the text before a separator ends in a word that announces a secret.
///
/// Quotes, backslashes and up to four spaces may be in between, as in `\"password\" : \"x\"`. In
/// `arn:aws:secretsmanager:…:secret:name` the word is part of a name, so it does not count.
fn is_secret_label(before: &str, separator: u8) -> bool {
    let bytes = before.as_bytes();
    let bytes = &bytes[..bytes.len() - run_length_back(last(bytes, 4), |b| b == b' ')];
    let quotes = run_length_back(last(bytes, 4), |b| b"\"'\\`".contains(&b));
    let bytes = &bytes[..bytes.len() - quotes];
    if bytes
        .last()
        .is_none_or(|last| LABEL_ENDS >> (last & 31) & 1 == 0)
    {
        return false;
    }
    let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let length = run_length_back(last(bytes, LABEL_BYTES), is_label);
    let (ahead, word) = bytes.split_at(bytes.len() - length);
    if separator == b':' && word == b"secret" && ahead.ends_with(b":") {
        return false;
    }
    let letters = word.iter().rev().filter(|b| !b"_-".contains(b));
    SECRET_LABELS.iter().any(|label| {
        let mut letters = letters.clone().map(u8::to_ascii_lowercase);
        label.bytes().rev().all(|b| letters.next() == Some(b))
    })
}

/// Returns start and end of the value after a separator: inside of quotes, or up to white space or an ampersand.
///
/// The quotes may be escaped. A value without closing quote was truncated, so it ends with the text.
fn value(text: &str, at: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let at = at + run_length(&bytes[at..], |b| b == b' ' || b == b'\t');
    let escapes = run_length(&bytes[at..], |b| b == b'\\');
    let start = at + escapes + 1;
    if let Some(quote) = bytes
        .get(at + escapes)
        .copied()
        .filter(|b| b"\"'`".contains(b))
    {
        let length = run_length(&bytes[start..], |b| {
            b != quote && (escapes == 0 || b != b'\\')
        });
        return (start, start + length);
    }
    (at, at + credential_length(&bytes[at..]))
}

/// Returns start and end of the cookies in a header, after its colon: up to the end of the line or of the text around it.
fn cookies(text: &str, at: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let start = at + run_length(&bytes[at..], |b| b == b' ');
    let length = run_length(&bytes[start..], |b| !b"\n\r\"'\\".contains(&b));
    (start, start + length)
}

/// Names of authentication schemes, which are before the credential itself.
const SCHEMES: [&str; 6] = [
    "bearer ",
    "basic ",
    "digest ",
    "token ",
    "apikey ",
    "negotiate ",
];

/// Returns the length of a value without quotes. The name of a scheme counts together with its credential, and a
/// signature counts with its fields up to the end of the line.
fn credential_length(bytes: &[u8]) -> usize {
    let starts_with = |start: &str| {
        bytes
            .get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    if starts_with("AWS4-HMAC-SHA256") {
        return run_length(bytes, |b| b != b'\n');
    }
    let scheme = SCHEMES.iter().find(|scheme| starts_with(scheme));
    let scheme = scheme.map_or(0, |scheme| scheme.len());
    let scheme = scheme + run_length(&bytes[scheme..], |b| b == b' ');
    let is_value = |b: u8| !b.is_ascii_whitespace() && b != b'&';
    scheme + run_length(&bytes[scheme..], is_value)
}

/// Returns the length of a PEM block. A block without an end was truncated, so it ends with the text.
fn pem_length(text: &str) -> usize {
    let Some(end) = text.find("-----END ") else {
        return text.len();
    };
    let label = end + "-----END ".len();
    text[label..]
        .find("-----")
        .map_or(text.len(), |close| label + close + 5)
}

/// Finds an access key id. Source: IAM User Guide, "IAM identifiers": access keys begin with `AKIA` or `ASIA`.
fn key_id(text: &str) -> Option<(String, usize)> {
    if !text.starts_with("AKIA") && !text.starts_with("ASIA") {
        return None;
    }
    let length = run_length(text.as_bytes(), |b| b.is_ascii_alphanumeric());
    Some((masked_key(&text[..length])?, length))
}

/// Masks a key id except for its first and last four letters, by which its owner can find the key.
fn masked_key(key: &str) -> Option<String> {
    is_key_id(key).then(|| format!("{}****{}", &key[..4], &key[key.len() - 4..]))
}

/// Finds a JSON web token. Source: RFC 7519: base64url parts joined by dots. The first part is a JSON object, which
/// begins with `eyJ` in base64.
fn json_web_token(text: &str) -> Option<(String, usize)> {
    if !text.starts_with("eyJ") {
        return None;
    }
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let header = run_length(text.as_bytes(), is_part);
    // A header without further parts is a truncated token. A short one may be a word.
    let is_cut = text.as_bytes().get(header) != Some(&b'.');
    if header < if is_cut { 16 } else { 8 } {
        return None;
    }
    let whole = run_length(text.as_bytes(), |b| is_part(b) || b == b'.');
    Some(("<jwt>".to_owned(), whole))
}

/// Finds bearer and basic credentials. Source: RFC 6750 and RFC 7617: a scheme, a space, and letters of base64.
fn credentials(text: &str) -> Option<(String, usize)> {
    let scheme = ["bearer ", "basic "].into_iter().find(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(scheme))
    })?;
    let after = &text.as_bytes()[scheme.len()..];
    let spaces = run_length(after, |b| b == b' ');
    let letters = &after[spaces..];
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let length = run_length(letters, is_letter);
    // "Basic authentication failed" and "bearer token" are English.
    let is_word = letters[1.min(length)..length]
        .iter()
        .all(|b| b.is_ascii_lowercase() || b".-".contains(b));
    if length < 6 || (is_word && length < 20) {
        return None;
    }
    let scheme_text = &text[..scheme.len()];
    Some((
        format!("{scheme_text}{MASK}"),
        scheme.len() + spaces + length,
    ))
}

/// How tokens of other services begin. Sources: the documentation of GitHub ("About authentication to GitHub"), of Slack
/// ("Token types") and of Stripe ("API keys"), read in November 2026.
const VENDOR_TOKENS: [&str; 12] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "sk_test_",
];

/// Finds a token of another service: a known beginning and at least 16 letters, digits, hyphens or underscores.
fn vendor_token(text: &str) -> Option<(String, usize)> {
    let start = VENDOR_TOKENS
        .iter()
        .find(|start| text.starts_with(**start))?;
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let length = run_length(&text.as_bytes()[start.len()..], is_letter);
    (length >= 16).then(|| (MASK.to_owned(), start.len() + length))
}

/// Finds a card number: 13 to 19 digits, in one run or in the groups printed on cards, that pass the Luhn check.
///
/// Card numbers begin with 2 to 6 (ISO/IEC 7812), so times in milliseconds do not match.
fn card_number(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    if !(b'2'..=b'6').contains(bytes.first()?) {
        return None;
    }
    let first = run_length(bytes, |b| b.is_ascii_digit());
    if first != 4 && !(13..=19).contains(&first) {
        return None;
    }
    let mut groups = vec![];
    let mut at = 0;
    let mut separator = None;
    loop {
        let length = run_length(&bytes[at..], |b| b.is_ascii_digit());
        groups.push(length);
        at += length;
        let next = bytes.get(at).copied().filter(|b| *b == b' ' || *b == b'-');
        let is_joined = next.is_some()
            && (separator.is_none() || separator == next)
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !is_joined || groups.len() == 5 {
            break;
        }
        separator = next;
        at += 1;
    }
    // A number that is longer than a card number, or has more groups, is not a card number.
    let is_card = match groups[..] {
        [digits] => (13..=19).contains(&digits),
        [4, 6, 5] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 1..=3] => true,
        _ => false,
    } && !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (is_card && passes_luhn(&bytes[..at])).then(|| ("<card>".to_owned(), at))
}

fn passes_luhn(digits: &[u8]) -> bool {
    let digits = digits.iter().rev().filter(|b| b.is_ascii_digit());
    let sum: u32 = digits
        .enumerate()
        .map(|(place, b)| {
            let digit = u32::from(b - b'0') * if place % 2 == 1 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Checks whether 40 letters are random and not a name or a path, by their entropy.
///
/// Hexadecimal digits have at most four bits a letter. Forty random base64 letters nearly always contain upper case,
/// lower case, and a digit or plus sign, and change between these about 26 times. A path of words, such as
/// `autoscaling/AWSServiceRoleForAutoScaling`, changes at most twice a word.
fn is_random(letters: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    for letter in letters {
        counts[usize::from(*letter)] += 1;
    }
    let total = letters.len() as f64;
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum();
    // Four slashes mean a path; only one in three hundred keys has four.
    let slashes = letters.iter().filter(|b| **b == b'/').count();
    entropy > 4.0
        && slashes < 4
        && letters.iter().any(u8::is_ascii_uppercase)
        && letters.iter().any(u8::is_ascii_lowercase)
        && letters.iter().any(|b| b.is_ascii_digit() || *b == b'+')
        && changes(letters) >= CHANGES_LEAST
}

/// Checks whether base64 letters are a long token, such as that of a session: at least 120, most of them random.
///
/// A session token has several hundred letters. They are checked in groups of 40, and most groups must be random. A
/// random group looks like a path if it has four slashes, so not all groups have to be.
fn is_long_token(letters: &[u8]) -> bool {
    if letters.len() < LONG_TOKEN_LEAST {
        return false;
    }
    let groups = letters.chunks_exact(SECRET_KEY);
    let random = groups.clone().filter(|group| is_random(group)).count();
    random * 2 > groups.len()
}

/// Names and paths in records are shorter, or have other signs in between.
const LONG_TOKEN_LEAST: usize = 120;

/// The least number of changes in a secret key. One in ten thousand keys has fewer.
const CHANGES_LEAST: usize = 14;

/// Returns how often letters change between upper case, lower case, digits and signs.
fn changes(letters: &[u8]) -> usize {
    let kind = |b: &u8| match b {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let pairs = letters.iter().zip(letters.iter().skip(1));
    pairs.filter(|(one, next)| kind(one) != kind(next)).count()
}

/// Checks whether a text begins with a host name that contains a dot.
fn starts_with_domain(text: &str) -> bool {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let host = &text[..run_length(text.as_bytes(), is_host).min(253)];
    let (name, rest) = host.split_once('.').unwrap_or_default();
    !name.is_empty() && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'+' || b == b'/'
}

fn run_length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|b| !belongs(*b))
        .unwrap_or(bytes.len())
}

fn run_length_back(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().rev().take_while(|b| belongs(**b)).count()
}

fn last(bytes: &[u8], length: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(length)..]
}

/// Returns the sample of a record, the part that may be stored: a JSON object of at most [`SAMPLE_BYTES_MAX`] bytes,
/// with CloudTrail's own field names.
///
/// The sample contains only a fixed list of fields, with secrets masked. Request and response are left out, because
/// they contain data of customers. User names are left out, because people type their password into the wrong box. AWS
/// hides such names in sign-ins for the same reason (CloudTrail User Guide, "AWS Management Console sign-in events").
pub fn sample(record: &Record<'_>) -> String {
    // At full length a sample fits, unless all fields are full of characters of several bytes. With
    // the limits divided by eight, all fields together have fewer than 600 characters.
    let fitting = [1, 2, 4]
        .into_iter()
        .map(|divisor| sample_within(record, divisor))
        .find(|text| text.len() <= SAMPLE_BYTES_MAX);
    fitting.unwrap_or_else(|| sample_within(record, 8))
}

fn sample_within(record: &Record<'_>, divisor: usize) -> String {
    let (name, long) = (128 / divisor, 256 / divisor);
    let mut text = String::with_capacity(SAMPLE_BYTES);
    let mut json = Object::open(&mut text);
    json.text("awsRegion", &record.aws_region, name, true);
    json.text("errorCode", &record.error_code, name, true);
    json.text("errorMessage", &record.error_message, 512 / divisor, true);
    // Of nearly all events the category is Management, which goes without saying.
    if record.event_category.as_deref() != Some("Management") {
        json.text("eventCategory", &record.event_category, name, true);
    }
    json.text("eventID", &record.event_id, name, true);
    json.text("eventName", &record.event_name, name, true);
    json.text("eventSource", &record.event_source, name, true);
    json.text("eventTime", &record.event_time, name, true);
    if let Some(read_only) = record.read_only {
        json.raw("readOnly", if read_only { "true" } else { "false" });
    }
    let recipient = &record.recipient_account_id;
    json.text("recipientAccountId", recipient, name, true);
    if let Some(resources) = sample_resources(record, long) {
        json.raw("resources", &resources);
    }
    json.text("sourceIPAddress", &record.source_ip_address, name, true);
    json.text("userAgent", &record.user_agent, long, true);
    if let Some(identity) = &record.user_identity {
        let is_sign_in = record.event_name.as_deref() == Some("ConsoleLogin");
        let mut caller = json.nested("userIdentity");
        sample_identity(&mut caller, identity, is_sign_in, divisor);
        caller.close();
    }
    json.close();
    text
}

/// The usual length of a sample with some reserve, in bytes.
const SAMPLE_BYTES: usize = 1024;

fn sample_identity(
    json: &mut Object<'_>,
    identity: &UserIdentity<'_>,
    is_sign_in: bool,
    divisor: usize,
) {
    let (name, long) = (128 / divisor, 256 / divisor);
    let key = identity.access_key_id.as_deref().and_then(masked_key);
    if let Some(key) = key {
        json.quoted("accessKeyId", &key);
    }
    json.text("accountId", &identity.account_id, name, true);
    // An e-mail address in the ARN of a session names the caller, so it stays: a sample of a
    // single-sign-on role needs it. In a sign-in, the ARN may repeat the typed text.
    let is_root = identity.kind.as_deref() == Some("Root");
    if !is_sign_in || is_root {
        json.text("arn", &identity.arn, long, false);
    }
    let mut delegate = json.nested("invokedByDelegate");
    delegate.text("accountId", &identity.delegate_account_id, name, true);
    delegate.close_unless_empty();
    let mut person = json.nested("onBehalfOf");
    person.text("userId", &identity.on_behalf_of_user_id, name, true);
    person.close_unless_empty();
    let mut context = json.nested("sessionContext");
    if identity.assumed_root {
        context.raw("assumedRoot", "true");
    }
    let mut issuer = context.nested("sessionIssuer");
    issuer.text("arn", &identity.issuer_arn, long, false);
    issuer.close_unless_empty();
    context.close_unless_empty();
    json.text("type", &identity.kind, name, true);
}

fn sample_resources(record: &Record<'_>, chars_max: usize) -> Option<String> {
    let elements = record.resources?.elements().into_iter();
    let arns = elements.filter_map(|resource| resource.text_at(&["ARN"]));
    let mut resources = String::new();
    for arn in arns.take(5) {
        resources.push(if resources.is_empty() { '[' } else { ',' });
        let mut json = Object::open(&mut resources);
        json.text("ARN", &Some(arn), chars_max, true);
        json.close();
    }
    (!resources.is_empty()).then(|| resources + "]")
}

/// A JSON object at the end of a text under construction; fields are added in the order of their keys.
struct Object<'t> {
    text: &'t mut String,
    /// Where the text ended before the object, with its key, was begun.
    before: usize,
    /// Where the fields begin.
    start: usize,
}

impl<'t> Object<'t> {
    fn open(text: &'t mut String) -> Self {
        let before = text.len();
        text.push('{');
        let start = text.len();
        Self {
            text,
            before,
            start,
        }
    }

    fn close(self) {
        self.text.push('}');
    }

    /// Closes the object, or removes it together with its key if it has no fields.
    fn close_unless_empty(self) {
        if self.is_empty() {
            self.text.truncate(self.before);
        } else {
            self.close();
        }
    }

    fn is_empty(&self) -> bool {
        self.text.len() == self.start
    }

    /// Writes the key of a field.
    fn key(&mut self, key: &str) {
        let comma = if self.is_empty() { "\"" } else { ",\"" };
        for part in [comma, key, "\":"] {
            self.text.push_str(part);
        }
    }

    /// Writes a field whose value is already JSON.
    fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.text.push_str(json);
    }

    /// Begins a nested object.
    fn nested(&mut self, key: &str) -> Object<'_> {
        let before = self.text.len();
        self.key(key);
        Object {
            before,
            ..Object::open(self.text)
        }
    }

    /// Writes a text field, unless it is absent or empty. The text is cleaned before it is masked, so that no invisible
    /// character hides a secret. It is truncated after it is masked, because a truncated secret may not be recognised.
    fn text(&mut self, key: &str, text: &Option<Text<'_>>, chars_max: usize, mask_emails: bool) {
        let Some(text) = text else { return };
        let masked = masked(clean(text, usize::MAX), mask_emails);
        let shown = clean(&masked, chars_max);
        if !shown.is_empty() {
            self.quoted(key, &shown);
        }
    }

    /// Writes a clean text, in which only quotes and backslashes need an escape.
    fn quoted(&mut self, key: &str, clean: &str) {
        self.raw(key, "\"");
        let mut copied = 0;
        for at in memchr::memchr2_iter(b'"', b'\\', clean.as_bytes()) {
            self.text.push_str(&clean[copied..at]);
            self.text.push('\\');
            copied = at;
        }
        self.text.push_str(&clean[copied..]);
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn cleaning_keeps_visible_text() {
        for (text, chars_max, expected) in [
            ("  a\t\r\n b\u{2028}c  ", 99, "a b c"),
            ("\u{1b}[31mred\u{7f}\u{9b}", 99, "[31mred"),
            ("ad\u{202e}min\u{2066}\u{200b}\u{feff}", 99, "admin"),
            ("a\u{200b}\u{301}", 99, "á"),
            ("e\u{301}", 99, "é"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("abcd efg", 6, "abcd…"),
            ("日本語日本語", 4, "日本語…"),
            ("abc   ", 3, "abc"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 9, ""),
        ] {
            assert_eq!(sanitize(text, chars_max), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_random_text_is_masked_as_a_token_and_long_names_are_not() {
        let with_slashes = KEY.replace('/', "a");
        for token in [KEY.repeat(3), [&*with_slashes; 4].join("//")] {
            let text = format!("of {token} ended");
            assert_eq!(mask_secrets(&text), "of <masked> ended", "{token}");
        }
        for name in ["AWSServiceRoleForAutoScaling/".repeat(9), "a1B2".repeat(29)] {
            assert_eq!(mask_secrets(&name), name);
        }
    }

    #[test]
    fn secrets_are_masked_in_any_place() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        for (text, expected) in [
            (KEY.to_owned(), "<secret-key>"),
            (format!("key {KEY}."), "key <secret-key>."),
            (
                format!("AKIAIOSFODNN7EXAMPLE/{KEY}"),
                "AKIA****MPLE/<secret-key>",
            ),
            (
                format!("aws_secret_access_key = {KEY}"),
                "aws_secret_access_key = <masked>",
            ),
            (jwt.to_owned(), "<jwt>"),
            ("eyJhbGciOiJIUzI1NiJ9".to_owned(), "<jwt>"),
            (
                "with Bearer abc123DEF now".to_owned(),
                "with Bearer <masked> now",
            ),
            (
                "Authorization: Basic dXNlcjpwYXNz x".to_owned(),
                "Authorization: <masked> x",
            ),
            (
                "Authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=c".to_owned(),
                "Authorization: <masked>",
            ),
            (
                "?X-Amz-Credential=A%2Fb&X-Amz-Signature=0a1b&X-Amz-Security-Token=I".to_owned(),
                "?X-Amz-Credential=<masked>&X-Amz-Signature=<masked>&X-Amz-Security-Token=<masked>",
            ),
            (
                r#"{"password":"a b","x":1}"#.to_owned(),
                r#"{"password":"<masked>","x":1}"#,
            ),
            (
                r#"{\"password\":\"a b\",\"x\":1}"#.to_owned(),
                r#"{\"password\":\"<masked>\",\"x\":1}"#,
            ),
            (
                "MasterUserPassword = 'hunter2".to_owned(),
                "MasterUserPassword = '<masked>",
            ),
            (
                "x-api-key: k private_key=k PWD=k".to_owned(),
                "x-api-key: <masked> private_key=<masked> PWD=<masked>",
            ),
            (
                "a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b"
                    .to_owned(),
                "a <pem> b",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMII".to_owned(), "<pem>"),
            ("card 4111 1111 1111 1111!".to_owned(), "card <card>!"),
            ("card 378282246310005".to_owned(), "card <card>"),
            (
                "Encoded authorization failure message: aB-_9 x".to_owned(),
                "Encoded authorization failure message: <encoded> x",
            ),
            ("key ASIAIOSFODNN7EXAMPLE".to_owned(), "key ASIA****MPLE"),
            (
                "to mila.k+x@mail.example.com".to_owned(),
                "to ***@mail.example.com",
            ),
        ] {
            assert_eq!(redact(&text), expected, "{text}");
        }
    }

    #[test]
    fn signed_addresses_and_tokens_of_other_vendors_are_masked() {
        for (text, expected) in [
            (
                "?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=vjby%3D&Expires=1",
                "?AWSAccessKeyId=AKIA****MPLE&Signature=<masked>&Expires=1",
            ),
            (
                "?Expires=1&Signature=a~b_&Key-Pair-Id=K1",
                "?Expires=1&Signature=<masked>&Key-Pair-Id=K1",
            ),
            (
                "?X-Goog-Signature=0a1b&x=1 ?sv=2024&sig=a%2Fb",
                "?X-Goog-Signature=<masked>&x=1 ?sv=2024&sig=<masked>",
            ),
            (
                "Cookie: session=a1; b=c2\nSet-Cookie:sid=d3; Path=/",
                "Cookie: <masked>\nSet-Cookie:<masked>",
            ),
            (
                r#"{"cookie":"a=1"} 'Cookie: b=2' x"#,
                r#"{"cookie":"<masked>"} 'Cookie: <masked>' x"#,
            ),
            (
                "with ghp_0123456789abcdefGHIJ, xoxb-123456789012-abcdefgh.",
                "with <masked>, <masked>.",
            ),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    #[test]
    fn text_without_secrets_is_unchanged() {
        for text in [
            "The security token included in the request is invalid.",
            "Basic authentication failed, bearer token missing",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b",
            "0a4d55a8d778e5022fab701977c5d840bbc486d0",
            "00000000-0000-4000-8000-000000000000 1700000000000 111122223333",
            "4111 1111 1111 1112",
            "s3://bucket/AWSLogs/111122223333/CloudTrail",
            "role/aws-service-role/autoscaling/AWSServiceRoleForAutoScaling",
            "role/aws-service-role/autoscaling/AWSServiceRoleForAutoScaling2",
            "arn:aws:iam::111122223333:role/Teams/Payments/ReadOnly/DataPlatformEngineer4",
            "no password, nor secret; AKIA is a prefix",
            "Signature expired: 20261130T000000Z is now earlier than 20261130T000500Z",
            "The config=on and ghp_short, rk_live_",
            "AKIA****MPLE",
            "@here and a@b",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn long_hostile_text_is_read_in_linear_time() {
        for piece in [
            "eyJ.",
            "e-",
            "basic ",
            "a@a.",
            "password:\\",
            "=",
            "-----BEGIN",
            "4111 ",
        ] {
            let text = piece.repeat(200_000 / piece.len());
            assert!(redact(&text).len() <= 2 * text.len(), "{piece}");
        }
    }

    fn sample_of(text: &str) -> Value {
        serde_json::from_str(&sample(&Record::parse(text).unwrap())).unwrap()
    }

    #[test]
    fn a_sample_holds_the_listed_fields_and_no_request() {
        let sample = sample_of(
            r#"{"eventID":"e1","eventTime":"2026-11-21T08:15:00Z","eventName":"PutThing",
            "eventSource":"s3.amazonaws.com","awsRegion":"eu-west-1","readOnly":false,
            "errorCode":"AccessDenied","errorMessage":"mila@example.com said password=x1",
            "requestParameters":{"note":"PRIVATE"},"responseElements":{"note":"PRIVATE"},
            "userAgent":"x\u001b[2J \u200bAKIAIOSFODNN7EXAMPLE",
            "userIdentity":{"type":"AssumedRole","accessKeyId":"ASIAIOSFODNN7EXAMPLE",
              "userName":"PRIVATE","sessionContext":{"sessionIssuer":{"arn":"arn:x"}}},
            "resources":[{"ARN":"r1"},{"type":"t"},{"ARN":"r2"},{"ARN":"r3"},{"ARN":"r4"},
              {"ARN":"r5"},{"ARN":"r6"}]}"#,
        );
        assert_eq!(
            sample["errorMessage"],
            "***@example.com said password=<masked>"
        );
        assert_eq!(sample["userAgent"], "x[2J AKIA****MPLE");
        assert_eq!(sample["userIdentity"]["accessKeyId"], "ASIA****MPLE");
        assert_eq!(
            sample["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
            "arn:x"
        );
        assert_eq!(sample["resources"].as_array().map(Vec::len), Some(5));
        assert_eq!(sample["readOnly"], false);
        assert!(!sample.to_string().contains("PRIVATE"));
    }

    #[test]
    fn a_sample_has_the_category_of_an_event_that_is_no_management_event() {
        for (category, wanted) in [
            (r#","eventCategory":"Management""#, &Value::Null),
            ("", &Value::Null),
            (r#","eventCategory":"Data""#, &Value::from("Data")),
        ] {
            let sample = sample_of(&format!(r#"{{"eventName":"GetObject"{category}}}"#));
            assert_eq!(&sample["eventCategory"], wanted);
        }
    }

    #[test]
    fn a_sample_says_for_whom_and_through_whom_the_call_was_made() {
        let caller = |identity: &str| {
            let text = format!(r#"{{"userIdentity":{identity}}}"#);
            sample_of(&text)["userIdentity"].to_string()
        };
        let root = r#"{"sessionContext":{"assumedRoot":true},"type":"AssumedRole"}"#;
        let person = r#"{"onBehalfOf":{"userId":"1234567890-0a1b2c3d"},"type":"AssumedRole"}"#;
        let delegate = r#"{"invokedByDelegate":{"accountId":"444455556666"},"type":"AssumedRole"}"#;
        for identity in [root, person, delegate] {
            assert_eq!(caller(identity), identity);
        }
        let rest = r#"{"onBehalfOf":{"userId":"mila@example.com","identityStoreArn":"a"},
            "invokedByDelegate":{"name":"n"},"sessionContext":{"assumedRoot":false}}"#;
        assert_eq!(
            caller(rest),
            r#"{"onBehalfOf":{"userId":"***@example.com"}}"#
        );
    }

    #[test]
    fn a_sign_in_sample_never_repeats_the_typed_name() {
        let sample = sample_of(
            r#"{"eventName":"ConsoleLogin","errorMessage":"Failed authentication","userIdentity":
            {"type":"IAMUser","userName":"Hunter2","accountId":"111122223333",
            "arn":"arn:aws:iam::111122223333:user/Hunter2"}}"#,
        );
        assert!(!sample.to_string().contains("Hunter2"));
        assert_eq!(sample["userIdentity"]["accountId"], "111122223333");
    }

    #[test]
    fn a_long_message_is_truncated_and_a_full_record_fits() {
        let cut = "x".repeat(1024);
        let sample = sample_of(&format!(r#"{{"errorMessage":"{cut}"}}"#));
        assert_eq!(
            sample["errorMessage"]
                .as_str()
                .map(|text| text.chars().count()),
            Some(512)
        );

        let wide = Some(Text::Owned("𝕏".repeat(5000)));
        let record = Record {
            event_id: wide.clone(),
            event_name: wide.clone(),
            event_source: wide.clone(),
            error_code: wide.clone(),
            error_message: wide.clone(),
            user_agent: wide.clone(),
            source_ip_address: wide.clone(),
            aws_region: wide.clone(),
            user_identity: Some(UserIdentity {
                arn: wide.clone(),
                issuer_arn: wide.clone(),
                on_behalf_of_user_id: wide.clone(),
                delegate_account_id: wide.clone(),
                kind: wide,
                ..UserIdentity::default()
            }),
            ..Record::default()
        };
        let sample = super::sample(&record);
        assert!(sample.len() <= SAMPLE_BYTES_MAX, "{}", sample.len());
    }

    /// Text of pieces that several scanners react to.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                "password",
                "secret",
                "token",
                ":",
                "=",
                " ",
                "\"",
                "\\",
                "'",
                "/",
                "@",
                ".",
                "-",
                "&",
                "\n",
                "Bearer ",
                "Basic ",
                "eyJhbGciOi",
                "AKIAIOSFODNN7EXAMPLE",
                KEY,
                "<",
                ">",
                "<masked>",
                "-----BEGIN X-----",
                "-----END X-----",
                "4111 1111 1111 1111",
                "4111111111111111",
                "Encoded authorization failure message: ",
                "example.com",
                "AWS4-HMAC-SHA256 ",
                "\u{200b}",
                "\u{301}",
                "é",
                "a",
                "Z9",
            ])
            .prop_map(str::to_owned),
            ".{0,6}",
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in hostile(), chars_max in 0_usize..60) {
            let clean = sanitize(&text, chars_max);
            prop_assert!(clean.chars().count() <= chars_max);
            prop_assert!(!clean.contains(|c: char| c.is_control() || is_unseen(c)));
            prop_assert_eq!(sanitize(&clean, chars_max), clean);
        }

        #[test]
        fn eight_bytes_are_checked_as_one_by_one(bytes in proptest::array::uniform8(prop_oneof![any::<u8>(), 0x1f..0x23_u8, 0x7d..0x81_u8])) {
            prop_assert_eq!(is_graphic(bytes), bytes.iter().all(u8::is_ascii_graphic));
        }

        #[test]
        fn what_needs_no_masking_is_not_changed_by_it(text in hostile(), mask_emails in any::<bool>()) {
            let changed = Masking::new(&text, mask_emails).run();
            prop_assert!(may_need_masking(&text, mask_emails) || changed.is_none(), "{changed:?}");
        }

        /// A card number after another one is found only in the second pass.
        #[test]
        fn card_numbers_in_a_row_are_all_masked(count in 1_usize..4) {
            let text = vec!["4111 1111 1111 1111"; count].join(" ");
            prop_assert_eq!(redact(&text), vec!["<card>"; count].join(" "));
        }

        #[test]
        fn masking_twice_is_masking_once(text in hostile()) {
            let masked = redact(&text);
            prop_assert_eq!(redact(&masked), masked);
        }

        #[test]
        fn a_secret_after_its_label_never_survives(before in "[ -~]{0,20}", secret in "[a-z]{12}") {
            let text = format!("{before} password={secret}");
            prop_assert!(!redact(&text).contains(&secret));
        }

        #[test]
        fn every_sample_is_small_json(text in hostile(), other in ".*") {
            let record = Record {
                error_message: Some(text.as_str().into()),
                user_agent: Some(other.as_str().into()),
                event_name: Some(other.as_str().into()),
                ..Record::default()
            };
            let sample = sample(&record);
            prop_assert!(sample.len() <= SAMPLE_BYTES_MAX);
            prop_assert!(serde_json::from_str::<Value>(&sample).is_ok());
        }
    }
}
