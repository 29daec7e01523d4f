//! What may be kept and shown of text that callers write: what cannot be seen is removed, secrets
//! are masked, and of a record only a list of fields is kept.
//!
//! User agents, session names and error messages are chosen by whoever calls, and may carry
//! terminal escapes, invisible characters or the secrets of the honest. Each scanner looks at a
//! character a bounded number of times, whatever the text; and cleaning or masking twice is
//! cleaning or masking once, so that a repeated write stays the same bytes.

use unicode_normalization::UnicodeNormalization;

use crate::denial::ends_with_ignore_case;
use crate::key_id::is_key_id;
use crate::{Record, Text, UserIdentity};

/// Longest sample kept of a record, in bytes.
pub const SAMPLE_BYTES_MAX: usize = 8 * 1024;

/// Removes what cannot be seen or steers a terminal, and cuts at so many characters.
///
/// Text comes out in Unicode NFC, runs of whitespace as one space, no whitespace at the ends, and
/// an ellipsis within the limit where something was cut.
pub fn sanitize(text: &str, chars_max: usize) -> String {
    clean(text, chars_max).into_owned()
}

/// As [`sanitize`], but borrows the text where nothing changes.
pub fn clean(text: &str, chars_max: usize) -> Text<'_> {
    // Nearly all text is plain and short; it need not go through Unicode's tables.
    if text.len() <= chars_max && is_plain(text) {
        Text::Borrowed(text)
    } else {
        Text::Owned(composed(text, chars_max))
    }
}

fn composed(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(chars_max));
    let mut count = 0;
    let mut gap = false;
    // Removed before NFC, lest a removal brings together what NFC would have joined.
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

