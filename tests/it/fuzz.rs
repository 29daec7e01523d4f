//! Runs the checks of the fuzzer on its seeds and on all inputs that it has found, in every run of the tests.

#[path = "../../fuzz/src/lib.rs"]
pub mod checks;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn replay(check: checks::Check, path: &Path) {
    let input = fs::read(path).unwrap();
    let checked = panic::catch_unwind(AssertUnwindSafe(|| check(&input)));
    assert!(checked.is_ok(), "{} does not hold", path.display());
}

#[test]
fn every_seed_of_the_fuzzer_passes_its_check() {
    for (target, check) in checks::CHECKS {
        let seeds = files(&format!("fuzz/corpus/{target}"));
        assert!(seeds.len() >= 5, "{target}");
        for seed in seeds {
            replay(check, &seed);
        }
    }
}

#[test]
fn every_fixture_passes_all_checks() {
    for (_, check) in checks::CHECKS {
        for fixture in files("tests/fixtures/records") {
            replay(check, &fixture);
        }
    }
}
