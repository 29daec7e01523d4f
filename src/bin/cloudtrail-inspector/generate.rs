//! `generate`: a made-up trail to try things out on.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use cloudtrail_inspector::demo::{Plan, trail};

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
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plan = Plan {
        seed: arguments.seed,
        hours: arguments.hours,
        events_per_hour: arguments.events_per_hour,
        ..Plan::default()
    };
    let demo = trail(&plan);
    for file in &demo.files {
        let path = arguments.folder.join(&file.name);
        let parent = path.parent().unwrap_or(&arguments.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, file.gzip()))
            .with_context(|| format!("{}: cannot be written", shown(&path)))?;
    }
    output::complain(&format!(
        "wrote {} records in {} files to {}",
        demo.truth.records,
        demo.files.len(),
        shown(&arguments.folder)
    ));
    Ok(ExitCode::SUCCESS)
}
