//! What a person reads who tries something that cannot work: each message says what to do next.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::binary::{Folder, Ran};
use crate::http_server::Answers;
use crate::records::{id, lines, record};

/// Returns a folder with a trail, a store of it, and a wrong rules file.
fn folder() -> Folder {
    let refused = record(json!({"eventID": id(1), "errorCode": "AccessDenied"}));
    let folder = Folder::with_lines(lines(&[refused]));
    folder
        .run(&["scan", "--db", "trail.db", "trail.jsonl"])
        .printed();
    folder.write("bad.toml", "x = [\n");
    folder
}

/// Returns a command without settings of AWS from this machine.
pub fn without_aws(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", folder.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Returns a command with credentials that sends everything to one address.
pub fn with_aws(folder: &Folder, arguments: &[&str], endpoint: &str) -> Command {
    let mut command = without_aws(folder, arguments);
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ENDPOINT_URL", endpoint);
    command
}

const NO_PATH: &str = "no path given, and nothing is piped to standard input; give CloudTrail files or folders, or - for standard input";

/// What is tried, the exit code, and the expected message.
const TRIED: [(&str, i32, &str); 18] = [
    ("scan", 2, NO_PATH),
    ("top", 2, NO_PATH),
    (
        "scan missing.json",
        1,
        "missing.json: no such file or folder; check the path",
    ),
    (
        "scan https://b.s3.amazonaws.com/x.json.gz?X-Amz-Signature=0",
        1,
        "https://b.s3.amazonaws.com/x.json.gz?X-Amz-Signature=0: a web address cannot be read; download the file and give its \
         path, or give s3://BUCKET/PATH for S3",
    ),
    (
        "scan arn:aws:s3:::b/AWSLogs",
        1,
        "arn:aws:s3:::b/AWSLogs: an ARN is not a path; give s3://b/AWSLogs",
    ),
    (
        "explain arn:aws:cloudtrail:eu-central-1:111122223333:trail/t",
        1,
        "arn:aws:cloudtrail:eu-central-1:111122223333:trail/t: an ARN is not a path; give s3://BUCKET/PATH for files in S3, or \
         --stack NAME for a deployed stack",
    ),
    (
        "scan s3://",
        1,
        "s3://: the bucket is missing; give s3://BUCKET/PATH",
    ),
    (
        "scan trail.db",
        1,
        "trail.db: this is a SQLite file, not a trail; show a store with: clusters list --db trail.db",
    ),
    (
        "clusters list --db trail.jsonl",
        1,
        "trail.jsonl: this is not a cloudtrail-inspector store; choose another file, or read a trail with: scan trail.jsonl",
    ),
    (
        "diff trail.jsonl trail.db",
        1,
        "trail.jsonl: this is not a cloudtrail-inspector store; choose another file, or read a trail with: scan trail.jsonl",
    ),
    (
        "clusters list --db missing.db",
        1,
        "missing.db: no such file; create it with scan --db",
    ),
    (
        "diff trail.db missing.db",
        1,
        "missing.db: no such file; create it with scan --db",
    ),
    (
        "clusters list",
        1,
        "give a stack with --stack, a table with --table, or a file with --db",
    ),
    (
        "scan --jobs 0 trail.jsonl",
        2,
        "invalid value '0' for '--jobs <N>': expected a number of files from 1 to 256",
    ),
    (
        "top --db trail.db --since tomorrow",
        2,
        "invalid value 'tomorrow' for '--since <WHEN>': expected a time (2026-11-21T08:00), a date (2026-11-21), today or \
         yesterday (days of the newest event, in UTC), or a duration before the newest event (30m, 24h, 7d, 2w)",
    ),
    (
        "clusters resolve k5ay --db trail.db",
        2,
        "the following required arguments were not provided:\n  --reason <TEXT>\n\nUsage: cloudtrail-inspector clusters resolve \
         --reason <TEXT> --db <FILE> <CLUSTER>",
    ),
    (
        "completions tcsh",
        2,
        "invalid value 'tcsh' for '<SHELL>'\n  [possible values: bash, elvish, fish, powershell, zsh]\n\n  tip: a similar value \
         exists: 'zsh'",
    ),
    (
        "rules check bad.toml",
        1,
        "the rules file is not valid\nbad.toml:1:6: unclosed array, expected `]`",
    ),
];

#[test]
fn whoever_tries_what_cannot_work_reads_what_to_do_instead() {
    let folder = folder();
    for (line, code, expected) in TRIED {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = Ran::of(without_aws(&folder, &arguments).output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
        // The parser of arguments adds where the help is.
        let by_parser = code == 2 && expected != NO_PATH;
        let help = if by_parser {
            "\nFor more information, try '--help'.\n"
        } else {
            ""
        };
        assert_eq!(ran.stderr, format!("error: {expected}\n{help}"), "{line}");
    }
}

#[test]
fn whoever_lacks_credentials_or_a_region_reads_how_to_get_them() {
    let folder = folder();
    let nothing = "no AWS credentials found; set AWS_PROFILE or --profile to a profile that has credentials, or run: aws sso login \
                   (the first time: aws configure sso)\n";
    for (arguments, expected) in [
        (&["clusters", "list", "--stack", "errors"][..], nothing.to_owned()),
        (&["scan", "s3://b/p"], format!("s3://b/p: {nothing}")),
        (
            &["clusters", "list", "--stack", "errors", "--profile", "typo"],
            "profile typo does not exist; set AWS_PROFILE or --profile to a profile that this command lists: aws configure \
             list-profiles\n"
                .to_owned(),
        ),
    ] {
        let ran = Ran::of(without_aws(&folder, arguments).output().unwrap());
        assert_eq!((ran.code, ran.stderr), (Some(1), format!("error: {expected}")));
    }
    let mut command = with_aws(
        &folder,
        &["clusters", "list", "--stack", "errors"],
        "http://127.0.0.1:9",
    );
    let ran = Ran::of(command.env_remove("AWS_REGION").output().unwrap());
    assert_eq!(
        ran.stderr,
        "error: no AWS region is set; give --region, or set AWS_REGION, such as eu-central-1\n"
    );
}

/// Error codes of AWS with their messages, and the expected output. No emulator gives these answers; they are as the API
/// reference of DynamoDB documents them.
const REFUSED: [(&str, &str, &str); 4] = [
    (
        "ExpiredTokenException",
        "The security token included in the request is expired",
        "the credentials have expired; log in again with aws sso login, or set new ones",
    ),
    (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        "AWS does not know these credentials; check them with: aws sts get-caller-identity",
    ),
    (
        "ThrottlingException",
        "Rate exceeded",
        "AWS limits the number of requests; try again in a minute",
    ),
    (
        "AccessDeniedException",
        "User: x is not authorized to perform: dynamodb:ListTables",
        "ask who manages the account for this permission, or choose another profile with --profile",
    ),
];

/// Headers of an answer of DynamoDB.
const JSON: &str = "Content-Type: application/x-amz-json-1.0\r\n";

#[test]
fn what_aws_refuses_is_said_with_place_and_next_step() {
    let folder = folder();
    folder.write(
        ".aws/credentials",
        "[dev]\naws_access_key_id = test\naws_secret_access_key = test\n",
    );
    let list = ["clusters", "list", "--stack", "errors"];
    // An option counts more than the environment, and a profile more than the keys in it.
    let chosen = [&list[..], &["--profile", "dev", "--region", "eu-west-1"]].concat();
    for (code, message, expected) in REFUSED {
        let body =
            json!({"__type": format!("com.amazon.coral.service#{code}"), "message": message})
                .to_string();
        let server = Answers::start(move |_| {
            (
                "400 Bad Request",
                JSON.to_owned(),
                body.clone().into_bytes(),
            )
        });
        let ran = Ran::of(with_aws(&folder, &chosen, &server.url).output().unwrap());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let place = "error: stack errors in region eu-west-1 with profile dev: ";
        assert!(ran.stderr.starts_with(place), "{ran:?}");
        let end = format!(": {code}: {message}; {expected}\n");
        assert!(ran.stderr.ends_with(&end), "{ran:?}");
    }
}

#[test]
fn a_stack_that_is_not_there_is_missing_in_a_named_place() {
    let folder = folder();
    let list = ["clusters", "list", "--stack", "errors"];
    let tables = Answers::start(|_| {
        let body = br#"{"TableNames":["other-Table-1"]}"#.to_vec();
        ("200 OK", JSON.to_owned(), body)
    });
    let ran = Ran::of(with_aws(&folder, &list, &tables.url).output().unwrap());
    assert_eq!(
        ran.stderr,
        "error: no table of stack errors in region eu-central-1 with the credentials of AWS_ACCESS_KEY_ID; check the name, or \
         give --region or --profile, or --table with the stack's output TableName\n"
    );
    let ran = Ran::of(
        with_aws(&folder, &list, "http://127.0.0.1:9")
            .output()
            .unwrap(),
    );
    let step =
        "; AWS cannot be reached; check the network, and the name of the region (--region)\n";
    assert!(ran.stderr.ends_with(step), "{ran:?}");
}

#[test]
fn a_decision_without_a_user_has_the_number_of_the_user() {
    let folder = folder();
    let cluster = folder.scan(&["trail.jsonl"], 0)["clusters"][0]["cluster_id"].clone();
    let cluster = cluster.as_str().unwrap();
    let decide = [
        "clusters",
        "acknowledge",
        cluster,
        "--db",
        "trail.db",
        "--reason",
        "seen",
    ];
    let mut command = folder.command(&decide);
    for name in ["USER", "USERNAME", "LOGNAME"] {
        command.env_remove(name);
    }
    Ran::of(command.output().unwrap()).printed();
    let history = folder
        .run(&["clusters", "history", cluster, "--db", "trail.db"])
        .printed();
    let uid = Path::new("/proc/self").metadata().unwrap().uid();
    assert!(history.contains(&format!("uid {uid}")), "{history}");
}

#[test]
fn what_is_piped_is_read_without_a_path() {
    let folder = folder();
    let trail = std::fs::read(folder.path("trail.jsonl")).unwrap();
    for command in ["scan", "top", "explain"] {
        let piped = folder.run_with(trail.clone(), &[command]).printed();
        assert_eq!(
            piped,
            folder.run_with(trail.clone(), &[command, "-"]).printed()
        );
        assert!(
            piped.contains("s3:GetObject") || piped.contains("AccessDenied"),
            "{piped}"
        );
    }
    // A store is ranked without a look at standard input.
    let ranked = folder.run_with(trail, &["top", "--db", "trail.db", "--format", "json"]);
    assert_eq!(ranked.json()[0]["count"], 1);
}

/// Runs the program in a terminal: types a record and Ctrl-D, and prints all output.
const TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
output = b""
while b"Ctrl-D\r\n" not in output:
    output += os.read(terminal, 4096)
os.write(terminal, b'{"eventSource":"s3.amazonaws.com","eventName":"A","errorCode":"AccessDenied"}\n\x04')
try:
    while piece := os.read(terminal, 4096):
        output += piece
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.write(output.decode().replace("\r\n", "\n"))
"#;

#[test]
fn a_terminal_that_is_waited_for_says_so() {
    let folder = folder();
    for arguments in [&["explain"][..], &["scan", "-"]] {
        let mut command = Command::new("python3");
        command
            .args(["-c", TERMINAL])
            .arg(crate::binary::inspector())
            .args(arguments);
        let output = command.current_dir(folder.path("")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.starts_with("reading from standard input; end with Ctrl-D\n"),
            "{text}"
        );
        assert!(
            text.contains("s3:A") || text.contains("class denied"),
            "{text}"
        );
    }
}
