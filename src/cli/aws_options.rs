//! The options of all commands that call AWS: which profile and which region.

use clap::Args;

/// Options that choose the credentials and the region for calls to AWS.
#[derive(Debug, Clone, Default, Args)]
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only calls to AWS read the fields")
)]
pub struct AwsArguments {
    /// The name of a profile of the AWS CLI; `None` for that of the environment.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "AWS",
        help = "Use the credentials of this profile of the AWS CLI [default: AWS_PROFILE]"
    )]
    pub profile: Option<String>,
    /// The name of a region; `None` for that of the environment or the profile.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "AWS",
        help = "Use this region [default: AWS_REGION, or that of the profile]"
    )]
    pub region: Option<String>,
}
