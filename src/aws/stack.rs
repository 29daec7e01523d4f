//! Asks CloudFormation for the parameters of a stack, and STS who the caller is.
//!
//! Only commands of people use this; the functions of a stack know their settings.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use service::ports::StackError;

use crate::{refusal, resources};

/// Returns the parameters of a stack by name, as they were given or by default.
///
/// # Errors
/// [`StackError::Missing`] if there is no such stack in the region of `config`, [`StackError::Unavailable`] if
/// CloudFormation does not answer or refuses.
pub async fn parameters(
    config: &SdkConfig,
    stack: &str,
) -> Result<BTreeMap<String, String>, StackError> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let answer = match client.describe_stacks().stack_name(stack).send().await {
        Ok(answer) => answer,
        Err(error) if is_missing(error.code(), error.message()) => return Err(StackError::Missing),
        Err(error) => {
            return Err(StackError::Unavailable {
                call: "cloudformation:DescribeStacks",
                detail: refusal::describe(&error),
            });
        }
    };
    let found = answer.stacks.unwrap_or_default().into_iter().next();
    let found = found.ok_or(StackError::Missing)?;
    let parameters = found.parameters.unwrap_or_default().into_iter();
    Ok(parameters
        .filter_map(|of| Some((of.parameter_key?, of.parameter_value.unwrap_or_default())))
        .collect())
}

/// CloudFormation answers an unknown stack with a general code; only the text says what it is.
fn is_missing(code: Option<&str>, message: Option<&str>) -> bool {
    code == Some("ValidationError") && message.is_some_and(|text| text.contains("does not exist"))
}

/// Returns the ARN of the caller that the credentials of `config` belong to. The call needs no permission.
///
/// # Errors
/// [`StackError::Unavailable`] if STS does not answer or refuses.
pub async fn caller(config: &SdkConfig) -> Result<String, StackError> {
    let caller = resources::caller(config).await;
    let caller = caller.map_err(|error| StackError::Unavailable {
        call: "sts:GetCallerIdentity",
        detail: error.detail,
    })?;
    Ok(caller.arn)
}
