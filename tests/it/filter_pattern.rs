//! Filter patterns for JSON events as CloudWatch Logs reads them, as far as the patterns of the template go.
//!
//! Sources: Amazon CloudWatch Logs User Guide, "Using filter patterns to match terms in JSON log events" and "Supported
//! regular expressions (regex) syntax", 2026-11-29.

use serde_json::Value;

/// A condition of a pattern, or several.
#[derive(Debug)]
pub enum Pattern {
    Any(Vec<Pattern>),
    All(Vec<Pattern>),
    /// A selector such as `$.errors[0].code`, and what its value must be.
    Field(String, Test),
}

/// What the value of a field must be.
#[derive(Debug)]
pub enum Test {
    Is(bool),
    /// A text, which may begin or end with `*`.
    Text(String),
    /// A regular expression, found anywhere in the text.
    Regular(String),
    MoreThan(f64),
    AtLeast(f64),
}

impl Pattern {
    /// Reads a pattern in braces; panics if it is none.
    pub fn parse(text: &str) -> Self {
        let inner = text
            .strip_prefix("{ ")
            .and_then(|rest| rest.strip_suffix(" }"));
        let tokens = tokens(inner.expect("a pattern has braces"));
        let mut rest = &tokens[..];
        let pattern = any(&mut rest);
        assert!(rest.is_empty(), "left: {rest:?}");
        pattern
    }

    /// Checks whether an event matches.
    pub fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.matches(event)),
            Self::All(parts) => parts.iter().all(|part| part.matches(event)),
            Self::Field(selector, test) => {
                value(event, selector).is_some_and(|value| test.holds(value))
            }
        }
    }

    /// Returns the regular expressions.
    pub fn regular_expressions(&self) -> Vec<&str> {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().flat_map(Self::regular_expressions).collect()
            }
            Self::Field(_, Test::Regular(text)) => vec![text],
            Self::Field(..) => Vec::new(),
        }
    }
}

/// Cuts a pattern at spaces, parentheses and operators; texts in quotes and regular expressions stay whole.
fn tokens(text: &str) -> Vec<String> {
    let (mut tokens, mut token, mut quote) = (Vec::new(), String::new(), None);
    for letter in text.chars() {
        let ends = quote == Some(letter);
        if quote.is_some() || matches!(letter, '"' | '%') {
            token.push(letter);
            quote = if ends { None } else { quote.or(Some(letter)) };
        } else if letter == '=' && token == ">" {
            token.push(letter);
        } else if matches!(letter, ' ' | '(' | ')' | '=') {
            tokens.push(std::mem::take(&mut token));
            tokens.push(letter.to_string());
        } else {
            token.push(letter);
        }
    }
    tokens.push(token);
    tokens.retain(|token| !token.trim().is_empty());
    tokens
}

/// Reads conditions with `||` between them.
fn any(rest: &mut &[String]) -> Pattern {
    several(rest, "||", Pattern::Any, all)
}

/// Reads conditions with `&&` between them, which binds more tightly.
fn all(rest: &mut &[String]) -> Pattern {
    several(rest, "&&", Pattern::All, one)
}

fn several(
    rest: &mut &[String],
    operator: &str,
    join: fn(Vec<Pattern>) -> Pattern,
    read: fn(&mut &[String]) -> Pattern,
) -> Pattern {
    let mut parts = vec![read(rest)];
    while rest.first().is_some_and(|token| token == operator) {
        *rest = &rest[1..];
        parts.push(read(rest));
    }
    join(parts)
}

fn one(rest: &mut &[String]) -> Pattern {
    let mut next = || {
        let (first, others) = rest.split_first().expect("a condition");
        *rest = others;
        first.clone()
    };
    let first = next();
    if first == "(" {
        let pattern = any(rest);
        assert_eq!(rest[0], ")");
        *rest = &rest[1..];
        return pattern;
    }
    assert!(first.starts_with("$."), "{first}");
    let (operator, operand) = (next(), next());
    let quoted = |quote: char| {
        let inner = operand.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner.to_owned())
    };
    let number = || operand.parse().expect("a number");
    let test = match &*operator {
        "IS" => Test::Is(operand == "TRUE"),
        ">" => Test::MoreThan(number()),
        ">=" => Test::AtLeast(number()),
        "=" => match quoted('%') {
            Some(regular) => Test::Regular(regular),
            None => Test::Text(quoted('"').unwrap_or(operand)),
        },
        _ => panic!("unknown operator {operator}"),
    };
    Pattern::Field(first, test)
}

