//! Says what to do about a path that is no trail file: an address, or a store in place of a trail.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use records::redact::sanitize;

/// The first bytes of each SQLite file. Source: SQLite, "Database File Format".
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Returns why a path cannot be an input, and what to do instead, from its text alone. `None` if it can be one.
pub fn of_text(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let begins = |start: &str| {
        text.get(..start.len())
            .is_some_and(|of| of.eq_ignore_ascii_case(start))
    };
    if begins("http://") || begins("https://") {
        return Some(
            "a web address cannot be read; download the file and give its path, or give s3://BUCKET/PATH for S3".to_owned(),
        );
    }
    if let Some(resource) = text.strip_prefix("arn:") {
        return Some(match resource.split_once(":s3:::") {
            Some((_, place)) => format!("an ARN is not a path; give s3://{}", sanitize(place, 512)),
            None => "an ARN is not a path; give s3://BUCKET/PATH for files in S3, or --stack NAME for a deployed stack".to_owned(),
        });
    }
    None
}

/// Returns why a path could not be opened, and what to do.
pub fn of_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; read it as a user who may".to_owned()
        }
        _ => format!("cannot be opened; check the path: {error}"),
    }
}

/// Returns what to do with a file that is a store of `scan --db`, and not a trail. `None` for another file.
pub fn of_store(path: &Path) -> Option<String> {
    let mut first = [0; SQLITE.len()];
    File::open(path).ok()?.read_exact(&mut first).ok()?;
    (first == SQLITE).then(|| {
        format!(
            "this is a SQLite file, not a trail; show a store with: clusters list --db {}",
            shown(path)
        )
    })
}

/// Returns what to do with a file that was given as a store and is none. `None` if the file may be a store.
pub fn of_trail(path: &Path) -> Option<String> {
    let mut first = [0; SQLITE.len()];
    let mut file = File::open(path).ok()?;
    let length = file.read(&mut first).ok()?;
    (length > 0 && !SQLITE.starts_with(&first[..length])).then(|| {
        format!(
            "this is not a cloudtrail-inspector store; choose another file, or read a trail with: scan {}",
            shown(path)
        )
    })
}

fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 512)
}
