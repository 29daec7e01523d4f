//! Minimal HTTP for the servers of tests: requests with a length, answers in one piece.

use std::io::BufRead;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, path and HTTP version.
    pub line: String,
    headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one request to its end; `None` if the connection has no or only half a request.
    pub fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => headers.push(line.to_owned()),
            }
        }
        let mut request = Self {
            line: headers.remove(0),
            headers,
            body: Vec::new(),
        };
        assert_eq!(request.header("transfer-encoding"), None, "{request:?}");
        let length = request.header("content-length").unwrap_or("0").parse();
        request.body = vec![0; length.unwrap()];
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap()
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// Returns the bytes of an answer. Each given header must end with a line break.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
