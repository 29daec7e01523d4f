//! Commands that talk to AWS, in a program that was built without it: they are there, and say how to get them.

use anyhow::anyhow;

use crate::stack::TableArguments;

impl TableArguments {
    /// Refuses to open a table.
    pub fn open<T>(&self) -> anyhow::Result<T> {
        Err(without_aws())
    }
}

/// Says that a command needs AWS, and how to get a program that has it.
fn without_aws() -> anyhow::Error {
    anyhow!(
        "this program was built without AWS support, which --stack, --table, redrive, backfill and config set need; \
         build it with `make build` or `cargo install --path . --bin cloudtrail-inspector`"
    )
}

/// Makes a command of which nothing is there but its name and its sentence.
macro_rules! left_out {
    ($name:ident, $about:literal) => {
        #[doc = concat!("`", stringify!($name), "`, left out.")]
        pub mod $name {
            use std::ffi::OsString;
            use std::process::ExitCode;

            #[doc = $about]
            #[derive(Debug, clap::Args)]
            pub struct Arguments {
                /// Whatever is given, it is not looked at.
                #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
                given: Vec<OsString>,
            }

            /// Says that the command is left out.
            pub fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
                Err(super::without_aws())
            }
        }
    };
}

left_out!(
    redrive,
    "Process failed invocations of a stack again (not available: this build has no AWS support)"
);
left_out!(
    config_set,
    "Upload a settings file to a stack's bucket (not available: this build has no AWS support)"
);
left_out!(
    backfill,
    "Read the log groups of a stack again (not available: this build has no AWS support)"
);
