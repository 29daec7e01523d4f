//! Makes untrusted text harmless before it goes into a message.
//!
//! A person who can make a call fail controls text in messages: names of sessions, user agents, error
//! messages. So each output form has its own protection:
//!
//! - In Markdown, untrusted text is always in a code span.
//! - In plain text, spaces break up links and mentions of mail programs and chats.
//! - In names, all characters that are unusual in names become `_`.

use std::ops::RangeInclusive;

use records::redact::{MASKS, clean, mask_secrets};

/// Returns untrusted text in a form for people to read: without invisible characters, with secrets masked,
/// and cut to `chars_max` characters.
pub fn readable(text: &str, chars_max: usize) -> String {
    // Cleaning comes first, because an invisible character could hide a secret. Cutting comes last,
    // because half a secret is not masked.
    let masked = mask_secrets(&clean(text, usize::MAX));
    clean(&masked, chars_max).into_owned()
}

/// Returns a Markdown code span of a text from [`readable`]; empty for an empty text.
///
/// The text cannot end the span, because the fence is longer than each run of backticks in the text.
pub fn code_span(readable: &str) -> String {
    if readable.is_empty() {
        return String::new();
    }
    let longest = readable.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default() + 1);
    // A backtick at an edge would become part of the fence. Markdown removes the spaces again.
    let gap = match readable.starts_with('`') || readable.ends_with('`') {
        true => " ",
        false => "",
    };
    [&fence, gap, readable, gap, &fence].concat()
}

/// Returns a text from [`readable`] in a form for plain text messages. Inserted spaces keep programs from
/// making links, mentions or HTML tags of it.
pub fn defanged(readable: &str) -> String {
    let mut plain = String::with_capacity(readable.len());
    let mut before = ' ';
    for (at, c) in readable.char_indices() {
        let after = &readable[at + c.len_utf8()..];
        let next = after.chars().next().unwrap_or(' ');
        plain.push(c);
        let is_mask = || MASKS.iter().any(|mask| readable[at..].starts_with(mask));
        let breaks = match c {
            // A network such as 2001:db8::/48 is no link.
            ':' => after.starts_with("//"),
            '<' if is_mask() => false,
            '<' => matches!(next, '!' | '@' | '#' | '/') || next.is_ascii_alphabetic(),
            '@' => !before.is_alphanumeric() && next.is_alphanumeric(),
            '.' => is_www(&plain) || ends_domain(&plain, after),
            _ => false,
        };
        if breaks {
            plain.push(' ');
        }
        before = c;
    }
    plain
}

fn is_www(text: &str) -> bool {
    let tail = text.len().checked_sub("www.".len());
    tail.and_then(|at| text.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case("www."))
}

/// Lengths of the last labels of domains. The longest in use that is not Punycode has 18 letters.
const LAST_LABEL_CHARS: RangeInclusive<usize> = 2..=18;

/// Checks whether a dot, at the end of `text`, is before the last label of a domain, as in `evil-login.com`, of which mail
/// programs make a link. `after` is the text after the dot. An endpoint of AWS and an e-mail address stay whole.
fn ends_domain(text: &str, after: &str) -> bool {
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let label = after
        .find(|c| !is_host(c))
        .map_or(after, |end| &after[..end]);
    // A dot at the end of a sentence belongs to no label.
    let label = label.trim_end_matches(['.', '-', '_']);
    let is_last =
        LAST_LABEL_CHARS.contains(&label.chars().count()) && label.chars().all(char::is_alphabetic);
    if !is_last {
        return false;
    }
    let start = text.rfind(|c| !is_host(c)).map_or(0, |at| {
        at + text[at..].chars().next().map_or(0, char::len_utf8)
    });
    let host = &text[start..];
    let is_named = host.trim_end_matches('.').ends_with(char::is_alphanumeric);
    is_named
        && !host.contains('@')
        && !is_endpoint(&host.to_ascii_lowercase(), &label.to_ascii_lowercase())
}

