//! Functions as they are deployed: what a person who acts in the place of one has to know of it.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use serde_json::Value;

use crate::aws::refusal;

/// A function as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its ARN.
    pub arn: String,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// The log groups that may call it.
    pub log_groups: Vec<String>,
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
    let asked = client.get_policy().function_name(function);
    let policy = match asked.send().await {
        Ok(answer) => answer.policy.unwrap_or_default(),
        // Nobody may call it.
        Err(error) if error.code() == Some("ResourceNotFoundException") => String::new(),
        Err(error) => {
            return Err(LambdaError::Unavailable {
                detail: refusal::told(&error),
            });
        }
    };
    Ok(Deployed {
        arn: found.function_arn.unwrap_or_default(),
        environment: variables.unwrap_or_default().into_iter().collect(),
        log_groups: log_groups(&policy),
    })
}

/// Returns the log groups that a policy lets call, from its conditions on who calls:
/// `arn:aws:logs:eu-central-1:111122223333:log-group:name:*`.
fn log_groups(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let conditions = statements.filter_map(|statement| statement["Condition"].as_object());
    let sources = conditions.flat_map(|condition| {
        let operators = condition.values().filter_map(Value::as_object);
        let keys = operators.flatten();
        keys.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
            .filter_map(|(_, value)| value.as_str())
    });
    let mut groups: Vec<String> = sources.filter_map(log_group).collect();
    groups.sort();
    groups.dedup();
    groups
}

fn log_group(arn: &str) -> Option<String> {
    let mut fields = arn.splitn(7, ':').skip(2);
    let service = fields.next()?;
    let kind = fields.nth(2)?;
    let name = fields.next()?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (service == "logs" && kind == "log-group" && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_groups_that_may_call_stand_in_the_policy() {
        let policy = r#"{"Version":"2012-10-17","Id":"default","Statement":[
            {"Sid":"a","Effect":"Allow","Principal":{"Service":"logs.eu-central-1.amazonaws.com"},
             "Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-central-1:111122223333:function:watch-ingest",
             "Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},
                          "ArnLike":{"AWS:SourceArn":"arn:aws:logs:eu-central-1:111122223333:log-group:/org/trail:*"}}},
            {"Sid":"b","Condition":{"ArnLike":{"aws:sourceArn":"arn:aws:logs:eu-central-1:111122223333:log-group:pay_trail:*"}}},
            {"Sid":"c","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}},
            {"Sid":"d"}
        ]}"#;
        assert_eq!(log_groups(policy), ["/org/trail", "pay_trail"]);
        for nothing in ["", "{}", "no JSON", r#"{"Statement":"x"}"#] {
            assert_eq!(log_groups(nothing), Vec::<String>::new());
        }
    }
}
