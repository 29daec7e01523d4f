//! The program of all functions. What it does stands in the crate `function`.

use std::process::ExitCode;

fn main() -> ExitCode {
    function::main()
}
