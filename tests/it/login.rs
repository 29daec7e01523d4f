//! AWS profiles: the command line accepts the same profiles as the AWS CLI, and prints what to do when a login has
//! expired.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::binary::{Folder, Ran};

/// A profile for `aws sso login`, one for `aws login`, and one that assumes a role with the first.
const CONFIG: &str = "\
[profile dev]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Look
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://example.awsapps.com/start
[profile mia]
login_session = arn:aws:iam::111122223333:user/mia
[profile ops]
role_arn = arn:aws:iam::444455556666:role/ops
source_profile = dev
[profile other]
credential_process = false
";

/// File in which `aws sso login` stores its token: the SHA-1 of the session's name.
const SSO_TOKEN: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

/// File in which `aws login` stores its token: the SHA-256 of the session.
const LOGIN_TOKEN: &str =
    ".aws/login/cache/1fb8abed97b32177dc5cc2a957715ef8deaf70c4cffe19ac0e63f1f2e4aeac0e.json";

/// The key in the SDK's own example of such a token (`aws-config`, `src/login/cache.rs`).
const EXAMPLE_KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49
AwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t
djiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==
-----END EC PRIVATE KEY-----
";

/// Returns a home folder with the profiles, and an expired token for each of the two logins.
fn home() -> Folder {
    let home = Folder::new();
    home.write(".aws/config", CONFIG);
    let sso = json!({"accessToken": "t", "expiresAt": "2025-09-14T04:05:45Z", "region": "eu-central-1",
        "startUrl": "https://example.awsapps.com/start"});
    home.write(SSO_TOKEN, sso.to_string());
    let login = json!({
        "accessToken": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE", "secretAccessKey": "s", "sessionToken": "t",
            "accountId": "111122223333", "expiresAt": "2025-09-14T04:05:45Z"},
        "tokenType": "aws_sigv4", "refreshToken": "r", "idToken": "i",
        "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": EXAMPLE_KEY,
    });
    home.write(LOGIN_TOKEN, login.to_string());
    home
}

/// Returns a command with a home folder, without the AWS settings of this machine.
fn command(home: &Folder, arguments: &[&str], endpoint: &str) -> Command {
    let mut command = home.command(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", home.path(""))
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// An address without a server, for requests that must not be made.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Returns the error message of a command that opens a table with a profile.
fn said(home: &Folder, profile: Option<&str>) -> String {
    let mut command = command(home, &["clusters", "list", "--table", "t"], NOWHERE);
    if let Some(profile) = profile {
        command.env("AWS_PROFILE", profile);
    }
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    ran.stderr
}

#[test]
fn whoever_has_no_credentials_is_told_once_how_to_get_some() {
    let home = home();
    let over = "the SSO token has expired and cannot be refreshed";
    for (profile, expected) in [
        (
            "dev",
            format!(
                "cannot get credentials from the login of profile dev: {over}; run: aws sso login --profile dev"
            ),
        ),
        (
            "ops",
            format!(
                "cannot get credentials from the login of profile dev: {over}; run: aws sso login --profile dev"
            ),
        ),
        (
            "typo",
            "profile typo does not exist; set AWS_PROFILE or --profile to a profile that this command lists: aws configure list-profiles"
                .to_owned(),
        ),
    ] {
        assert_eq!(said(&home, Some(profile)), format!("error: {expected}\n"));
    }
    let other = said(&home, Some("other"));
    assert!(
        other.starts_with("error: cannot get the credentials of profile other: "),
        "{other}"
    );
    assert!(
        other.ends_with("; check them with: aws sts get-caller-identity --profile other\n"),
        "{other}"
    );
    let nothing = "error: no AWS credentials found; set AWS_PROFILE or --profile to a profile that has credentials, or run: aws sso login \
                   (the first time: aws configure sso)\n";
    assert_eq!(said(&home, None), nothing);
    assert_eq!(said(&Folder::new(), None), nothing);
}

#[test]
fn each_command_that_asks_aws_says_so() {
    let home = home();
    home.write("trail.jsonl", "{\"eventID\":\"e\",\"eventName\":\"A\",\"eventSource\":\"s3.amazonaws.com\",\"errorCode\":\"AccessDenied\"}\n");
    home.write("settings.toml", "");
    for arguments in [
        &["scan", "--table", "t", "trail.jsonl"][..],
        &["clusters", "list", "--stack", "errors"],
        &["serve", "--stack", "errors"],
        &["config", "set", "--stack", "errors", "settings.toml"],
        &["redrive", "--stack", "errors"],
        &[
            "backfill",
            "--stack",
            "errors",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-02",
        ],
    ] {
        let mut command = command(&home, arguments, NOWHERE);
        let ran = Ran::of(command.env("AWS_PROFILE", "dev").output().unwrap());
        ran.fails(
            1,
            "error: cannot get credentials from the login of profile dev: ",
        );
        assert_eq!(ran.stderr.matches("aws sso login").count(), 1, "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    }
}

/// The answer of AWS Sign-In to an expired token. Source: `aws-sdk-signin`, `AccessDeniedException` of
/// `CreateOAuth2Token`.
const TOO_OLD: &str = r#"{"error":"TOKEN_EXPIRED","message":"The token is too old"}"#;

#[test]
fn a_profile_of_aws_login_is_one_and_its_end_is_told() {
    let home = home();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        caller.read_exact(&mut request).unwrap();
        write!(
            caller,
            "HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: AccessDeniedException\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{TOO_OLD}",
            TOO_OLD.len()
        )
        .unwrap();
        // A connection closed with unread data may lose the answer, so all data is read first.
        let _ = caller.read_to_end(&mut Vec::new());
        String::from_utf8_lossy(&request).into_owned()
    });
    let mut command = command(&home, &["clusters", "list", "--table", "t"], &endpoint);
    let ran = Ran::of(command.env("AWS_PROFILE", "mia").output().unwrap());
    // It had the token of `aws login`, and asked for a newer one.
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("POST /v1/token "), "{asked}");
    let detail = "AccessDeniedException: The token is too old";
    assert_eq!(
        ran.stderr,
        format!(
            "error: cannot get credentials from the login of profile mia: {detail}; run: aws login --profile mia\n"
        )
    );
}
