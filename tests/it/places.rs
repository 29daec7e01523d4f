//! Files that the command line writes: it never overwrites a file that it reads, and other users cannot read them.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::binary::{Folder, Ran};
use crate::records::{lines, record};

fn trail() -> Vec<u8> {
    lines(&[record(json!({"errorCode": "AccessDenied"}))]).into()
}

/// Asserts that a scan is refused before it does anything, and that the file keeps its content.
fn refused(folder: &Folder, arguments: &[&str], file: &str, saying: &str) {
    let before = fs::read(folder.path(file)).unwrap();
    let ran = folder.run(&[&["scan"], arguments].concat());
    ran.fails(2, saying);
    assert_eq!(ran.stdout, "", "{arguments:?}");
    assert_eq!(
        fs::read(folder.path(file)).unwrap(),
        before,
        "{arguments:?}"
    );
}

#[test]
fn a_report_never_takes_the_place_of_an_input() {
    let folder = Folder::new();
    folder.write("in.jsonl", trail());
    folder.write("in/deep/a.json", trail());
    folder.write("rules.toml", "");
    for (arguments, file, what) in [
        (
            vec!["--html", "in.jsonl", "in.jsonl"],
            "in.jsonl",
            "the input in.jsonl",
        ),
        (
            vec!["--html", "./in/../in.jsonl", "in.jsonl"],
            "in.jsonl",
            "the input in.jsonl",
        ),
        (
            vec!["--html", "in/deep/a.json", "in"],
            "in/deep/a.json",
            "the input in/deep/a.json",
        ),
        (
            vec!["--html", "in.jsonl", "in", "in.jsonl"],
            "in.jsonl",
            "the input in.jsonl",
        ),
        (
            vec!["--html", "rules.toml", "--rules", "rules.toml", "in"],
            "rules.toml",
            "the rules",
        ),
    ] {
        let saying = format!("this would overwrite {what}; choose another file with --html");
        refused(&folder, &arguments, file, &saying);
    }
    let other = ["--html", "in/report.html", "in", "in.jsonl"];
    folder.scan(&other, 0);
}

#[cfg(unix)]
#[test]
fn links_to_an_input_are_the_input() {
    use std::os::unix::fs::symlink;
    use std::process::Stdio;
    let folder = Folder::new();
    folder.write("in.jsonl", trail());
    folder.write("in/a.json", trail());
    fs::hard_link(folder.path("in.jsonl"), folder.path("hard.html")).unwrap();
    symlink("in.jsonl", folder.path("soft.html")).unwrap();
    symlink("in", folder.path("folder")).unwrap();
    for (page, input) in [
        ("hard.html", "in.jsonl"),
        ("soft.html", "in.jsonl"),
        ("in.jsonl", "soft.html"),
        ("folder/a.json", "in"),
        ("in/a.json", "folder"),
    ] {
        refused(
            &folder,
            &["--html", page, input],
            page,
            "overwrite the input",
        );
    }
    let mut command = folder.command(&["scan", "--html", "in.jsonl", "-"]);
    command.stdin(Stdio::from(
        fs::File::open(folder.path("in.jsonl")).unwrap(),
    ));
    let ran = Ran::of(command.output().unwrap());
    ran.fails(2, "overwrite the file on standard input");
    assert_eq!(fs::read(folder.path("in.jsonl")).unwrap(), trail());
}

#[test]
fn a_report_never_takes_the_place_of_the_store() {
    let folder = Folder::new();
    folder.write("in.jsonl", trail());
    // Neither a store that is going to be made, nor one that is there.
    for _ in 0..2 {
        for page in ["s.db", "./s.db", "s.db-wal", "s.db-shm", "s.db-journal"] {
            let is_there = folder.path("s.db").exists();
            let ran = folder.run(&["scan", "--db", "s.db", "--html", page, "in.jsonl"]);
            ran.fails(2, "this would overwrite the store");
            assert_eq!(folder.path("s.db").exists(), is_there);
        }
        folder.scan(&["--db", "s.db", "--html", "report.html", "in.jsonl"], 0);
    }
    let listed = folder.run(&["clusters", "list", "--db", "s.db"]).printed();
    assert!(listed.contains("GetObject"), "{listed}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("s.db", folder.path("link.db")).unwrap();
        fs::hard_link(folder.path("s.db"), folder.path("hard.html")).unwrap();
        for (db, page) in [
            ("link.db", "s.db"),
            ("s.db", "link.db"),
            ("link.db", "s.db-wal"),
            ("s.db", "hard.html"),
        ] {
            let arguments = ["--db", db, "--html", page, "in.jsonl"];
            refused(&folder, &arguments, "s.db", "overwrite the store");
        }
    }
}

