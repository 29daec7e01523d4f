//! The command line. What it does stands in the crate `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
