//! Profiles of people: the command line takes those that the AWS CLI takes.

use crate::binary::Folder;

/// Returns what is said when a table is asked for with a profile.
fn said(profile: &str) -> String {
    let folder = Folder::new();
    folder.write(
        "config",
        format!("[default]\nregion = eu-central-1\n{profile}\n"),
    );
    let mut command = folder.command(&["clusters", "list", "--table", "errors-Table-1"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let command = command
        .env("HOME", folder.path(""))
        .env("AWS_CONFIG_FILE", folder.path("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.path("none"))
        .env("AWS_LOGIN_CACHE_DIRECTORY", folder.path("cache"))
        // Nothing is there, in case somebody asks.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_profile_of_aws_login_is_one() {
    let said = said("login_session = arn:aws:iam::111122223333:user/mia");
    assert!(!said.contains("feature"), "{said}");
    // It has looked for the session where `aws login` leaves it.
    assert!(said.contains("cache/") && said.contains(".json"), "{said}");
}
