//! How much a test draws of what it could draw: a fraction in `make test`, and all in `make test-long`,
//! which also shows that the fraction is enough, by `tests/mutants.py`.

use proptest::prelude::ProptestConfig;

/// Returns how often something is done.
pub fn cases(short: u32, whole: u32) -> u32 {
    match std::env::var_os("EFFORT") {
        None => short,
        Some(effort) if effort == "whole" => whole,
        Some(other) => panic!("EFFORT is {}, not \"whole\"", other.display()),
    }
}

/// Returns how a property is tested; `PROPTEST_CASES` says how often where it is given.
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
