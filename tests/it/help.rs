//! The help of each command: it fits a screen, its examples run, and manual pages and completions are made from it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use demo::{Plan, trail};
use serde_json::Value;

use crate::binary::{Folder, Ran, inspector};

/// The lines and columns that a help may have: those of a usual window.
const SCREEN: (usize, usize) = (72, 100);

/// Returns the arguments that name each command and subcommand, with the help of each.
fn helps(folder: &Folder) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut left = vec![Vec::new()];
    while let Some(path) = left.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let mut command = folder.command(&arguments);
        let help = Ran::of(
            command
                .env("COLUMNS", SCREEN.1.to_string())
                .output()
                .unwrap(),
        )
        .printed();
        let commands = help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let commands = commands.split("\n\n").next().unwrap_or_default();
        // A line that continues the text above it has more spaces in front.
        let names = commands.lines().filter(|line| !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        left.extend(names.filter(|name| *name != "help").map(|name| {
            let mut path = path.clone();
            path.push(name.to_owned());
            path
        }));
        found.push((path, help));
    }
    found.sort();
    found
}

#[test]
fn each_help_fits_a_screen_and_has_examples_and_exit_codes() {
    let folder = Folder::new();
    let helps = helps(&folder);
    assert!(helps.len() > 35, "{}", helps.len());
    for (path, help) in &helps {
        let name = path.join(" ");
        assert!(help.lines().count() <= SCREEN.0, "{name}:\n{help}");
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(SCREEN.1), "{name}:\n{help}");
        assert!(help.contains("\nExit codes: 0 done, 1 "), "{name}:\n{help}");
        if !help.contains("\nCommands:\n") {
            assert!(help.contains("\nExample"), "{name}:\n{help}");
        }
    }
    let short = folder.run(&["diff", "-h"]).printed();
    assert_eq!(short, folder.run(&["diff", "--help"]).printed());
}

/// Returns the examples of all commands, each one line for a shell.
fn examples(folder: &Folder) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (path, _) in helps(folder) {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let mut command = folder.command(&arguments);
        // So wide that no example is wrapped.
        let help = Ran::of(command.env("COLUMNS", "400").output().unwrap()).printed();
        let (_, examples) = help.rsplit_once("\nExample").unwrap_or_default();
        let lines = examples.lines().filter_map(|line| line.strip_prefix("  "));
        found.extend(lines.map(str::to_owned));
    }
    found
}

/// A rules file that the examples use.
const RULES: &str = "[[rule]]\nname = \"a\"\nwhen = { errorCode = [\"ThrottlingException\"] }\nseverity = \"info\"\n";

/// Returns a folder with the files that the examples name, and the replacements for the ids in them.
fn prepared() -> (Folder, Vec<(&'static str, String)>) {
    let folder = Folder::new();
    let plan = Plan {
        seed: 5,
        hours: 26,
        events_per_hour: 20,
        broken: false,
        ..Plan::default()
    };
    // One file for each folder, because files take longer than their records.
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for file in &trail(&plan).files {
        let (place, _) = file.name.rsplit_once('/').unwrap();
        let text = lines.entry(place.to_owned()).or_default();
        text.extend(file.records.iter().map(|record| format!("{record}\n")));
    }
    for (place, text) in lines {
        folder.write(format!("{place}/trail.jsonl"), text);
    }
    let record = trail(&plan).files[0].records[0].clone();
    folder.write("event.json", record);
    folder.write("rules.toml", RULES);
    for name in ["errors.json", "staging.json"] {
        folder.write(name, include_str!("../fixtures/configuration.json"));
    }
    for place in [
        ".local/share/bash-completion/completions",
        ".zfunc",
        ".config/fish/completions",
    ] {
        fs::create_dir_all(folder.path(place)).unwrap();
    }
    folder.write(
        "settings.toml",
        folder.run(&["config", "example"]).printed(),
    );
    let first = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/02";
    folder
        .run(&["scan", "--db", "yesterday.db", first])
        .printed();
    folder
        .run(&["scan", "--db", "trail.db", "AWSLogs"])
        .printed();
    fs::copy(folder.path("trail.db"), folder.path("today.db")).unwrap();
    let json = folder.scan(&["AWSLogs"], 0);
    let id = |list: &Value, name: &str| list[0][name].as_str().unwrap().to_owned();
    let ids = [
        ("k5ay", id(&json["clusters"], "cluster_id")),
        ("kq5l", id(&json["sensitive_calls"], "call_id")),
        ("46cx", id(&json["incidents"], "incident_id")),
    ];
    (folder, ids.to_vec())
}

/// Returns an example with the ids and file names of the prepared folder, and smaller numbers where it would take long.
fn replaced(example: &str, ids: &[(&str, String)]) -> String {
    let mut line = example.to_owned();
    for (start, id) in ids {
        // The example has the whole id, or the beginning of it.
        let words = line.split(' ').map(|word| match word.starts_with(start) {
            true if word.len() == start.len() => id[..8].to_owned(),
            true => id.clone(),
            false => word.to_owned(),
        });
        line = words.collect::<Vec<_>>().join(" ");
    }
    line.replace("pbpaste", "cat event.json")
        .replace(
            "generate demo",
            "generate --hours 2 --events-per-hour 60 demo",
        )
        .replace(
            "--hours 336 --events-per-hour 5000",
            "--hours 2 --events-per-hour 60",
        )
}

/// Runs a line in a shell, in which nothing of AWS is set.
fn shell(folder: &Folder, line: &str) -> Ran {
    let mut command = Command::new("bash");
    let path = std::env::var_os("PATH").unwrap();
    let program = inspector().parent().unwrap().to_owned();
    let path = std::iter::once(program).chain(std::env::split_paths(&path));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .args(["-o", "pipefail", "-c", line])
        .current_dir(folder.path(""))
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", folder.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    Ran::of(command.output().unwrap())
}

fn has_program(name: &str) -> bool {
    let mut folders = std::env::var_os("PATH").into_iter().flat_map(|path| {
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        folders
    });
    let found = folders.any(|folder| folder.join(name).exists());
    if !found {
        eprintln!("skipped: there is no {name}");
    }
    found
}

/// Starts `serve` with the arguments of an example, waits for its address, and ends it.
fn serve(folder: &Folder, example: &str) {
    let mut arguments: Vec<&str> = example.split(' ').skip(1).collect();
    arguments.extend(["--port", "0"]);
    let mut command = folder.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("http://127.0.0.1:"), "{example}: {line}");
}

