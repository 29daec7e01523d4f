//! Renders a sensitive call: who called what on whom, with which parameters, and why the call is watched.
//!
//! The names of parameters and the fixed ones of their values are words of the program. A name of a watch of the user
//! that is not among them is shown as it is written there.

use clusters::facet::Facets;
use clusters::short_name;
use clusters::watch::{CallDetails, Tier, Watches};

use crate::facts::CallFacts;
use crate::hint::capitalized;
use crate::links;
use crate::locale::Language;
use crate::safe::{readable, titled};
use crate::text::document::{Line, Piece, Pieces, fill};
use crate::text::parameters::{self, Parameter};
use crate::text::words::Words;
use crate::text::{Texts, Writer, item, own};

/// The longest name in a title, and the longest value of a parameter in it, in characters.
const TITLED_CHARS_MAX: usize = 64;
const TITLED_VALUE_CHARS_MAX: usize = 48;
/// The largest number of parameters in a title.
const TITLED_PARAMETERS_MAX: usize = 3;

impl Texts {
    /// Returns the title of a message about a sensitive call, without the words in brackets and the account.
    pub(super) fn titled_call(&self, call: &CallFacts, account_id: &str, count: u64) -> String {
        let words = Words::of(self.locale.language);
        let caller = call.principal.as_deref().filter(|name| !name.is_empty());
        let caller = caller.map(|name| {
            let name = readable(short_name(name, account_id), TITLED_CHARS_MAX);
            words
                .title_caller
                .replace("{caller}", &titled(&name, TITLED_CHARS_MAX))
        });
        let details = call.details.as_ref();
        let target = details.and_then(|details| {
            let target = details.target.as_deref()?;
            let target = titled(&readable(target, TITLED_CHARS_MAX), TITLED_CHARS_MAX);
            let kind = parameters::kind_of_target(details, self.locale.language);
            let target = match kind {
                Some(kind) => format!("{kind} {target}"),
                None => target,
            };
            Some(words.title_target.replace("{target}", &target))
        });
        let mut title = words
            .title_call
            .replace("{api}", &titled_api(call))
            .replace("{caller}", &caller.unwrap_or_default())
            .replace("{target}", &target.unwrap_or_default());
        let parameters =
            details.map_or_else(Vec::new, |of| parameters::of(of, self.locale.language));
        let mut separator = words.colon;
        for parameter in parameters.iter().take(TITLED_PARAMETERS_MAX) {
            title.push_str(separator);
            title.push_str(&titled_parameter(parameter));
            separator = words.comma;
        }
        if count > 1 {
            title.push_str(&words.title_calls.replace("{count}", &count.to_string()));
        }
        title
    }
}

/// Returns the API in a title. The `*` of calls beyond the limit stays.
fn titled_api(call: &CallFacts) -> String {
    let api = titled(&call.api(), TITLED_CHARS_MAX);
    match (call.action.as_str(), api.strip_suffix('_')) {
        ("*", Some(service)) => format!("{service}*"),
        _ => api,
    }
}

/// Returns a parameter in a title, such as `policy AdministratorAccess`.
fn titled_parameter(parameter: &Parameter<'_>) -> String {
    let value = readable(&parameter.value, TITLED_VALUE_CHARS_MAX);
    // These values are words of the program, or names in which AWS allows no spaces.
    let value = match parameter.is_sentence {
        true => {
            let parts = value.split(' ').map(|part| {
                let (name, comma) = part.strip_suffix(',').map_or((part, ""), |of| (of, ","));
                titled_word(name) + comma
            });
            parts.collect::<Vec<_>>().join(" ")
        }
        false => titled_word(&value),
    };
    let label = match parameter.is_known {
        true => parameter.label.to_owned(),
        false => titled(parameter.label, TITLED_CHARS_MAX),
    };
    // Two words of the program in Chinese would run together.
    let gap = match parameters::is_own_word(&value) && value != "*" {
        true => "：",
        false => " ",
    };
    format!("{label}{gap}{value}")
}

/// Returns a word in the form of titles. Chinese words of the program and `*` stay.
fn titled_word(word: &str) -> String {
    match parameters::is_own_word(word) {
        true => word.to_owned(),
        false => titled(word, TITLED_VALUE_CHARS_MAX),
    }
}