/// Returns the value that a selector points to.
fn value<'e>(event: &'e Value, selector: &str) -> Option<&'e Value> {
    let mut value = event;
    for step in selector.strip_prefix("$.")?.split('.') {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, Some(index.parse::<usize>().unwrap())),
            None => (step, None),
        };
        value = value.as_object()?.get(name)?;
        if let Some(index) = index {
            value = value.as_array()?.get(index)?;
        }
    }
    Some(value)
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Is(expected), Value::Bool(is)) => is == expected,
            (Self::MoreThan(least), Value::Number(number)) => number.as_f64().unwrap() > *least,
            (Self::AtLeast(least), Value::Number(number)) => number.as_f64().unwrap() >= *least,
            (Self::Text(pattern), Value::String(text)) => {
                match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
                    (Some(_), Some("")) => true,
                    (Some(end), None) => text.ends_with(end),
                    (None, Some(start)) => text.starts_with(start),
                    _ => text == pattern,
                }
            }
            (Self::Regular(regular), Value::String(text)) => {
                regular.split('|').any(|one| is_found(one, text))
            }
            _ => false,
        }
    }
}

/// Checks whether one alternative of a regular expression is found in a text.
fn is_found(regular: &str, text: &str) -> bool {
    match regular.strip_prefix('^') {
        Some(regular) => begins(regular, text),
        None => (0..=text.len()).any(|start| begins(regular, &text[start..])),
    }
}

/// Checks whether a text begins with what a regular expression stands for: characters, `.`, sets such as `[0-9_v]`, each
/// perhaps with `*` after it, and `$` at the end.
fn begins(regular: &str, text: &str) -> bool {
    if regular.is_empty() {
        return true;
    }
    if regular == "$" {
        return text.is_empty();
    }
    let (set, rest, fits): (&str, &str, fn(&str, char) -> bool) =
        if let Some(inner) = regular.strip_prefix('[') {
            let (set, rest) = inner.split_once(']').expect("a set ends");
            (set, rest, |set, letter| {
                set.contains(letter) || set.starts_with("0-9") && letter.is_ascii_digit()
            })
        } else if let Some(escaped) = regular.strip_prefix('\\') {
            let (letter, rest) = escaped.split_at(1);
            (letter, rest, |set, letter| set.contains(letter))
        } else {
            let (letter, rest) = regular.split_at(1);
            (letter, rest, |set, letter| {
                set == "." || set.contains(letter)
            })
        };
    let fits = |letter: &char| fits(set, *letter);
    let first = text.chars().next().filter(fits);
    match rest.strip_prefix('*') {
        Some(rest) => begins(rest, text) || first.is_some() && begins(regular, &text[1..]),
        None => first.is_some() && begins(rest, &text[1..]),
    }
}

#[test]
fn a_pattern_is_read_as_the_guide_of_cloudwatch_logs_reads_it() {
    let event = serde_json::json!({
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "flag": true,
    });
    for (pattern, expected) in [
        (
            r#"{ ($.user.id >= 1) && ($.users[0].email = "John.Doe@example.com") }"#,
            true,
        ),
        (
            r#"{ ($.user.id > 1 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#,
            false,
        ),
        (
            r#"{ $.user.email = "John.Stiles@example.com" || $.actions[0] = nonmatch && $.actions[2] = nomatch }"#,
            true,
        ),
        (
            r#"{ ($.user.email = "John.Stiles@example.com" || $.actions[0] = nonmatch) && $.actions[2] = nomatch }"#,
            false,
        ),
        ("{ $.flag IS TRUE && $.actions[0]=GET }", true),
        ("{ $.flag IS FALSE || $.missing IS FALSE }", false),
        (
            r#"{ $.user.email="John*" && $.user.email="*.com" && $.user.email="*" }"#,
            true,
        ),
        (
            "{ $.actions[2] = %^DEL|x% && $.actions[2] = %L.*E% && $.actions[2] = %ELETE[0-9_v]*$% }",
            true,
        ),
        (
            r"{ $.user.email = %example\.com$% && $.user.email = %Stiles@% }",
            true,
        ),
        (r"{ $.user.email = %exampl\.% }", false),
        (
            "{ $.actions[2] = %^ELE% || $.actions[2] = %DEL$% || $.user = %id% }",
            false,
        ),
    ] {
        assert_eq!(
            Pattern::parse(pattern).matches(&event),
            expected,
            "{pattern}"
        );
    }
}