/// Tells text that stays as it is: printable ASCII with single spaces between words.
fn is_plain(text: &str) -> bool {
    // No early end in these loops, so that the compiler looks at many bytes at a time.
    let bytes = text.as_bytes();
    let graphic = bytes
        .iter()
        .fold(true, |all, byte| all & byte.is_ascii_graphic());
    if graphic {
        return true;
    }
    let printable = bytes
        .iter()
        .fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    let spaced = pairs.fold(true, |all, (one, next)| {
        all & !((*one == b' ') & (*next == b' '))
    });
    printable && spaced && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Cuts text that something must follow, leaving room for the ellipsis.
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

/// Tells characters that must not be shown; whitespace among them becomes a space instead.
///
/// Controls, the bidirectional controls of "Trojan Source" (CVE-2021-42574), and what Unicode calls
/// default-ignorable: zero-width characters, fillers, variation selectors, tag characters.
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
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Masks secrets and personal data in text.
///
/// What counts as one: access key ids and secret access keys, JSON web tokens, bearer and basic
/// credentials, signatures in signed URLs, values after words such as `password=`, PEM blocks,
/// card numbers, encoded authorization messages, and the local part of e-mail addresses.
pub fn redact(text: &str) -> String {
    settled(text.into(), true).into_owned()
}

/// Masks secrets, and leaves the addresses in names of callers: those are who it was.
pub fn mask_secrets(text: &str) -> String {
    settled(text.into(), false).into_owned()
}

/// Repeats the masking until nothing changes, so that masked text is stable by construction. Text
/// that does not settle was built not to, and is dropped whole.
fn settled(mut text: Text<'_>, mask_emails: bool) -> Text<'_> {
    for _ in 0..4 {
        match Masking::new(&text, mask_emails).run() {
            Some(masked) if masked != text => text = masked.into(),
            _ => return text,
        }
    }
    MASK.into()
}

const MASK: &str = "<masked>";

/// One pass over a text, copying it and masking on the way.
struct Masking<'t> {
    text: &'t str,
    out: String,
    /// Where the text begins that stays as it is and was not copied yet.
    kept: usize,
    mask_emails: bool,
    /// Where a secret key was seen ahead, from the start of its run of letters.
    secret: (usize, usize),
}

impl<'t> Masking<'t> {
    fn new(text: &'t str, mask_emails: bool) -> Self {
        Self {
            text,
            out: String::new(),
            kept: 0,
            mask_emails,
            secret: (usize::MAX, usize::MAX),
        }
    }

    /// Masks the text; `None` where nothing in it is masked.
    fn run(mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.find_secret_key(at);
            if at == self.secret.0 {
                self.mask(at, "<secret-key>", self.secret.1);
                at = self.secret.1;
            } else if let Some((mask, length)) = self.whole(at) {
                self.mask(at, &mask, at + length);
                at += length;
            } else if byte.is_ascii_alphanumeric() {
                // Nothing begins inside a word.
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
        if self.kept == 0 {
            return None;
        }
        self.out.push_str(&self.text[self.kept..]);
        Some(self.out)
    }

    /// Copies what stays up to a place, and puts a mask for what ends at another.
    fn mask(&mut self, at: usize, mask: &str, end: usize) {
        self.out.push_str(&self.text[self.kept..at]);
        self.out.push_str(mask);
        self.kept = end;
    }

    /// Finds what begins here and betrays itself by its own form.
    fn whole(&self, at: usize) -> Option<(String, usize)> {
        let bytes = self.text.as_bytes();
        let find = match bytes[at] {
            b'-' if bytes[at..].starts_with(b"-----BEGIN ") => {
                return Some(("<pem>".to_owned(), pem_length(&self.text[at..])));
            }
            b'A' => key_id,
            b'e' => json_web_token,
            b'B' | b'b' => credentials,
            b'0'..=b'9' => card_number,
            _ => return None,
        };
        if self.is_inside_word(at) {
            return None;
        }
        find(&self.text[at..])
    }

    fn is_inside_word(&self, at: usize) -> bool {
        at > 0 && self.text.as_bytes()[at - 1].is_ascii_alphanumeric()
    }

    /// Looks once, at the start of each run of base64 letters, for a secret access key in it: the
    /// run itself, or its last 40 letters after a slash, as in `AKIA…/secret`.
    fn find_secret_key(&mut self, at: usize) {
        let bytes = self.text.as_bytes();
        if !is_base64(bytes[at]) || (at > 0 && is_base64(bytes[at - 1])) {
            return;
        }
        let end = at + run_length(&bytes[at..], is_base64);
        let Some(start) = end.checked_sub(40).filter(|start| *start >= at) else {
            return;
        };
        if (start == at || bytes[start - 1] == b'/') && is_random(&bytes[start..end]) {
            self.secret = (start, end);
        }
    }

    /// Takes the local part of an address back from what was already copied.
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

    /// Masks the value at `at`, after a separator, if the word before the separator demands it.
    fn mask_value(&mut self, at: usize) -> usize {
        let before = &self.text[..at - 1];
        if ends_with_ignore_case(before.as_bytes(), ENCODED_MESSAGE) {
            return self.mask_encoded(at);
        }
        if !is_secret_label(before, self.text.as_bytes()[at - 1]) {
            return at;
        }
        let (start, end) = value(self.text, at);
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

/// What precedes a message that `sts:DecodeAuthorizationMessage` would open.
const ENCODED_MESSAGE: &str = "Encoded authorization failure message";

/// Words whose value is a secret, lower-case and without `_` and `-`; what stands before them in
/// the same identifier does not matter (`DBPassword`, `aws_session_token`, `x-api-key`).
const SECRET_LABELS: [&str; 17] = [
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
    "xamzsignature",
    "xamzcredential",
    "sharedkey",
    "plaintext",
];

/// A bit for each letter that one of the words above ends in, and for the hyphens after it; in an
/// ARN most of what stands before a colon ends in another.
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

/// Longest of the words above with its hyphens, so that looking back stays bounded.
const LABEL_BYTES: usize = 24;

/// Tells whether text before a separator ends in a word whose value is a secret.
///
/// Quotes, backslashes and up to four spaces may stand between, as in `\"password\" : \"x\"`. In
/// `arn:aws:secretsmanager:…:secret:name` the word is a part of a name, and no label.
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

/// Finds the value behind a separator: inside its quotes, or up to a space or an ampersand. The
/// quotes may be escaped; a value whose quote never closes was cut, so it ends with the text.
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

/// Names of authentication schemes that stand before the credential itself.
const SCHEMES: [&str; 6] = [
    "bearer ",
    "basic ",
    "digest ",
    "token ",
    "apikey ",
    "negotiate ",
];

/// Measures an unquoted value; after a scheme its credential too, and a signature with its fields
/// to the end of the line.
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

/// Measures a PEM block; one without an end was cut, so it ends with the text.
fn pem_length(text: &str) -> usize {
    let Some(end) = text.find("-----END ") else {
        return text.len();
    };
    let label = end + "-----END ".len();
    text[label..]
        .find("-----")
        .map_or(text.len(), |close| label + close + 5)
}

/// Source: IAM User Guide, "IAM identifiers": `AKIA` and `ASIA` are access keys.
fn key_id(text: &str) -> Option<(String, usize)> {
    if !text.starts_with("AKIA") && !text.starts_with("ASIA") {
        return None;
    }
    let length = run_length(text.as_bytes(), |b| b.is_ascii_alphanumeric());
    Some((masked_key(&text[..length])?, length))
}

/// Keeps the first and the last four letters of a key id, enough to find it in one's own list.
fn masked_key(key: &str) -> Option<String> {
    is_key_id(key).then(|| format!("{}****{}", &key[..4], &key[key.len() - 4..]))
}

/// Source: RFC 7519: base64url parts joined by dots, the first a JSON object, hence `eyJ`.
fn json_web_token(text: &str) -> Option<(String, usize)> {
    if !text.starts_with("eyJ") {
        return None;
    }
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let header = run_length(text.as_bytes(), is_part);
    // A header alone is a token that was cut; shorter, it may be a word.
    let is_cut = text.as_bytes().get(header) != Some(&b'.');
    if header < if is_cut { 16 } else { 8 } {
        return None;
    }
    let whole = run_length(text.as_bytes(), |b| is_part(b) || b == b'.');
    Some(("<jwt>".to_owned(), whole))
}

/// Source: RFC 6750 and RFC 7617: a scheme, a space, and letters of base64.
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
    let kept = &text[..scheme.len()];
    Some((format!("{kept}{MASK}"), scheme.len() + spaces + length))
}

/// Finds 13 to 19 digits, plain or in the groups printed on cards, that pass Luhn's check.
///
/// Cards begin with 2 to 6 (ISO/IEC 7812), which leaves out times in milliseconds.
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
    // A number longer than a card, or one with further groups, is taken for something else.
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

/// Tells random letters from names and paths by entropy: hexadecimal never has more than four
/// bits a letter, and forty random base64 letters nearly always have all three kinds.
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
    // Four slashes make a path; in a key they would be one in three hundred.
    let slashes = letters.iter().filter(|b| **b == b'/').count();
    entropy > 4.0
        && slashes < 4
        && letters.iter().any(u8::is_ascii_uppercase)
        && letters.iter().any(u8::is_ascii_lowercase)
        && letters
            .iter()
            .any(|b| b.is_ascii_digit() || b"+/".contains(b))
}

/// Tells whether text begins with a host name that has a dot in it.
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

/// Returns one record as evidence: JSON of at most 8 KB under CloudTrail's own field names.
///
/// A field is kept because it is listed here. Request and response are not, because they carry
/// customers' data; nor are user names, because people type their password into the wrong box,
/// for which AWS hides them in sign-ins too (CloudTrail User Guide, "AWS Management Console
/// sign-in events").
pub fn sample(record: &Record<'_>) -> String {
    // At full length a sample fits unless somebody fills every field with characters of several
    // bytes; at an eighth, below 600 characters are left of all fields together.
    let fitting = [1, 2, 4]
        .into_iter()
        .map(|divisor| sample_within(record, divisor))
        .find(|text| text.len() <= SAMPLE_BYTES_MAX);
    fitting.unwrap_or_else(|| sample_within(record, 8))
}

fn sample_within(record: &Record<'_>, divisor: usize) -> String {
    let (name, long) = (128 / divisor, 256 / divisor);
    let mut json = Object::open();
    json.text("awsRegion", &record.aws_region, name, true);
    json.text("errorCode", &record.error_code, name, true);
    json.text("errorMessage", &record.error_message, 512 / divisor, true);
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
        let identity = sample_identity(identity, is_sign_in, divisor);
        json.raw("userIdentity", &identity);
    }
    json.close()
}

fn sample_identity(identity: &UserIdentity<'_>, is_sign_in: bool, divisor: usize) -> String {
    let (name, long) = (128 / divisor, 256 / divisor);
    let mut json = Object::open();
    let key = identity.access_key_id.as_deref().and_then(masked_key);
    if let Some(key) = key {
        json.quoted("accessKeyId", &key);
    }
    json.text("accountId", &identity.account_id, name, true);
    // The session's e-mail address in an ARN is the caller's name, without which a sample of a
    // single-sign-on role says nothing. In a sign-in the ARN may repeat what was typed.
    let is_root = identity.kind.as_deref() == Some("Root");
    if !is_sign_in || is_root {
        json.text("arn", &identity.arn, long, false);
    }
    let mut issuer = Object::open();
    issuer.text("arn", &identity.issuer_arn, long, false);
    if !issuer.is_empty() {
        let mut context = Object::open();
        context.raw("sessionIssuer", &issuer.close());
        json.raw("sessionContext", &context.close());
    }
    json.text("type", &identity.kind, name, true);
    json.close()
}

fn sample_resources(record: &Record<'_>, chars_max: usize) -> Option<String> {
    let elements = record.resources?.elements().into_iter();
    let resources: Vec<String> = elements
        .filter_map(|resource| resource.text_at(&["ARN"]))
        .take(5)
        .map(|arn| {
            let mut json = Object::open();
            json.text("ARN", &Some(arn), chars_max, true);
            json.close()
        })
        .collect();
    (!resources.is_empty()).then(|| format!("[{}]", resources.join(",")))
}

/// A JSON object that is being written; its fields come in the order of their keys.
struct Object(String);

impl Object {
    fn open() -> Self {
        let mut json = String::with_capacity(256);
        json.push('{');
        Self(json)
    }

    fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// Writes a value that is JSON already.
    fn raw(&mut self, key: &str, json: &str) {
        if !self.is_empty() {
            self.0.push(',');
        }
        for part in ["\"", key, "\":", json] {
            self.0.push_str(part);
        }
    }

    /// Writes a field, cleaned before it is masked, lest an invisible character hides a secret, and
    /// cut only after it is masked, lest a cut secret is no longer known for one.
    fn text(&mut self, key: &str, text: &Option<Text<'_>>, chars_max: usize, mask_emails: bool) {
        let Some(text) = text else { return };
        let masked = settled(clean(text, usize::MAX), mask_emails);
        let kept = clean(&masked, chars_max);
        if !kept.is_empty() {
            self.quoted(key, &kept);
        }
    }

    /// Writes text, in which nothing but quotes and backslashes needs an escape once it is clean.
    fn quoted(&mut self, key: &str, clean: &str) {
        self.raw(key, "\"");
        let mut kept = 0;
        for at in memchr::memchr2_iter(b'"', b'\\', clean.as_bytes()) {
            self.0.push_str(&clean[kept..at]);
            self.0.push('\\');
            kept = at;
        }
        self.0.push_str(&clean[kept..]);
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn cleaning_keeps_what_can_be_read() {
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
    fn secrets_are_masked_wherever_they_stand() {
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
    fn what_is_no_secret_stays_readable() {
        for text in [
            "The security token included in the request is invalid.",
            "Basic authentication failed, bearer token missing",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b",
            "0a4d55a8d778e5022fab701977c5d840bbc486d0",
            "00000000-0000-4000-8000-000000000000 1700000000000 111122223333",
            "4111 1111 1111 1112",
            "s3://bucket/AWSLogs/111122223333/CloudTrail",
            "no password, nor secret; AKIA is a prefix",
            "AKIA****MPLE",
            "@here and a@b",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn long_hostile_text_is_read_once() {
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
    fn a_sign_in_sample_never_repeats_what_was_typed() {
        let sample = sample_of(
            r#"{"eventName":"ConsoleLogin","errorMessage":"Failed authentication","userIdentity":
            {"type":"IAMUser","userName":"Hunter2","accountId":"111122223333",
            "arn":"arn:aws:iam::111122223333:user/Hunter2"}}"#,
        );
        assert!(!sample.to_string().contains("Hunter2"));
        assert_eq!(sample["userIdentity"]["accountId"], "111122223333");
    }

    #[test]
    fn a_cut_message_is_a_message_and_a_full_record_fits() {
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
                kind: wide,
                ..UserIdentity::default()
            }),
            ..Record::default()
        };
        let sample = super::sample(&record);
        assert!(sample.len() <= SAMPLE_BYTES_MAX, "{}", sample.len());
    }

    /// Pieces that make the scanners meet each other.
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

        /// What lies behind a card number is seen in the second pass alone.
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
