//! The configuration of a stack as one document: what `config export` writes, and `config diff` and `config import` read.
//!
//! It has the parameters of the stack, the texts of its settings file and rules file, and the decisions of people. It has
//! nothing that only the source can use: no ids of resources, no random text. So two stacks with the same configuration
//! have the same document, byte for byte, but for the name of the stack.

pub mod changes;
pub mod history;
pub mod import;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clusters::fingerprint::{ClusterId, VERSION as IDENTITY_VERSION};
use clusters::journal::JournalEvent;
use clusters::lifecycle::{LifecycleEvent, Resolutions};
use clusters::triage::Triage;
use data_encoding::HEXLOWER;
use records::redact::{mask_secrets, sanitize};
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::lists::{Lists, SETTINGS_BYTES_MAX, SETTINGS_KEY, unsalted};
use crate::ports::{Bucket, BucketError, StoreError, TriageStore};
use crate::rulefile::{FileProblem, text_of};
use crate::rules::{RULES_BYTES_MAX, Rules};

/// The version of the document. A later version has other fields; this program refuses it.
pub const FORMAT: u64 = 1;

/// The parameter that names the rules file in the bucket.
pub const RULES_PARAMETER: &str = "RulesObject";

/// The parameter whose value is a filter pattern. It may contain words such as `secret`, and never a secret.
const PATTERN_PARAMETER: &str = "FilterPattern";

/// What CloudFormation returns in place of the value of a parameter with `NoEcho`.
const NOT_SHOWN: &str = "****";

/// How many digits of a hash name a version of a file.
const VERSION_DIGITS: usize = 8;

/// The whole configuration of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The name of the stack that it was read from.
    pub stack: String,
    /// The version of the program that read it.
    pub program_version: String,
    /// The version of the identity that the ids of clusters have, such as `fp2`.
    pub identity_version: String,
    /// The parameters of the stack by name. Secrets are in it as ARNs only.
    pub parameters: BTreeMap<String, String>,
    /// The names of parameters whose values look like secrets, and so are not in [`Self::parameters`].
    pub hidden_parameters: BTreeSet<String>,
    /// The text of the settings file; empty if the stack has none.
    pub settings: String,
    /// The text of the rules file, with rules, policies and watches; empty if the stack has none.
    pub rules: String,
    /// The decisions of people about clusters.
    pub marks: BTreeMap<ClusterId, Triage>,
    /// When people resolved clusters, or reopened them.
    pub resolutions: Resolutions,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DocumentError {
    /// The text is not JSON, or a field is missing or has another type. Export it again.
    #[error("this is no exported configuration: {0}; write one with config export")]
    Foreign(String),
    /// A later version of the program wrote it. Use that version.
    #[error(
        "the format is {found}, and this program knows formats up to {FORMAT}; use the version that wrote it"
    )]
    Newer {
        /// The format of the document.
        found: u64,
    },
    /// A cluster id, a decision or a resolution is not valid.
    #[error("{field} is not valid; correct it, or export again")]
    Field {
        /// The path of the field, such as `marks.abc`.
        field: String,
    },
    /// The settings file or the rules file in it has problems.
    #[error(
        "{file} in it is not valid: {}",
        crate::rulefile::listed(file, problems)
    )]
    File {
        /// `settings` or `rules`.
        file: &'static str,
        /// All problems, by line.
        problems: Vec<FileProblem>,
    },
}

/// Why the configuration of a stack cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadConfigurationError {
    /// The bucket does not answer, or refuses to show a file.
    #[error("cannot read {key}: {source}")]
    Bucket {
        /// The key of the object.
        key: String,
        /// The answer of the bucket.
        source: BucketError,
    },
    /// A file is not UTF-8.
    #[error("{key} is not a text in UTF-8; put a valid file there")]
    NoText {
        /// The key of the object.
        key: String,
    },
    /// The table does not answer, or holds data that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The document as it is in the file. Lines are easier to compare by eye than one long text.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    program_version: String,
    identity_version: String,
    stack: String,
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    hidden_parameters: BTreeSet<String>,
    settings: Vec<String>,
    rules: Vec<String>,
    marks: BTreeMap<String, Value>,
    resolutions: BTreeMap<String, Vec<Said>>,
}

/// That a person resolved a cluster, or reopened it.
#[derive(Serialize, Deserialize)]
struct Said {
    at: String,
    what: String,
}

impl Configuration {
    /// Returns the configuration of a stack with these parameters, without files and decisions.
    ///
    /// A value that looks like a secret is left out: a secret belongs into Secrets Manager, and only its ARN is a parameter.
    pub fn of(stack: &str, program_version: &str, parameters: BTreeMap<String, String>) -> Self {
        let (shown, hidden): (BTreeMap<_, _>, BTreeMap<_, _>) =
            parameters.into_iter().partition(|(name, value)| {
                name == PATTERN_PARAMETER || (mask_secrets(value) == *value && value != NOT_SHOWN)
            });
        Self {
            stack: stack.to_owned(),
            program_version: program_version.to_owned(),
            identity_version: IDENTITY_VERSION.to_owned(),
            parameters: shown,
            hidden_parameters: hidden.into_keys().collect(),
            ..Self::default()
        }
    }

