//! Trail files in S3: which requests they cost, that they give what a folder gives, and what errors say.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::binary::{Folder, Ran};
use crate::emulator::Emulator;
use crate::http::Request;
use crate::http_server::{Answers, Proxy};
use crate::messages::with_aws;
use crate::payloads::gzip;
use crate::records::{id, lines, record};

/// Returns a trail file with one refused call.
fn file(number: u64, time: &str) -> Vec<u8> {
    let refused =
        record(json!({"eventID": id(number), "eventTime": time, "errorCode": "AccessDenied"}));
    gzip(lines(&[refused]))
}

/// The trail files of the tests: day of November 2026, account and region. Each has one event of that day.
const FILES: [(u32, &str, &str); 7] = [
    (1, "111122223333", "eu-central-1"),
    (2, "111122223333", "eu-central-1"),
    (3, "111122223333", "eu-central-1"),
    (5, "111122223333", "eu-central-1"),
    (3, "111122223333", "us-east-1"),
    (4, "444455556666", "eu-west-1"),
    (9, "444455556666", "eu-west-1"),
];

fn key(day: u32, account: &str, region: &str) -> String {
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/2026/11/{day:02}/{account}_CloudTrail_{region}_202611{day:02}T1005Z_a.jsonl.gz"
    )
}

/// Returns an emulator with the trail files, digests and other objects in its bucket, and a folder with the trail files.
fn filled() -> Option<(Emulator, Folder)> {
    let emulator = Emulator::find()?;
    emulator.make_bucket();
    let folder = Folder::new();
    for (number, (day, account, region)) in (1..).zip(FILES) {
        let content = file(number, &format!("2026-11-{day:02}T10:00:00Z"));
        emulator.put_object(&key(day, account, region), &content);
        folder.write(key(day, account, region), content);
    }
    let digest = "AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/03/d.json.gz";
    emulator.put_object(digest, b"no trail");
    emulator.put_object(
        "AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/03/f.json.gz",
        b"no trail",
    );
    Some((emulator, folder))
}

fn run(folder: &Folder, emulator: &Emulator, url: &str, arguments: &[&str]) -> Ran {
    let mut command = with_aws(folder, arguments, url);
    command
        .envs(emulator.environment())
        .env("AWS_ENDPOINT_URL", url);
    Ran::of(command.output().unwrap())
}

/// Returns requests in short: `list PREFIX`, with `/` behind it if folders are asked for and `from START`, or `get KEY`.
fn short(bucket: &str, requests: &[String]) -> Vec<String> {
    let words = requests.iter().map(|request| {
        let target = request
            .strip_prefix(&format!("GET /{bucket}"))
            .unwrap_or(request);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name, value.replace("%2F", "/")))
            .collect();
        if !query.contains_key("list-type") {
            return format!("get {}", path.trim_start_matches('/'));
        }
        let folders = query.get("delimiter").map_or("", |_| " folders");
        let start = query
            .get("start-after")
            .map_or(String::new(), |start| format!(" from {start}"));
        format!(
            "list {}{folders}{start}",
            query.get("prefix").map_or("", String::as_str)
        )
    });
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}

type Search = (
    &'static str,
    Option<&'static str>,
    &'static [u32],
    &'static [&'static str],
);

/// A search: a path, `--since`, the days whose files are read, and the lists that S3 is asked for: `1` and `4` stand for the folders of the
/// two accounts.
const SEARCHES: [Search; 4] = [
    (
        "AWSLogs/",
        None,
        &[1, 2, 3, 4, 5, 9],
        &[
            "list AWSLogs/ folders",
            "list 1 folders",
            "list 4 folders",
            "list 1CloudTrail/",
            "list 4CloudTrail/",
        ],
    ),
    (
        "",
        None,
        &[1, 2, 3, 4, 5, 9],
        &[
            "list  folders",
            "list AWSLogs/ folders",
            "list 1 folders",
            "list 4 folders",
            "list 1CloudTrail/",
            "list 4CloudTrail/",
        ],
    ),
    // The margin of a day.
    (
        "AWSLogs/",
        Some("2026-11-04"),
        &[3, 4, 5, 9],
        &[
            "list AWSLogs/ folders",
            "list 1 folders",
            "list 4 folders",
            "list 1CloudTrail/ folders",
            "list 4CloudTrail/ folders",
            "list 1CloudTrail/eu-central-1/ from 1CloudTrail/eu-central-1/2026/11/03",
            "list 1CloudTrail/us-east-1/ from 1CloudTrail/us-east-1/2026/11/03",
            "list 4CloudTrail/eu-west-1/ from 4CloudTrail/eu-west-1/2026/11/03",
        ],
    ),
    (
        "AWSLogs/*/CloudTrail/eu-west-*/2026/11/09/",
        None,
        &[9],
        &[
            "list AWSLogs/ folders",
            "list 1CloudTrail/eu-west- folders",
            "list 4CloudTrail/eu-west- folders",
            "list 4CloudTrail/eu-west-1/2026/11/09/",
        ],
    ),
];

