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

use foldhash::{HashMap, HashMapExt as _};

use crate::class::{Class, stem};

/// The name of a service in a row that is for all services.
const ALL_SERVICES: &str = "*";

/// Classes by code, for each code with the services of its rows.
struct Table(HashMap<&'static str, Vec<(&'static str, Class)>>);

static RULES: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("code_rules.tsv"), 2));
static MODELS: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("error_codes.tsv"), 2));
static EC2: LazyLock<HashMap<&str, Class>> = LazyLock::new(|| {
    rows(include_str!("ec2_codes.tsv"), 2)
        .map(|(columns, class)| (columns[0], class))
        .collect()
});

/// Returns the class of a code by our own rules; `None` if they do not name it. `code` is spelled as in `errorCode`.
pub fn by_rule(service: &str, code: &str) -> Option<Class> {
    RULES.of_service(service, stem(code))
}

/// Returns the class of a code of Amazon EC2 by its API Reference; `None` for other services and codes.
pub fn by_ec2(service: &str, code: &str) -> Option<Class> {
    let code = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    (service == "ec2").then(|| EC2.get(code).copied()).flatten()
}

/// Returns the class of a code by AWS's service models; `None` if no model has it, or if it says nothing.
pub fn by_model(service: &str, code: &str) -> Option<Class> {
    let stem = stem(code);
    let named = MODELS.of_service(service, stem);
    let class = named.or_else(|| MODELS.most_frequent(stem))?;
    (class != Class::Other).then_some(class)
}

impl Table {
    /// Reads a file; the columns are service, code and, at the given index, class.
    fn read(text: &'static str, class_column: usize) -> Self {
        let mut by_code: HashMap<_, Vec<_>> = HashMap::new();
        for (columns, class) in rows(text, class_column) {
            by_code
                .entry(stem(columns[1]))
                .or_default()
                .push((columns[0], class));
        }
        Self(by_code)
    }

    /// Returns the class in the row of a service, else in the row of all services.
    fn of_service(&self, service: &str, stem: &str) -> Option<Class> {
        let classes = self.0.get(stem)?;
        let row = |name: &str| classes.iter().find(|(of, _)| *of == name);
        row(service)
            .or_else(|| row(ALL_SERVICES))
            .map(|(_, class)| *class)
    }

    /// Returns the class that most services have in the rows of a code.
    fn most_frequent(&self, stem: &str) -> Option<Class> {
        let classes = self.0.get(stem)?;
        let rows = |class: Class| classes.iter().filter(|(_, of)| *of == class).count();
        classes
            .iter()
            .map(|(_, class)| *class)
            .max_by_key(|class| rows(*class))
    }
}

/// Yields the columns and the class of each row.
fn rows(
    text: &'static str,
    class_column: usize,
) -> impl Iterator<Item = (Vec<&'static str>, Class)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(move |line| {
        let columns: Vec<_> = line.split('\t').collect();
        let name = columns.get(class_column).copied().unwrap_or_default();
        let class = Class::from_name(name);
        (columns, class.unwrap_or(Class::Other))
    })
}
