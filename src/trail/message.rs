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
//! 3. what stands in quotes, unless it names a field ("at 'maxResults'"), in brackets, and a single
//!    word in parentheses;
//! 4. ARNs, URLs, host names, and words with a digit, `-`, `_`, `/` or `@`, unless they are
//!    English ("identity-based"), the name of a technique ("`x86_64`"), a constant ("`READ_ONLY`") or
//!    an IAM action ("ec2:RunInstances").
//!
//! Then lists of values fold into one, spaces collapse, and the template is cut at
//! [`TEMPLATE_BYTES_MAX`].

use memchr::memmem;

use crate::trail::denial::{ENCODED, is_action};

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
/// Folding a list may bring marks together that stood apart, which a second pass then reads
/// differently; passes repeat until nothing changes, so that masking a template gives the template.
pub fn template(message: &str, request_values: &[impl AsRef<str>]) -> String {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    let mut template = pass(message, requested_spans(message, request_values));
    for _ in 0..PASSES_MAX {
        let again = pass(&template, Vec::new());
        if again == template {
            break;
        }
        template = again;
    }
    template
}

/// Two passes settle all but made-up texts; each pass only ever removes, so a few settle those.
const PASSES_MAX: usize = 6;

fn pass(message: &str, requested: Vec<(usize, usize)>) -> String {
    let encoded = memmem::find(message.as_bytes(), ENCODED.as_bytes());
    let mut scan = Scan {
        text: &message[..encoded.unwrap_or(message.len())],
        at: 0,
        requested,
        template: String::with_capacity(message.len().min(TEMPLATE_BYTES_MAX + 64)),
        unpaired: [false; 4],
    };
    scan.run();
    if encoded.is_some() {
        scan.space();
        scan.mask(ENCODED_MASK);
    }
    let mut template = scan.template;
    cut(&mut template);
    template
}

fn cut(template: &mut String) {
    if template.len() > TEMPLATE_BYTES_MAX {
        let limit = template.floor_char_boundary(TEMPLATE_BYTES_MAX);
        let edge = template[..limit].rfind(' ').unwrap_or(limit);
        template.truncate(edge);
    }
    template.truncate(template.trim_end().len());
}

/// Words too common in messages to be taken for a value of the request.
const NEVER_VALUES: [&str; 14] = [
    "default", "true", "false", "null", "none", "all", "any", "auto", "enabled", "disabled",
    "string", "name", "the", "not",
];

/// Finds the request's values in the text as whole words, in order, without overlap.
fn requested_spans(text: &str, values: &[impl AsRef<str>]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for value in values.iter().take(REQUEST_VALUES_MAX) {
        let value = value.as_ref();
        // A word that is masked for its shape need not be searched for.
        let searched = (3..=256).contains(&value.len())
            && !NEVER_VALUES.contains(&value.to_ascii_lowercase().as_str())
            && (value.contains(is_break) || !is_value(value));
        if !searched {
            continue;
        }
        for start in memmem::find_iter(text.as_bytes(), value.as_bytes()) {
            let end = start + value.len();
            let whole = text[..start].chars().next_back().is_none_or(is_break)
                && text[end..]
                    .chars()
                    .next()
                    .is_none_or(|c| is_break(c) || ".:!?'".contains(c));
            if whole {
                spans.push((start, end));
            }
        }
    }
    // The longer of two that start together; then whatever begins inside another goes.
    spans.sort_unstable_by_key(|&(start, end)| (start, usize::MAX - end));
    let mut covered = 0;
    spans.retain(|&(start, end)| {
        let free = start >= covered;
        if free {
            covered = end;
        }
        free
    });
    spans.reverse();
    spans
}

