//! The real `bootstrap`, started as AWS Lambda starts it.
//!
//! A server of the test is the runtime API, which sends invocations and receives the answers, and also S3 and DynamoDB.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::binary;
use crate::http::{Request, answer};
use crate::payloads::{event, event_of, event_of_failures, failure, gzip, log_event};

/// Time limit for anything that a test waits for; usually it comes within milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// State shared by the test and the server.
#[derive(Default)]
struct Shared {
    invocations: VecDeque<Vec<u8>>,
    /// Time limit of an invocation, in seconds.
    seconds: u64,
    given: u64,
    arrived: Vec<Request>,
    /// Objects that S3 returns, by key; any object may be put.
    objects: Vec<(String, Vec<u8>)>,
    /// Whether S3 denies access.
    is_denied: bool,
    is_over: bool,
    /// Whether new connections are refused.
    is_closed: bool,
}

impl Shared {
    /// Returns the number of events that were answered without an error.
    fn answered(&self) -> usize {
        let arrived = self.arrived.iter();
        arrived
            .filter(|request| request.path().ends_with("/response"))
            .count()
    }

    /// Returns the first error that was the answer to an event.
    fn failed(&self) -> Option<String> {
        let mut arrived = self.arrived.iter();
        let failed = arrived.find(|request| request.path().ends_with("/error"))?;
        Some(String::from_utf8_lossy(&failed.body).into_owned())
    }
}

/// AWS as the function sees it: the address of the test's server and its state.
#[derive(Clone)]
struct Aws {
    address: String,
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

impl Aws {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let aws = Self {
            address: listener.local_addr().unwrap().to_string(),
            shared: Arc::default(),
        };
        aws.change(|shared| shared.seconds = 60);
        let server = aws.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if server.change(|shared| shared.is_closed) {
                    return;
                }
                let server = server.clone();
                // A connection that is closed on the other side ends its thread.
                std::thread::spawn(move || server.serve(stream.unwrap()));
            }
        });
        aws
    }

    fn change<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        let (shared, changed) = &*self.shared;
        let result = change(&mut shared.lock().unwrap());
        changed.notify_all();
        result
    }

    /// Waits until a condition on the state returns a value.
    fn wait<T>(&self, mut find: impl FnMut(&mut Shared) -> Option<T>) -> T {
        let (shared, changed) = &*self.shared;
        let mut guard = shared.lock().unwrap();
        loop {
            if let Some(found) = find(&mut guard) {
                return found;
            }
            let (next, timeout) = changed.wait_timeout(guard, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "waited in vain");
            guard = next;
        }
    }

    /// Ends the requests that wait in the server, and stops the server.
    fn close(&self) {
        // Whoever panicked has left nothing here that could be half done.
        let shared = self.shared.0.lock();
        let mut shared = shared.unwrap_or_else(PoisonError::into_inner);
        (shared.is_over, shared.is_closed) = (true, true);
        drop(shared);
        self.shared.1.notify_all();
        // The server checks whether it should stop only after a connection, so one is made.
        let _ = TcpStream::connect(&self.address);
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let request = Request::read(&mut reader)?;
            let answer = self.answer(request)?;
            writer.write_all(&answer).ok()?;
        }
    }

    fn answer(&self, request: Request) -> Option<Vec<u8>> {
        let (method, path) = (request.method().to_owned(), request.path().to_owned());
        self.change(|shared| shared.arrived.push(request));
        if path.ends_with("/invocation/next") {
            return self.next();
        }
        if path.contains("/runtime/") {
            return Some(answer("202 Accepted", "", b"{}"));
        }
        if method == "POST" && path == "/" {
            // The table, which knows nothing and takes everything.
            return Some(answer("200 OK", "", b"{}"));
        }
        let key = path.split('?').next().unwrap_or_default();
        let (is_denied, object) = self.change(|shared| {
            let found = shared.objects.iter().find(|(name, _)| name == key);
            (shared.is_denied, found.map(|(_, object)| object.clone()))
        });
        Some(match (is_denied, &*method, object) {
            (true, ..) => answer(
                "403 Forbidden",
                "",
                b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
            ),
            (_, "PUT", _) => answer("200 OK", "ETag: \"x\"\r\n", b""),
            (_, _, Some(object)) => answer("200 OK", "ETag: \"x\"\r\n", &object),
            (_, _, None) => answer(
                "404 Not Found",
                "",
                b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>",
            ),
        })
    }

    /// Answers the request for the next invocation, once there is one.
    #[expect(
        clippy::disallowed_methods,
        reason = "a deadline is a moment of the clock that the program looks at"
    )]
    fn next(&self) -> Option<Vec<u8>> {
        let (invocation, number, seconds) = self.wait(|shared| {
            if shared.is_over {
                return Some((None, 0, 0));
            }
            let invocation = shared.invocations.pop_front()?;
            shared.given += 1;
            Some((Some(invocation), shared.given, shared.seconds))
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = now.as_millis() + u128::from(seconds) * 1000;
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: request-{number}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:111122223333:function:ingest\r\n"
        );
        Some(answer("200 OK", &headers, &invocation?))
    }

    /// Returns all requests whose path contains the given text.
    fn arrived(&self, part: &str) -> Vec<Request> {
        self.change(|shared| {
            let arrived = shared.arrived.iter();
            let wanted = arrived.filter(|request| request.path().contains(part));
            wanted.cloned().collect()
        })
    }
}

