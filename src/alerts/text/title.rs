//! Renders the title of a message: one line with the change, the account and the subject.

use clusters::Cluster;
use clusters::transition::CircumstanceKind;
use records::redact::clean;

use crate::facts::{EscalationFacts, Facts, Stage};
use crate::kind::AlertKind;
use crate::locale::{Language, append};
use crate::message::Message;
use crate::safe::{readable, titled};
use crate::terms;
use crate::text::drill::drill_stage;
use crate::text::facts_text::{circumstance, short_value};
use crate::text::words::Words;
use crate::text::{Texts, calls, events, shown_about, summary};

/// The longest title, in characters. This is the limit of Guance.
const TITLE_CHARS_MAX: usize = 256;

/// The longest name in a title, in characters.
const TITLED_CHARS_MAX: usize = 64;

impl Texts {
    /// Returns the title of a message: one line of at most 256 characters, for an incident of at most 100. A caller that does
    /// not fit is left out.
    pub fn title(&self, message: &Message) -> String {
        if let Facts::Incident(incident) = &message.alert.facts {
            return self.titled_incident(incident, message);
        }
        let whole = self.titled_with(message, true);
        let title = match whole.chars().count() > TITLE_CHARS_MAX {
            true => self.titled_with(message, false),
            false => whole,
        };
        clean(&title, TITLE_CHARS_MAX).into_owned()
    }

    /// Returns the title of a message that is not about an incident, of any length. `by_caller`: whether the title of an error
    /// has the name of its caller, if there is one caller.
    fn titled_with(&self, message: &Message, by_caller: bool) -> String {
        let account = message.alert.account_id();
        let mut title = format!("[{}] AWS", title_word(message, self.locale.language));
        if !account.is_empty() {
            let account = named_account(message, self.locale.language);
            title.push_str(&format!(" {account}"));
        }
        let caller = message.caller().filter(|_| by_caller);
        let subject = match (&message.alert.facts, &message.cluster) {
            (Facts::SensitiveCall(call), _) => self.titled_call(call, account, message.events()),
            (_, Some(cluster)) => self.titled_error(cluster, message, caller),
            (_, None) => self.titled_alert(message),
        };
        if !subject.is_empty() {
            let colon = Words::of(self.locale.language).colon;
            title.push_str(&format!("{colon}{subject}"));
        }
        let mut joined = String::with_capacity(title.len());
        for word in title.split_inclusive(' ') {
            append(&mut joined, word);
        }
        joined
    }

    fn titled_alert(&self, message: &Message) -> String {
        let words = Words::of(self.locale.language);
        let alert = &message.alert;
        match &alert.facts {
            Facts::Campaign(of) => {
                let actor = titled(&readable(&of.actor, TITLED_CHARS_MAX), TITLED_CHARS_MAX);
                format!("{actor}{}", bracketed(words, &events(words, of.events)))
            }
            Facts::Silence(of) => {
                let log_group = of.log_group.as_deref().unwrap_or_default();
                titled(&readable(log_group, TITLED_CHARS_MAX), TITLED_CHARS_MAX)
            }
            Facts::Escalation(of) => {
                let cluster = alert.cluster().map(|cluster| cluster.to_string());
                let what = cluster.unwrap_or_else(|| words.title_all.to_owned());
                what + &hourly(words, of)
            }
            Facts::Summary(of) => {
                let made = match of.sensitive_calls {
                    0 => String::new(),
                    count => words
                        .title_summary_calls
                        .replace("{calls}", &calls(words, count)),
                };
                let from = match self.locale.language {
                    Language::En => self.locale.moment(of.from),
                    Language::Zh => {
                        let zone = self.locale.zone_name();
                        format!("{}（{zone}）", self.locale.minute(of.from))
                    }
                };
                let summary = words
                    .title_summary
                    .replace("{new}", &of.new_errors.to_string())
                    .replace("{errors}", &of.errors.to_string())
                    .replace("{period}", summary::period(words, of.period))
                    .replace("{from}", &from);
                summary + &made
            }
            Facts::AccessKey(_) => shown_about(message),
            Facts::Learned(_) => words.title_learned.to_owned(),
            Facts::Digest(_) => words.title_digest.to_owned(),
            Facts::Drill(_) => words.title_drill.to_owned(),
            Facts::DrillFailed(of) => {
                let stage = drill_stage(of, self.locale.language);
                words.title_drill_failed.replace("{stage}", &stage)
            }
            _ => titled(&shown_about(message), TITLED_CHARS_MAX),
        }
    }