/// One pass over a message.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Spans of the request's values, the next one last.
    requested: Vec<(usize, usize)>,
    template: String,
    /// Closing marks of which none is left, so that a search that failed is not repeated.
    unpaired: [bool; 4],
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            if self.template.len() > TEMPLATE_BYTES_MAX {
                return;
            }
            if self.requested_value() {
                continue;
            }
            match c {
                c if c.is_whitespace() => {
                    self.space();
                    self.at += c.len_utf8();
                }
                '\'' | '"' | '`' | '“' if self.opens_quote() && self.quoted(c) => {}
                '(' if self.parenthesised() => {}
                '[' if self.bracketed() => {}
                '<' if self.masked_before() => {}
                c if is_break(c) => {
                    self.template.push(c);
                    self.at += c.len_utf8();
                }
                _ => self.word(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        if !self.template.is_empty() && !self.template.ends_with(' ') {
            self.template.push(' ');
        }
    }

    /// Appends a masked value, and folds it into an equal one that it is listed with.
    fn mask(&mut self, masked: &str) {
        let listed = self.template.trim_end_matches([' ', ',']);
        let listed = listed
            .strip_suffix(" and")
            .unwrap_or(listed)
            .trim_end_matches([' ', ',']);
        if listed.ends_with(masked) && listed.len() < self.template.len() {
            self.template.truncate(listed.len());
        } else {
            self.template.push_str(masked);
        }
    }

    fn requested_value(&mut self) -> bool {
        while let Some(&(start, end)) = self.requested.last() {
            if start > self.at {
                return false;
            }
            self.requested.pop();
            if start == self.at {
                self.mask(MASK);
                self.at = end;
                return true;
            }
        }
        false
    }

    /// A mark opens a quotation only after a space or an opening punctuation: "doesn't" does not.
    fn opens_quote(&self) -> bool {
        self.text[..self.at]
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || "([{=,:;".contains(c))
    }

    fn quoted(&mut self, open: char) -> bool {
        let (slot, close) = match open {
            '\'' => (0, '\''),
            '"' => (1, '"'),
            '`' => (2, '`'),
            _ => (3, '”'),
        };
        if self.unpaired[slot] {
            return false;
        }
        let inside = &self.rest()[open.len_utf8()..];
        let Some(length) = closing_mark(inside, close) else {
            self.unpaired[slot] = true;
            return false;
        };
        let content = &inside[..length];
        let after = &inside[length + close.len_utf8()..];
        if self.names_field(content, after) {
            self.template.push(open);
            self.template.push_str(content);
            self.template.push(close);
        } else {
            self.mask(&format!("{open}{MASK}{close}"));
        }
        self.at = self.text.len() - after.len();
        true
    }

    /// Tells a quoted field name from a quoted value: `at 'name'`, `'disableApiStop' attribute`.
    fn names_field(&self, content: &str, after: &str) -> bool {
        const NOUNS: [&str; 9] = [
            "at",
            "parameter",
            "attribute",
            "field",
            "member",
            "property",
            "argument",
            "header",
            "element",
        ];
        let mut letters = content.chars().filter(|c| *c != '.');
        if content.is_empty() || !letters.all(|c| c.is_ascii_alphabetic()) {
            return false;
        }
        let camel = content.starts_with(|c: char| c.is_ascii_lowercase())
            && content.contains(|c: char| c.is_ascii_uppercase());
        let before = self.template.trim_end_matches([' ', ':']);
        let before = before.rsplit(' ').next().unwrap_or_default();
        let next = after
            .trim_start()
            .split(|c: char| !c.is_ascii_alphabetic())
            .next();
        camel || NOUNS.contains(&before) || next.is_some_and(|word| NOUNS[1..].contains(&word))
    }

    /// A single word in parentheses is a value, prose in parentheses is not, `role(s)` is a plural.
    fn parenthesised(&mut self) -> bool {
        let inside = &self.rest()[1..];
        let content = inside.trim_start();
        let Some(length) = content.find(|c: char| c.is_whitespace() || c == '(' || c == ')') else {
            return false;
        };
        let Some(after) = content[length..].trim_start().strip_prefix(')') else {
            return false;
        };
        if length == 0 || matches!(&content[..length], "s" | "es") {
            return false;
        }
        self.mask("(<*>)");
        self.at = self.text.len() - after.len();
        true
    }

    fn bracketed(&mut self) -> bool {
        let Some(length) = memchr::memchr(b']', self.rest().as_bytes()) else {
            return false;
        };
        let after = self.rest()[length..].trim_start_matches(']');
        self.mask("[<*>]");
        self.at = self.text.len() - after.len();
        true
    }

    /// A mask that is there already stays, so that masking twice changes nothing.
    fn masked_before(&mut self) -> bool {
        for masked in [MASK, ENCODED_MASK] {
            if self.rest().starts_with(masked) {
                self.mask(masked);
                self.at += masked.len();
                return true;
            }
        }
        false
    }

    fn word(&mut self) {
        let rest = self.rest();
        let word = if starts_address(rest) {
            // Addresses hold marks that end other words.
            let end = rest.find(|c: char| c.is_whitespace() || "\"'`,]>)".contains(c));
            &rest[..end.unwrap_or(rest.len())]
        } else {
            &rest[..word_length(rest)]
        };
        // Marks around a value stay, so that what stands beside a quotation is the same before and
        // after masking.
        let core = word.trim_start_matches(SENTENCE_MARKS);
        let lead = &word[..word.len() - core.len()];
        let core = core.trim_end_matches(|c| is_break(c) || SENTENCE_MARKS.contains(&c));
        if is_value(core) {
            self.template.push_str(lead);
            self.mask(MASK);
            self.template.push_str(&word[lead.len() + core.len()..]);
        } else {
            self.template.push_str(word);
        }
        self.at += word.len();
    }
}