impl Writer<'_> {
    pub(super) fn call_sentence(&self, call: &CallFacts) -> Pieces {
        let words = self.words;
        let api = ("api", vec![Piece::other(&call.api())]);
        let account = ("account", self.account());
        let Some(details) = &call.details else {
            return fill(words.calls_beyond, &[api, account]);
        };
        let account_id = self.message.alert.account_id();
        let caller = call.principal.as_deref().filter(|name| !name.is_empty());
        let caller = caller.map_or_else(Vec::new, |name| {
            let name = vec![Piece::other(short_name(name, account_id))];
            fill(words.by_caller, &[("caller", name)])
        });
        let target = details.target.as_deref().map_or_else(Vec::new, |target| {
            let kind = parameters::kind_of_target(details, self.texts.locale.language);
            let mut pieces = Pieces::new();
            if let Some(kind) = kind {
                pieces.extend([Piece::own(kind), Piece::own(" ")]);
            }
            pieces.push(Piece::other(target));
            fill(words.on_target, &[("target", pieces)])
        });
        let values = [api, account, ("caller", caller), ("target", target)];
        fill(words.sensitive_call, &values)
    }

    /// Returns the lines of the overview about a sensitive call: its parameters, why it is watched, and how often it was
    /// made.
    pub(super) fn call_lines(&self, call: &CallFacts) -> Vec<Line> {
        let words = self.words;
        let mut lines = Vec::new();
        if let Some(details) = &call.details {
            let parameters = parameters::of(details, self.texts.locale.language);
            lines.extend(parameters.iter().map(|of| self.parameter(of)));
            if let Some(why) = self.why(details) {
                lines.push(item(words.why_watched, &[("why", why)]));
            }
            lines.extend(self.technique(details));
            let strength = match details.is_strong {
                true => words.strong,
                false => words.weak,
            };
            lines.push(item(strength, &[]));
            if details.tier == Tier::First {
                lines.push(item(words.first_of_caller, &[]));
            }
        }
        let count = vec![Piece::strong(self.message.events())];
        lines.push(match (self.message.from, self.message.until) {
            (Some(from), Some(until)) => {
                let (from, until) = (self.time(from), self.time(until));
                let values = [("count", count), ("from", from), ("until", until)];
                item(words.calls_between, &values)
            }
            _ => item(words.equal_calls, &[("count", count)]),
        });
        lines
    }

    /// Returns when the calls were made: the first one that the alert covers, and the last one.
    pub(super) fn call_times(&self) -> Option<Line> {
        let first = self.message.at()?;
        let cluster = self.message.cluster.as_ref();
        let last = cluster.and_then(|cluster| cluster.span.last_seen);
        Some(match last.filter(|last| *last > first) {
            Some(last) => {
                let times = [("first", self.time(first)), ("last", self.time(last))];
                item(self.words.called_between, &times)
            }
            None => item(self.words.called, &[("first", self.time(first))]),
        })
    }

    /// Returns the advice about a sensitive call, and the sample events.
    pub(super) fn call_advice(&self, call: &CallFacts) -> Vec<Line> {
        let advice = match &self.message.cluster {
            Some(cluster) => self.hint(cluster),
            None => {
                let identity = call.identity(self.message.alert.account_id());
                self.advice(&identity, "", &Facets::default())
            }
        };
        let mut lines = vec![item(self.words.to_do, &[("hint", advice)])];
        lines.extend(self.examples());
        lines
    }

    fn parameter(&self, parameter: &Parameter<'_>) -> Line {
        let label = match (parameter.is_known, self.texts.locale.language) {
            (true, Language::En) => own(capitalized(parameter.label)),
            (true, Language::Zh) => own(parameter.label),
            (false, _) => vec![Piece::other(parameter.label)],
        };
        let value = vec![Piece::other(&parameter.value)];
        item(self.words.by, &[("what", label), ("values", value)])
    }

    /// Returns why a call is watched, in the language of the message. A watch of the user has its own sentence.
    fn why(&self, details: &CallDetails) -> Option<Pieces> {
        if let Some(why) = &details.why {
            return Some(vec![Piece::other(why)]);
        }
        let watches = Watches::default();
        let watch = watches.named(&details.watch)?;
        let chinese = watch.why_chinese.as_deref();
        Some(own(match self.texts.locale.language {
            Language::Zh => chinese.unwrap_or(&watch.why),
            Language::En => &watch.why,
        }))
    }

    fn technique(&self, details: &CallDetails) -> Option<Line> {
        let id = details.technique.as_deref()?;
        let mut pieces = fill(
            self.words.technique,
            &[("technique", vec![Piece::other(id)])],
        );
        let url = links::technique(id);
        let label = self.words.look_technique;
        if let Some(url) = url {
            pieces.extend([Piece::own(self.words.comma), Piece::Link { label, url }]);
        }
        Some(Line::Item(pieces))
    }
}

#[cfg(test)]
mod tests {
    use clusters::fingerprint::ClusterId;
    use clusters::transition::SensitiveCall;
    use records::time::Timestamp;

    use super::*;
    use crate::alert::Alert;
    use crate::message::Message;