    fn titled_error(&self, cluster: &Cluster, message: &Message, caller: Option<&str>) -> String {
        let words = Words::of(self.locale.language);
        let identity = &cluster.facts.identity;
        let code = cluster.error_code().unwrap_or(&identity.code);
        let api = match identity.service.is_empty() {
            true => titled(&identity.action, TITLED_CHARS_MAX),
            false => titled(
                &format!("{}:{}", identity.service, identity.action),
                TITLED_CHARS_MAX,
            ),
        };
        let spelled = terms::code(code, identity.class, self.locale.language)
            .map_or_else(|| titled(code, TITLED_CHARS_MAX), str::to_owned);
        let mut title = words
            .title_error
            .replace("{code}", &spelled)
            .replace("{api}", &api);
        let caller = caller.map(|name| {
            let name = readable(name, TITLED_CHARS_MAX);
            titled(&name, TITLED_CHARS_MAX)
        });
        if let Some(name) = &caller
            && !matches!(message.alert.facts, Facts::NewPrincipal(_))
        {
            title.push_str(&words.title_caller.replace("{caller}", name));
        }
        match &message.alert.facts {
            Facts::NewPrincipal(name) => {
                let name = readable(cluster.short_name(name), TITLED_CHARS_MAX);
                let name = titled(&name, TITLED_CHARS_MAX);
                title.push_str(&format!("{}{name}", words.comma));
            }
            Facts::NewCircumstance(of) => {
                let value = readable(short_value(of, &identity.account_id), TITLED_CHARS_MAX);
                let what = circumstance(words, of.facet);
                // The name of a layer is one of the program, unless it is not known.
                let layer = terms::layer(&of.value, self.locale.language);
                let value = match of.facet {
                    CircumstanceKind::Layer if layer != of.value => layer,
                    _ => titled(&value, TITLED_CHARS_MAX),
                };
                let what = words.title_circumstance.replace("{what}", what);
                title.push_str(&what.replace("{value}", &value));
            }
            Facts::Escalation(of) => title.push_str(&hourly(words, of)),
            _ if message.alert.is_end() => {}
            _ => title.push_str(&bracketed(words, &events(words, message.count()))),
        }
        title
    }
}

/// Returns the account of a message, such as `shop (111122223333)`, or only its id if it has no name in the settings.
pub(crate) fn named_account(message: &Message, language: Language) -> String {
    let id = titled(message.alert.account_id(), TITLED_CHARS_MAX);
    let Some(name) = &message.account_name else {
        return id;
    };
    let is_usual = |c: &char| c.is_alphanumeric() || " ._-".contains(*c);
    let name: String = readable(name, TITLED_CHARS_MAX)
        .chars()
        .filter(is_usual)
        .collect();
    name.trim().to_owned() + &bracketed(Words::of(language), &id)
}

/// Returns the events of the hour and the expected limit, in brackets; empty for an escalation that is over.
fn hourly(words: &Words, escalation: &EscalationFacts) -> String {
    if escalation.stage == Stage::Ended {
        return String::new();
    }
    let limit = escalation.limit.to_string();
    let hourly = words.title_hourly.replace("{limit}", &limit);
    let hourly = hourly.replace("{count}", &events(words, escalation.peak));
    bracketed(words, &hourly)
}

fn bracketed(words: &Words, text: &str) -> String {
    words.title_bracket.replace("{text}", text)
}

/// Returns the words in the brackets of a title: what happened.
fn title_word(message: &Message, language: Language) -> &'static str {
    let words = Words::of(language);
    match (message.alert.kind(), message.alert.facts.stage()) {
        (AlertKind::Escalating, Some(Stage::Ended)) => words.title_calmed,
        (AlertKind::Campaign, Some(Stage::Grew(_))) => words.title_campaign_grew,
        (AlertKind::Campaign, Some(Stage::Ended)) => words.title_campaign_ended,
        (AlertKind::NoData, Some(Stage::Ended)) => words.title_data_again,
        (kind, _) => terms::kind(kind, language),
    }
}
