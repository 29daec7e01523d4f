//! Parses the request of a dashboard: the event of a custom widget.
//!
//! CloudWatch sends the configuration of the widget, the parameters of the action that was clicked, and the texts typed
//! into forms. A typed text has priority (Amazon CloudWatch User Guide, "Details about custom widgets" and
//! "Interactivity in the custom widget"). Every caller who may invoke the function can send any event, so an event that
//! is not valid is answered with a sentence.

use alerts::locale::{Language, Locale, Zone};
use alerts::severity::Severity;
use clusters::caller::CallerId;
use clusters::class::Class;
use clusters::fingerprint::ClusterId;
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::Value;
use view::listing::{ListQuery, SearchProblem, Show, Sort};
use view::search::{Condition, DECISIONS, SEVERITIES, Search, classes};

use crate::widget::WidgetSetting;

/// The highest number of characters in a text to search for. The rest is cut off.
const SEARCH_CHARS_MAX: usize = 200;

/// The highest number of characters in the name of a dashboard. The rest is cut off.
const NAME_CHARS_MAX: usize = 128;

/// The highest number of characters in the id of an incident; those that this program makes have 26.
const INCIDENT_CHARS_MAX: usize = 64;

/// The times for which a cluster can be muted: the name of each time in the form and in requests, and its length in
/// seconds.
pub const MUTES: [(&str, i64); 4] = [
    ("1h", 3600),
    ("1d", 86_400),
    ("7d", 7 * 86_400),
    ("30d", 30 * 86_400),
];

/// The value of the parameter `list` for the list of sensitive calls.
const CALLS: &str = "calls";

/// The values of the parameter `list`. The first is the default.
const LISTS: [&str; 2] = ["clusters", CALLS];

/// A parsed request of the custom widget in a CloudWatch dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetRequest {
    /// The page or decision that is requested.
    pub action: WidgetAction,
    /// The dashboard that sent the request.
    pub context: Context,
}

/// The page or decision that a dashboard requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WidgetAction {
    /// A description of the widget and its parameters.
    Describe,
    /// One page of the list of clusters.
    List(ListRequest),
    /// One page of the list of sensitive calls.
    Calls(ListQuery),
    /// The page of one cluster or sensitive call.
    Open(ClusterId),
    /// One cluster or sensitive call as JSON.
    Export(ClusterId),
    /// The page of one incident, by its id.
    OpenIncident(String),
    /// One incident as JSON, by its id.
    ExportIncident(String),
    /// The page of one caller.
    OpenCaller(CallerRequest),
    /// The page of one account, by its id.
    OpenAccount(String),
    /// A decision about one cluster, answered with the page of the cluster.
    Decide(DecisionRequest),
}

/// A request of the page of one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerRequest {
    /// The caller.
    pub caller: CallerId,
    /// The number of the page of the events in a part of the hours, from 1; 1 has the newest.
    pub page: usize,
    /// The number of the part of the hours, from 1; 1 has the newest.
    pub part: usize,
}

/// A request of one page of the list of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// The filters, the order and the number of the page.
    pub query: ListQuery,
    /// Whether clusters of the incidents on the page are listed too. Otherwise they are folded, unless the query has a
    /// search or a filter.
    pub is_unfolded: bool,
}

/// A decision of a person about a cluster, or the request to undo one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRequest {
    /// The cluster that the decision is about.
    pub cluster: ClusterId,
    /// The decision that the person chose; [`OfferedDecision::TakeBack`] to undo the earlier decision.
    pub decision: OfferedDecision,
    /// The version of the triage on the page that the person saw; 0 if the cluster never had a triage.
    pub version: i64,
    /// The reason that the person typed; may be empty.
    pub reason: String,
    /// The name that the person typed, not verified; may be empty.
    pub who: String,
}

/// The decisions about a cluster that a dashboard offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum OfferedDecision {
    /// A person works on the errors. Alerts are still sent.
    Acknowledge,
    /// No alerts of the cluster are sent for this number of seconds.
    Mute(i64),
    /// The errors are normal. No alerts of the cluster are sent, without end.
    Expect,
    /// The errors are over. A later event starts a new episode of the cluster.
    Resolve,
    /// The earlier decision is undone.
    TakeBack,
}

