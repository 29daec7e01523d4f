//! Time limits of calls to AWS: a page of a log group may take longer than other calls, but not longer than the
//! invocation.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use aws::logs::CloudWatchLogs;
use records::time::Timestamp;
use serde_json::json;
use service::ports::{LogGroupError, LogGroups as _, LogQuery};

use crate::emulator::config_at;

/// Longer than the limit for an attempt of any other call.
const SLOW: Duration = Duration::from_secs(3);

/// A server that answers slowly with one page.
fn slow_logs() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 8192]);
    thread::sleep(SLOW);
    let event = json!({"eventId": "1", "logStreamName": "trail", "timestamp": 1, "message": "{}"});
    let page = json!({"events": [event]}).to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close";
    // Who waits no longer is gone.
    let _ = write!(
        stream,
        "{head}\r\nContent-Length: {}\r\n\r\n{page}",
        page.len()
    );
}

#[test]
fn a_page_of_a_log_group_may_take_long_but_not_beyond_the_invocation() {
    let logs = CloudWatchLogs::new(&config_at(&slow_logs()));
    let query = LogQuery {
        group: "trail".to_owned(),
        pattern: String::new(),
        from: Timestamp::FIRST,
        until: Timestamp::LAST,
        page_max: None,
    };
    let page = || pollster::block_on(logs.events(&query, None));
    logs.set_deadline(Instant::now() + Duration::from_secs(60));
    assert_eq!(page().unwrap().events.len(), 1);
    let begun = Instant::now();
    logs.set_deadline(begun + Duration::from_millis(300));
    let late = page().unwrap_err();
    assert!(
        matches!(late, LogGroupError::Unavailable { .. }),
        "{late:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    // The time is over: nothing is asked any more.
    let begun = Instant::now();
    page().unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}