    /// Returns the key of the rules file in the bucket; `None` if the stack has no rules.
    pub fn rules_key(&self) -> Option<&str> {
        let key = self.parameters.get(RULES_PARAMETER)?;
        (!key.is_empty()).then_some(key)
    }

    /// Returns the document: indented JSON with sorted names, and a line break at the end.
    pub fn encode(&self) -> String {
        let marks = self.marks.iter().map(|(cluster, triage)| {
            let mark = serde_json::from_str(&triage.encode()).unwrap_or_default();
            (cluster.to_string(), mark)
        });
        let resolutions = self.resolutions.iter().map(|(cluster, said)| {
            let said = said.iter().map(|(at, what)| Said {
                at: at.to_string(),
                what: said_name(*what).to_owned(),
            });
            (cluster.to_string(), said.collect())
        });
        let document = Document {
            format: FORMAT,
            program_version: self.program_version.clone(),
            identity_version: self.identity_version.clone(),
            stack: self.stack.clone(),
            parameters: self.parameters.clone(),
            hidden_parameters: self.hidden_parameters.clone(),
            settings: self.settings.lines().map(str::to_owned).collect(),
            rules: self.rules.lines().map(str::to_owned).collect(),
            marks: marks.collect(),
            resolutions: resolutions.collect(),
        };
        // All keys are text, so this cannot fail.
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text + "\n"
    }

    /// Parses a document, and checks all that is in it, with the same checks as `config set` and `rules check`.
    ///
    /// # Errors
    /// [`DocumentError`] with the first problem.
    pub fn decode(text: &str) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let foreign =
            |error: serde_json::Error| DocumentError::Foreign(sanitize(&error.to_string(), 256));
        let Head { format } = serde_json::from_str(text).map_err(foreign)?;
        if format > FORMAT {
            return Err(DocumentError::Newer { found: format });
        }
        let document: Document = serde_json::from_str(text).map_err(foreign)?;
        let configuration = Self {
            stack: document.stack,
            program_version: document.program_version,
            identity_version: document.identity_version,
            parameters: document.parameters,
            hidden_parameters: document.hidden_parameters,
            settings: joined(&document.settings),
            rules: joined(&document.rules),
            marks: marks(&document.marks)?,
            resolutions: resolutions(&document.resolutions)?,
        };
        configuration.check()?;
        Ok(configuration)
    }

    /// Checks the settings file and the rules file.
    fn check(&self) -> Result<(), DocumentError> {
        let settings = Lists::parse(self.settings.clone().into_bytes());
        settings.map_err(|problems| DocumentError::File {
            file: "settings",
            problems,
        })?;
        let rules = Rules::parse(&self.rules);
        rules.map_err(|problems| DocumentError::File {
            file: "rules",
            problems,
        })?;
        Ok(())
    }
}

/// Returns a configuration with the files and the decisions of its stack added.
///
/// `configuration` has the name of the stack and its parameters. `settings` is the text of the settings file if the caller has
/// it; `None` reads it from the bucket.
///
/// # Errors
/// [`ReadConfigurationError`] if the bucket or the table cannot be read.
pub async fn read(
    configuration: Configuration,
    settings: Option<String>,
    bucket: &impl Bucket,
    store: &impl TriageStore,
) -> Result<Configuration, ReadConfigurationError> {
    let settings = match settings {
        Some(settings) => settings,
        None => text(bucket, SETTINGS_KEY, SETTINGS_BYTES_MAX).await?,
    };
    let rules = match configuration.rules_key() {
        Some(key) => text(bucket, key, RULES_BYTES_MAX).await?,
        None => String::new(),
    };
    let marks = store.marks().await?.into_iter();
    let marks = marks.filter_map(|(cluster, of)| Some((cluster, of.triage?)));
    Ok(Configuration {
        settings: joined(&unsalted(&settings).lines().collect::<Vec<_>>()),
        rules: joined(&rules.lines().collect::<Vec<_>>()),
        marks: marks.collect(),
        resolutions: store.resolutions().await?,
        ..configuration
    })
}

async fn text(
    bucket: &impl Bucket,
    key: &str,
    bytes_max: usize,
) -> Result<String, ReadConfigurationError> {
    let bytes = bucket.fetch(key, bytes_max).await;
    let bytes = bytes.map_err(|source| ReadConfigurationError::Bucket {
        key: key.to_owned(),
        source,
    })?;
    text_of(bytes.unwrap_or_default()).map_err(|_| ReadConfigurationError::NoText {
        key: key.to_owned(),
    })
}

