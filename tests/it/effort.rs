//! The number of random cases of a test: a fraction in `make test`, all in `make test-long`.
//!
//! `make test-long` also shows that the fraction is enough, by `tests/mutants.py`.

use proptest::prelude::ProptestConfig;

/// Returns the number of repetitions of a test.
pub fn cases(short: u32, whole: u32) -> u32 {
    match std::env::var_os("EFFORT") {
        None => short,
        Some(effort) if effort == "whole" => whole,
        Some(other) => panic!("EFFORT is {}, not \"whole\"", other.display()),
    }
}

/// Returns the `proptest` settings of a property; `PROPTEST_CASES` replaces the number of cases.
pub fn property(short: u32, whole: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_said = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_said {
        default.cases
    } else {
        cases(short, whole)
    };
    ProptestConfig { cases, ..default }
}