#[test]
fn a_bucket_is_searched_with_the_fewest_requests() {
    let Some((emulator, folder)) = filled() else {
        return;
    };
    let proxy = Proxy::start(emulator.config().endpoint_url().unwrap());
    let bucket = emulator.bucket();
    let whole = |request: &&str| {
        let account = |place: &str, id: &str| (format!(" {place}"), format!(" AWSLogs/{id}/"));
        let mut text = (*request).to_owned();
        for (from, to) in [account("1", "111122223333"), account("4", "444455556666")] {
            text = text.replace(&from, &to);
        }
        text
    };
    for (path, since, days, lists) in SEARCHES {
        let address = format!("s3://{bucket}/{path}");
        let mut arguments = vec!["top", "--format", "json", &address];
        arguments.extend(since.iter().flat_map(|since| ["--since", since]));
        let ran = run(&folder, &emulator, &proxy.url, &arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let files = FILES.iter().filter(|(day, ..)| days.contains(day));
        let gets =
            files.map(|(day, account, region)| format!("get {}", key(*day, account, region)));
        let mut expected: Vec<String> = lists.iter().map(whole).chain(gets).collect();
        expected.sort();
        assert_eq!(short(bucket, &proxy.requests()), expected, "{path}");
    }
    // One object is not searched for.
    let one = key(4, "444455556666", "eu-west-1");
    run(
        &folder,
        &emulator,
        &proxy.url,
        &["top", &format!("s3://{bucket}/{one}")],
    )
    .printed();
    assert_eq!(short(bucket, &proxy.requests()), [format!("get {one}")]);
}

#[test]
fn a_bucket_gives_what_the_folder_gives() {
    let Some((emulator, folder)) = filled() else {
        return;
    };
    let url = emulator.config().endpoint_url().unwrap();
    let address = format!("s3://{}/AWSLogs/", emulator.bucket());
    for command in [
        &["scan", "--format", "json"][..],
        &["explain", "--format", "jsonl"],
    ] {
        let from = |place: &'static str| [command, &[place]].concat();
        let from_bucket = run(&folder, &emulator, url, &[command, &[&address]].concat());
        assert_eq!(
            from_bucket.printed(),
            folder.run(&from("AWSLogs")).printed()
        );
    }
}

#[test]
fn an_address_without_trail_files_says_what_to_look_at() {
    let Some((emulator, folder)) = filled() else {
        return;
    };
    let (bucket, url) = (emulator.bucket(), emulator.config().endpoint_url().unwrap());
    emulator.put_object("notes/a.png", b"text");
    let look = "check the path, for example with: aws s3 ls";
    for (address, expected) in [
        (
            format!("s3://{bucket}/typo/"),
            format!("no trail files there; {look} s3://{bucket}/typo/"),
        ),
        (
            format!("s3://{bucket}/AWSLogs/*x/"),
            format!("no trail files there; {look} s3://{bucket}/AWSLogs/"),
        ),
        (
            format!("s3://{bucket}/notes/"),
            "no trail files there; 1 file was not read: 1 .png".to_owned(),
        ),
        (
            format!("s3://{bucket}/x.json.gz"),
            format!("there is no such object; list what there is with: aws s3 ls s3://{bucket}/"),
        ),
        (
            format!("s3://{bucket}-typo/"),
            format!(
                "there is no bucket {bucket}-typo; check the name, or list the buckets of the profile with: aws s3 ls"
            ),
        ),
    ] {
        let ran = run(&folder, &emulator, url, &["top", &address]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.stderr, format!("error: {address}: {expected}\n"));
    }
    let since = [
        "top",
        "--since",
        "2027-01-01",
        &format!("s3://{bucket}/AWSLogs/"),
    ];
    let ran = run(&folder, &emulator, url, &since);
    ran.fails(
        1,
        "no trail files there in this time range; check it and the path",
    );
}

fn s3_error(code: &str, message: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>").into_bytes()
}

/// No emulator gives these answers; they are as the API reference of S3, "Error responses", documents them.
#[test]
fn what_s3_refuses_says_what_to_do() {
    let folder = Folder::new();
    let malformed = "The authorization header is malformed; the region 'eu-central-1' is wrong; expecting 'eu-west-1'";
    let kms = "User: x is not authorized to perform: kms:Decrypt on resource: k because no identity-based policy allows the \
               kms:Decrypt action";
    for (address, status, header, code, message, expected) in [
        (
            "s3://b/p/",
            "403 Forbidden",
            "",
            "AccessDenied",
            "Access Denied",
            "access denied; the caller needs s3:ListBucket on arn:aws:s3:::b (AccessDenied: Access Denied)",
        ),
        (
            "s3://b/p/x.json.gz",
            "403 Forbidden",
            "",
            "AccessDenied",
            "Access Denied",
            "access denied; the caller needs s3:GetObject on arn:aws:s3:::b/* (AccessDenied: Access Denied)",
        ),
        (
            "s3://b/p/x.json.gz",
            "403 Forbidden",
            "",
            "AccessDenied",
            kms,
            &format!(
                "access denied; the caller needs kms:Decrypt on the key that encrypts the objects (AccessDenied: {kms})"
            ),
        ),
        (
            "s3://b/p/",
            "301 Moved Permanently",
            "x-amz-bucket-region: eu-west-1\r\n",
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint.",
            "bucket b is in region eu-west-1, not in eu-central-1; give --region eu-west-1",
        ),
        (
            "s3://b/p/",
            "400 Bad Request",
            "",
            "AuthorizationHeaderMalformed",
            malformed,
            "bucket b is in region eu-west-1, not in eu-central-1; give --region eu-west-1",
        ),
        (
            "s3://b/p/",
            "400 Bad Request",
            "",
            "ExpiredToken",
            "The provided token has expired.",
            "ExpiredToken: The provided token has expired.; the credentials have expired; log in again with aws sso login, or \
             set new ones",
        ),
        (
            "s3://b/p/",
            "503 Slow Down",
            "",
            "SlowDown",
            "Please reduce your request rate.",
            "SlowDown: Please reduce your request rate.; AWS limits the number of requests; try again in a minute",
        ),
    ] {
        let body = s3_error(code, message);
        let server = Answers::start(move |_| {
            (
                status,
                format!("{header}Content-Type: application/xml\r\n"),
                body.clone(),
            )
        });
        let mut command = with_aws(&folder, &["scan", address], &server.url);
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.stderr, format!("error: {address}: {expected}\n"));
    }
}

