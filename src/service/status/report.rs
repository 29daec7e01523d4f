//! Makes rows of the facts about a stack: what was found, how bad it is, and what to do.

use std::collections::BTreeMap;

use alerts::locale::{Language, Locale};
use alerts::outbox::Breaker;
use alerts::severity::Severity;
use alerts::terms;
use clusters::fingerprint::VERSION;
use clusters::report::SOURCE_LAG;
use records::redact::sanitize;
use records::time::Timestamp;
use view::status::{RowState, StatusReport, StatusRow};

use super::{Fact, LastInspection, ROLES, SinkFacts, StatusFacts, function, setting};
use crate::inspect::run::over;
use crate::ports::{Alarm, Beginning, DELAY_HOURS, Delays, DeployedFunction, ListedObject};

/// How long a problem that is over is worth a look, in seconds.
const RECENT_SECONDS: i64 = 86_400;

/// From which delay on records come too late, in seconds; that of the alarm `event-age`.
const OWN_SECONDS_MAX: i64 = 900;

/// From which delay on CloudTrail is slower than usual, in seconds. It mostly needs five minutes.
const SOURCE_SECONDS_USUAL: i64 = 1800;

/// From which age on a waiting alert is too late, in seconds; that of the alarm `oldest-alert`.
const ALERT_SECONDS_MAX: i64 = 900;

/// From which age on a failed invocation should have been processed again, in seconds: two inspections.
const REDRIVE_SECONDS_MAX: i64 = 3 * 3600;

/// After how many hours without an inspection something is wrong, unless the stack says otherwise.
const INSPECTION_HOURS: i64 = 2;

/// The highest number of names in one row.
const NAMES_MAX: usize = 4;

/// The longest part of a sink's answer that is shown, in characters.
const ANSWER_CHARS_MAX: usize = 120;

