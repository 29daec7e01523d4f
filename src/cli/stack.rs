//! Options that name the table of a deployed stack.

use clap::Args;

use crate::aws_options::AwsArguments;

/// Options that name a table, by its own name or by the name of its stack.
#[derive(Debug, Default, Args)]
pub struct TableArguments {
    /// Use this DynamoDB table of a deployed stack (the table's name)
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "stack",
        help_heading = "Store"
    )]
    pub table: Option<String>,
    /// Use the DynamoDB table of this deployed stack (the stack's name)
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    pub stack: Option<String>,
    #[command(flatten)]
    pub aws: AwsArguments,
}

impl TableArguments {
    /// Checks whether `--table` or `--stack` was given.
    pub fn is_given(&self) -> bool {
        self.table.is_some() || self.stack.is_some()
    }
}