/// A secret in the function's environment, which must not appear in any output.
const SECRET: &str = "EXAMPLESECRETEXAMPLESECRET";

/// The running program.
pub struct Function {
    aws: Aws,
    child: Option<Child>,
}

impl Function {
    /// Starts the program with settings that replace or extend those of a stack.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let aws = Aws::start();
        let endpoint = format!("http://{}", aws.address);
        let mut command = Command::new(binary::bootstrap());
        command.env_clear().envs([
            ("_HANDLER", "ingest"),
            ("AWS_LAMBDA_RUNTIME_API", &aws.address),
            ("AWS_LAMBDA_FUNCTION_NAME", "ingest"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLEEXAMPLE09"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", SECRET),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("TABLE_NAME", "table"),
            ("BUCKET_NAME", "bucket"),
            ("LOG_LEVEL", "debug"),
        ]);
        command.envs(settings.iter().copied());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            aws,
            child: Some(child),
        }
    }

    /// Invokes the function; returns the error if it fails.
    fn invoke(&self, event: Vec<u8>) -> Result<(), Value> {
        self.ask(event).map(drop)
    }

    /// Invokes the function; returns its answer or the error.
    pub fn ask(&self, event: Vec<u8>) -> Result<Value, Value> {
        let number = self.aws.change(|shared| {
            shared.invocations.push_back(event);
            shared.given + shared.invocations.len() as u64
        });
        let place = format!("/invocation/request-{number}/");
        let answered = self.aws.wait(|shared| {
            let mut arrived = shared.arrived.iter();
            arrived
                .find(|request| request.path().contains(&place))
                .cloned()
        });
        let body = serde_json::from_slice(&answered.body).unwrap();
        match answered.path().ends_with("/response") {
            true => Ok(body),
            false => Err(body),
        }
    }

    /// Queues events as invocations, without waiting for their answers.
    pub fn hand_over(&self, events: &[Vec<u8>]) {
        self.aws
            .change(|shared| shared.invocations.extend(events.iter().cloned()));
    }

    /// Waits for a number of answers, at most for the given time. Returns the number of answers, or the first error.
    pub fn answers(&self, wanted: usize, patience: Duration) -> Result<usize, String> {
        let (shared, changed) = &*self.aws.shared;
        let guard = shared.lock().unwrap();
        let waits = |shared: &mut Shared| shared.answered() < wanted && shared.failed().is_none();
        let (guard, _) = changed.wait_timeout_while(guard, patience, waits).unwrap();
        guard.failed().map_or(Ok(guard.answered()), Err)
    }

    /// Returns the peak memory of the program in kilobytes; `None` if the system does not provide it.
    pub fn peak_kilobytes(&self) -> Option<u64> {
        let id = self.child.as_ref()?.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.split_whitespace().next()?.parse().ok()
    }

    /// Kills the program at once, like `kill -9`. Returns how many events it was sent and how many it answered.
    pub fn kill(mut self) -> (usize, usize) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.aws
            .change(|shared| (shared.given as usize, shared.answered()))
    }

    /// Ends the program and returns its output.
    fn end(mut self) -> String {
        self.aws.change(|shared| shared.is_over = true);
        let mut child = self.child.take().unwrap();
        let _ = child.kill();
        written(child)
    }

    /// Waits for a program that does not start. Returns its report to AWS Lambda and its output.
    fn refused(mut self) -> (Value, String) {
        let mut child = self.child.take().unwrap();
        assert!(!child.wait().unwrap().success());
        let told = self.aws.arrived("/runtime/init/error");
        assert_eq!(told.len(), 1);
        (
            serde_json::from_slice(&told[0].body).unwrap(),
            written(child),
        )
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.aws.close();
    }
}