/// Checks whether a host is an endpoint of an AWS service: `SERVICE.amazonaws.com` or `SERVICE.REGION.amazonaws.com`. Names
/// with a bucket or another resource are not, because anybody can have such a name. `host` ends with a dot.
fn is_endpoint(host: &str, last: &str) -> bool {
    let names: Vec<_> = host
        .trim_end_matches('.')
        .split('.')
        .chain([last])
        .collect();
    let is_region = |name: &str| {
        let letters = name.bytes().take_while(u8::is_ascii_lowercase).count();
        letters == 2
            && name[letters..].starts_with('-')
            && name.ends_with(|c: char| c.is_ascii_digit())
    };
    match &names[..] {
        [_, "amazonaws", "com"] | ["aws", "amazon", "com"] => true,
        [_, region, "amazonaws", "com"] | [_, region, "amazonaws", "com", "cn"] => {
            is_region(region)
        }
        _ => false,
    }
}

/// Returns untrusted text in a form for fields that expect a name, cut to `chars_max` characters. Each
/// character other than ASCII letters, digits and `_ . : / @ + -` becomes `_`.
pub fn token(text: &str, chars_max: usize) -> String {
    let sign = |c: char| match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '.' | ':' | '/' | '@' | '+' | '-' => c,
        _ => '_',
    };
    text.chars().take(chars_max).map(sign).collect()
}

/// Returns untrusted text in a form for titles: as [`token`], but `@`, `+` and a `/` after `:` or `/` also
/// become `_`.
///
/// Otherwise programs that render a title as Markdown could make links or mentions of it.
pub fn titled(text: &str, chars_max: usize) -> String {
    let mut title = String::new();
    for c in token(text, chars_max).chars() {
        let broken = match c {
            '/' => title.ends_with([':', '/']),
            '@' | '+' => true,
            _ => false,
        };
        title.push(if broken { '_' } else { c });
    }
    title
}

/// Returns the longest prefix of `text` that has at most `bytes_max` bytes and ends between two characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_its_code_span() {
        for (text, wanted) in [
            ("", ""),
            ("a", "`a`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("a ``` b", "````a ``` b````"),
            ("ends in \\", "`ends in \\`"),
        ] {
            assert_eq!(code_span(text), wanted);
        }
    }

    #[test]
    fn plain_text_has_no_link_and_no_mention() {
        for (text, wanted) in [
            ("see http://evil.example", "see http: //evil. example"),
            ("WWW.evil.example", "WWW. evil. example"),
            (
                "bucket evil-login.com, [evil.com/aws]",
                "bucket evil-login. com, [evil. com/aws]",
            ),
            (
                "at verify-at.evil-login.CO.UK.",
                "at verify-at.evil-login.CO. UK.",
            ),
            ("бот.рф", "бот. рф"),
            (
                "kms.amazonaws.com s3.us-gov-west-1.amazonaws.com",
                "kms.amazonaws.com s3.us-gov-west-1.amazonaws.com",
            ),
            (
                "ec2.cn-north-1.amazonaws.com.cn",
                "ec2.cn-north-1.amazonaws.com.cn",
            ),
            ("evil.s3.amazonaws.com", "evil.s3.amazonaws. com"),
            (
                "evil.s3-website-us-east-1.amazonaws.com",
                "evil.s3-website-us-east-1.amazonaws. com",
            ),
            ("amazonaws.com.evil.net", "amazonaws.com.evil. net"),
            (
                "aws-sdk/1.2 java8.al2 Failed. Then com.amazon.coral.service.UnknownOperationException",
                "aws-sdk/1.2 java8.al2 Failed. Then com.amazon.coral.service.UnknownOperationException",
            ),
            ("2001:db8:4::/48", "2001:db8:4::/48"),
            ("user/<secret-key> <jwt>", "user/<secret-key> <jwt>"),
            (
                "<!channel> <@U1> <a href=x>",
                "< !channel> < @ U1> < a href=x>",
            ),
            ("@all, mia@shop.example", "@ all, mia@shop.example"),
            (
                "User: <*> is arn:aws:iam::1:x",
                "User: <*> is arn:aws:iam::1:x",
            ),
        ] {
            assert_eq!(defanged(text), wanted);
        }
    }

    #[test]
    fn invisible_characters_and_secrets_are_removed_before_text_is_cut() {
        assert_eq!(readable("pass\u{200b}word=hunter2 x", 12), "password=<m…");
        assert_eq!(
            titled("http://evil.example/@all", 40),
            "http:_/evil.example/_all"
        );
        assert_eq!(cut("aé", 2), "a");
    }
}
