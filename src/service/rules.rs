//! What the user wants treated otherwise: rules in a TOML file, tried in their order on each
//! selected record, of which the first that matches is applied.
//!
//! A condition is an event pattern as Amazon EventBridge has it, matched over the whole record by
//! `quamina`; there is no language of our own to learn and none to evaluate. A rule may end: it
//! applies to events before `until`, decided on event time like everything else, so that a replay
//! of last month does what was right last month. What a rule did is counted, and one that did
//! nothing, or has ended, is told, because a forgotten rule hides the next incident.

use std::fmt;

use alerts::severity::Severity;
use clusters::class::{Class, Selection, select};
use clusters::exclusions::Exclusions;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::{Conclusion, conclude, event_time};
use json::Json;
use quamina::Quamina;
use records::time::Timestamp;
use records::{Record, Wrapper};
use serde::Deserialize;
use toml::Spanned;

use crate::policy::{Policies, PolicyText};
use crate::rulefile::{FileProblem, FileReader};

/// Rules, ready to be tried; none by default.
#[derive(Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    matcher: Quamina<usize>,
    exclusions: Exclusions,
    policies: Policies,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: String,
    /// The line that it begins in.
    pub line: usize,
    /// From when on it no longer applies.
    pub until: Option<Timestamp>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Whom to ask.
    pub owner: Option<String>,
    /// What it does.
    pub action: Action,
}

/// What a rule does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Action {
    /// Leaves the event out of all clusters; it stays in the totals.
    pub ignore: bool,
    /// Makes its cluster as loud as this, whatever the terms say.
    pub severity: Option<Severity>,
    /// Makes it a failure of another class.
    pub class: Option<Class>,
    /// Counts it in another cluster.
    pub merge_into: Option<ClusterId>,
    /// Sets clusters apart by these values of the record, each a path of keys.
    pub fingerprint: Vec<String>,
}

/// What the rules say of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleOutcome {
    /// The rule that applies, by its place.
    pub applies: Option<usize>,
    /// A rule before it that would have applied, had it not ended.
    pub ended: Option<usize>,
}

