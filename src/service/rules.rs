//! Rules: the user's exceptions from how records are selected and grouped, read from a TOML file.
//!
//! Rules are tried in their order on each selected record, and the first rule that matches is applied.
//!
//! A condition is an event pattern as in Amazon EventBridge, matched against the whole record by `quamina`. So users
//! need not learn a new language. A rule may end: it applies to events before `until`. The time of the event decides,
//! not the current time, so that a replay of last month gives the same result as last month.
//!
//! The effect of each rule is counted. A rule that had no effect or has ended is reported, because a forgotten rule
//! can hide a new error.

use std::fmt;
use std::sync::Arc;

use alerts::severity::Severity;
use clusters::class::Class;
use clusters::exclusions::Exclusions;
use clusters::facet::{FacetKind, only_reads};
use clusters::fingerprint::ClusterId;
use clusters::selection::{
    NO_ERROR, PREFILTER, PREFILTER_WITH_LEDGER, Selection, prefilter, prefilter_with_ledger, select,
};
use clusters::watch::condition_size;
use clusters::watch::row::{RowText, check_fields};
use clusters::watch::{CallDetails, Watches};
use clusters::{Conclusion, conclude, conclude_call, event_time};
use json::Json;
use json::prefilter::Prefilter;
use quamina::Quamina;
use records::time::Timestamp;
use records::{Record, Wrapper};
use serde::Deserialize;
use toml::Spanned;

use crate::policy::{Policies, PolicyText};
use crate::rulefile::{FileProblem, FileReader};

/// The largest rules file that is read, in bytes; ten thousand rules have this size.
pub const RULES_BYTES_MAX: usize = 1024 * 1024;

/// The rules and policies of a rules file, ready to use. Empty by default.
#[derive(Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    matcher: Quamina<usize>,
    exclusions: Exclusions,
    policies: Policies,
    watches: Arc<Watches>,
    /// The filter for records of these watches; `None` if the file changes no watch.
    prefilter: Option<Arc<Prefilter>>,
}

/// One rule of a rules file, without its conditions, which [`Rules`] has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The name of the rule, unique in the file.
    pub name: String,
    /// The line of the rules file in which the name of the rule begins, from 1.
    pub line: usize,
    /// The end of the rule: it applies only to events before this time. `None` for a rule without end.
    pub until: Option<Timestamp>,
    /// Why the rule exists, in the words of its author. Always given for a rule that ignores events or expects them.
    pub reason: Option<String>,
    /// The person or team to ask about the rule.
    pub owner: Option<String>,
    /// What the rule does with the events that match it.
    pub action: Action,
}

/// What a rule does with the events that match it. At least one field is set; `ignore` and `expected` exclude all
/// others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Action {
    /// Whether matching events are left out of all clusters. They are still counted, as ignored.
    pub ignore: bool,
    /// Whether matching sensitive calls and refused reads are expected, such as those of a scanner: they are counted, are no
    /// evidence of an incident, and no alert is sent. Other failures that match are not affected.
    pub expected: bool,
    /// The severity of the cluster of a matching event, in place of the computed severity.
    pub severity: Option<Severity>,
    /// The class of a matching event, in place of the class that its error code gives.
    pub class: Option<Class>,
    /// The cluster in which a matching event is counted, in place of its own cluster.
    pub merge_into: Option<ClusterId>,
    /// Fields of the record, each a path of keys such as `requestParameters.bucketName`. Matching events with different
    /// values in these fields go into different clusters.
    pub fingerprint: Vec<String>,
}

/// Which rules match one record. Both fields are indexes into [`Rules::all`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleOutcome {
    /// The index of the rule that is applied to the record: the first rule that matches and has not ended. `None` if no
    /// rule is applied.
    pub applies: Option<usize>,
    /// The index of the first rule that matches the record but is not applied, because it has ended. `None` if no such
    /// rule comes before the applied rule.
    pub ended: Option<usize>,
}

