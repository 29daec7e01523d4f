//! The options of all commands that call AWS: which profile and which region; and how objects in S3 are found.

#[cfg(feature = "aws")]
use aws::session::Chosen;
use clap::Args;
use records::time::Timestamp;

/// Options that choose the credentials and the region for calls to AWS.
#[derive(Debug, Clone, Default, Args)]
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

#[cfg(feature = "aws")]
impl AwsArguments {
    /// Returns the profile and the region that the options name.
    pub fn chosen(&self) -> Chosen {
        Chosen {
            profile: self.profile.clone(),
            region: self.region.clone(),
        }
    }
}

/// How objects in S3 are found.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only calls to AWS read the fields")
)]
pub struct Remote<'a> {
    /// The profile and the region; `None` for those of the environment.
    pub aws: Option<&'a AwsArguments>,
    /// The start of the time range of the events; `None` is no limit.
    pub since: Option<Timestamp>,
    /// The end of the time range of the events; `None` is no limit.
    pub until: Option<Timestamp>,
}