alerts::words! {
    /// The words of the rows.
    struct Words {
        healthy: "{stack} is healthy.", "{stack} 运行正常。";
        look: "{stack} works, with warnings in {count} of {all} rows.", "{stack} 可用；{all} 项中有 {count} 项需要留意。";
        unhealthy: "{stack} is not healthy: {count} of {all} rows are bad or unknown.", "{stack} 不正常：{all} 项中有 {count} 项异常或未知。";
        unread: "cannot be read: {why}", "无法读取：{why}";
        doctor: "Find the broken link: cloudtrail-inspector doctor --stack {stack}", "查找断开的环节：cloudtrail-inspector doctor --stack {stack}";
        inspection: "Last inspection", "最近巡检";
        inspected: "{ago}, {hours} h not inspected yet", "{ago}，待检查 {hours} 小时";
        not_inspected: "none yet", "尚未运行";
        switched_off: "{last}; switched off by InspectionSchedule=off", "{last}；已由 InspectionSchedule=off 停用";
        switch_on: "No cluster recovers until InspectionSchedule is a schedule again: sam deploy --guided", "InspectionSchedule 重新设为计划之前，聚类不会恢复：sam deploy --guided";
        inspect: "Run it now: aws lambda invoke --function-name {stack}-inspect --payload '{}' --cli-binary-format raw-in-base64-out /dev/stdout", "立即运行：aws lambda invoke --function-name {stack}-inspect --payload '{}' --cli-binary-format raw-in-base64-out /dev/stdout";
        records: "Records", "记录";
        delays: "delay of CloudTrail {source}, delay of the function {own}", "CloudTrail 延迟 {source}，函数延迟 {own}";
        no_value: "no value", "无数据";
        no_records: "none measured in the last {hours} hours", "最近 {hours} 小时无记录";
        not_measured: "not measured, because the stack has no dashboard", "未测量，因为本部署没有仪表板";
        slow_source: "CloudTrail is slow: nothing is lost, and nothing needs to be done", "CloudTrail 较慢；不会丢失记录，无需处理";
        slow_own: "Raise ReservedConcurrency or MaxWriteRequestUnits: docs/runbook.md#event-age", "请调大 ReservedConcurrency 或 MaxWriteRequestUnits：docs/runbook.md#event-age";
        alerts_to: "Alerts to {sink}", "发往 {sink} 的告警";
        alerts: "Alerts", "告警";
        no_sinks: "not sent: the stack has no sink", "不发送，因为本部署没有接收方";
        no_sinks_advice: "Set Topic, EventBusName or GuanceRoute in sam deploy --guided", "请在 sam deploy --guided 中设置 Topic、EventBusName 或 GuanceRoute";
        waiting: "{count} waiting", "{count} 条等待";
        since: "the oldest for {age}", "最久 {age}";
        dead: "{count} given up", "{count} 条已放弃";
        answered: "last answer: {why}", "最近应答：{why}";
        misconfigured: "Correct the setting, secret or permission: docs/runbook.md#misconfigured", "请修正设置、机密或权限：docs/runbook.md#misconfigured";
        failing: "Alerts wait until the sink answers again: docs/runbook.md#oldest-alert", "接收方恢复前告警会排队等待：docs/runbook.md#oldest-alert";
        dead_advice: "Read the reason: docs/runbook.md#alerts-dead", "查看原因：docs/runbook.md#alerts-dead";
        quarantine: "Unreadable records", "无法读取的记录";
        failed: "Failed invocations", "失败的调用";
        no_objects: "none", "无";
        objects: "{count}, the newest {ago}", "{count} 个，最新 {ago}";
        quarantine_advice: "The newest object under quarantine/ has the reason: docs/runbook.md#payloads-quarantined", "原因见 quarantine/ 下最新对象：docs/runbook.md#payloads-quarantined";
        redrive: "Show the reason: cloudtrail-inspector redrive --stack {stack} --dry-run", "查看原因：cloudtrail-inspector redrive --stack {stack} --dry-run";
        next_inspection: "The next inspection processes them", "下次巡检会处理";
        late: "Hours with late events", "有迟到事件的小时";
        late_some: "{count}, the next inspection covers them again", "{count}，下次巡检会重新检查";
        alarms: "Alarms", "警报";
        no_alarms: "the stack has none", "本部署没有警报";
        no_alarms_advice: "Set Alarms and AlarmTopic in sam deploy --guided", "请在 sam deploy --guided 中设置 Alarms 与 AlarmTopic";
        alarms_off: "none of {count} is on", "{count} 个均未触发";
        alarms_on: "{count} of {all} are on: {names}", "{all} 个中触发 {count} 个：{names}";
        alarms_advice: "Each alarm has a section in docs/runbook.md", "各警报的说明见 docs/runbook.md";
        more: "and {count} others", "等另外 {count} 个";
        clusters: "Open clusters", "未恢复的聚类";
        incidents: "Open incidents", "进行中的安全事件";
        learning: "Learning period", "学习期";
        no_event: "no event has come yet", "尚无事件";
        learning_until: "until {moment}; no alerts about new errors before", "至 {moment}；在此之前不告警新错误";
        learned: "over, first event {ago}", "已结束，首个事件在 {ago}";
        versions: "Versions", "版本";
        same: "functions {version}, this program {program}, identity {identity}", "函数 {version}，本程序 {program}，身份规则 {identity}";
        different: "{versions}, this program {program}, identity {identity}", "{versions}，本程序 {program}，身份规则 {identity}";
        no_version: "of an unknown version", "版本未知";
        deploy: "Deploy all functions from one version: sam build && sam deploy", "请用同一版本部署所有函数：sam build && sam deploy";
        other_program: "Use one version of both: deploy this one, or install the one of the stack", "请使用同一版本：部署此版本，或安装本部署的版本";
        function: "Function {role}", "函数 {role}";
        broken_function: "{state}, last update {update}: {reason}", "{state}，最近更新 {update}：{reason}";
        missing_function: "does not exist", "不存在";
    }
}

/// Judges the facts about a stack, and says it in the language and time zone of a reader.
pub fn report(facts: &StatusFacts, locale: Locale) -> StatusReport {
    let judge = Judge {
        facts,
        locale,
        words: Words::of(locale.language),
    };
    let mut rows = vec![judge.inspection(), judge.records()];
    rows.extend(judge.sinks());
    rows.extend([judge.quarantine(), judge.failed()]);
    rows.extend([judge.late(), judge.alarms()]);
    rows.extend([judge.clusters(), judge.incidents()]);
    rows.extend(judge.learning());
    rows.extend(judge.broken_functions());
    rows.push(judge.versions());
    StatusReport {
        stack: sanitize(&facts.stack, 128),
        summary: judge.summary(&rows),
        rows,
    }
}

