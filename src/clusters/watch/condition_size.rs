//! The size of the conditions of rules and watches, so that no rules file takes more time or memory than its size allows.
//!
//! A repetition such as `(a{100}){100}` is short, but its automaton has ten thousand states; each star of a wildcard
//! multiplies the work for a long text; and groups in each other need a stack.

use std::str::Chars;

/// Maximum number of characters that a regular expression may stand for when all its repetitions are written out.
const REGEXP_STATES_MAX: u64 = 2_000;

/// Maximum number of groups in each other in a regular expression.
const GROUPS_MAX: usize = 50;

/// Maximum number of stars in a wildcard.
const STARS_MAX: usize = 16;

/// Returns why a condition is too large; `None` if it is not.
pub fn excess(condition: &toml::Table) -> Option<String> {
    condition
        .iter()
        .find_map(|(key, value)| excess_of(key, value))
}

fn excess_of(key: &str, value: &toml::Value) -> Option<String> {
    match (key, value) {
        ("regexp", toml::Value::String(text)) if depth(text) > GROUPS_MAX => Some(format!(
            "a regexp must not have more than {GROUPS_MAX} groups in each other"
        )),
        ("regexp", toml::Value::String(text)) => (states(text) > REGEXP_STATES_MAX).then(|| {
            format!("a regexp must not stand for more than {REGEXP_STATES_MAX} characters; use fewer or smaller repetitions")
        }),
        ("wildcard", toml::Value::String(text)) => (text.matches('*').count() > STARS_MAX)
            .then(|| format!("a wildcard must not have more than {STARS_MAX} stars")),
        (_, toml::Value::Table(table)) => excess(table),
        (_, toml::Value::Array(values)) => values.iter().find_map(|value| excess_of(key, value)),
        _ => None,
    }
}

/// Returns an upper bound for the number of groups in each other.
fn depth(regexp: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in regexp.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Returns an upper bound for the number of characters of a regular expression with its repetitions written out.
fn states(regexp: &str) -> u64 {
    let mut rest = regexp.chars();
    // The sums of the groups around the position, and of the last atom of each.
    let mut groups = vec![(0_u64, 0_u64)];
    while let Some(c) = rest.next() {
        let last = groups.len() - 1;
        let (sum, atom) = &mut groups[last];
        match c {
            '(' => groups.push((0, 0)),
            ')' if last > 0 => {
                let inner = groups[last].0;
                groups.pop();
                let (sum, atom) = &mut groups[last - 1];
                (*sum, *atom) = (sum.saturating_add(inner), inner);
            }
            '{' => {
                let times = most(&mut rest).saturating_sub(1);
                *sum = sum.saturating_add(atom.saturating_mul(times));
            }
            _ => {
                // An escape and the character after it are one atom or two; two is an upper bound.
                (*sum, *atom) = (sum.saturating_add(1), 1);
            }
        }
    }
    groups
        .iter()
        .fold(0, |sum, group| sum.saturating_add(group.0))
}

/// Reads the numbers of a repetition up to its brace, and returns the largest one; at least 1.
fn most(rest: &mut Chars<'_>) -> u64 {
    let inner: String = rest.take_while(|c| *c != '}').collect();
    let numbers = inner
        .split(',')
        .filter_map(|number| number.trim().parse().ok());
    numbers.fold(1, u64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_in_each_other_multiply() {
        for (regexp, wanted) in [
            ("", 0),
            ("abc", 3),
            ("a{3}", 3),
            ("(ab){3}c{2,5}", 11),
            ("((a{100}){100}){100}", 1_000_000),
            ("((a{100}){100}){100}|b", 1_000_002),
            ("(a", 1),
            ("a)b", 3),
            ("(a{99999999999})", 99_999_999_999),
        ] {
            assert_eq!(states(regexp), wanted, "{regexp}");
        }
    }

    #[test]
    fn a_large_condition_is_refused_wherever_it_is() {
        let excess = |text: &str| excess(&toml::from_str(text).expect("valid TOML"));
        assert_eq!(
            excess(r#"errorCode = [{ regexp = "Access.{1,20}" }, "x"]"#),
            None
        );
        assert_eq!(excess(r#"eventName = [{ wildcard = "Get*By*" }]"#), None);
        let regexp = excess(r#"userIdentity = { arn = [{ regexp = "((a{100}){100})" }] }"#);
        assert!(regexp.is_some_and(|text| text.contains("regexp")));
        let deep = format!(
            r#"errorCode = [{{ regexp = "{}a{}" }}]"#,
            "(".repeat(51),
            ")".repeat(51)
        );
        assert!(excess(&deep).is_some_and(|text| text.contains("50 groups")));
        let stars = format!(
            r#"eventName = [{{ anything-but = {{ wildcard = ["{}"] }} }}]"#,
            "a*".repeat(17)
        );
        assert!(excess(&stars).is_some_and(|text| text.contains("16 stars")));
    }
}