/// What becomes of a record, the rules considered.
#[derive(Debug)]
pub enum Fate<C> {
    /// Nothing failed, or no API was called at all; with the reason.
    NotSelected(&'static str),
    /// Selected and then left out, with the reason.
    Ignored(Class, &'static str),
    /// It goes into a cluster; with its class, or with all that is concluded of it.
    Clustered(C),
}

/// How often a rule matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// Records it was applied to.
    pub applied: u64,
    /// Records that it matched after its end, so that it was not applied.
    pub ended: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    rule: Vec<Spanned<RuleText>>,
    #[serde(default)]
    policy: Vec<Spanned<PolicyText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: Spanned<String>,
    when: Spanned<toml::Table>,
    until: Option<Spanned<toml::Value>>,
    reason: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    ignore: bool,
    severity: Option<Spanned<String>>,
    class: Option<Spanned<String>>,
    merge: Option<Spanned<String>>,
    #[serde(default)]
    fingerprint: Vec<Spanned<String>>,
}

impl Rules {
    /// Reads the rules of a file.
    ///
    /// # Errors
    /// Everything that is wrong in it, in the order of lines; a file that is no TOML, or has a field
    /// that no rule has, gives the first such place alone.
    pub fn parse(text: &str) -> Result<Self, Vec<FileProblem>> {
        let file: FileText = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![FileProblem::at(text, at, error.message().trim().to_owned())]
        })?;
        let mut reading = FileReader {
            text,
            complaints: Vec::new(),
        };
        let mut rules = Self::default();
        for rule in &file.rule {
            reading.rule(rule, &mut rules);
        }
        rules.policies = Policies::read(&mut reading, &file.policy);
        let mut complaints = reading.complaints;
        if complaints.is_empty() {
            return Ok(rules);
        }
        complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
        Err(complaints)
    }

    /// Leaves out what is exempt, before any rule is tried.
    pub fn with_exclusions(self, exclusions: Exclusions) -> Self {
        Self { exclusions, ..self }
    }

    /// Returns who is told of what.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Returns the rules in their order.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// Decides what becomes of a record, given its JSON text and what stands around it.
    pub fn decide<'a>(
        &self,
        record: &'a Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> (Fate<Conclusion<'a>>, RuleOutcome) {
        let (fate, outcome) = self.judge(record, text, wrapper);
        let fate = match fate {
            Fate::NotSelected(reason) => Fate::NotSelected(reason),
            Fate::Ignored(class, reason) => Fate::Ignored(class, reason),
            Fate::Clustered(class) => {
                let mut conclusion = conclude(record, wrapper, class);
                if let Some(place) = outcome.applies {
                    self.rules[place].amend(text, &mut conclusion);
                }
                Fate::Clustered(conclusion)
            }
        };
        (fate, outcome)
    }

    /// Judges what becomes of a record, and in which class, before anything is concluded of it.
    fn judge(
        &self,
        record: &Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> (Fate<Class>, RuleOutcome) {
        let class = match select(record) {
            Selection::NotSelected(reason) => {
                return (Fate::NotSelected(reason), RuleOutcome::default());
            }
            Selection::Ignored(class, reason) => {
                return (Fate::Ignored(class, reason), RuleOutcome::default());
            }
            Selection::Clustered(class) => class,
        };
        if let Some(reason) = self.exclusions.reason(record) {
            return (Fate::Ignored(class, reason), RuleOutcome::default());
        }
        if self.rules.is_empty() {
            return (Fate::Clustered(class), RuleOutcome::default());
        }
        let outcome = self.outcome(text, event_time(record.event_time.as_deref(), wrapper));
        let rule = outcome.applies.map(|place| &self.rules[place]);
        if rule.is_some_and(|rule| rule.action.ignore) {
            return (Fate::Ignored(class, "rule"), outcome);
        }
        let class = rule.and_then(|rule| rule.action.class).unwrap_or(class);
        (Fate::Clustered(class), outcome)
    }

    /// Tries the rules on a record's JSON, of an event at a moment.
    ///
    /// A record that is not quite JSON, which the engine reads all the same, matches no rule.
    fn outcome(&self, record: &str, at: Option<Timestamp>) -> RuleOutcome {
        let mut outcome = RuleOutcome::default();
        let mut matching = self
            .matcher
            .matches_for_event(record.as_bytes())
            .unwrap_or_default();
        matching.sort_unstable();
        for place in matching {
            if self.rules[place].applies(at) {
                outcome.applies = Some(place);
                break;
            }
            outcome.ended = outcome.ended.or(Some(place));
        }
        outcome
    }
}

impl Rule {
    /// Tells whether the rule applies at a moment; one that ends never applies to what is undated.
    fn applies(&self, at: Option<Timestamp>) -> bool {
        self.until
            .is_none_or(|until| at.is_some_and(|at| at < until))
    }

    /// Changes what was concluded of a record, as the rule says.
    fn amend(&self, record: &str, conclusion: &mut Conclusion<'_>) {
        conclusion.facets.set(FacetKind::Rule, Some(&self.name));
        let severity = self.action.severity.map(Severity::name);
        conclusion.facets.set(FacetKind::RuledSeverity, severity);
        conclusion.merged_into = self.action.merge_into;
        if !self.action.fingerprint.is_empty() {
            conclusion.understanding.identity.addition = Some(self.addition(record));
        }
    }

    fn addition(&self, record: &str) -> String {
        let value = |path: &String| {
            let keys: Vec<&str> = path.split('.').collect();
            let value = Json::new(record).text_at(&keys).unwrap_or_default();
            format!("{path}={value}")
        };
        let values: Vec<String> = self.action.fingerprint.iter().map(value).collect();
        values.join(" ")
    }
}

