//! `man`: writes a manual page for each command, or prints the one of the program.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;

use crate::inputs::shown;
use crate::{help, output};

/// Write manual pages for all commands into a folder, or print the page of the program
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector man ~/.local/share/man/man1\n  \
    cloudtrail-inspector man > cloudtrail-inspector.1")]
pub struct Arguments {
    /// The folder to write to; it is created. Without it, the page of the program is printed
    folder: Option<PathBuf>,
}

/// The title of the manual in the head of each page.
const MANUAL: &str = "cloudtrail-inspector manual";

/// Runs `man`.
///
/// # Errors
/// Fails if the folder cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut program = help::command();
    program.build();
    match &arguments.folder {
        Some(folder) => {
            let text = || format!("{}: cannot be written", shown(folder));
            fs::create_dir_all(folder).with_context(text)?;
            let count = write_all(&program, "", folder).with_context(text)?;
            output::complain(&format!("{count} manual pages in {}", shown(folder)));
        }
        None => {
            let page = page(&program, program.get_name())?;
            output::print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of a command and of its subcommands, and returns their number. `parent` is the name of the command above,
/// with a dash at its end.
fn write_all(command: &Command, parent: &str, folder: &Path) -> io::Result<usize> {
    let name = format!("{parent}{}", command.get_name());
    fs::write(folder.join(format!("{name}.1")), page(command, &name)?)?;
    let mut count = 1;
    for subcommand in command
        .get_subcommands()
        .filter(|of| of.get_name() != "help")
    {
        count += write_all(subcommand, &format!("{name}-"), folder)?;
    }
    Ok(count)
}

/// Returns the page of one command, in roff.
fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default();
    let (examples, codes) = after.rsplit_once(help::EXIT_CODES).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let described = command.clone().name(name.to_owned()).version(version);
    let man = Man::new(described)
        .manual(MANUAL)
        .source(format!("cloudtrail-inspector {version}"));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let examples = examples.lines().map(str::trim_start);
    let examples = examples.filter(|line| !line.is_empty() && !line.starts_with("Example"));
    for (place, line) in examples.enumerate() {
        let head = if place == 0 { ".SH EXAMPLES\n" } else { "" };
        writeln!(page, "{head}.nf\n{}\n.fi", escaped(line))?;
    }
    writeln!(page, ".SH \"EXIT STATUS\"\n{}", escaped(codes))?;
    Ok(page)
}

/// Returns a line of text for roff, in which nothing is a command or an escape.
fn escaped(line: &str) -> String {
    let line = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    match line.starts_with('.') {
        true => format!("\\&{line}"),
        false => line,
    }
}
