//! JSON Schema as far as `docs/events` uses it; any other keyword fails the test. `tests/stack/test_events.py` checks
//! schemas and samples with a complete implementation.

use serde_json::Value;

/// A schema for checking values.
pub struct Schema<'s>(pub &'s Value);

impl Schema<'_> {
    /// Returns the differences between a value and the schema.
    pub fn errors(&self, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(self.0, value, "", &mut errors);
        errors
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        let rules = schema.as_object().unwrap();
        for (keyword, rule) in rules {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" => true,
                // `format` is not checked, because `pattern` is stricter.
                "format" => rule == "date-time" && rules.contains_key("pattern"),
                "$ref" => {
                    let place = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.0.pointer(place).unwrap(), value, at, errors);
                    true
                }
                "if" => {
                    let mut unless = Vec::new();
                    self.check(rule, value, at, &mut unless);
                    if unless.is_empty() {
                        self.check(&schema["then"], value, at, errors);
                    }
                    true
                }
                "then" => rules.contains_key("if"),
                "properties" => {
                    self.check_fields(rule, value, at, errors);
                    true
                }
                "items" => {
                    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{number}"), errors);
                    }
                    true
                }
                "additionalProperties" if rule.is_object() => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.check(rule, field, &format!("{at}/{name}"), errors);
                    }
                    true
                }
                "additionalProperties" => rule == false && is_closed(schema, value),
                keyword => holds(keyword, rule, value),
            };
            if !holds {
                errors.push(format!("{at} {keyword} {rule}: {value}"));
            }
        }
    }

    fn check_fields(&self, rule: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        for (name, schema) in rule.as_object().unwrap() {
            if let Some(field) = value.get(name) {
                self.check(schema, field, &format!("{at}/{name}"), errors);
            }
        }
    }
}

/// Checks whether an object has only fields that its schema names.
fn is_closed(schema: &Value, value: &Value) -> bool {
    let mut fields = value.as_object().into_iter().flatten();
    fields.all(|(name, _)| schema["properties"].get(name).is_some())
}

/// Checks whether a value fulfils a keyword about itself, without its parts.
fn holds(keyword: &str, rule: &Value, value: &Value) -> bool {
    match keyword {
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => match rule {
            Value::Array(types) => types.iter().any(|of| is_of(of, value)),
            of => is_of(of, value),
        },
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().unwrap()),
        "pattern" => value
            .as_str()
            .is_none_or(|text| matches(rule.as_str().unwrap(), text)),
        "required" => {
            let mut names = rule.as_array().unwrap().iter();
            !value.is_object() || names.all(|name| value.get(name.as_str().unwrap()).is_some())
        }
        _ => panic!("a keyword that is not known: {keyword}"),
    }
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        name => panic!("a type that is not known: {name}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let is_made_of = |is: fn(char) -> bool| text.chars().all(is);
    match pattern {
        "^[A-Za-z0-9_.:/@+-]*$" => {
            is_made_of(|c| c.is_ascii_alphanumeric() || "_.:/@+-".contains(c))
        }
        "^[A-Za-z0-9_.:/@+-]+$" => !text.is_empty() && matches("^[A-Za-z0-9_.:/@+-]*$", text),
        "^[0-9]+\\.[0-9]+\\.[0-9]+.*$" => text.splitn(3, '.').count() == 3,
        "^([0-9a-f]{8}|none)-([0-9a-f]{8}|none)$" => {
            let is_version = |of: &str| of == "none" || of.len() == 8;
            text.split('-').count() == 2 && text.split('-').all(is_version)
        }
        "^[0-9a-f]{32}$" => text.len() == 32 && is_made_of(|c| matches!(c, '0'..='9' | 'a'..='f')),
        "^[a-z2-7]{26}$" => text.len() == 26 && is_made_of(|c| matches!(c, 'a'..='z' | '2'..='7')),
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" => {
            let zeros = text.replace(|c: char| c.is_ascii_digit(), "0");
            zeros == "0000-00-00T00:00:00Z"
        }
        _ => panic!("a pattern that is not known: {pattern}"),
    }
}