#[test]
fn a_store_is_never_kept_in_an_input() {
    let folder = Folder::new();
    // SQLite treats an empty file as a new store.
    folder.write("in/empty.json", "");
    folder.write("in/a.json", trail());
    let saying = "this would overwrite the input in/empty.json; choose another file with --db";
    refused(
        &folder,
        &["--db", "in/empty.json", "in"],
        "in/empty.json",
        saying,
    );
    for command in ["top", "notify"] {
        let dry_run = (command == "notify").then_some("--dry-run");
        let mut arguments = vec![command, "--db", "in/empty.json", "in"];
        arguments.extend(dry_run);
        folder.run(&arguments).fails(2, saying);
    }
    assert_eq!(fs::read(folder.path("in/empty.json")).unwrap(), b"");
    folder.scan(&["--db", "in/store.db", "in"], 1);
    // What SQLite reads a meaning into is a name like any other.
    for name in ["file:x.db?mode=memory", ":memory:"] {
        folder.scan(&["--db", name, "in/a.json"], 0);
        assert!(folder.path(name).exists(), "{name}");
    }
}

#[test]
fn generate_takes_no_file_away() {
    let folder = Folder::new();
    let plan = [
        "--hours",
        "1",
        "--events-per-hour",
        "9",
        "--payloads",
        "5",
        "out",
    ];
    let arguments = [&["generate"], &plan[..]].concat();
    folder.write("out/00001.json", "mine");
    folder.run(&arguments).fails(
        1,
        "out/00001.json: a different file exists already; choose another folder",
    );
    assert_eq!(fs::read(folder.path("out/00001.json")).unwrap(), b"mine");
    fs::remove_file(folder.path("out/00001.json")).unwrap();
    // The same again is what is there.
    folder.run(&arguments).printed();
    folder.run(&arguments).printed();
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn only_the_owner_can_read_a_new_page_and_a_new_store() {
        let folder = Folder::new();
        folder.write("in.jsonl", trail());
        symlink("target.db", folder.path("link.db")).unwrap();
        for name in ["s.db", "link.db"] {
            let arguments = ["scan", "--db", name, "--html", "new.html", "in.jsonl"];
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", "umask 0; exec \"$@\"", "sh"])
                .arg(crate::binary::inspector())
                .args(arguments)
                .current_dir(folder.path(""));
            assert!(command.output().unwrap().status.success());
            assert_eq!(mode(&folder.path(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&folder.path("new.html")), 0o600);
        // SQLite deletes these files when the last connection is closed, so one is kept open.
        let store = sqlite::SqliteStore::open(&folder.path("s.db")).unwrap();
        for name in ["s.db-wal", "s.db-shm"] {
            assert_eq!(mode(&folder.path(name)), 0o600, "{name}");
        }
        drop(store);
    }

    #[test]
    fn a_page_keeps_its_permissions() {
        let folder = Folder::new();
        folder.write("in.jsonl", trail());
        for bits in [0o600, 0o640, 0o664, 0o400] {
            folder.write("old.html", "old");
            let old = folder.path("old.html");
            fs::set_permissions(&old, fs::Permissions::from_mode(bits)).unwrap();
            folder.scan(&["--html", "old.html", "in.jsonl"], 0);
            assert_eq!(mode(&old), bits, "{bits:o}");
            assert!(fs::read_to_string(&old).unwrap().contains("</html>"));
            fs::remove_file(old).unwrap();
        }
        // A store that is there keeps them, too.
        folder.scan(&["--db", "s.db", "in.jsonl"], 0);
        let store = folder.path("s.db");
        fs::set_permissions(&store, fs::Permissions::from_mode(0o640)).unwrap();
        folder.scan(&["--db", "s.db", "in.jsonl"], 0);
        assert_eq!(mode(&store), 0o640);
    }

    #[test]
    fn a_link_stays_and_leads_to_the_page() {
        let folder = Folder::new();
        folder.write("in.jsonl", trail());
        fs::create_dir(folder.path("pages")).unwrap();
        symlink("pages/second", folder.path("first")).unwrap();
        symlink("new.html", folder.path("pages/second")).unwrap();
        folder.scan(&["--html", "first", "in.jsonl"], 0);
        for link in ["first", "pages/second"] {
            assert!(folder.path(link).is_symlink(), "{link}");
        }
        let page = folder.path("pages/new.html");
        assert!(fs::read_to_string(page).unwrap().contains("</html>"));
        symlink("loop", folder.path("loop")).unwrap();
        symlink("gone/new.html", folder.path("astray")).unwrap();
        for link in ["loop", "astray"] {
            let ran = folder.run(&["scan", "--html", link, "in.jsonl"]);
            ran.fails(1, &format!("{link}: the report cannot be written"));
            assert!(folder.path(link).is_symlink(), "{link}");
        }
    }

    #[test]
    fn what_others_left_beside_a_page_stays() {
        let folder = Folder::new();
        folder.write("in.jsonl", trail());
        fs::create_dir(folder.path("out")).unwrap();
        // `exec` keeps the process ID of the shell.
        let script = "echo theirs > out/.cloudtrail-inspector-$$.part; exec \"$0\" scan --html out/x.html in.jsonl";
        let ran = std::process::Command::new("sh")
            .args(["-c", script])
            .arg(crate::binary::inspector())
            .current_dir(folder.path(""))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let mut left: Vec<_> = fs::read_dir(folder.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        left.sort();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(fs::read(&left[0]).unwrap(), b"theirs\n");
    }
}
