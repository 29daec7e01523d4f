//! The program of all AWS Lambda functions. Its code is in the crate `function`.

use std::process::ExitCode;

fn main() -> ExitCode {
    function::main()
}