fn written(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let written = [output.stdout, output.stderr].concat();
    let written = String::from_utf8(written).unwrap();
    assert!(!written.contains(SECRET), "{written}");
    for line in written.lines() {
        assert!(line.matches("\"message\":").count() <= 1, "{line}");
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        binary::each_text(&line, &mut |text| assert!(text.len() <= 4096, "{text}"));
    }
    written
}

/// Returns the log lines that have a value in a field.
fn lines(written: &str, field: &str, value: &Value) -> Vec<Value> {
    let lines = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line[field] == *value).collect()
}

#[test]
fn an_invocation_is_answered_when_it_is_committed_and_told_in_the_log_and_in_metrics() {
    let function = Function::start(&[("STACK_NAME", "watch"), ("METRICS", "Errors,NewClusters,")]);
    assert_eq!(function.invoke(event_of_failures(1..=21)), Ok(()));
    assert_eq!(function.invoke(event_of_failures(11..=31)), Ok(()));
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[]}"#;
    assert_eq!(function.invoke(event(gzip(control))), Ok(()));
    let aws = function.aws.clone();
    let written = function.end();
    let record_counts = lines(&written, "message", &json!("committed"));
    let clustered: Vec<_> = record_counts
        .iter()
        .map(|line| &line["clustered"])
        .collect();
    // The table of this test knows nothing of the first.
    assert_eq!(clustered, [21, 21, 0]);
    assert_eq!(record_counts[1]["request_id"], "request-2");
    assert_eq!(record_counts[0]["classes"], "denied=21");
    assert_eq!(record_counts[2]["control_messages"], 1);
    // The third batch has no errors, so it has no metrics.
    let metrics = lines(&written, "Stack", &json!("watch"));
    assert_eq!(metrics.len(), 2);
    assert_eq!(metrics[0]["Errors"], 21);
    assert!(aws.arrived("quarantine").is_empty());
    // The settings object is not looked for with each of them.
    assert_eq!(aws.arrived("/bucket/config/settings.toml").len(), 1);
}

#[test]
fn what_cannot_be_read_goes_to_the_bucket_and_nothing_of_it_to_the_log() {
    let function = Function::start(&[]);
    let secret = "hunter2";
    let bad = event_of(&[
        log_event(&failure(1).to_string()),
        log_event(&format!("{{{secret}")),
    ]);
    assert_eq!(function.invoke(bad.clone()), Ok(()));
    assert_eq!(
        function.invoke(format!("{{\"{secret}\":1}}").into_bytes()),
        Ok(())
    );
    let kept = function.aws.arrived("/bucket/quarantine/");
    let written = function.end();
    let objects: Vec<Value> = kept
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["requestPayload"].to_string().into_bytes(), bad);
    assert_eq!(objects[1]["requestPayload"][secret], 1);
    assert_eq!(lines(&written, "message", &json!("quarantined")).len(), 2);
    for part in [secret, "mia", "AKIAEXAMPLE", "awslogs"] {
        assert!(!written.contains(part), "{part} in {written}");
    }
}

