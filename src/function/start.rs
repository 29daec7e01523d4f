//! Reports a failed start to Lambda's runtime API, so that a caller of the function gets the reason as error message.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use service::config::SettingProblems;

use crate::{Environment, value};

/// Why the program does not start.
#[derive(Debug)]
pub struct StartError {
    /// Error type that is reported to Lambda, such as `UnknownRole`; it does not change between releases.
    pub name: &'static str,
    /// Description of the problem and of the valid values.
    pub message: String,
}

impl StartError {
    /// Returns the error for an unknown role in `_HANDLER`. `role` is the unknown name, and `roles` are the valid
    /// names.
    pub fn role(role: &str, roles: &[&str]) -> Self {
        let role: String = role.chars().take(64).collect();
        let roles = roles.join(", ");
        Self {
            name: "UnknownRole",
            message: format!("_HANDLER is {role:?}; it must be one of: {roles}"),
        }
    }

    /// Returns the error for settings that are wrong; its message lists all problems.
    pub fn settings(problems: &SettingProblems) -> Self {
        Self {
            name: "WrongSettings",
            message: problems.to_string(),
        }
    }

    /// Returns the error for a Lambda runtime that does not work.
    pub fn runtime(error: &dyn std::error::Error) -> Self {
        Self {
            name: "RuntimeFailed",
            message: error.to_string(),
        }
    }
}

/// Time limit for each read and write to the runtime API.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reports a failed start to the runtime API of Lambda. Errors of this request are ignored, because the reason is also
/// in the log.
pub fn report(environment: &Environment, refusal: &StartError) {
    if let Some(address) = value(environment, "AWS_LAMBDA_RUNTIME_API") {
        let _ = post(address, refusal);
    }
}

fn post(address: &str, refusal: &StartError) -> io::Result<()> {
    let body = json!({"errorType": refusal.name, "errorMessage": refusal.message}).to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n\
         Host: {address}\r\n\
         Content-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: Runtime.{}\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        refusal.name,
        body.len(),
    )?;
    stream.flush()?;
    // The content of the answer is not needed, but an answer means that Lambda has read the message.
    let mut answer = [0; 64];
    stream.read(&mut answer).map(drop)
}
