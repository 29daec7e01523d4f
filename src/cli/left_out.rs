//! Replaces `deployed` in a program built without AWS support.
//!
//! The commands exist, so that they are in the help, and fail with a message on how to build a program that has them.

use anyhow::anyhow;

use crate::stack::TableArguments;

impl TableArguments {
    /// Always fails, because this program was built without AWS support and cannot open a table.
    pub fn open<T>(&self) -> anyhow::Result<T> {
        Err(without_aws())
    }
}

/// Returns the error that a command needs AWS support, with how to build it.
fn without_aws() -> anyhow::Error {
    anyhow!(
        "this program was built without AWS support, which --stack, --table, status, doctor, redrive, backfill, drill and most \
         commands of config need; \
         build it with `make build` or `cargo install --path . --bin cloudtrail-inspector`"
    )
}

/// Replaces the reading of the configuration of a stack.
pub mod config_source {
    use std::path::Path;

    use service::configuration::Configuration;

    use crate::aws_options::AwsArguments;

    /// Always fails, because this program was built without AWS support.
    pub fn configuration(
        _: &str,
        _: Option<&Path>,
        _: &AwsArguments,
    ) -> anyhow::Result<Configuration> {
        Err(super::without_aws())
    }
}

/// Defines a command that has only its name and its line in the help, and always fails.
macro_rules! left_out {
    ($name:ident, $about:literal) => {
        #[doc = concat!("`", stringify!($name), "` without AWS support: always fails.")]
        pub mod $name {
            use std::ffi::OsString;
            use std::process::ExitCode;

            #[doc = $about]
            #[derive(Debug, clap::Args)]
            pub struct Arguments {
                /// All arguments are accepted and ignored.
                #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
                given: Vec<OsString>,
            }

            /// Always fails, because this program was built without AWS support.
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
    carry,
    "Continue the clusters of a stack under their present IDs (not available: this build has no AWS support)"
);
left_out!(
    config_set,
    "Upload a settings file to a stack's bucket (not available: this build has no AWS support)"
);
left_out!(
    config_export,
    "Write the whole configuration of a stack to a file (not available: this build has no AWS support)"
);
left_out!(
    config_import,
    "Give a stack the configuration of a file (not available: this build has no AWS support)"
);
left_out!(
    drill,
    "Send a test record through a deployed stack (not available: this build has no AWS support)"
);
left_out!(
    backfill,
    "Read the log groups of a stack again (not available: this build has no AWS support)"
);

/// What `config history` reads in AWS without AWS support: nothing.
pub mod config_history {
    use service::configuration::history::ConfigChange;

    use crate::aws_options::AwsArguments;

    /// Always fails, because this program was built without AWS support.
    pub fn changes(
        _: (Option<&str>, Option<&str>),
        _: usize,
        _: &AwsArguments,
    ) -> anyhow::Result<Vec<ConfigChange>> {
        Err(super::without_aws())
    }
}

/// What `status` asks AWS without AWS support: nothing.
pub mod status {
    use service::status::StatusFacts;

    use crate::aws_options::AwsArguments;

    /// Always fails, because this program was built without AWS support.
    pub fn facts(_: &str, _: &AwsArguments) -> anyhow::Result<StatusFacts> {
        Err(super::without_aws())
    }
}

/// What `doctor` asks AWS without AWS support: nothing.
pub mod doctor {
    use service::config::lists::Lists;
    use service::doctor::{DoctorFacts, Target};

    use crate::aws_options::AwsArguments;

    /// Always fails, because this program was built without AWS support.
    pub fn facts(_: Target, _: Option<Lists>, _: &AwsArguments) -> anyhow::Result<DoctorFacts> {
        Err(super::without_aws())
    }
}
