//! Finds dates and schedules in an error message, which have several words.

use super::words::is_break;

/// Returns the length of a schedule in parentheses, such as `(0 12 * * ? *)` after `cron`.
pub(super) fn schedule_length(before: &str, rest: &str) -> Option<usize> {
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
pub(super) fn date_length(text: &str) -> Option<usize> {
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
