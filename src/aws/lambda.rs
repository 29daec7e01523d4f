//! Functions as they are deployed: what a person who acts in the place of one has to know of it.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;

use crate::aws::refusal;

/// A function as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its ARN.
    pub arn: String,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

/// Why nothing is known of a function.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// There is none of that name: look at the name, the region and the profile.
    #[error("there is no function {function} in this account and region")]
    NoFunction {
        /// Its name.
        function: String,
    },
    /// AWS Lambda does not answer, or does not allow it: try again, or look at the permissions.
    #[error("AWS Lambda is not available: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
}

/// Asks AWS Lambda about a function.
///
/// # Errors
/// [`LambdaError`] when there is no such function, or no answer.
pub async fn deployed(config: &SdkConfig, function: &str) -> Result<Deployed, LambdaError> {
    let client = Client::new(config);
    let asked = client.get_function_configuration().function_name(function);
    let found = asked.send().await.map_err(|error| match error.code() {
        Some("ResourceNotFoundException") => LambdaError::NoFunction {
            function: function.to_owned(),
        },
        _ => LambdaError::Unavailable {
            detail: refusal::told(&error),
        },
    })?;
    let variables = found
        .environment
        .and_then(|environment| environment.variables);
    Ok(Deployed {
        arn: found.function_arn.unwrap_or_default(),
        environment: variables.unwrap_or_default().into_iter().collect(),
    })
}
