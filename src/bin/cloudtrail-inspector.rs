//! The command line program. Its code is in the crate `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