    /// Returns the message about a call that is no longer stored.
    fn message(call: &str, details: Option<serde_json::Value>) -> Message {
        let (service, action) = call.split_once(':').unwrap();
        let call = SensitiveCall {
            service: service.to_owned(),
            action: action.to_owned(),
            caller: details
                .as_ref()
                .map(|_| "arn:aws:iam::111122223333:role/ops".to_owned()),
            details: details.and_then(|details| CallDetails::decode(&details.to_string())),
            count: 3,
        };
        let id = ClusterId::from_bytes([7; 16]);
        let alert = Alert::of_call(&call, "111122223333", id, None, Timestamp::FIRST);
        Message::of_account(alert, Vec::new(), None)
    }

    fn texts(language: Language) -> Texts {
        Texts {
            locale: language.into(),
            ..Texts::default()
        }
    }

    #[test]
    fn a_trail_that_records_less_is_named_with_what_it_no_longer_records() {
        let details = serde_json::json!({
            "watch": "cloudtrail-change-to-less",
            "tier": "condition",
            "strong": true,
            "technique": "T1685.002",
            "target": "main",
            "parameters": {"trail": "main", "changed": "management events off, bucket mallorys-logs"},
        });
        let message = message("cloudtrail:PutEventSelectors", Some(details));
        assert_eq!(
            texts(Language::En).title(&message),
            "[Sensitive call] AWS 111122223333: cloudtrail:PutEventSelectors by role/ops on trail main: \
             changed management events off, bucket mallorys-logs (3 calls)"
        );
        assert_eq!(
            texts(Language::Zh).title(&message),
            "[敏感操作] AWS 111122223333：cloudtrail:PutEventSelectors，调用者 role/ops，对象为跟踪 main：\
             变更为不再记录管理事件, bucket mallorys-logs（3 次）"
        );
        let plain = texts(Language::Zh).plain(&message);
        for said in [
            "变更为：不再记录管理事件, bucket mallorys-logs",
            "关注原因：",
            "权重：高风险",
            "T1685.002，技术说明: https://attack.mitre.org/techniques/T1685/002/",
            "role/ops 更改了跟踪 main 的记录内容或投递位置",
        ] {
            assert!(plain.contains(said), "{said}: {plain}");
        }
    }

    #[test]
    fn the_first_call_of_a_caller_says_that_later_ones_are_summed_up() {
        let details = serde_json::json!({
            "watch": "lambda-update-code",
            "tier": "first",
            "target": "shop",
            "parameters": {"function": "shop"},
        });
        let plain = texts(Language::En).plain(&message("lambda:UpdateFunctionCode", Some(details)));
        for said in [
            "Weight: weak;",
            "It is the first such call of this caller.",
            "by role/ops on function shop.",
        ] {
            assert!(plain.contains(said), "{said}: {plain}");
        }
    }

    #[test]
    fn a_watch_of_the_user_is_shown_as_it_was_written() {
        let details = serde_json::json!({
            "watch": "our-own",
            "tier": "always",
            "target": "db <1>",
            "parameters": {"ticketNumber": "OPS-7 @all"},
            "why": "The queries of this database are <b>secret</b>.",
        });
        let message = message("athena:StartQueryExecution", Some(details));
        assert_eq!(
            texts(Language::En).title(&message),
            "[Sensitive call] AWS 111122223333: athena:StartQueryExecution by role/ops on db__1_: \
             ticketNumber OPS-7__all (3 calls)"
        );
        let markdown = texts(Language::En).markdown(&message);
        for said in [
            "- `ticketNumber`: `OPS-7 @all`\n",
            "- Why it is watched: `The queries of this database are <b>secret</b>.`\n",
        ] {
            assert!(markdown.contains(said), "{said}: {markdown}");
        }
    }

    #[test]
    fn calls_beyond_the_limit_have_no_details() {
        let message = message("iam:*", None);
        let plain = texts(Language::En).plain(&message);
        assert!(
            plain.contains("more different sensitive calls within an hour"),
            "{plain}"
        );
        assert!(plain.contains("counted together: iam:*."), "{plain}");
        let title = texts(Language::En).title(&message);
        assert!(
            title.starts_with("[Sensitive call] AWS 111122223333: iam:* (3"),
            "{title}"
        );
    }

    #[test]
    fn the_reasons_of_the_table_are_safe_in_markdown() {
        for watch in Watches::default().all() {
            let chinese = watch.why_chinese.as_deref().unwrap_or_default();
            for why in [watch.why.as_str(), chinese] {
                assert!(!why.contains(['*', '_', '`', '<', '[', '|', '#']), "{why}");
            }
        }
    }
}
