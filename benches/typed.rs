//! Reads records with a ready-made parser of JSON: `sonic-rs` fills a struct with the fields that a scan reads, and counts
//! the errors. It concludes nothing from them.
//!
//! Usage: `typed PATH…`, trail files or subscription payloads, or folders of them; prints one line of JSON with the number
//! of records and of errors.

mod files;
mod opened;

use std::borrow::Cow;
use std::path::Path;

use opened::{Failed, Opener};
use serde::Deserialize;

/// A string, borrowed from the text if it has no escapes. Serde would copy a string in an `Option<Cow<str>>`.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the text is read, as a scan reads it")]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

type Text<'a> = Option<Borrowed<'a>>;

#[derive(Deserialize)]
struct TrailFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the fields are read, as a scan reads them")]
struct Record<'a> {
    #[serde(borrow)]
    event_version: Text<'a>,
    #[serde(rename = "eventID", borrow)]
    event_id: Text<'a>,
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    event_source: Text<'a>,
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    aws_region: Text<'a>,
    #[serde(rename = "sourceIPAddress", borrow)]
    source_ip_address: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow)]
    error_code: Text<'a>,
    #[serde(borrow)]
    error_message: Text<'a>,
    #[serde(borrow)]
    recipient_account_id: Text<'a>,
    #[serde(borrow)]
    user_identity: Option<UserIdentity<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the fields are read, as a scan reads them")]
struct UserIdentity<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    principal_id: Text<'a>,
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    account_id: Text<'a>,
    #[serde(borrow)]
    access_key_id: Text<'a>,
    #[serde(borrow)]
    user_name: Text<'a>,
}

fn main() -> Result<(), Failed> {
    let mut opener = Opener::new();
    let (mut records, mut errors) = (0_u64, 0_u64);
    let mut count = |record: &Record<'_>| {
        records += 1;
        errors += u64::from(record.error_code.is_some() || record.error_message.is_some());
    };
    for path in std::env::args_os().skip(1) {
        for file in files::files(Path::new(&path))? {
            let text = opener.open(&file)?;
            if text.starts_with(b"{\"Records\"") {
                let trail: TrailFile<'_> = sonic_rs::from_slice(text)?;
                trail.records.iter().for_each(&mut count);
                continue;
            }
            let payload: Payload<'_> = sonic_rs::from_slice(text)?;
            for event in &payload.log_events {
                count(&sonic_rs::from_str(&event.message)?);
            }
        }
    }
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        println!(r#"{{"records":{records},"errors":{errors}}}"#);
    }
    Ok(())
}
