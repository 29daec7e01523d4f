//! `generate`: a made-up trail to try things out on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use demo::{Demo, Plan, trail};

use crate::inputs::shown;
use crate::output;

/// Write a believable, made-up trail into a folder
///
/// The same seed gives the same files. Nothing in them is real.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector generate demo && cloudtrail-inspector scan demo\n  \
    cloudtrail-inspector generate --seed 7 --hours 336 --events-per-hour 5000 big")]
pub struct Arguments {
    /// The folder to write to; made where it is missing
    folder: PathBuf,
    /// Another seed gives another trail
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many hours the trail covers
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=8760))]
    hours: u32,
    /// How many events an hour has
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    events_per_hour: u32,
    /// Write what a subscription that asks for errors would hand over instead, this many records in
    /// each payload
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..=200_000))]
    payloads: Option<u32>,
    /// Leave out the texts that are no records, which not every tool can read past
    #[arg(long)]
    sound: bool,
}

/// Runs the command.
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
    for file in &demo.files {
        write(&folder.join(&file.name), &file.gzip())?;
    }
    let (records, files) = (demo.truth.records, demo.files.len());
    Ok(format!("{records} records in {files} files"))
}

fn write_payloads(folder: &Path, demo: &Demo, records_max: u32) -> anyhow::Result<String> {
    let payloads = demo.payloads(records_max as usize);
    for (number, payload) in payloads.iter().enumerate() {
        write(
            &folder.join(format!("{number:05}.json")),
            payload.as_bytes(),
        )?;
    }
    Ok(format!("{} payloads", payloads.len()))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, content))
        .with_context(|| format!("{}: cannot be written", shown(path)))
}
