//! What a dashboard asks for: the event of a custom widget, read.
//!
//! CloudWatch calls with what the widget was configured with, what an action that was clicked carries,
//! and what was typed into its forms; the latter wins (Amazon CloudWatch User Guide, "Details about
//! custom widgets" and "Interactivity in the custom widget"). All of it may be made up by whoever may
//! invoke the function, so anything that is not understood is answered with a sentence.

use clusters::fingerprint::ClusterId;
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::Value;
use view::listing::{ListQuery, Show, Sort};

/// The longest text to search for, in characters.
const SEARCH_CHARS_MAX: usize = 200;

/// The longest name of a dashboard, in characters.
const NAME_CHARS_MAX: usize = 128;

/// For how long a cluster may be muted, by what the form offers, in seconds.
pub const MUTES: [(&str, i64); 4] = [
    ("1h", 3600),
    ("1d", 86_400),
    ("7d", 7 * 86_400),
    ("30d", 30 * 86_400),
];

/// What is asked for, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetRequest {
    /// What.
    pub action: WidgetAction,
    /// From where.
    pub context: Context,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WidgetAction {
    /// What the widget is.
    Describe,
    /// A page of clusters.
    List(ListQuery),
    /// One cluster.
    Open(ClusterId),
    /// One cluster as JSON.
    Export(ClusterId),
    /// Something is decided about one.
    Decide(DecisionRequest),
}

/// What is decided about a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRequest {
    /// The cluster.
    pub cluster: ClusterId,
    /// What.
    pub decision: OfferedDecision,
    /// How often the triage had changed when the person saw it.
    pub version: i64,
    /// Why, as the person wrote it; perhaps empty.
    pub reason: String,
    /// Who the person says to be; perhaps empty.
    pub who: String,
}

/// What can be decided from a dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum OfferedDecision {
    /// Somebody looks after it.
    Acknowledge,
    /// Nothing is told for so many seconds.
    Mute(i64),
    /// It is part of what is usual.
    Expect,
    /// It is over.
    Resolve,
    /// What was decided before does not hold any more.
    TakeBack,
}

/// Where something is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Whether the dashboard is dark.
    pub is_dark: bool,
    /// The name of the dashboard, sanitized.
    pub dashboard: String,
    /// The account of whoever looks at it; empty where that is not told.
    pub account_id: String,
    /// The time that the dashboard shows: from and until.
    pub range: Option<(Timestamp, Timestamp)>,
}

/// What is wrong with an event, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

impl WidgetRequest {
    /// Reads an event.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right, with the context as far as it was
    /// understood.
    pub fn parse(event: &str) -> Result<Self, (RequestError, Context)> {
        let event: Value = serde_json::from_str(event).unwrap_or(Value::Null);
        let context = Context::of(&event["widgetContext"]);
        match EventFields(&event).action(&context) {
            Ok(action) => Ok(Self { action, context }),
            Err(wrong) => Err((wrong, context)),
        }
    }
}

impl OfferedDecision {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Context {
    fn of(given: &Value) -> Self {
        let text = |name: &str| given[name].as_str().unwrap_or_default();
        let account_id = text("accountId");
        // A part that somebody has zoomed into is what they look at.
        let shown = &given["timeRange"];
        let zoomed = shown.get("zoom").filter(|zoom| zoom.is_object());
        Self {
            is_dark: text("theme") == "dark",
            dashboard: sanitize(text("dashboardName"), NAME_CHARS_MAX),
            account_id: match is_account_id(account_id) {
                true => account_id.to_owned(),
                false => String::new(),
            },
            range: zoomed.and_then(range).or_else(|| range(shown)),
        }
    }
}

/// Reads a time from and until, in milliseconds since 1970; the last second counts.
fn range(given: &Value) -> Option<(Timestamp, Timestamp)> {
    let (from, until) = (given["start"].as_i64()?, given["end"].as_i64()?);
    let from = Timestamp::from_seconds(from.div_euclid(1000))?;
    let until = Timestamp::from_seconds(until.div_euclid(1000).checked_add(1)?)?;
    (from < until).then_some((from, until))
}

/// An event, and what is in it by name.
struct EventFields<'e>(&'e Value);

