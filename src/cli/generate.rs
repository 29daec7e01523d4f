//! `generate`: writes a trail of invented events, for trying the other commands.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use demo::{Demo, Plan, trail};

use crate::inputs::shown;
use crate::output;

/// Write realistic demo CloudTrail files into a folder
///
/// The same seed gives the same files. All data in them is invented.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector generate demo && cloudtrail-inspector scan demo\n  \
    cloudtrail-inspector generate --seed 7 --hours 336 --events-per-hour 5000 big")]
pub struct Arguments {
    /// The folder to write to; it is created if it does not exist
    folder: PathBuf,
    /// Seed of the random generator; another seed gives other events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of hours that the files cover
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=8760))]
    hours: u32,
    /// Number of events per hour
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    events_per_hour: u32,
    /// Write CloudWatch Logs subscription payloads of error records instead of CloudTrail files, with
    /// this number of records in each payload
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..=200_000))]
    payloads: Option<u32>,
    /// Leave out the malformed records, which some other tools cannot read
    #[arg(long)]
    sound: bool,
}

/// Runs `generate`: writes demo files into a folder. Existing files are never overwritten.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plan = Plan {
        seed: arguments.seed,
        hours: arguments.hours,
        events_per_hour: arguments.events_per_hour,
        broken: !arguments.sound,
        ..Plan::default()
    };
    let demo = trail(&plan);
    let written = match arguments.payloads {
        None => write_trail(&arguments.folder, &demo)?,
        Some(records_max) => write_payloads(&arguments.folder, &demo, records_max)?,
    };
    output::complain(&format!("wrote {written} to {}", shown(&arguments.folder)));
    Ok(ExitCode::SUCCESS)
}

fn write_trail(folder: &Path, demo: &Demo) -> anyhow::Result<String> {
    let files = demo.files.iter();
    write(folder, files.map(|file| (file.name.clone(), file.gzip())))?;
    let (records, files) = (demo.truth.records, demo.files.len());
    Ok(format!("{records} records in {files} files"))
}

fn write_payloads(folder: &Path, demo: &Demo, records_max: u32) -> anyhow::Result<String> {
    let payloads = demo.payloads(records_max as usize);
    let count = payloads.len();
    let files = payloads.into_iter().enumerate();
    write(
        folder,
        files.map(|(number, payload)| (format!("{number:05}.json"), payload.into())),
    )?;
    Ok(format!("{count} payloads"))
}

/// Writes files into a folder. A file that exists with the same content is left as it is.
///
/// # Errors
/// Fails if a file exists with other content; no file is ever overwritten.
fn write(folder: &Path, files: impl Iterator<Item = (String, Vec<u8>)>) -> anyhow::Result<()> {
    for (name, content) in files {
        let path = folder.join(name);
        let made = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| File::create_new(&path))
            .and_then(|mut file| file.write_all(&content));
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::read(&path).is_ok_and(|found| found == content) {
                    bail!(
                        "{}: a different file exists already; choose another folder",
                        shown(&path)
                    );
                }
            }
            made => made.with_context(|| format!("{}: cannot be written", shown(&path)))?,
        }
    }
    Ok(())
}
