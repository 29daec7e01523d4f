//! Test data in files. Most are whole CloudTrail records with real structure and invented content, one a file:
//! `<service>-<API>-<what>.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Returns the path of a file or folder of fixtures.
pub fn path(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(name)
}

/// Returns the record of a fixture; `name` is the file name without its ending.
#[track_caller]
pub fn fixture(name: &str) -> Value {
    let path = path("records").join(name).with_extension("json");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("no fixture {name} at {}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// Returns a fixture with some fields replaced; `null` removes a field.
#[track_caller]
pub fn fixture_with(name: &str, fields: Value) -> Value {
    let mut record = fixture(name);
    let (Value::Object(fields), Some(record_fields)) = (fields, record.as_object_mut()) else {
        panic!("fixture {name} and its fields are objects");
    };
    for (field, value) in fields {
        if value.is_null() {
            record_fields.remove(&field);
        } else {
            record_fields.insert(field, value);
        }
    }
    record
}

/// Returns the names of all fixtures, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path("records"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