/// The decision whether one record goes into a cluster, after selection, exclusions and rules.
#[derive(Debug)]
pub enum Fate<C> {
    /// The record is no failure and no sensitive call, or no call of an API. The text is the stable reason.
    NotSelected(&'static str),
    /// The record was selected and then left out. The text is the stable reason, such as `rule`.
    Ignored(Class, &'static str),
    /// The record goes into a cluster. `C` is its class or its whole [`Conclusion`].
    Clustered(C),
}

/// What a selected record is.
enum Selected {
    /// A failure of this class.
    Failure(Class),
    /// A sensitive call.
    Call(CallDetails),
}

impl Selected {
    fn class(&self) -> Class {
        match self {
            Self::Failure(class) => *class,
            Self::Call(_) => Class::Watch,
        }
    }
}

/// The numbers of records that one rule matched: before its end, and after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// The number of records that the rule was applied to.
    pub applied: u64,
    /// The number of records that the rule matched but was not applied to, because it had ended.
    pub ended: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    rule: Vec<Spanned<RuleText>>,
    #[serde(default)]
    policy: Vec<Spanned<PolicyText>>,
    #[serde(default)]
    watch: Vec<Spanned<RowText>>,
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
    #[serde(default)]
    expected: bool,
    severity: Option<Spanned<String>>,
    class: Option<Spanned<String>>,
    merge: Option<Spanned<String>>,
    #[serde(default)]
    fingerprint: Vec<Spanned<String>>,
}

impl Rules {
    /// Parses the text of a rules file.
    ///
    /// # Errors
    /// All problems of the file, sorted by line. If the text is not TOML or has an unknown field, only the first
    /// such problem is returned.
    ///
    /// # Examples
    /// A rule that leaves an expected error out of all clusters:
    ///
    /// ```
    /// use records::{Record, Wrapper};
    /// use service::rules::{Fate, Rules};
    ///
    /// let rules = Rules::parse(
    ///     r#"
    ///     [[rule]]
    ///     name = "the cost report works without tags"
    ///     when = { eventName = ["GetResources"], errorCode = ["AccessDenied"] }
    ///     ignore = true
    ///     reason = "tags are optional in the report"
    ///     "#,
    /// )
    /// .expect("a valid rules file");
    ///
    /// let text = r#"{
    ///     "eventType": "AwsApiCall",
    ///     "eventSource": "tagging.amazonaws.com",
    ///     "eventName": "GetResources",
    ///     "errorCode": "AccessDenied"
    /// }"#;
    /// let record = Record::parse(text).expect("a CloudTrail record");
    /// let (fate, outcome) = rules.decide(&record, text, &Wrapper::default());
    ///
    /// assert!(matches!(fate, Fate::Ignored(_, "rule")));
    /// assert_eq!(outcome.applies, Some(0));
    /// assert_eq!(rules.all()[0].name, "the cost report works without tags");
    /// ```
    pub fn parse(text: &str) -> Result<Self, Vec<FileProblem>> {
        let file: FileText = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![FileProblem::at(text, at, error.message().trim().to_owned())]
        })?;
        let mut reading = FileReader {
            text,
            problems: Vec::new(),
        };
        let mut rules = Self::default();
        for rule in &file.rule {
            reading.rule(rule, &mut rules);
        }
        rules.policies = Policies::read(&mut reading, &file.policy);
        rules.watches = reading.watches(&file.watch);
        if !file.watch.is_empty() {
            rules.prefilter = Some(Arc::new(prefilter(&rules.watches)));
        }
        let mut problems = reading.problems;
        if problems.is_empty() {
            return Ok(rules);
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }

    /// Sets the exclusions: records that are left out before any rule is tried.
    #[must_use]
    pub fn with_exclusions(self, exclusions: Exclusions) -> Self {
        Self { exclusions, ..self }
    }

    /// Returns the filter that recognizes most records that are not selected.
    pub fn prefilter(&self) -> Arc<Prefilter> {
        let table = || Arc::clone(&PREFILTER);
        self.prefilter.as_ref().map_or_else(table, Arc::clone)
    }

    /// Returns the filter that recognizes most records that are neither selected nor calls of the ledger.
    pub fn prefilter_with_ledger(&self) -> Arc<Prefilter> {
        match self.prefilter {
            Some(_) => Arc::new(prefilter_with_ledger(&self.watches)),
            None => Arc::clone(&PREFILTER_WITH_LEDGER),
        }
    }

    /// Checks whether equal records have equal results, whatever their times and ids are: no rule and no watch of the user
    /// can depend on these.
    pub fn is_plain(&self) -> bool {
        self.rules.is_empty() && self.prefilter.is_none()
    }

