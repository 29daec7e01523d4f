//! A start that fails, said where Lambda looks: the runtime API has a place for it, and who invokes the
//! function reads there what is wrong.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use service::config::SettingProblems;

use crate::{Environment, value};

/// Why the function does not start.
#[derive(Debug)]
pub struct StartError {
    /// The stable name.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl StartError {
    pub fn role(role: &str, roles: &[&str]) -> Self {
        let role: String = role.chars().take(64).collect();
        let roles = roles.join(", ");
        Self {
            name: "UnknownRole",
            message: format!("_HANDLER is {role:?}; it must be one of: {roles}"),
        }
    }

    pub fn settings(complaints: &SettingProblems) -> Self {
        Self {
            name: "WrongSettings",
            message: complaints.to_string(),
        }
    }

    pub fn runtime(error: &dyn std::error::Error) -> Self {
        Self {
            name: "RuntimeFailed",
            message: error.to_string(),
        }
    }
}

/// How long Lambda may take to listen.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells Lambda, as far as it listens: a message that does not arrive is in the log all the same.
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
    // The answer says nothing that could be acted on, but it says that the message was read.
    let mut answer = [0; 64];
    stream.read(&mut answer).map(drop)
}
