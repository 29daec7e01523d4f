//! The real binary, run in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// Returns the path of the command line program.
pub fn inspector() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cloudtrail-inspector"))
}

/// Returns the path of the program of the functions.
pub fn bootstrap() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bootstrap"))
}

/// Runs a command with text on standard input.
pub fn output_with(command: &mut Command, stdin: impl Into<Vec<u8>>) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.into());
    // A pipe holds little, so input must be written while output is read.
    let writer = thread::spawn(move || {
        // Who refuses its arguments reads nothing.
        let _ = pipe.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// A folder with inputs. Commands run in it, so that paths in their output are short and always the same.
pub struct Folder(TempDir);

/// Output of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns a folder that holds JSON lines under the name `trail.jsonl`.
    pub fn with_lines(lines: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write("trail.jsonl", lines);
        folder
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Returns the command, in an environment without settings about colours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(inspector());
        command.args(arguments).current_dir(self.0.path());
        for name in [
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "FORCE_COLOR",
            "COLUMNS",
        ] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, stdin: impl Into<Vec<u8>>, arguments: &[&str]) -> Ran {
        Ran::of(output_with(&mut self.command(arguments), stdin))
    }

    /// Scans, expects an exit code and returns the JSON.
    pub fn scan(&self, arguments: &[&str], code: i32) -> Value {
        let ran = self.run(&[&["scan", "--format", "json"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        ran.json()
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let ran = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        // No output of any test may contain control characters for a terminal.
        assert_harmless(&ran.stdout);
        assert_harmless(&ran.stderr);
        if let Ok(json) = serde_json::from_str(&ran.stdout) {
            each_text(&json, &mut assert_harmless);
        }
        ran
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects success and returns what was printed.
    pub fn printed(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Expects the given exit code and an error message that contains the text.
    pub fn fails(&self, code: i32, saying: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains(saying), "{saying}: {self:?}");
    }
}

/// Visits each text in a JSON value, keys included.
pub fn each_text(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, visit)),
        Value::Object(fields) => {
            for (key, value) in fields {
                visit(key);
                each_text(value, visit);
            }
        }
        _ => {}
    }
}

fn assert_harmless(text: &str) {
    // CSV has such line breaks.
    let text = &text.replace("\r\n", "\n");
    let harmful = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if let Some(at) = text.find(harmful) {
        let around: String = text[at..].chars().take(40).collect();
        panic!("printed {around:?}");
    }
}