impl EventFields<'_> {
    /// Returns what was typed, or else what an action or the widget's settings have; nothing for what
    /// is empty.
    fn text(&self, name: &str) -> Option<String> {
        let typed = &self.0["widgetContext"]["forms"]["all"][name];
        let told = match typed {
            Value::Null => &self.0[name],
            typed => typed,
        };
        let text = match told {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "true".to_owned(),
            _ => String::new(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Returns one of some things by its stable name.
    fn one<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        named: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, RequestError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = all.iter().copied().find(|one| named(*one) == text);
        found.map(Some).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|one| named(*one)).collect();
            wrong(name, &text, &format!("one of {}", names.join(", ")))
        })
    }

    fn number(&self, name: &str, otherwise: i64) -> Result<i64, RequestError> {
        let Some(text) = self.text(name) else {
            return Ok(otherwise);
        };
        let number = text.parse().ok().filter(|number| *number >= 0);
        number.ok_or_else(|| wrong(name, &text, "a whole number"))
    }

    fn action(&self, context: &Context) -> Result<WidgetAction, RequestError> {
        if !self.0.is_object() {
            let sentence = "The event is not a JSON object. This function answers requests of a CloudWatch dashboard.";
            return Err(RequestError(sentence.to_owned()));
        }
        if self.0["describe"] == Value::Bool(true) {
            return Ok(WidgetAction::Describe);
        }
        let Some(id) = self.text("cluster") else {
            return Ok(WidgetAction::List(self.question(context)?));
        };
        let cluster = ClusterId::parse(&id);
        let cluster = cluster.ok_or_else(|| wrong("cluster", &id, "the ID of a cluster"))?;
        if let Some(decision) = self.decision()? {
            return Ok(WidgetAction::Decide(DecisionRequest {
                cluster,
                decision,
                version: self.number("version", 0)?,
                reason: self.text("reason").unwrap_or_default(),
                who: self.text("who").unwrap_or_default(),
            }));
        }
        Ok(match self.text("export") {
            Some(_) => WidgetAction::Export(cluster),
            None => WidgetAction::Open(cluster),
        })
    }

    fn question(&self, context: &Context) -> Result<ListQuery, RequestError> {
        let search = self.text("search").unwrap_or_default().to_lowercase();
        let search: String = search.chars().take(SEARCH_CHARS_MAX).collect();
        let account_id = self.text("account");
        if let Some(account_id) = account_id.as_ref().filter(|of| !is_account_id(of)) {
            return Err(wrong(
                "account",
                account_id,
                "an account ID of twelve digits",
            ));
        }
        let show = self.one("status", &Show::ALL, Show::name)?;
        let sort = self.one("sort", &Sort::ALL, Sort::name)?;
        let page = self.number("page", 1)?;
        Ok(ListQuery {
            words: search.split_whitespace().map(str::to_owned).collect(),
            account_id,
            show: show.unwrap_or(Show::Open),
            range: context.range,
            sort: sort.unwrap_or(Sort::Began),
            is_reversed: self.text("reversed").is_some(),
            page: usize::try_from(page).unwrap_or(1),
        })
    }

    fn decision(&self) -> Result<Option<OfferedDecision>, RequestError> {
        let for_how_long = || {
            let seconds = |of: &str| MUTES.iter().find(|(name, _)| *name == of);
            let text = self.text("mute_for").unwrap_or_else(|| "1d".to_owned());
            let names: Vec<_> = MUTES.iter().map(|(name, _)| *name).collect();
            let found = seconds(&text).map(|(_, seconds)| *seconds);
            found.ok_or_else(|| wrong("mute_for", &text, &format!("one of {}", names.join(", "))))
        };
        let all = [
            OfferedDecision::Acknowledge,
            OfferedDecision::Mute(0),
            OfferedDecision::Expect,
            OfferedDecision::Resolve,
            OfferedDecision::TakeBack,
        ];
        let decision = self.one("decide", &all, OfferedDecision::name)?;
        Ok(match decision {
            Some(OfferedDecision::Mute(_)) => Some(OfferedDecision::Mute(for_how_long()?)),
            decision => decision,
        })
    }
}

fn wrong(name: &str, given: &str, right: &str) -> RequestError {
    let given = sanitize(given, 64);
    RequestError(format!(
        "The parameter {name} is {given:?}; it must be {right}."
    ))
}