/// Returns where a quotation ends; an apostrophe inside a word ends none.
fn closing_mark(inside: &str, close: char) -> Option<usize> {
    inside.match_indices(close).map(|(at, _)| at).find(|&at| {
        let before = inside[..at].chars().next_back().is_some_and(in_word);
        let after = inside[at + close.len_utf8()..]
            .chars()
            .next()
            .is_some_and(in_word);
        !(close == '\'' && before && after)
    })
}

/// Tells whether a character beside an apostrophe makes it part of a word; a mask is a word.
fn in_word(c: char) -> bool {
    c == '<' || c == '>' || !(is_break(c) || SENTENCE_MARKS.contains(&c))
}

/// Marks that stand after a word and belong to the sentence.
const SENTENCE_MARKS: [char; 4] = ['.', ':', '!', '?'];

/// Returns the length of the word at the start of a text, at least one character.
fn word_length(text: &str) -> usize {
    let mut last = None;
    for (at, c) in text.char_indices() {
        let apostrophe = c == '\''
            && last.is_some_and(char::is_alphanumeric)
            && text[at + 1..]
                .chars()
                .next()
                .is_some_and(char::is_alphanumeric);
        if at > 0 && is_break(c) && !apostrophe {
            return at;
        }
        last = Some(c);
    }
    text.len()
}

/// Marks that end a word.
fn is_break(c: char) -> bool {
    c.is_whitespace() || "'\"`“”()[]{}<>=;,|".contains(c)
}

fn starts_address(text: &str) -> bool {
    ["arn:", "http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

/// Tells by its shape whether a word is a value.
fn is_value(word: &str) -> bool {
    if starts_address(word) {
        return true;
    }
    let mut digit = false;
    let mut joint = false;
    let mut dot = false;
    for byte in word.bytes() {
        match byte {
            b'0'..=b'9' => digit = true,
            b'-' | b'_' | b'/' | b'@' => joint = true,
            b'.' => dot = true,
            _ => {}
        }
    }
    if !digit && !joint {
        return dot && is_host(word);
    }
    if digit {
        return !is_technique(word) && !is_action(word);
    }
    !is_action(word) && !is_english(word) && !is_constant(word)
}

/// Names of techniques and services that contain a digit and are no value, lower case.
const TECHNIQUES: [&str; 30] = [
    "s3", "ec2", "x86_64", "arm64", "i386", "amd64", "ipv4", "ipv6", "sha1", "sha256", "sha-1",
    "sha-256", "sha512", "md5", "base64", "utf8", "utf-8", "oauth2", "http2", "http/1.1", "http/2",
    "route53", "x509", "x.509", "iso8601", "rfc3339", "db2", "k8s", "pkcs8", "pkcs1",
];

fn is_technique(word: &str) -> bool {
    word.len() <= 9 && TECHNIQUES.contains(&word.to_ascii_lowercase().as_str())
}

/// Top-level domains by which a word is taken for a host name.
const DOMAINS: [&str; 8] = ["com", "net", "org", "io", "cn", "aws", "internal", "local"];

fn is_host(word: &str) -> bool {
    word.rsplit_once('.')
        .is_some_and(|(name, domain)| !name.is_empty() && DOMAINS.contains(&domain))
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
        || (word.len() <= 17 && COMPOUNDS.contains(&word.to_ascii_lowercase().as_str()))
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
    fn a_long_message_is_cut_at_a_word() {
        let template = masked(&"sound ".repeat(100));
        assert!(template.len() <= TEMPLATE_BYTES_MAX && template.ends_with("sound"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1000))]

        #[test]
        fn masking_twice_changes_nothing(message in r#"([a-z]{1,6}|[A-Z][a-z]+|[0-9]{1,4}|[a-z]-[0-9a-f]{3}|arn:aws:s3:::x|https://a\.com|['"`()\[\]<>.,:;=“”-]|<\*>|at|and| |é){0,60}"#) {
            let once = masked(&message);
            assert_eq!(masked(&once), once, "of {message:?}");
        }

        #[test]
        fn any_text_has_a_template(message in "\\PC{0,300}", value in "\\PC{0,12}") {
            let _ = template(&message, &[value]);
        }
    }
}
