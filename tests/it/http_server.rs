//! Servers for tests of clients: one that answers as a test says, and one that passes requests on and lists them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::http::{Request, answer};

/// Status, headers that each end with a line break, and body of an answer.
pub type Answer = (&'static str, String, Vec<u8>);

/// A server that answers each request by a function, until the process ends.
pub struct Answers {
    pub url: String,
}

impl Answers {
    pub fn start(answer_to: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer_to = Arc::new(answer_to);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer_to = Arc::clone(&answer_to);
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(request) = Request::read(&mut reader) {
                        let (status, headers, body) = answer_to(&request);
                        // A client may close the connection at any time.
                        let _ = stream.write_all(&answer(status, &headers, &body));
                    }
                });
            }
        });
        Self { url }
    }
}

/// A server that passes all requests on to another one, and lists their first lines.
pub struct Proxy {
    pub url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy before the server at `url`.
    pub fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (behind, listed) = (
            url.trim_start_matches("http://").to_owned(),
            Arc::clone(&lines),
        );
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = TcpStream::connect(behind.trim_end_matches('/')).unwrap();
                let (client, listed) = (stream.unwrap(), Arc::clone(&listed));
                let (mut answers, mut to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
                thread::spawn(move || pass_on(client, server, &listed));
            }
        });
        Self {
            url: format!("http://{address}"),
            lines,
        }
    }

    /// Returns the first lines of the requests since the last call, sorted, without the version of HTTP.
    pub fn requests(&self) -> Vec<String> {
        let mut lines = std::mem::take(&mut *self.lines.lock().unwrap());
        lines.sort();
        lines
    }
}

/// Passes requests without a body on, and adds the first line of each to `listed`.
fn pass_on(client: TcpStream, mut server: TcpStream, listed: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|count| count > 0)
    {
        if line.starts_with(b"GET ") {
            let text = String::from_utf8_lossy(&line);
            listed
                .lock()
                .unwrap()
                .push(text.trim_end().trim_end_matches(" HTTP/1.1").to_owned());
        }
        if server.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
}
