//! What text of others becomes in a message: nothing but text, whatever reads it.
//!
//! Whoever can make a call fail writes into messages: with names of sessions, user agents, error
//! messages. In Markdown such text stands in code spans alone; where there is no Markdown, what mail
//! programs and chats would make a link or a mention of is broken up; where a name is expected,
//! only the characters of names are left.

use records::redact::{clean, mask_secrets};

/// Returns text of others as people may read it: nothing unseen, secrets masked, and cut.
pub fn readable(text: &str, chars_max: usize) -> String {
    // Cleaned first, lest something unseen hides a secret; cut last, lest half of one is shown.
    let masked = mask_secrets(&clean(text, usize::MAX));
    clean(&masked, chars_max).into_owned()
}

/// Returns readable text as a code span of Markdown, which ends where it should: its fence is
/// longer than any run of backticks within. Nothing for nothing.
pub fn code_span(readable: &str) -> String {
    if readable.is_empty() {
        return String::new();
    }
    let longest = readable.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default() + 1);
    // A space is taken off again on both sides; a backtick would join the fence.
    let gap = match readable.starts_with('`') || readable.ends_with('`') {
        true => " ",
        false => "",
    };
    [&fence, gap, readable, gap, &fence].concat()
}

/// Returns readable text for a message that is no Markdown: nothing in it looks like a link, a
/// mention or a tag.
pub fn defanged(readable: &str) -> String {
    let mut plain = String::with_capacity(readable.len());
    let mut before = ' ';
    let mut rest = readable.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        plain.push(c);
        let breaks = match c {
            ':' => next == '/',
            '<' => matches!(next, '!' | '@' | '#' | '/') || next.is_ascii_alphabetic(),
            '@' => !before.is_alphanumeric() && next.is_alphanumeric(),
            '.' => is_www(&plain),
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

/// Returns text where a name is expected, of at most so many characters: letters, digits and a few
/// signs of ASCII, and `_` for everything else.
pub fn token(text: &str, chars_max: usize) -> String {
    let sign = |c: char| match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '.' | ':' | '/' | '@' | '+' | '-' => c,
        _ => '_',
    };
    text.chars().take(chars_max).map(sign).collect()
}

/// Returns a name for a title, which some readers take for Markdown and some make links of.
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

/// Cuts text at so many bytes, between characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_ends_where_it_should() {
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
            ("see http://evil.example", "see http: //evil.example"),
            ("WWW.evil.example", "WWW. evil.example"),
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
    fn secrets_are_masked_and_what_is_unseen_is_removed_before_text_is_cut() {
        assert_eq!(readable("pass\u{200b}word=hunter2 x", 12), "password=<m…");
        assert_eq!(
            titled("http://evil.example/@all", 40),
            "http:_/evil.example/_all"
        );
        assert_eq!(cut("aé", 2), "a");
    }
}
