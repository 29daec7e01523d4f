//! What must never be, read from the source itself: the invariants of ARCHITECTURE.md that a
//! compiler does not see.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The floors, from the ground up; a room names only rooms of its own floor and of those below.
const FLOORS: [&[&str]; 9] = [
    &["trail"],
    &["cluster", "keys", "report"],
    &["alert"],
    &["outbox", "guance"],
    &["rules", "policy", "config"],
    &["page"],
    &["ports"],
    &["enquiry"],
    &[
        "ingest",
        "deliver",
        "inspect",
        "widget",
        "memory",
        "sqlite",
        "aws",
        "guance/workspace",
    ],
];

#[test]
fn no_room_names_a_floor_above_its_own() {
    for (floor, rooms) in FLOORS.iter().enumerate() {
        for room in rooms.iter().copied() {
            for path in files_of(room) {
                let code = code(&path);
                for above in FLOORS[floor + 1..].iter().flat_map(|rooms| rooms.iter()) {
                    let above = above.replace('/', "::");
                    assert!(
                        !code.contains(&format!("crate::{above}")),
                        "{} names {above}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn verbs_and_adapters_never_see_each_other() {
    for one in FLOORS[8] {
        for path in files_of(one) {
            for other in FLOORS[8].iter().filter(|other| *other != one) {
                let other = other.replace('/', "::");
                assert!(
                    !code(&path).contains(&format!("crate::{other}")),
                    "{} names {other}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn below_the_ports_nothing_waits_and_nothing_touches_the_outside() {
    const OUTSIDE: [&str; 10] = [
        ".await",
        "std::fs",
        "std::env",
        "TcpStream",
        "UdpSocket",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "rusqlite",
    ];
    for room in FLOORS[..6].iter().flat_map(|rooms| rooms.iter()) {
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

fn files_of(room: &str) -> Vec<PathBuf> {
    let file = Path::new("src").join(format!("{room}.rs"));
    let folder = Path::new("src").join(room);
    let mut files = if folder.exists() {
        sources(&folder)
    } else {
        Vec::new()
    };
    if file.exists() {
        files.push(file);
        return files;
    }
    // What talks to a workspace is an adapter; what is said to it is not.
    files.retain(|path| room != "guance" || !path.starts_with("src/guance/workspace"));
    files.retain(|path| room != "guance" || !path.ends_with("workspace.rs"));
    files
}
