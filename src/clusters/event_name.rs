//! Names of API calls without the version that some services append.

/// Removes the API version that Lambda, CloudFront and other services append to an event name.
///
/// Examples are `CreateFunction20150331`, `UpdateFunctionCode20150331v2` and `CreateDistribution2020_05_31`. A name
/// without such a version is returned unchanged.
pub fn unversioned(event_name: &str) -> &str {
    if !event_name.ends_with(|last: char| last.is_ascii_digit()) {
        return event_name;
    }
    let name = match event_name.rsplit_once('v') {
        Some((name, version)) if is_digits(version, 1..=2) => name,
        _ => event_name,
    };
    let mut rest = name;
    for digits in [2, 2, 4] {
        let Some(at) = rest.len().checked_sub(digits) else {
            return event_name;
        };
        if !rest.is_char_boundary(at) || !is_digits(&rest[at..], digits..=digits) {
            return event_name;
        }
        if digits == 4 && !rest[at..].starts_with("20") {
            return event_name;
        }
        rest = rest[..at].trim_end_matches('_');
    }
    if rest.is_empty() { event_name } else { rest }
}

/// Checks whether a text has digits only, in one of these numbers.
pub(crate) fn is_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_api_versions_are_removed_from_event_names() {
        for (name, wanted) in [
            ("CreateFunction20150331", "CreateFunction"),
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
            ("CreateDistribution2020_05_31", "CreateDistribution"),
            ("CreateFunction2020_05_31v2", "CreateFunction"),
            ("ListBuckets", "ListBuckets"),
            ("GetObjectv2", "GetObjectv2"),
            ("20150331", "20150331"),
            ("Löschen20150331", "Löschen"),
            ("", ""),
        ] {
            assert_eq!(unversioned(name), wanted);
        }
    }
}