/// Returns the version of a file: the first digits of the SHA-256 of its bytes, as `sha256sum` prints them; `none` if there
/// is no file.
pub fn file_version(bytes: Option<&[u8]>) -> String {
    match bytes {
        Some(bytes) => HEXLOWER.encode(&Sha256::digest(bytes))[..VERSION_DIGITS].to_owned(),
        None => "none".to_owned(),
    }
}

/// The version of the two files that take effect without a deployment: the settings file, and the rules file with rules,
/// policies and watches.
///
/// Parameters are not part of it: CloudFormation keeps who changed them and when. The settings file in the bucket ends with a
/// random text, so its version says nothing about what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigVersion {
    /// The [`file_version`] of the settings file.
    pub settings: String,
    /// The [`file_version`] of the rules file.
    pub rules: String,
}

impl Default for ConfigVersion {
    fn default() -> Self {
        Self {
            settings: file_version(None),
            rules: file_version(None),
        }
    }
}

/// Writes both versions, such as `1f0c93ab-none`.
impl fmt::Display for ConfigVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.settings, self.rules)
    }
}

/// Returns lines as a text, each with a line break at its end.
fn joined(lines: &[impl AsRef<str>]) -> String {
    let lines = lines.iter();
    lines.fold(String::new(), |text, line| text + line.as_ref() + "\n")
}

fn said_name(what: LifecycleEvent) -> &'static str {
    JournalEvent::of_said(what).map_or("", JournalEvent::name)
}

fn marks(marks: &BTreeMap<String, Value>) -> Result<BTreeMap<ClusterId, Triage>, DocumentError> {
    let marks = marks.iter().map(|(id, mark)| {
        let cluster = ClusterId::parse(id);
        let triage = Triage::decode(&mark.to_string());
        cluster.zip(triage).ok_or_else(|| invalid("marks", id))
    });
    marks.collect()
}

fn resolutions(found: &BTreeMap<String, Vec<Said>>) -> Result<Resolutions, DocumentError> {
    let mut resolutions = Resolutions::new();
    for (id, said) in found {
        let wrong = || invalid("resolutions", id);
        let cluster = ClusterId::parse(id).ok_or_else(wrong)?;
        for Said { at, what } in said {
            let at = Timestamp::parse(at).ok_or_else(wrong)?;
            let what = JournalEvent::from_name(what).and_then(JournalEvent::said);
            let entry = (at, what.ok_or_else(wrong)?);
            resolutions.entry(cluster).or_default().insert(entry);
        }
    }
    Ok(resolutions)
}

fn invalid(list: &str, id: &str) -> DocumentError {
    DocumentError::Field {
        field: format!("{list}.{}", sanitize(id, 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with something in every field.
    pub(super) fn full() -> Configuration {
        Configuration::decode(include_str!("../../tests/fixtures/configuration.json"))
            .expect("a valid document")
    }

    #[test]
    fn a_document_is_read_back_and_written_in_one_form() {
        let text = include_str!("../../tests/fixtures/configuration.json");
        assert_eq!(full().encode(), text);
    }

    #[test]
    fn a_value_that_looks_like_a_secret_is_left_out_and_named() {
        let given = [
            (
                "GuanceSecretArn",
                "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance-AbCdEf",
            ),
            (
                "FilterPattern",
                r#"{ $.eventName="GetSecretV*" || $.password=1 }"#,
            ),
            ("Topic", "password=hunter2hunter2"),
            ("Hidden", "****"),
            ("LogGroupNames", "trail,other/trail"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let of = Configuration::of("errors", "0.1.0", given.into());
        let hidden: Vec<&str> = of.hidden_parameters.iter().map(String::as_str).collect();
        assert_eq!(hidden, ["Hidden", "Topic"]);
        assert!(!of.encode().contains("hunter2"));
    }

    #[test]
    fn each_wrong_document_is_refused_with_what_to_do() {
        let text = full().encode();
        for (from, to, says) in [
            ("{", "[", "write one with config export"),
            (
                "\"format\": 1",
                "\"format\": 2",
                "use the version that wrote it",
            ),
            (
                "[account_names]",
                "[account_name]",
                "settings in it is not valid: settings:5",
            ),
            ("[[rule]]", "[[rul]]", "rules in it is not valid: rules:1"),
            ("\"muted\"", "\"mute\"", "marks."),
            (
                "\"what\": \"resolved\"",
                "\"what\": \"done\"",
                "resolutions.",
            ),
            ("\"stack\": \"errors\",", "", "missing field `stack`"),
        ] {
            assert!(text.contains(from), "{from}");
            let wrong = Configuration::decode(&text.replacen(from, to, 1));
            let wrong = wrong.expect_err(from).to_string();
            assert!(wrong.contains(says), "{from}: {wrong}");
        }
    }
}
