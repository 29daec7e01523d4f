//! Measures the least work of every scan: reads each file, and decodes base64 and gzip.
//!
//! No program that reads CloudTrail files can need less time than this.
//!
//! Usage: `floor PATH…`, files or folders; prints one line of JSON with their number and sizes in bytes.

mod files;
mod opened;

use std::path::Path;

use opened::{Failed, Opener};

fn main() -> Result<(), Failed> {
    let mut opener = Opener::new();
    let (mut files, mut bytes, mut largest) = (0_u64, 0, 0);
    for path in std::env::args_os().skip(1) {
        for file in files::files(Path::new(&path))? {
            let text = opener.open(&file);
            let length = text
                .map_err(|error| format!("{}: {error}", file.display()))?
                .len();
            files += 1;
            bytes += length;
            largest = largest.max(length);
        }
    }
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        println!(r#"{{"files":{files},"bytes":{bytes},"largest":{largest}}}"#);
    }
    Ok(())
}
