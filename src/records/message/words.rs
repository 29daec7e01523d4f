//! The bytes and the words of an error message, and which words are values because of their form: a digit, a hyphen, an
//! address, a type.

use std::ops::Range;

use json::bytes::kinds;

use crate::denial::is_action;

/// Words for the fields of a request; the name of a field is not a value.
pub(super) const FIELD_NOUNS: [&str; 8] = [
    "parameter",
    "attribute",
    "field",
    "member",
    "property",
    "argument",
    "header",
    "element",
];

/// Checks whether a byte beside an apostrophe belongs to a word; a mask counts as a word.
pub(super) fn in_word(byte: u8) -> bool {
    matches!(byte, b'<' | b'>') || !(is_break(byte) || is_sentence_mark(byte))
}

/// Checks for punctuation marks that belong to the sentence and not to the word beside them.
pub(super) fn is_sentence_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b':' | b'!' | b'?')
}

/// Returns the length of the word at the start of a text, at least one byte.
pub(super) fn word_length(text: &str) -> usize {
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
pub(super) fn is_break(byte: u8) -> bool {
    KINDS[usize::from(byte)] & BREAK != 0
}

const BREAK: u8 = 1;
const DIGIT: u8 = 2;
const JOINT: u8 = 4;
const DOT: u8 = 8;
const COLON: u8 = 16;
const ADDRESS_END: u8 = 32;
pub(super) const LETTER: u8 = 64;

/// The kinds of each byte. This is a table because each byte of each message is looked up.
pub(super) static KINDS: [u8; 256] = kinds(&[
    (b" \t\n\r\x0b\x0c'\"`()[]{}<>=;,|", BREAK),
    (b"0123456789", DIGIT),
    (b"-_/@", JOINT),
    (b".", DOT),
    (b":", COLON),
    (b"abcdefghijklmnopqrstuvwxyz", LETTER),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", LETTER),
    (b" \t\n\r\x0b\x0c\"'`,]>)", ADDRESS_END),
]);

pub(super) fn starts_address(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'a') => text.starts_with("arn:"),
        Some(b'h') => text.starts_with("http://") || text.starts_with("https://"),
        _ => false,
    }
}

/// Checks whether a word has the form of a value.
pub(super) fn is_value(word: &str) -> bool {
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
    word.starts_with("AWS::")
        || (memchr::memchr_iter(b':', word.as_bytes()).nth(1).is_some()
            && word.split(':').filter(|part| !part.is_empty()).count() > 2)
}

/// A name that [`is_given_name`] finds is not shorter, in bytes.
pub(super) const GIVEN_NAME_BYTES_MIN: usize = 16;

/// Checks for names from AWS that may have no digit: service-linked roles, and the ids of principals
/// and access keys. One in thirty of these ids has only letters.
///
/// Source: AWS IAM User Guide, "IAM identifiers", "Understanding unique ID prefixes".
pub(super) fn is_given_name(word: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "AGPA", "AIDA", "AIPA", "AKIA", "ANPA", "ANVA", "AROA", "ASCA", "ASIA",
    ];
    if word.len() < GIVEN_NAME_BYTES_MIN || !word.starts_with('A') {
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

/// Returns the last part of a name in camel case: `Bus` of `EventBus`, `Instance` of `DBInstance`.
pub(super) fn last_hump(word: &str) -> &str {
    let bytes = word.as_bytes();
    let is_lower = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    let starts =
        |at: &usize| bytes[*at].is_ascii_uppercase() && (is_lower(at - 1) || is_lower(at + 1));
    let start = (1..bytes.len()).rev().find(starts).unwrap_or(0);
    &word[start..]
}

/// Checks whether a word of letters in lower case has a capital after its first letter, as `webServers` has.
pub(super) fn has_humps(word: &[u8]) -> bool {
    const LOWER: u8 = 0x20;
    word[0] & LOWER != 0 && word.iter().fold(LOWER, |lower, byte| lower & byte) == 0
}

/// Checks for the name of a field: letters, dots and indices, such as `tags.1.member.key` or `filters[0].name`.
pub(super) fn is_field(content: &str) -> bool {
    let mut parts = parts(content);
    parts
        .clone()
        .any(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
        && parts.all(|part| part.bytes().all(|b| b.is_ascii_alphabetic()) || is_index(part))
}

/// Checks for the path of a field, whose parts may have digits and joints: `ipv6Addresses`, `current_status`.
pub(super) fn is_path(content: &str) -> bool {
    let in_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let mut parts = parts(content);
    parts
        .clone()
        .any(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
        && parts.all(|part| part.bytes().all(in_part) || is_index(part))
}

/// Returns the parts of a path, between dots and brackets.
fn parts(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split(['.', '[', ']']).filter(|part| !part.is_empty())
}

fn is_index(part: &str) -> bool {
    part == super::MASK || part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the byte range of the first index in a path, such as that of `1` in `tags.1.member.key`.
pub(super) fn path_index(path: &str) -> Option<Range<usize>> {
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'.', b'[', &bytes[at..]) {
        let start = at + found + 1;
        let length = bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if length > 0
            && bytes
                .get(start + length)
                .is_none_or(|&byte| is_break(byte) || byte == b'.')
        {
            return Some(start..start + length);
        }
        at = start;
    }
    None
}

/// Checks for the path of a field with an index in it: `MetricData.member.1.Values`, `Filter.1.Name`.
pub(super) fn is_indexed_path(word: &str) -> bool {
    // Nearly all values have another mark near their start, such as an id or an ARN.
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'[' | b']');
    if !word.bytes().take(4).all(in_path) {
        return false;
    }
    let starts_upper = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    path_index(word).is_some()
        && is_field(word)
        && (word.contains(".member.")
            || parts(word).all(|part| starts_upper(part) || is_index(part)))
}

/// Checks for the name of a person with dots, such as `bo.lee` or `Bo.Lee`.
pub(super) fn is_dotted_name(word: &str) -> bool {
    word.len() > 4
        && word.bytes().any(|byte| byte == b'.')
        && word
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().skip(1).all(|b| b.is_ascii_lowercase()))
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
}
