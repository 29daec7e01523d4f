//! What must never be, read from the source itself: the invariants of ARCHITECTURE.md that neither the compiler nor
//! the walls between the crates hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the code of a file, its tests and its comments cut off.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let uncommented = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    uncommented.map(|line| format!("{line}\n")).collect()
}

/// Returns the files of a room: of a folder, of a file, or of both.
fn files_of(room: &str) -> Vec<PathBuf> {
    let file = Path::new("src").join(format!("{room}.rs"));
    let folder = Path::new("src").join(room);
    let mut files = if folder.exists() {
        sources(&folder)
    } else {
        Vec::new()
    };
    files.extend(file.exists().then_some(file));
    assert!(!files.is_empty(), "there is no {room}");
    files
}

/// The crates that decide: the same input gives the same output on any machine.
const PURE: [&str; 6] = ["json", "records", "input", "clusters", "alerts", "view"];

/// What a crate is made of, however far down, by name: from Cargo.lock, tests included.
fn made_of(name: &str) -> BTreeSet<String> {
    let lock = fs::read_to_string("Cargo.lock").unwrap();
    let mut uses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let mut quoted = package.split('"').skip(1).step_by(2);
        let name = quoted.next().unwrap();
        let (_, list) = package.split_once("dependencies = [").unwrap_or_default();
        let list = list.split('"').skip(1).step_by(2);
        // A name may be followed by a version.
        let names = list.filter_map(|text| text.split(' ').next());
        uses.entry(name).or_default().extend(names);
    }
    let (mut found, mut left) = (BTreeSet::new(), vec![name]);
    while let Some(next) = left.pop() {
        if found.insert(next.to_owned()) {
            left.extend(&uses[next]);
        }
    }
    found
}

#[test]
fn crates_that_decide_are_made_of_nothing_that_talks_to_the_outside() {
    const OUTSIDE: [&str; 8] = [
        "tokio",
        "hyper",
        "reqwest",
        "rustls",
        "aws-config",
        "rusqlite",
        "axum",
        "service",
    ];
    for name in PURE {
        let found = made_of(name);
        for outside in OUTSIDE {
            assert!(!found.contains(outside), "{name} is made of {outside}");
        }
    }
    assert!(
        made_of("service")
            .is_disjoint(&OUTSIDE[..7].iter().map(|name| (*name).to_owned()).collect())
    );
    assert!(!made_of("function").contains("demo"));
}

/// What builds the first command of the README is a matter of minutes as long as this holds.
#[test]
fn the_command_line_without_aws_is_made_of_few_crates() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "-p",
            "cloudtrail-inspector",
            "--no-default-features",
            "--features",
            "cli",
        ])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    // What is in this repository stands with its path.
    let others = tree.lines().filter(|line| !line.contains("(/"));
    let names = others.filter_map(|line| line.split(' ').next());
    let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
    assert!(names.contains("axum"), "{names:?}");
    for name in &names {
        let is_client = name.starts_with("aws-");
        assert!(
            !is_client && !["reqwest", "lambda_runtime", "rustls"].contains(name),
            "{name}"
        );
    }
    assert!(names.len() <= 130, "{}: {names:?}", names.len());
}

#[test]
fn verbs_and_what_they_work_on_in_memory_never_see_each_other() {
    const VERBS: [&str; 5] = ["ingest", "deliver", "inspect", "widget", "memory"];
    for one in VERBS {
        for path in files_of(&format!("service/{one}")) {
            for other in VERBS.iter().filter(|other| **other != one) {
                let code = code(&path);
                assert!(
                    !code.contains(&format!("crate::{other}")),
                    "{} names {other}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn below_the_ports_nothing_waits_and_nothing_touches_the_outside() {
    const OUTSIDE: [&str; 9] = [
        ".await",
        "std::fs",
        "std::env",
        "TcpStream",
        "UdpSocket",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
    ];
    for room in PURE.iter().chain(&[
        "service/rulefile",
        "service/rules",
        "service/policy",
        "service/config",
    ]) {
        for path in files_of(room) {
            for word in OUTSIDE {
                assert!(!code(&path).contains(word), "{} has {word}", path.display());
            }
        }
    }
}

/// The Lambda runtime makes a failed invocation of a panic only where a panic unwinds.
#[test]
fn a_panic_unwinds() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let told = manifest.lines().filter(|line| line.starts_with("panic"));
    assert!(told.into_iter().all(|line| line == "panic = \"unwind\""));
}

#[test]
fn every_module_says_first_what_it_is_for() {
    for path in sources(Path::new("src")) {
        if path.ends_with("demo/tests.rs") || path.ends_with("file/tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} says nothing", path.display());
    }
}