#[test]
fn a_failure_has_a_stable_name_and_the_next_invocation_works() {
    let function = Function::start(&[]);
    function.aws.change(|shared| shared.is_denied = true);
    // Nothing is counted before it is known whose trails come here.
    let error = function.invoke(event_of_failures(1..=3)).unwrap_err();
    assert_eq!(error["errorType"], "SettingsUnavailable");
    function.aws.change(|shared| shared.is_denied = false);
    assert_eq!(function.invoke(event_of_failures(1..=3)), Ok(()));
    function.aws.change(|shared| shared.is_denied = true);
    let error = function.invoke(event("hello")).unwrap_err();
    assert_eq!(error["errorType"], "QuarantineUnavailable");
    assert_eq!(
        error["errorMessage"],
        "cannot quarantine: the bucket is not available: AccessDenied: no"
    );
    function.aws.change(|shared| shared.is_denied = false);
    assert_eq!(function.invoke(event("hello")), Ok(()));
    let written = function.end();
    let failed = lines(&written, "error", &json!("QuarantineUnavailable"));
    assert_eq!(failed.len(), 1, "{written}");
}

#[test]
fn without_time_an_invocation_fails_and_the_next_works() {
    let function = Function::start(&[]);
    function.aws.change(|shared| shared.seconds = 4);
    let error = function.invoke(event_of_failures(1..=2)).unwrap_err();
    assert_eq!(error["errorType"], "DeadlineExceeded");
    function.aws.change(|shared| shared.seconds = 60);
    assert_eq!(function.invoke(event_of_failures(1..=2)), Ok(()));
}

#[test]
fn rules_come_from_the_bucket_and_without_them_nothing_is_folded() {
    let function = Function::start(&[("RULES_OBJECT", "rules/a.toml")]);
    let error = function.invoke(event_of_failures(1..=2)).unwrap_err();
    assert_eq!(error["errorType"], "RulesMissing");
    let rules = "[[rule]]\nname = \"a\"\nwhen = { eventName = [\"GetObject\"] }\nignore = true\nreason = \"test\"\n";
    function.aws.change(|shared| {
        let key = "/bucket/rules/a.toml".to_owned();
        shared.objects.push((key, rules.as_bytes().to_vec()));
    });
    for number in [1, 3] {
        assert_eq!(
            function.invoke(event_of_failures(number..=number + 1)),
            Ok(())
        );
    }
    // Once for each container, until it is time to look again.
    assert_eq!(function.aws.arrived("/bucket/rules/a.toml").len(), 2);
    let record_counts = lines(&function.end(), "message", &json!("committed"));
    let ignored: Vec<_> = record_counts.iter().map(|line| &line["ignored"]).collect();
    assert_eq!(ignored, [2, 2]);
}

#[test]
fn ones_own_roles_are_taken_from_the_settings() {
    let own = "arn:aws:iam::111122223333:role/stack/ingest";
    let function = Function::start(&[("SELF_PRINCIPALS", own)]);
    let mut failure = failure(1);
    failure["userIdentity"] = json!({
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/ingest/fn",
    });
    let event = event_of(&[log_event(&failure.to_string())]);
    assert_eq!(function.invoke(event), Ok(()));
    let written = function.end();
    let record_counts = lines(&written, "message", &json!("committed"));
    assert_eq!(
        (
            &record_counts[0]["ignored_self"],
            &record_counts[0]["self_denied"]
        ),
        (&json!(1), &json!(1))
    );
    assert!(!written.contains("_aws"), "nobody reads metrics: {written}");
}

