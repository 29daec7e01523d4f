//! How what an actor made is undone, by the kind of the object: what it is in words, how urgent it is, and the commands.
//!
//! The texts are rows of the ledger's table, so that each object has its remedy next to its calls.

use super::ledger::{OBJECTS, Object, Urgency};

/// What is known of objects of one kind that one call made.
#[derive(Debug, Clone, Copy)]
pub struct Remedy {
    object: &'static Object,
    /// The place of the kind in the table, in which users, roles and groups come before what they have.
    pub place: usize,
    /// The commands of the AWS CLI, in their order. A word in braces is a part of the object's name, or what the caller
    /// knows; a word in capitals is looked up by the reader.
    pub commands: &'static [String],
}

/// Returns how an object is undone. `by` is the call that made it, such as `iam:CreateUser`. `None` if the table has no
/// such kind.
pub fn remedy(kind: &str, by: &str) -> Option<Remedy> {
    let place = OBJECTS.iter().position(|object| object.kind == kind)?;
    let object = &OBJECTS[place];
    Some(Remedy {
        object,
        place,
        commands: object.undo_of.get(by).unwrap_or(&object.undo),
    })
}

/// Returns all kinds of objects, each with the calls that make it.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [String])> {
    let kind = |object: &'static Object| (object.kind.as_str(), object.made.as_slice());
    OBJECTS.iter().map(kind)
}

impl Remedy {
    /// Returns what the object is, in English.
    pub fn what(&self) -> &'static str {
        &self.object.what
    }

    /// Returns what the object is, in Chinese.
    pub fn what_chinese(&self) -> &'static str {
        &self.object.what_zh
    }

    /// Returns when the object has to be undone.
    pub fn urgency(&self) -> Urgency {
        self.object.urgency
    }

    /// Returns the parts of an object's name in the ledger, each with the parameter that it is.
    ///
    /// Several parts are separated by spaces. A port, such as `tcp 22`, has a space of its own; a name that is the only part
    /// may have any number.
    pub fn parts<'n>(&self, name: &'n str) -> Vec<(&'static str, &'n str)> {
        let mut parts = Vec::new();
        let mut rest = name;
        let keys: Vec<&'static str> = self.object.key.iter().map(String::as_str).collect();
        for (at, key) in keys.iter().enumerate() {
            let is_last = at + 1 == keys.len();
            let split = match *key {
                _ if is_last => None,
                "port" => rest.rsplit_once(' '),
                _ => rest.split_once(' '),
            };
            let (part, left) = split.unwrap_or((rest, ""));
            parts.push((*key, part));
            rest = left;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_name_are_found_again() {
        for (kind, name, parts) in [
            ("user", "eva", &[("user", "eva")][..]),
            (
                "access_key",
                "eva AKIA****PLE7",
                &[("user", "eva"), ("key", "AKIA****PLE7")],
            ),
            (
                "open_port",
                "sg-1 tcp 22 0.0.0.0/0",
                &[
                    ("group", "sg-1"),
                    ("port", "tcp 22"),
                    ("range", "0.0.0.0/0"),
                ],
            ),
            ("key_pair", "of the build", &[("key_pair", "of the build")]),
            ("detector_off", "", &[]),
        ] {
            assert_eq!(remedy(kind, "").unwrap().parts(name), parts, "{kind}");
        }
    }

    #[test]
    fn every_command_is_one_of_the_command_line_with_what_the_row_knows() {
        const OF_CALLER: [&str; 9] = [
            "account",
            "all",
            "group_names",
            "partition",
            "permission",
            "policy_arn",
            "region",
            "secret_id",
            "user_groups",
        ];
        for object in OBJECTS.iter() {
            assert!(!object.what.is_empty() && !object.what_zh.is_empty());
            assert!(!object.undo.is_empty(), "{}", object.kind);
            let calls: Vec<&String> = object.undo_of.keys().collect();
            assert!(
                calls.iter().all(|call| object.made.contains(call)),
                "{calls:?}"
            );
            for command in object.undo.iter().chain(object.undo_of.values().flatten()) {
                assert!(command.starts_with("aws "), "{command}");
                for part in command.split('{').skip(1) {
                    let (name, _) = part.split_once('}').unwrap();
                    let is_known = object.key.iter().any(|key| key == name);
                    assert!(is_known || OF_CALLER.contains(&name), "{command}: {name}");
                }
            }
        }
    }
}
