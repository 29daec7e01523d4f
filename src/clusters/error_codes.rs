//! Classes of error codes, one table for each source of knowledge; the tables are text files that a person reviews.
//!
//! - `code_rules.tsv`: our own decisions on codes that the patterns in `code_patterns` would get wrong.
//! - `ec2_codes.tsv`: the codes of Amazon EC2, whose service model has no errors, from its API Reference.
//! - `error_codes.tsv`: codes in AWS's service models that the patterns do not decide. `infra/error_codes.py` keeps it current.
//!
//! A row is for one service, named like its event source without `.amazonaws.com`, or with `*` for all services. A code that
//! services use differently has a row for each of them. If no row of a code in `error_codes.tsv` is for the
//! service, the class that most of the rows have is taken.

use std::sync::LazyLock;

use crate::class::{Class, stem};
use crate::tsv::{Row, rows};

/// The name of a service in a row that is for all services.
const ALL_SERVICES: &str = "*";

/// Rows of service, [`stem`] of the code, and class, sorted by the stem.
static RULES: LazyLock<Vec<Row>> = LazyLock::new(|| by_stem(include_str!("code_rules.tsv")));
static MODELS: LazyLock<Vec<Row>> = LazyLock::new(|| by_stem(include_str!("error_codes.tsv")));
/// Rows of code, side and class, sorted by code.
static EC2: LazyLock<Vec<Row>> = LazyLock::new(|| rows(include_str!("ec2_codes.tsv")));

/// Returns the class of a code by our own rules; `None` if they do not name it. `code` is spelled as in `errorCode`.
pub fn by_rule(service: &str, code: &str) -> Option<Class> {
    of_service(of_code(&RULES, stem(code)), service)
}

/// Returns the class of a code of Amazon EC2 by its API Reference; `None` for other services and codes.
pub fn by_ec2(service: &str, code: &str) -> Option<Class> {
    let code = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    if service != "ec2" {
        return None;
    }
    let at = EC2.binary_search_by(|[of, ..]| (*of).cmp(code)).ok()?;
    Class::from_name(EC2[at][2])
}

/// Returns the class of a code by AWS's service models; `None` if no model has it, or if it says nothing.
pub fn by_model(service: &str, code: &str) -> Option<Class> {
    let rows = of_code(&MODELS, stem(code));
    let class = of_service(rows, service).or_else(|| most_frequent(rows))?;
    (class != Class::Other).then_some(class)
}

fn by_stem(text: &'static str) -> Vec<Row> {
    let mut rows = rows(text);
    for [_, code, _] in &mut rows {
        *code = stem(code);
    }
    rows
}

/// Returns the rows of the code with this stem.
fn of_code<'t>(table: &'t [Row], stem: &str) -> &'t [Row] {
    let start = table.partition_point(|[_, of, _]| *of < stem);
    let rows = &table[start..];
    let count = rows.iter().take_while(|[_, of, _]| *of == stem).count();
    &rows[..count]
}

/// Returns the class in the row of a service, else in the row of all services.
fn of_service(rows: &[Row], service: &str) -> Option<Class> {
    let row = |name: &str| rows.iter().find(|[of, ..]| *of == name);
    let [_, _, class] = row(service).or_else(|| row(ALL_SERVICES))?;
    Class::from_name(class)
}

/// Returns the class that most of the rows have.
fn most_frequent(rows: &[Row]) -> Option<Class> {
    let count = |class: &str| rows.iter().filter(|[_, _, of]| *of == class).count();
    let [_, _, class] = rows.iter().max_by_key(|[_, _, class]| count(class))?;
    Class::from_name(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_name_classes() {
        for (table, code) in [(&RULES, 1), (&MODELS, 1), (&EC2, 0)] {
            let codes = table.iter().map(|row| row[code]);
            assert!(codes.is_sorted(), "{:?}", table[0]);
            for row in table.iter() {
                assert!(Class::from_name(row[2]).is_some(), "{row:?}");
            }
        }
    }
}