#[test]
fn accounts_whose_trails_come_here_are_taken_from_the_settings() {
    let function = Function::start(&[("TRAIL_ACCOUNTS", "444455556666,111122223333")]);
    let logged_in = |number: u64, account_id: &str| {
        let mut failure = failure(number);
        failure["sharedEventID"] = json!("00000000-0000-4000-8000-00000000000a");
        failure["recipientAccountId"] = json!(account_id);
        log_event(&failure.to_string())
    };
    let event = event_of(&[logged_in(1, "111122223333"), logged_in(2, "444455556666")]);
    assert_eq!(function.invoke(event), Ok(()));
    let record_counts = lines(&function.end(), "message", &json!("committed"));
    assert_eq!(
        (&record_counts[0]["clustered"], &record_counts[0]["ignored"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn an_unknown_role_does_not_start_and_says_which_there_are() {
    let (told, written) = Function::start(&[("_HANDLER", "ingset")]).refused();
    assert_eq!(
        told,
        json!({
            "errorType": "UnknownRole",
            "errorMessage": "_HANDLER is \"ingset\"; it must be one of: ingest, deliver, inspect, widget",
        })
    );
    assert_eq!(lines(&written, "error", &json!("UnknownRole")).len(), 1);
}

#[test]
fn wrong_settings_do_not_start_and_are_told_all_at_once() {
    let settings = [("TABLE_NAME", ""), ("RETENTION_DAYS", "1000")];
    let (told, written) = Function::start(&settings).refused();
    assert_eq!(told["errorType"], "WrongSettings");
    assert_eq!(
        told["errorMessage"],
        "TABLE_NAME: is missing; set it to the name of the DynamoDB table; \
         RETENTION_DAYS: \"1000\" is not a whole number from 8 to 365"
    );
    assert_eq!(lines(&written, "error", &json!("WrongSettings")).len(), 1);
}

#[test]
fn wrong_settings_of_sinks_are_told_at_once_and_show_in_their_metrics() {
    let settings = [
        ("_HANDLER", "deliver"),
        ("AWS_REGION", "eu-central-1"),
        ("TABLE_NAME", "table"),
        ("OWN_ACCOUNT_ID", "111122223333"),
        ("SINKS", "guance,sns"),
        ("GUANCE_ROUTE", "dataway"),
        ("GUANCE_SITE", "mars1"),
        (
            "GUANCE_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance",
        ),
        ("TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:errors"),
        ("STACK_NAME", "watch"),
        ("METRICS", "AlertsDead,SinkMisconfigured,NeverHeardOf"),
    ];
    let (told, written) = Function::start(&settings).refused();
    assert_eq!(told["errorType"], "WrongSettings");
    let message = told["errorMessage"].as_str().unwrap();
    for part in [
        "GUANCE_SITE: ",
        "mars1",
        "TOPIC_ARN: ",
        "eu-central-1",
        "METRICS: ",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    for sink in ["guance", "sns"] {
        let metrics = lines(&written, "Sink", &json!(sink));
        assert_eq!(metrics[0]["SinkMisconfigured"], 1, "{written}");
    }
}

#[test]
fn plain_http_and_addresses_inside_are_no_places_to_send_alerts_to() {
    for url in [
        "http://openway.guance.com",
        "https://127.0.0.1:9001",
        "https://169.254.169.254",
        "https://openway.guance.com.evil.example",
    ] {
        let settings = [
            ("_HANDLER", "deliver"),
            ("AWS_REGION", "eu-central-1"),
            ("TABLE_NAME", "table"),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("SINKS", "guance"),
            ("GUANCE_ROUTE", "dataway"),
            ("GUANCE_URL", url),
            (
                "GUANCE_SECRET_ARN",
                "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance",
            ),
        ];
        let (told, _) = Function::start(&settings).refused();
        assert_eq!(told["errorType"], "WrongSettings", "{url}");
        let message = told["errorMessage"].as_str().unwrap();
        assert!(message.contains("GUANCE_URL: "), "{url}: {message}");
    }
}