    /// Returns the policies: which sink gets which alerts.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Returns the calls that are watched although they succeed: the table, as the file changes it.
    pub fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// Returns the rules in the order of the file.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// Decides whether a record goes into a cluster, and into which. Also returns which rules match the record.
    ///
    /// `text` is the JSON text of the same record. `wrapper` has facts from outside the record, such as the account
    /// that the file name contains.
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
            Fate::Clustered(Selected::Failure(class)) => {
                let mut conclusion = conclude(record, wrapper, class);
                if let Some(place) = outcome.applies {
                    self.rules[place].amend(text, &mut conclusion);
                }
                Fate::Clustered(conclusion)
            }
            Fate::Clustered(Selected::Call(mut details)) => {
                let rule = outcome.applies.map(|place| &self.rules[place]);
                details.expected_by = rule.and_then(Rule::expects);
                let mut conclusion = conclude_call(record, wrapper, &details);
                if let Some(rule) = rule {
                    rule.mark(&mut conclusion);
                }
                Fate::Clustered(conclusion)
            }
        };
        (fate, outcome)
    }

    /// Decides whether a record is selected, and as what. Costs less than a whole conclusion.
    fn judge(
        &self,
        record: &Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> (Fate<Selected>, RuleOutcome) {
        let mut selected = match select(record) {
            Selection::NotSelected(NO_ERROR) => match self.watches.find(record, text) {
                Some(details) => Selected::Call(details),
                None => return (Fate::NotSelected(NO_ERROR), RuleOutcome::default()),
            },
            Selection::NotSelected(reason) => {
                return (Fate::NotSelected(reason), RuleOutcome::default());
            }
            Selection::Ignored(class, reason) => {
                return (Fate::Ignored(class, reason), RuleOutcome::default());
            }
            Selection::Clustered(class) => Selected::Failure(class),
        };
        if let Some(reason) = self.exclusions.reason(record, wrapper) {
            return (
                Fate::Ignored(selected.class(), reason),
                RuleOutcome::default(),
            );
        }
        if self.rules.is_empty() {
            return (Fate::Clustered(selected), RuleOutcome::default());
        }
        let can_be_expected = match &selected {
            Selected::Call(_) => true,
            Selected::Failure(class) => {
                matches!(class, Class::Denied | Class::Vpce) && only_reads(record)
            }
        };
        let at = event_time(record.event_time.as_deref(), wrapper);
        let outcome = self.outcome(text, at, can_be_expected);
        let rule = outcome.applies.map(|place| &self.rules[place]);
        if rule.is_some_and(|rule| rule.action.ignore) {
            return (Fate::Ignored(selected.class(), "rule"), outcome);
        }
        if let (Selected::Failure(class), Some(ruled)) =
            (&mut selected, rule.and_then(|rule| rule.action.class))
        {
            *class = ruled;
        }
        (Fate::Clustered(selected), outcome)
    }

    /// Tries the rules on the JSON text of a record; `at` is the time of its event. Rules that expect events are
    /// tried only if the event can be expected.
    ///
    /// Records with small faults in their JSON are read, but match no rule.
    fn outcome(&self, record: &str, at: Option<Timestamp>, can_be_expected: bool) -> RuleOutcome {
        let mut outcome = RuleOutcome::default();
        let mut matching = self
            .matcher
            .matches_for_event(record.as_bytes())
            .unwrap_or_default();
        matching.sort_unstable();
        matching.retain(|place| can_be_expected || !self.rules[*place].action.expected);
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
    /// Checks whether the rule applies to an event at a time. A rule with an end never applies to an event without a
    /// time.
    fn applies(&self, at: Option<Timestamp>) -> bool {
        self.until
            .is_none_or(|until| at.is_some_and(|at| at < until))
    }

    /// Returns the name of the rule if sensitive calls that match it are expected.
    fn expects(&self) -> Option<String> {
        self.action.expected.then(|| self.name.clone())
    }

    /// Sets the name of the rule and the severity that it gives.
    fn mark(&self, conclusion: &mut Conclusion<'_>) {
        conclusion.facets.set(FacetKind::Rule, Some(&self.name));
        let severity = self.action.severity.map(Severity::name);
        conclusion.facets.set(FacetKind::RuledSeverity, severity);
    }

    /// Changes the conclusion of a record of a failure by the effect of the rule.
    fn amend(&self, record: &str, conclusion: &mut Conclusion<'_>) {
        self.mark(conclusion);
        if self.action.expected {
            let severity = Some(Severity::Info.name());
            conclusion.facets.set(FacetKind::RuledSeverity, severity);
        }
        conclusion.merged_into = self.action.merge_into;
        if !self.action.fingerprint.is_empty() {
            conclusion.understanding.identity.addition = Some(self.addition(record));
        }
    }

    /// Returns the fields that split clusters with their values, as `path=value` separated by spaces.
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
    /// Adds one record to the counts of the rules in `outcome`. `hits` has one item for each rule, in the order of
    /// [`Rules::all`].
    pub fn count(hits: &mut [Self], outcome: RuleOutcome) {
        if let Some(place) = outcome.applies {
            hits[place].applied += 1;
        }
        if let Some(place) = outcome.ended {
            hits[place].ended += 1;
        }
    }

    /// Adds the counts `others` of another input to `hits`. Both must be counted with the same rules.
    pub fn add(hits: &mut [Self], others: &[Self]) {
        for (sum, other) in hits.iter_mut().zip(others) {
            sum.applied += other.applied;
            sum.ended += other.ended;
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.rules).finish()
    }
}

/// The part of a rules file that has rules.
impl FileReader<'_> {
    fn rule(&mut self, rule: &Spanned<RuleText>, rules: &mut Rules) {
        let text = rule.get_ref();
        let name = text.name.get_ref().trim();
        if name.is_empty() || rules.rules.iter().any(|rule| rule.name == name) {
            self.report(
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
        check_fields(when, &mut |at, message| {
            self.problems
                .push(FileProblem::at(self.text, at.start, message));
        });
        // Before the automaton is made, because this is what could take the time and memory.
        if let Some(excess) = condition_size::excess(when.get_ref()) {
            return self.report(when, excess);
        }
        let json = serde_json::to_string(when.get_ref()).unwrap_or_default();
        if let Err(error) = rules.matcher.add_pattern(rules.rules.len(), &json) {
            self.report(when, error.to_string());
        }
    }

    fn action(&mut self, rule: &Spanned<RuleText>) -> Action {
        let text = rule.get_ref();
        if text.ignore && text.reason.is_none() {
            self.report(&text.name, "a rule with ignore needs a reason".to_owned());
        }
        let action = Action {
            ignore: text.ignore,
            expected: text.expected,
            severity: self.named(&text.severity, Severity::from_name, "a severity"),
            class: self.named(&text.class, Class::from_name, "a class"),
            merge_into: self.named(&text.merge, ClusterId::parse, "a cluster ID"),
            fingerprint: text
                .fingerprint
                .iter()
                .map(|path| path.get_ref().clone())
                .collect(),
        };
        let has_value = text.severity.is_some() || text.class.is_some() || text.merge.is_some();
        let has_value = has_value || !text.fingerprint.is_empty();
        if !has_value && !text.ignore && !text.expected {
            let actions =
                "a rule needs an effect: ignore, expected, severity, class, merge or fingerprint";
            self.report(&text.name, actions.to_owned());
        }
        if text.expected {
            self.expected(text, has_value || text.ignore);
        }
        if text.ignore && has_value {
            self.report(
                &text.name,
                "a rule with ignore cannot have another effect".to_owned(),
            );
        }
        action
    }

    /// Reports what a rule with `expected` lacks, and that it has another effect.
    fn expected(&mut self, text: &RuleText, has_other_effect: bool) {
        let needed = [
            ("reason", is_blank(text.reason.as_ref())),
            ("owner", is_blank(text.owner.as_ref())),
            ("until", text.until.is_none()),
        ];
        let missing: Vec<&str> = needed
            .iter()
            .filter(|(_, lacks)| *lacks)
            .map(|(key, _)| *key)
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "a rule with expected needs reason, owner and until; this one has no {}",
                missing.join(", no ")
            );
            self.report(&text.name, message);
        }
        if has_other_effect {
            let message = "a rule with expected cannot have another effect";
            self.report(&text.name, message.to_owned());
        }
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
            self.report(until, message);
        }
        moment
    }
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"
[[rule]]
name = "deployments"
when = { userIdentity = { userName = ["deploy"] } }
expected = true
reason = "the pipeline is reviewed"
owner = "platform"
until = "2027-06-30"
"#;

    fn complaints(without: &str) -> String {
        let lines = COMPLETE
            .lines()
            .filter(|line| without.is_empty() || !line.starts_with(without));
        let text: Vec<&str> = lines.collect();
        match Rules::parse(&text.join("\n")) {
            Ok(rules) => format!("expected: {}", rules.all()[0].action.expected),
            Err(problems) => problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    #[test]
    fn an_expected_call_needs_a_reason_an_owner_and_an_end() {
        assert_eq!(complaints(""), "expected: true");
        for key in ["reason", "owner", "until"] {
            assert_eq!(
                complaints(key),
                format!(
                    "3:8: a rule with expected needs reason, owner and until; this one has no {key}"
                )
            );
        }
        assert!(complaints("expected").contains("a rule needs an effect: ignore, expected"));
    }

    #[test]
    fn a_rule_that_expects_calls_has_no_other_effect() {
        for effect in [
            "ignore = true",
            "severity = \"info\"",
            "fingerprint = [\"awsRegion\"]",
        ] {
            let problems = Rules::parse(&format!("{COMPLETE}{effect}\n")).unwrap_err();
            let message = "3:8: a rule with expected cannot have another effect";
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.to_string() == message),
                "{effect}"
            );
        }
    }
}