/// Examples with a stack, a table or S3 are only parsed: they end at the missing credentials. `s3` and others run such commands
/// against an emulator. A rehearsal of all techniques takes seconds, so its arguments are only parsed here, too. `rules filter` takes
/// seconds and is left out; `make filter` runs it.
#[test]
fn the_examples_of_each_command_run() {
    let (folder, ids) = prepared();
    let (has_jq, has_sqlite) = (has_program("jq"), has_program("sqlite3"));
    let mut ran = 0;
    for example in examples(&folder) {
        let mut line = replaced(&example, &ids);
        let needs_aws = ["--stack ", "--table ", "--log-group ", "s3://"]
            .iter()
            .any(|of| line.contains(of));
        if needs_aws || !has_jq {
            line = line.split(" | jq").next().unwrap().to_owned();
        }
        if !has_sqlite {
            line = line.split(" && sqlite3").next().unwrap().to_owned();
        }
        if line.contains("inspector rehearse") && !line.contains("--list") {
            line.push_str(" --list");
        }
        if let Some((before, _)) = line
            .split_once("cloudtrail-inspector serve --db")
            .filter(|_| !needs_aws)
        {
            serve(&folder, &line[before.len()..]);
            line.truncate(before.trim_end_matches(" && ").len());
        }
        if line.is_empty() || line.contains("rules filter") {
            continue;
        }
        let result = shell(&folder, &line);
        let expected: &[i32] = match needs_aws {
            true => &[1],
            false if line.contains("--fail-on") => &[0, 3],
            false => &[0],
        };
        assert!(
            expected.contains(&result.code.unwrap()),
            "{line}: {result:?}"
        );
        if needs_aws {
            assert!(
                // `doctor` says it as the first broken link.
                [&result.stderr, &result.stdout]
                    .iter()
                    .any(|of| of.contains("no AWS credentials found")),
                "{line}: {result:?}"
            );
        }
        ran += 1;
    }
    assert!(ran > 60, "{ran}");
}

#[test]
fn manual_pages_are_written_for_all_commands_and_render_without_a_warning() {
    let folder = Folder::new();
    let written = folder.run(&["man", "man1"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let mut names: Vec<String> = fs::read_dir(folder.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    names.sort();
    assert_eq!(names.len(), helps(&folder).len());
    let scan = fs::read_to_string(folder.path("man1/cloudtrail-inspector-scan.1")).unwrap();
    for part in [
        ".SH EXAMPLES",
        ".SH \"EXIT STATUS\"\n0 done, 1 ",
        "\\-\\-db",
    ] {
        assert!(scan.contains(part), "{part}: {scan}");
    }
    if has_program("groff") {
        let mut groff = Command::new("groff");
        groff.args(["-man", "-ww", "-z", "-K", "utf8", "-T", "utf8"]);
        let ran = Ran::of(groff.args(&names).output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
    if has_program("mandoc") {
        let mut mandoc = Command::new("mandoc");
        let ran = Ran::of(
            mandoc
                .args(["-W", "error,stop"])
                .args(&names)
                .output()
                .unwrap(),
        );
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn completions_load_in_each_shell() {
    let folder = Folder::new();
    for (shell, check) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
        ("elvish", &["-compileonly"]),
    ] {
        let script = folder.run(&["completions", shell]).printed();
        assert!(script.contains("marks-from"), "{shell}: {script}");
        folder.write(shell, script);
        if has_program(shell) {
            let mut command = Command::new(shell);
            let ran = Ran::of(
                command
                    .args(check)
                    .arg(folder.path(shell))
                    .output()
                    .unwrap(),
            );
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        }
    }
    assert!(
        folder
            .run(&["completions", "powershell"])
            .printed()
            .contains("Register-ArgumentCompleter")
    );
    let loads = "source ./bash && complete -p cloudtrail-inspector";
    let loads = Command::new("bash")
        .args(["-c", loads])
        .current_dir(folder.path(""))
        .output();
    assert_eq!(loads.unwrap().status.code(), Some(0));
}