/// The facts, and how they are said.
struct Judge<'a> {
    facts: &'a StatusFacts,
    locale: Locale,
    words: &'static Words,
}

/// What is said about one fact.
type Verdict = (RowState, String, String);

fn ok(value: String) -> Verdict {
    (RowState::Ok, value, String::new())
}

impl Judge<'_> {
    fn summary(&self, rows: &[StatusRow]) -> String {
        let count = |state| rows.iter().filter(|row| row.state == state).count();
        let failed = count(RowState::Bad) + count(RowState::Unknown);
        let (text, count) = match (failed, count(RowState::Warn)) {
            (0, 0) => (self.words.healthy, 0),
            (0, look) => (self.words.look, look),
            _ => (self.words.unhealthy, failed),
        };
        let text = text.replace("{count}", &count.to_string());
        let text = text.replace("{all}", &rows.len().to_string());
        self.named(&text)
    }

    fn named(&self, text: &str) -> String {
        text.replace("{stack}", &sanitize(&self.facts.stack, 128))
    }

    fn row(&self, key: &str, name: &str, (state, value, advice): Verdict) -> StatusRow {
        StatusRow {
            key: key.to_owned(),
            name: name.to_owned(),
            value: sanitize(&value, 400),
            state,
            advice: sanitize(&self.named(&advice), 400),
        }
    }

    /// Returns a row about a fact. One that could not be read is unknown.
    fn judged<T>(
        &self,
        (key, name): (&str, &str),
        fact: &Fact<T>,
        judge: impl FnOnce(&T) -> Verdict,
    ) -> StatusRow {
        let verdict = match fact {
            Ok(known) => judge(known),
            Err(why) => (
                RowState::Unknown,
                self.words.unread.replace("{why}", why),
                self.words.doctor.to_owned(),
            ),
        };
        self.row(key, name, verdict)
    }

    fn ago(&self, at: Timestamp) -> String {
        self.locale.ago(self.age(at))
    }

    /// Returns the number of seconds since a moment, 0 for one to come.
    fn age(&self, at: Timestamp) -> i64 {
        self.facts.now.seconds_since(at).max(0)
    }

    fn inspection(&self) -> StatusRow {
        let words = self.words;
        let hours = self.setting("inspect", "INSPECTION_ALARM_HOURS");
        let limit = hours.and_then(|text| text.parse().ok());
        let limit: i64 = limit.unwrap_or(INSPECTION_HOURS);
        let name = ("inspection", words.inspection);
        self.judged(name, &self.facts.inspection, |last| {
            let is_off = limit == 0;
            let Some(LastInspection { at, until, .. }) = last else {
                if is_off {
                    return self.switched_off(words.not_inspected);
                }
                let began = self.facts.beginning.as_ref().ok().and_then(|of| of.began);
                let is_late = began.is_some_and(|began| self.age(began) > limit * 3600);
                let state = if is_late {
                    RowState::Bad
                } else {
                    RowState::Warn
                };
                return (
                    state,
                    words.not_inspected.to_owned(),
                    words.inspect.to_owned(),
                );
            };
            let left = (over(self.facts.now).hours() - until.hours()).max(0);
            let value = words.inspected.replace("{ago}", &self.ago(*at));
            let value = value.replace("{hours}", &left.to_string());
            if is_off {
                return self.switched_off(&value);
            }
            match (self.age(*at) > limit * 3600, left > limit) {
                (true, _) => (RowState::Bad, value, words.doctor.to_owned()),
                (false, true) => (RowState::Warn, value, words.inspect.to_owned()),
                (false, false) => ok(value),
            }
        })
    }

    /// Returns the verdict about inspections that a parameter switched off. `last` says what is known of the last one.
    fn switched_off(&self, last: &str) -> Verdict {
        let value = self.words.switched_off.replace("{last}", last);
        (RowState::Warn, value, self.words.switch_on.to_owned())
    }

    fn setting(&self, role: &str, name: &str) -> Option<&str> {
        setting(self.facts.functions.as_ref().ok()?, role, name)
    }

    fn records(&self) -> StatusRow {
        let words = self.words;
        let metrics = self.setting("ingest", "METRICS");
        let is_measured = metrics.is_none_or(|of| of.contains(SOURCE_LAG));
        self.judged(("records", words.records), &self.facts.delays, |delays| {
            let Delays {
                source_seconds,
                own_seconds,
            } = *delays;
            let said = |seconds: Option<i64>| match seconds {
                Some(seconds) => self.locale.duration(seconds),
                None => words.no_value.to_owned(),
            };
            let value = words.delays.replace("{source}", &said(source_seconds));
            let value = value.replace("{own}", &said(own_seconds));
            match (source_seconds, own_seconds) {
                (_, Some(own)) if own > OWN_SECONDS_MAX => {
                    (RowState::Bad, value, words.slow_own.to_owned())
                }
                (Some(source), _) if source > SOURCE_SECONDS_USUAL => {
                    (RowState::Warn, value, words.slow_source.to_owned())
                }
                (None, None) if !is_measured => ok(words.not_measured.to_owned()),
                (None, None) => {
                    let hours = DELAY_HOURS.to_string();
                    let value = words.no_records.replace("{hours}", &hours);
                    (RowState::Warn, value, words.doctor.to_owned())
                }
                _ => ok(value),
            }
        })
    }

    fn sinks(&self) -> Vec<StatusRow> {
        let words = self.words;
        match &self.facts.sinks {
            Err(_) => {
                vec![
                    self.judged(("sinks", words.alerts), &self.facts.sinks, |_| {
                        ok(String::new())
                    }),
                ]
            }
            Ok(sinks) if sinks.is_empty() => {
                let advice = words.no_sinks_advice.to_owned();
                let verdict = (RowState::Warn, words.no_sinks.to_owned(), advice);
                vec![self.row("sinks", words.alerts, verdict)]
            }
            Ok(sinks) => sinks.iter().map(|sink| self.sink(sink)).collect(),
        }
    }

    fn sink(&self, sink: &SinkFacts) -> StatusRow {
        let words = self.words;
        let name = words.alerts_to.replace("{sink}", &sink_name(&sink.name));
        let key = format!("sink:{}", sink.name);
        let of = |(waiting, breaker): &((usize, Option<Timestamp>), &Breaker),
                  dead: &[Timestamp]| {
            let (count, oldest) = waiting;
            let mut parts = vec![words.waiting.replace("{count}", &count.to_string())];
            parts.extend(oldest.map(|at| {
                let age = self.locale.duration(self.age(at));
                words.since.replace("{age}", &age)
            }));
            if !dead.is_empty() {
                parts.push(words.dead.replace("{count}", &dead.len().to_string()));
            }
            if !breaker.why.is_empty() {
                let why = sanitize(&breaker.why, ANSWER_CHARS_MAX);
                parts.push(words.answered.replace("{why}", &why));
            }
            let value = parts.join(self.locale.language.pick(", ", "，"));
            let is_late = oldest.is_some_and(|at| self.age(at) > ALERT_SECONDS_MAX);
            let is_recent = |at: &Timestamp| self.age(*at) <= RECENT_SECONDS;
            let has_failed = breaker.failures > 0 || breaker.open_until.is_some();
            let (state, advice) = if breaker.is_misconfigured {
                (RowState::Bad, words.misconfigured)
            } else if is_late {
                (RowState::Bad, words.failing)
            } else if has_failed {
                (RowState::Warn, words.failing)
            } else if dead.last().is_some_and(is_recent) {
                (RowState::Warn, words.dead_advice)
            } else {
                (RowState::Ok, "")
            };
            (state, value, advice.to_owned())
        };
        let all = match (&sink.waiting, &sink.breaker, &sink.dead) {
            (Ok(waiting), Ok(breaker), Ok(dead)) => Ok(((*waiting, breaker), dead)),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => Err(why.clone()),
        };
        self.judged((&key, &name), &all, |(of_sink, dead)| of(of_sink, dead))
    }

    fn quarantine(&self) -> StatusRow {
        let name = ("quarantine", self.words.quarantine);
        self.judged(name, &self.facts.quarantine, |objects| {
            let newest = objects.iter().filter_map(|of| of.modified).max();
            let is_recent = newest.is_some_and(|at| self.age(at) <= RECENT_SECONDS);
            let (state, advice) = match is_recent {
                true => (RowState::Warn, self.words.quarantine_advice),
                false => (RowState::Ok, ""),
            };
            (state, self.objects(objects), advice.to_owned())
        })
    }

    fn failed(&self) -> StatusRow {
        let name = ("failed", self.words.failed);
        self.judged(name, &self.facts.failed, |objects| {
            let oldest = objects.iter().filter_map(|of| of.modified).min();
            let (state, advice) = match oldest.map(|at| self.age(at) > REDRIVE_SECONDS_MAX) {
                None => (RowState::Ok, ""),
                Some(true) => (RowState::Bad, self.words.redrive),
                Some(false) => (RowState::Warn, self.words.next_inspection),
            };
            (state, self.objects(objects), advice.to_owned())
        })
    }

    fn objects(&self, objects: &[ListedObject]) -> String {
        let newest = objects.iter().filter_map(|of| of.modified).max();
        let Some(newest) = newest else {
            return self.words.no_objects.to_owned();
        };
        let count = objects.len().to_string();
        let text = self.words.objects.replace("{count}", &count);
        text.replace("{ago}", &self.ago(newest))
    }

    fn late(&self) -> StatusRow {
        let words = self.words;
        self.judged(("late", words.late), &self.facts.late_hours, |hours| {
            ok(match hours {
                0 => words.no_objects.to_owned(),
                hours => words.late_some.replace("{count}", &hours.to_string()),
            })
        })
    }

    fn alarms(&self) -> StatusRow {
        let words = self.words;
        self.judged(("alarms", words.alarms), &self.facts.alarms, |alarms| {
            if alarms.is_empty() {
                let advice = words.no_alarms_advice.to_owned();
                return (RowState::Warn, words.no_alarms.to_owned(), advice);
            }
            let prefix = format!("{}-", self.facts.stack);
            let short = |alarm: &Alarm| {
                let name = alarm.name.strip_prefix(&prefix);
                name.unwrap_or(&alarm.name).to_owned()
            };
            let on: Vec<String> = alarms.iter().filter(|of| of.is_on).map(short).collect();
            let all = alarms.len().to_string();
            if on.is_empty() {
                return ok(words.alarms_off.replace("{count}", &all));
            }
            // Alarms about errors in the accounts are no fault of the stack.
            let is_own = |name: &String| !name.starts_with("many-errors");
            let state = match on.iter().any(is_own) {
                true => RowState::Bad,
                false => RowState::Warn,
            };
            let value = words.alarms_on.replace("{count}", &on.len().to_string());
            let value = value.replace("{all}", &all);
            let value = value.replace("{names}", &self.names(&on));
            (state, value, words.alarms_advice.to_owned())
        })
    }

    /// Returns the first few names, and the number of the others.
    fn names(&self, names: &[String]) -> String {
        let comma = self.locale.language.pick(", ", "、");
        let text = names[..names.len().min(NAMES_MAX)].join(comma);
        match names.len().saturating_sub(NAMES_MAX) {
            0 => text,
            more => {
                let more = self.words.more.replace("{count}", &more.to_string());
                format!("{text} {more}")
            }
        }
    }

    fn clusters(&self) -> StatusRow {
        let name = ("clusters", self.words.clusters);
        self.judged(name, &self.facts.inspection, |last| {
            let open = last.as_ref().map_or(&[][..], |of| &of.open);
            ok(self.severities(open))
        })
    }

    fn incidents(&self) -> StatusRow {
        let name = ("incidents", self.words.incidents);
        self.judged(
            name,
            &self.facts.incidents,
            |open| ok(self.severities(open)),
        )
    }

    /// Returns how many have which severity, the highest first.
    fn severities(&self, all: &[Severity]) -> String {
        if all.is_empty() {
            return self.words.no_objects.to_owned();
        }
        let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
        for severity in all {
            *counts.entry(*severity).or_default() += 1;
        }
        let language = self.locale.language;
        let said = counts.iter().rev().map(|(severity, count)| {
            let word = match language {
                Language::En => severity.name(),
                Language::Zh => terms::severity(*severity, language),
            };
            format!("{count} {word}")
        });
        let said: Vec<String> = said.collect();
        said.join(language.pick(", ", "，"))
    }

    /// Returns the row about the learning period; `None` if the stack sends no alerts, so that it has none.
    fn learning(&self) -> Option<StatusRow> {
        let words = self.words;
        if self.facts.sinks.as_ref().is_ok_and(Vec::is_empty) {
            return None;
        }
        let hours = self.setting("ingest", "LEARN_HOURS");
        let hours: i64 = hours.and_then(|text| text.parse().ok()).unwrap_or(24);
        let name = ("learning", words.learning);
        Some(self.judged(name, &self.facts.beginning, |beginning| {
            let Beginning { began, .. } = beginning;
            let Some(began) = began else {
                let advice = words.doctor.to_owned();
                return (RowState::Warn, words.no_event.to_owned(), advice);
            };
            let until = began.plus(hours * 3600);
            ok(match until > self.facts.now {
                true => {
                    let moment = self.locale.moment(until);
                    words.learning_until.replace("{moment}", &moment)
                }
                false => words.learned.replace("{ago}", &self.ago(*began)),
            })
        }))
    }

    /// Returns a row for each function that cannot run, and for one that should exist and does not.
    fn broken_functions(&self) -> Vec<StatusRow> {
        let words = self.words;
        let Ok(functions) = &self.facts.functions else {
            return Vec::new();
        };
        let row = |role: &str, verdict| {
            let name = words.function.replace("{role}", role);
            self.row(&format!("function:{role}"), &name, verdict)
        };
        let mut rows = Vec::new();
        let sends = self.facts.sinks.as_ref().is_ok_and(|of| !of.is_empty());
        for role in ROLES {
            let is_needed = matches!(role, "ingest" | "inspect") || role == "deliver" && sends;
            match function(functions, role) {
                Some(found) if is_broken(found) => {
                    let value = words.broken_function.replace("{state}", &found.state);
                    let value = value.replace("{update}", &found.last_update);
                    let value = value.replace("{reason}", &found.reason);
                    rows.push(row(role, (RowState::Bad, value, words.doctor.to_owned())));
                }
                None if is_needed => {
                    let value = words.missing_function.to_owned();
                    rows.push(row(role, (RowState::Bad, value, words.doctor.to_owned())));
                }
                _ => {}
            }
        }
        rows
    }

    fn versions(&self) -> StatusRow {
        let words = self.words;
        let name = ("versions", words.versions);
        self.judged(name, &self.facts.functions, |functions| {
            let version = |of: &DeployedFunction| {
                let found = of.settings.get("PROGRAM_VERSION");
                found.map_or(words.no_version, String::as_str).to_owned()
            };
            let mut by_version: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for role in ROLES {
                if let Some(found) = function(functions, role) {
                    by_version.entry(version(found)).or_default().push(role);
                }
            }
            let identity = self.facts.beginning.as_ref().ok();
            let identity = identity.and_then(|of| of.identity.as_deref());
            let identity = identity.unwrap_or(VERSION);
            let filled = |text: &str| {
                let text = text.replace("{program}", self.facts.program);
                text.replace("{identity}", identity)
            };
            let said = |(version, roles): (&String, &Vec<&str>)| {
                let roles = roles.join(self.locale.language.pick(", ", "、"));
                format!("{roles} {version}")
            };
            let versions: Vec<&String> = by_version.keys().collect();
            match versions[..] {
                [version] => {
                    let value = filled(&words.same.replace("{version}", version));
                    match version == self.facts.program {
                        true => ok(value),
                        false => (RowState::Warn, value, words.other_program.to_owned()),
                    }
                }
                _ => {
                    let said: Vec<String> = by_version.iter().map(said).collect();
                    let said = said.join(self.locale.language.pick("; ", "；"));
                    let value = filled(&words.different.replace("{versions}", &said));
                    (RowState::Warn, value, words.deploy.to_owned())
                }
            }
        })
    }
}

/// Checks whether Lambda cannot run a function.
pub fn is_broken(function: &DeployedFunction) -> bool {
    // An inactive function starts with the next call.
    function.state == "Failed" || function.last_update == "Failed"
}

/// Returns the name of a sink as people write it.
fn sink_name(sink: &str) -> String {
    match sink {
        "guance" => "Guance",
        "sns" => "SNS",
        "eventbridge" => "EventBridge",
        other => other,
    }
    .to_owned()
}