/// The facts about the dashboard that CloudWatch sends with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The language that the widget's parameters name, else that of the person's console; `None` if it is neither English
    /// nor Chinese.
    pub language: Option<Language>,
    /// The time zone that the dashboard shows; `None` if CloudWatch sends no valid one.
    pub zone: Option<Zone>,
    /// Whether the dashboard has the dark theme.
    pub is_dark: bool,
    /// The name of the dashboard without invisible characters; empty if CloudWatch does not send it.
    pub dashboard: String,
    /// The id of the dashboard's account, twelve digits; empty if CloudWatch sends no valid id.
    pub account_id: String,
    /// The time range that the dashboard shows: its start, and the first second after its end. `None` if CloudWatch
    /// sends no valid time range.
    pub range: Option<(Timestamp, Timestamp)>,
}

/// Why the request of a dashboard is not valid: a sentence that the dashboard shows to the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

impl WidgetRequest {
    /// Parses a request, a JSON text. The setting has the default filter by status, and the names of accounts.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter and its permitted values, and the context of the request as far as it
    /// is valid.
    pub fn parse(event: &str, setting: &WidgetSetting) -> Result<Self, (RequestError, Context)> {
        let event: Value = serde_json::from_str(event).unwrap_or(Value::Null);
        let mut context = Context::of(&event["widgetContext"]);
        let mut fields = EventFields {
            event: &event,
            language: context.locale(setting.locale).language,
        };
        match fields.one("language", &Language::ALL, Language::name) {
            Ok(language) => context.language = language.or(context.language),
            Err(error) => return Err((error, context)),
        }
        fields.language = context.locale(setting.locale).language;
        match fields.action(&context, setting) {
            Ok(action) => Ok(Self { action, context }),
            Err(error) => Err((error, context)),
        }
    }
}

impl OfferedDecision {
    /// Returns the stable name, the value of the request parameter `decide`: `acknowledge`, `mute`, `expect`, `resolve`
    /// or `take-back`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Context {
    /// Returns the language and the time zone of the person; those of `usual` if CloudWatch does not send them.
    pub fn locale(&self, usual: Locale) -> Locale {
        Locale {
            language: self.language.unwrap_or(usual.language),
            zone: self.zone.unwrap_or(usual.zone),
        }
    }