#[test]
fn an_object_that_breaks_off_is_continued_where_it_ended() {
    let folder = Folder::new();
    let content = file(1, "2026-11-02T10:00:00Z");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let whole = content.clone();
    // Each connection gives at most 100 bytes, and claims the rest.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let Some(request) = Request::read(&mut reader) else {
                continue;
            };
            let range = request.header("range").unwrap_or("bytes=0-").to_owned();
            let start: usize = range["bytes=".len()..range.len() - 1].parse().unwrap();
            noted
                .lock()
                .unwrap()
                .push((range, request.header("if-match").map(str::to_owned)));
            let status = if start == 0 {
                "200 OK"
            } else {
                "206 Partial Content"
            };
            let length = whole.len() - start;
            let head =
                format!("HTTP/1.1 {status}\r\nETag: \"t\"\r\nContent-Length: {length}\r\n\r\n");
            let end = whole.len().min(start + 100);
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&whole[start..end]).unwrap();
        }
    });
    let arguments = ["scan", "--format", "json", "s3://b/x.jsonl.gz"];
    let ran = Ran::of(with_aws(&folder, &arguments, &url).output().unwrap());
    assert_eq!(ran.json()["records"]["clustered"], 1, "{ran:?}");
    let pieces = content.len().div_ceil(100);
    assert!(pieces > 2, "{pieces}");
    let tag = Some("\"t\"".to_owned());
    let expected: Vec<_> = (0..pieces)
        .map(|piece| match piece {
            0 => ("bytes=0-".to_owned(), None),
            piece => (format!("bytes={}-", piece * 100), tag.clone()),
        })
        .collect();
    assert_eq!(*asked.lock().unwrap(), expected);
}
