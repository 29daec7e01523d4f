//! The store of a list in words: how a later command reads the same clusters.

use std::path::Path;

use crate::inputs::shown;
use crate::stack::TableArguments;

/// How a later command reads the same clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Option<String>);

impl Place {
    /// Returns the place of clusters that are in a file or in a table; `None` and no table if they were only in memory.
    pub fn of(db: Option<&Path>, table: &TableArguments) -> Self {
        let named = |option: &str, name: &str| Some(format!("--{option} {}", quoted(name)));
        Self(match (db, &table.stack, &table.table) {
            (Some(db), ..) => named("db", &shown(db)),
            (_, Some(stack), _) => named("stack", stack),
            (.., Some(table)) => named("table", table),
            _ => None,
        })
    }

    /// Returns a line with the command that shows one entry of a list, by its ID.
    pub fn show(&self, noun: &str, id: &str) -> String {
        let command = self.command(noun, id);
        match &self.0 {
            Some(_) => format!("Show one: {command}"),
            None => format!("Show one: {command} --db trail.db (scan with --db)"),
        }
    }

    /// Returns the command that shows one entry of a list, by its ID.
    pub fn command(&self, noun: &str, id: &str) -> String {
        let place = self.0.iter().map(|place| format!(" {place}"));
        let command = format!("cloudtrail-inspector {noun} show {id}");
        [command].into_iter().chain(place).collect()
    }
}

/// Returns a name as one word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    match name.chars().all(is_plain) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_word_of_a_shell() {
        for (path, option) in [
            ("trail.db", "--db trail.db"),
            ("a b.db", "--db 'a b.db'"),
            ("it's;x", r"--db 'it'\''s;x'"),
        ] {
            let place = Place::of(Some(Path::new(path)), &TableArguments::default());
            assert_eq!(place, Place(Some(option.to_owned())));
        }
    }
}