    fn of(given: &Value) -> Self {
        let text = |name: &str| given[name].as_str().unwrap_or_default();
        let account_id = text("accountId");
        // If a person has zoomed in, the dashboard shows only that part of the time range.
        let shown = &given["timeRange"];
        let zoomed = shown.get("zoom").filter(|zoom| zoom.is_object());
        Self {
            language: language(text("locale")),
            zone: given["timezone"]["offsetInMinutes"]
                .as_i64()
                .and_then(Zone::from_minutes),
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

/// Returns the language of a locale such as `en`, `en-US` or `zh`; `None` for all other languages.
///
/// Traditional Chinese (`zh-TW`, `zh-HK`, `zh-Hant`) is shown in simplified Chinese, which its readers can read.
fn language(locale: &str) -> Option<Language> {
    let tag = locale.split(['-', '_']).next().unwrap_or_default();
    Language::from_name(&tag.to_ascii_lowercase())
}

/// Parses a time range with `start` and `end` in milliseconds since 1970. The second of `end` is included.
fn range(given: &Value) -> Option<(Timestamp, Timestamp)> {
    let (from, until) = (given["start"].as_i64()?, given["end"].as_i64()?);
    let from = Timestamp::from_seconds(from.div_euclid(1000))?;
    let until = Timestamp::from_seconds(until.div_euclid(1000).checked_add(1)?)?;
    (from < until).then_some((from, until))
}

/// An event, with access to its parameters by name, and the language of sentences about them.
struct EventFields<'e> {
    event: &'e Value,
    language: Language,
}

alerts::words! {
    /// The sentences about requests that are not valid.
    struct RequestWords {
        wrong: "The parameter {name} is {given}; it must be {right}.", "参数 {name} 的值为 {given}；应为{right}。";
        one_of: "one of {names}", "以下之一：{names}";
        whole_number: "a whole number", "整数";
        incident: "the ID of an incident", "安全事件的 ID";
        cluster: "the ID of a cluster", "聚类的 ID";
        caller: "the ID of a caller", "调用者的 ID";
        account: "an account ID of twelve digits", "12 位账号 ID";
        no_object: "The event is not a JSON object. This function answers requests of a CloudWatch dashboard.", "该事件不是 JSON 对象。此函数只应答 CloudWatch 仪表板的请求。";
    }
}

impl WidgetAction {
    /// Returns what may be the id of an incident that is asked for.
    pub fn incident(&self) -> Option<&str> {
        match self {
            Self::OpenIncident(id) | Self::ExportIncident(id) => Some(id),
            _ => self.word(),
        }
    }

    /// Returns the word that a list is searched for, if it is one word and nothing else.
    pub fn word(&self) -> Option<&str> {
        let query = match self {
            Self::List(request) => &request.query,
            Self::Calls(query) => query,
            _ => return None,
        };
        match &query.words[..] {
            [word] if query.terms.is_empty() => Some(word),
            _ => None,
        }
    }
}

impl EventFields<'_> {
    /// Returns the text typed into a form, else the parameter of the action or of the widget's configuration. `None` if
    /// it is empty.
    fn text(&self, name: &str) -> Option<String> {
        // An action with `only`, such as a button that removes the filters, does not mean the form.
        let typed = match self.event["only"] {
            Value::Bool(true) => &Value::Null,
            _ => &self.event["widgetContext"]["forms"]["all"][name],
        };
        let value = match typed {
            Value::Null => &self.event[name],
            typed => typed,
        };
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "true".to_owned(),
            _ => String::new(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Parses a parameter whose value must be the stable name of one of `all`.
    fn one<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        named: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, RequestError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = all.iter().copied().find(|item| named(*item) == text);
        found.map(Some).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|item| named(*item)).collect();
            self.wrong(name, &text, &self.one_of(&names))
        })
    }

    fn one_of(&self, names: &[&str]) -> String {
        self.words().one_of.replace("{names}", &names.join(", "))
    }

    fn words(&self) -> &'static RequestWords {
        RequestWords::of(self.language)
    }

    fn wrong(&self, name: &str, given: &str, right: &str) -> RequestError {
        let given = format!("{:?}", sanitize(given, 64));
        let sentence = self.words().wrong.replace("{name}", name);
        let sentence = sentence.replace("{right}", right);
        RequestError(sentence.replace("{given}", &given))
    }

    fn number(&self, name: &str, otherwise: i64) -> Result<i64, RequestError> {
        let Some(text) = self.text(name) else {
            return Ok(otherwise);
        };
        let number = text.parse().ok().filter(|number| *number >= 0);
        number.ok_or_else(|| self.wrong(name, &text, self.words().whole_number))
    }

    fn action(
        &self,
        context: &Context,
        setting: &WidgetSetting,
    ) -> Result<WidgetAction, RequestError> {
        let words = self.words();
        if !self.event.is_object() {
            return Err(RequestError(words.no_object.to_owned()));
        }
        if self.event["describe"] == Value::Bool(true) {
            return Ok(WidgetAction::Describe);
        }
        if let Some(id) = self.text("caller") {
            let caller = CallerId::parse(&id);
            let caller = caller.ok_or_else(|| self.wrong("caller", &id, words.caller))?;
            let number = |name| {
                self.number(name, 1)
                    .map(|of| usize::try_from(of).unwrap_or(1))
            };
            return Ok(WidgetAction::OpenCaller(CallerRequest {
                caller,
                page: number("page")?,
                part: number("part")?,
            }));
        }
        if let Some(id) = self.text("account_page") {
            return match is_account_id(&id) {
                true => Ok(WidgetAction::OpenAccount(id)),
                false => Err(self.wrong("account_page", &id, words.account)),
            };
        }
        if let Some(id) = self.text("incident") {
            let is_id = id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if !is_id || id.len() > INCIDENT_CHARS_MAX {
                return Err(self.wrong("incident", &id, words.incident));
            }
            return Ok(match self.text("export") {
                Some(_) => WidgetAction::ExportIncident(id),
                None => WidgetAction::OpenIncident(id),
            });
        }
        let Some(id) = self.text("cluster") else {
            let query = self.query(context, setting)?;
            return Ok(match self.one("list", &LISTS, |name| name)? {
                Some(CALLS) => WidgetAction::Calls(query),
                _ => WidgetAction::List(ListRequest {
                    query,
                    is_unfolded: self.text("unfolded").is_some(),
                }),
            });
        };
        let cluster = ClusterId::parse(&id);
        let cluster = cluster.ok_or_else(|| self.wrong("cluster", &id, words.cluster))?;
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

    /// Parses the filters of a list. A search that is not understood is a part of the query, so that the page has the form.
    fn query(&self, context: &Context, setting: &WidgetSetting) -> Result<ListQuery, RequestError> {
        let search = self.text("search").unwrap_or_default();
        let search: String = search.chars().take(SEARCH_CHARS_MAX).collect();
        let parsed = Search::parse(&search, &setting.account_names);
        let (parsed, problem) = match parsed {
            Ok(parsed) => (parsed, None),
            Err(error) => {
                let problem = SearchProblem {
                    sentence: error.sentence(self.language),
                    suggestion: error.suggestion(&search),
                };
                (Search::default(), Some(problem))
            }
        };
        let account_id = self.text("account");
        if let Some(account_id) = account_id.as_ref().filter(|of| !is_account_id(of)) {
            return Err(self.wrong("account", account_id, self.words().account));
        }
        // A button sets the filter by status whatever the form has.
        let names = Show::ALL.map(Show::name).into_iter().chain(DECISIONS);
        let names: Vec<&'static str> = names.collect();
        let chosen = match self.one("show", &names, |name| name)? {
            None => self.one("status", &names, |name| name)?,
            shown => shown,
        };
        let decision = chosen.filter(|name| DECISIONS.contains(name));
        let show = Show::ALL.into_iter().find(|of| chosen == Some(of.name()));
        // A decision matters whatever the status is.
        let show = match decision {
            Some(_) => Show::All,
            None => show.unwrap_or(setting.default_show),
        };
        let classes: Vec<Class> = classes().collect();
        let page = self.number("page", 1)?;
        let words = parsed.words().map(str::to_owned).collect();
        let is_word = |of: &Condition| matches!(of, Condition::Word(_));
        let has_status = parsed.has_status();
        let mut terms = parsed.terms;
        terms.retain(|term| term.is_excluded || !is_word(&term.condition));
        Ok(ListQuery {
            search,
            problem,
            words,
            terms,
            severity: self.one("severity", &SEVERITIES, Severity::name)?,
            class: self.one("class", &classes, Class::name)?,
            service: self.text("service").map(|of| of.to_lowercase()),
            account_id,
            show: if has_status { Show::All } else { show },
            decision,
            range: context.range,
            sort: self
                .one("sort", &Sort::ALL, Sort::name)?
                .unwrap_or(Sort::Severity),
            is_reversed: self.text("reversed").is_some(),
            page: usize::try_from(page).unwrap_or(1),
            ..ListQuery::default()
        })
    }

    fn decision(&self) -> Result<Option<OfferedDecision>, RequestError> {
        let mute_seconds = || {
            let seconds = |of: &str| MUTES.iter().find(|(name, _)| *name == of);
            let text = self.text("mute_for").unwrap_or_else(|| "1d".to_owned());
            let names: Vec<_> = MUTES.iter().map(|(name, _)| *name).collect();
            let found = seconds(&text).map(|(_, seconds)| *seconds);
            found.ok_or_else(|| self.wrong("mute_for", &text, &self.one_of(&names)))
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
            Some(OfferedDecision::Mute(_)) => Some(OfferedDecision::Mute(mute_seconds()?)),
            decision => decision,
        })
    }
}