impl Hits {
    /// Counts a outcome.
    pub fn count(hits: &mut [Self], outcome: RuleOutcome) {
        if let Some(place) = outcome.applies {
            hits[place].applied += 1;
        }
        if let Some(place) = outcome.ended {
            hits[place].ended += 1;
        }
    }

    /// Adds the hits of another input.
    pub fn add(hits: &mut [Self], others: &[Self]) {
        for (mine, theirs) in hits.iter_mut().zip(others) {
            mine.applied += theirs.applied;
            mine.ended += theirs.ended;
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.rules).finish()
    }
}

/// What belongs to rules in it.
impl FileReader<'_> {
    fn rule(&mut self, rule: &Spanned<RuleText>, rules: &mut Rules) {
        let text = rule.get_ref();
        let name = text.name.get_ref().trim();
        if name.is_empty() || rules.rules.iter().any(|rule| rule.name == name) {
            self.complain(
                &text.name,
                "a rule needs a name, different from all other rules".to_owned(),
            );
        }
        self.pattern(&text.when, rules);
        let action = self.action(rule);
        let until = text.until.as_ref().and_then(|until| self.until(until));
        rules.rules.push(Rule {
            name: name.to_owned(),
            line: FileProblem::at(self.text, text.name.span().start, String::new()).line,
            until,
            reason: text.reason.clone(),
            owner: text.owner.clone(),
            action,
        });
    }

    fn pattern(&mut self, when: &Spanned<toml::Table>, rules: &mut Rules) {
        let pattern = when.get_ref();
        if pattern.is_empty() {
            self.complain(
                when,
                "an empty pattern matches nothing; name a field".to_owned(),
            );
        }
        for field in pattern
            .keys()
            .filter(|field| !FIELDS.contains(&field.as_str()))
        {
            let message = format!("{field} is not a field of a CloudTrail record");
            self.complain(when, message);
        }
        let json = serde_json::to_string(pattern).unwrap_or_default();
        if let Err(error) = rules.matcher.add_pattern(rules.rules.len(), &json) {
            self.complain(when, error.to_string());
        }
    }

    fn action(&mut self, rule: &Spanned<RuleText>) -> Action {
        let text = rule.get_ref();
        if text.ignore && text.reason.is_none() {
            self.complain(&text.name, "a rule with ignore needs a reason".to_owned());
        }
        let action = Action {
            ignore: text.ignore,
            severity: self.named(&text.severity, Severity::from_name, "a severity"),
            class: self.named(&text.class, Class::from_name, "a class"),
            merge_into: self.named(&text.merge, ClusterId::parse, "a cluster ID"),
            fingerprint: text
                .fingerprint
                .iter()
                .map(|path| path.get_ref().clone())
                .collect(),
        };
        let told = text.severity.is_some() || text.class.is_some() || text.merge.is_some();
        if !told && !text.ignore && text.fingerprint.is_empty() {
            let actions = "a rule needs an effect: ignore, severity, class, merge or fingerprint";
            self.complain(&text.name, actions.to_owned());
        }
        if text.ignore && (told || !text.fingerprint.is_empty()) {
            self.complain(
                &text.name,
                "a rule with ignore cannot have another effect".to_owned(),
            );
        }
        action
    }

    fn until(&mut self, until: &Spanned<toml::Value>) -> Option<Timestamp> {
        let text = match until.get_ref() {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let moment =
            Timestamp::parse(&text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
        if moment.is_none() {
            let message = format!("{text} is not a date (2026-12-31) or a time in UTC");
            self.complain(until, message);
        }
        moment
    }
}

/// The fields of a CloudTrail record, to tell a misspelled one from one that is rarely there.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail record contents".
const FIELDS: [&str; 31] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "resources",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "addendum",
    "sessionCredentialFromConsole",
    "eventContext",
    "edgeDeviceDetails",
    "tlsDetails",
];
