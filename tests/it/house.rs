//! Rules for the source code that neither the compiler nor the borders between crates enforce. They are the invariants
//! of ARCHITECTURE.md.

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

/// Returns the code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("\n#[cfg(test)]").next().unwrap();
    let uncommented = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    uncommented.map(|line| format!("{line}\n")).collect()
}

/// Returns the files of a module: a file, a folder, or both.
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

/// Crates that are pure: the same input gives the same output on any machine.
const PURE: [&str; 7] = [
    "json", "records", "input", "formats", "clusters", "alerts", "view",
];

/// Returns the names of all dependencies of a crate, direct and indirect, from Cargo.lock; with those of tests.
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

/// The limit keeps the build by the first command of the README to minutes.
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
    // Crates of this repository are listed with a path.
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
    assert!(names.len() <= 148, "{}: {names:?}", names.len());
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

/// The Lambda runtime turns a panic into a failed invocation only if panics unwind.
#[test]
fn a_panic_unwinds() {
    let segment = fs::read_to_string("Cargo.toml").unwrap();
    let told = segment.lines().filter(|line| line.starts_with("panic"));
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

/// Returns the modules of a crate by their paths, with their code. The root is left out, because it declares all other
/// modules, and they may use its items.
type Modules = BTreeMap<Vec<String>, String>;

fn modules(folder: &Path) -> Modules {
    let files = sources(folder).into_iter();
    let modules = files.filter(|path| !path.ends_with("lib.rs") && !path.ends_with("tests.rs"));
    let module = |path: PathBuf| {
        let place = path.strip_prefix(folder).unwrap().with_extension("");
        let names = place.iter().map(|name| name.to_str().unwrap().to_owned());
        (names.filter(|name| name != "mod").collect(), code(&path))
    };
    modules.map(module).collect()
}

/// Parses the paths at the beginning of a text, several if it has braces, and returns the rest of the text.
fn take_paths<'t>(text: &'t str, before: &[&'t str], found: &mut Vec<Vec<&'t str>>) -> &'t str {
    let mut path = before.to_vec();
    let mut rest = text.trim_start();
    loop {
        if let Some(list) = rest.strip_prefix('{') {
            rest = list.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let behind = take_paths(rest, &path, found);
                // What it is called here does not matter.
                let end = behind.find([',', '}']).unwrap_or(behind.len());
                rest = behind[end..].trim_start_matches(',').trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        // Without a name it is a star.
        path.extend((!name.is_empty()).then_some(name));
        match behind.strip_prefix("::") {
            Some(more) if !name.is_empty() => rest = more,
            _ => {
                found.push(path);
                return behind;
            }
        }
    }
}

/// Returns the paths in a piece of code that lead to items of the same crate.
fn paths_within(code: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_inside = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
            if !code[..at].ends_with(is_inside) {
                take_paths(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Returns the module to which a path leads; empty for the root.
fn module_at(from: &[String], path: &[&str], modules: &Modules) -> Vec<String> {
    let mut full = match path[0] {
        "crate" => Vec::new(),
        _ => from.to_vec(),
    };
    for name in path {
        match *name {
            "crate" | "self" => {}
            "super" => drop(full.pop()),
            name => full.push(name.to_owned()),
        }
    }
    while !full.is_empty() && !modules.contains_key(&full) {
        full.pop();
    }
    full
}

/// Returns the cycles of modules, that is, sets in which each module uses itself through the others. A module and its
/// submodules count as one. So siblings are compared, each with all of its submodules.
fn circles(modules: &Modules) -> BTreeSet<BTreeSet<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, code) in modules {
        for path in paths_within(code) {
            let to = module_at(from, &path, modules);
            let both = from.iter().zip(&to);
            let shared = both.take_while(|(from, to)| from == to).count();
            if shared < from.len().min(to.len()) {
                let [from, to] = [from, &to].map(|path| path[..=shared].join("::"));
                uses.entry(from).or_default().insert(to);
            }
        }
    }
    let reached = |from: &String| {
        let (mut found, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(next) = left.pop() {
            let fresh = uses.get(next).into_iter().flatten();
            left.extend(fresh.filter(|name| found.insert((*name).clone())));
        }
        found
    };
    let reached: BTreeMap<&String, _> = uses.keys().map(|name| (name, reached(name))).collect();
    let is_back = |from: &String, to: &String| reached.get(to).is_some_and(|of| of.contains(from));
    let circle = |(from, of): (&&String, &BTreeSet<String>)| -> BTreeSet<String> {
        of.iter().filter(|to| is_back(from, to)).cloned().collect()
    };
    let all = reached.iter().map(circle);
    all.filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_circle_of_modules_inside_a_crate() {
    let folders = fs::read_dir("src")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let crates: Vec<PathBuf> = folders
        .filter(|path| path.join("lib.rs").exists())
        .collect();
    assert!(crates.len() >= PURE.len());
    for folder in crates {
        let modules = modules(&folder);
        let used = modules.values().map(|code| paths_within(code).len());
        // A crate of one file has nothing to read, and any other something.
        assert!(modules.is_empty() || used.sum::<usize>() > 0);
        let found = circles(&modules);
        assert!(found.is_empty(), "{}: {found:?}", folder.display());
    }
}

#[test]
fn a_circle_of_modules_is_found_and_a_module_with_its_submodules_is_none() {
    let made_up = |texts: &[(&str, &str)]| {
        let of = |(name, code): &(&str, &str)| {
            (
                name.split("::").map(str::to_owned).collect(),
                (*code).to_owned(),
            )
        };
        let found = circles(&texts.iter().map(of).collect());
        let shown = |circle: BTreeSet<String>| circle.into_iter().collect::<Vec<_>>().join(" ");
        found.into_iter().map(shown).collect::<Vec<_>>()
    };
    let one_way = [
        ("a", "use crate::b::c::{self, X as Y};"),
        ("b", "use crate::{Root, d::*}; fn f() { c::f() }"),
        ("b::c", "use super::X; use crate::b::{Y, e};"),
        ("b::e", "use crate::d;"),
        ("d", "use other::crate_::a; use crate::Root;"),
    ];
    assert_eq!(made_up(&one_way), [""; 0]);
    let with = |name, code| [&one_way[..], &[(name, code)]].concat();
    assert_eq!(made_up(&with("d", "fn f() -> crate::a::X")), ["a b d"]);
    assert_eq!(
        made_up(&with("d", "use crate::{Z, b::{c::{X}, Y}};")),
        ["b d"]
    );
    assert_eq!(made_up(&with("b::e", "use super::super::a;")), ["a b"]);
    assert_eq!(made_up(&with("b::e", "use super::c;")), ["b::c b::e"]);
    assert_eq!(made_up(&with("b::e", "use self::f::X;")), [""; 0]);
}

#[test]
fn the_functions_say_the_version_of_this_release() {
    let template = fs::read_to_string("template.yaml").unwrap();
    let line = format!("        PROGRAM_VERSION: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(template.contains(&line), "template.yaml needs {line}");
}
