//! The story of an incident as HTML, in parts that the report and the dashboard share: who acted, the steps in their order,
//! what stays behind, what to do, and the evidence.

use alerts::incident_advice::{AdviceItem, AdviceStep, advice};
use alerts::incident_words;
use alerts::links;
use alerts::locale::Locale;
use alerts::words;
use clusters::incident::evidence::{Evidence, OPENS_AT};
use clusters::incident::ledger::{Ledger, Made, WasOpen, WayIn};
use clusters::incident::step::Step;
use clusters::incident::{Incident, Member};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;

use super::incident::{call, object, opened, outcome, tactic, way_in, who};
use super::{fill, more, number, plural};

/// The maximum number of rows of a table, and of objects in a list.
const ROWS_MAX: usize = 60;

/// The maximum number of values in a cell.
const VALUES_MAX: usize = 5;

words! {
    /// The words for the story of an incident.
    struct StoryWords {
        who: "Who", "身份";
        proof: "Proof", "依据";
        events: "Events", "事件数";
        the_actor: "the actor", "操作者本身";
        first: "First", "首次";
        tactic: "Tactic", "战术";
        call: "Call", "调用";
        outcome: "Outcome", "结果";
        calls: "Calls", "次数";
        targets: "Targets", "对象";
        strong: "strong", "高风险";
        and_more: " and {count} more", "，另有 {count} 个";
        comma: ", ", "、";
        nothing: "Nothing that is known.", "据已知信息，没有遗留。";
        stands: "Stands", "仍存在";
        made: "Made; removals are not seen with this coverage", "已创建；当前覆盖范围看不到移除操作";
        was_open: "Was open for a time, and is gone", "曾开放一段时间，现已关闭";
        ways_in: "Ways in that the actor had", "操作者拥有的进入途径";
        in_region: " in {region}", "，区域 {region}";
        by: "{at} by {call}", "{at}，操作 {call}";
        ended_by: "from {at}, ended by {call}", "自 {at}，由 {call} 关闭";
        last_used: "last used {at}", "最近使用 {at}";
        hour: "The hour from {at}: {score} points", "自 {at} 起一小时：合计 {score} 分";
        evidence: "Evidence", "判断依据";
        count: "Number", "数量";
        points: "Points", "分值";
        one_point: "1 point", "1 分";
        many_points: "{count} points", "{count} 分";
        alone: ", enough alone", "（单独即可判定）";
        rule: "An incident opens when the points of an hour reach {points}, or when one kind of evidence is enough alone.",
            "一小时内分值合计达到 {points} 分，或某一种依据单独即可判定时，判定为安全事件。";
        addresses: "Addresses", "地址";
        programs: "Programs", "程序";
        regions: "Regions", "区域";
    }
}

/// Returns a moment to the second, such as `2026-11-02 08:03:07`.
fn moment(at: Timestamp, locale: Locale) -> Markup {
    html! { time datetime=(at) { (locale.second(at)) } }
}

fn head(columns: &[(&str, &str)]) -> Markup {
    html! { thead { tr { @for (class, title) in columns { th.(class) scope="col" { (title) } } } } }
}

/// Returns the table of the identities with which the actor called, each with the proof that it is one of the actor.
pub fn members(incident: &Incident, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let row = |member: &Member| {
        html! {
            tr {
                th scope="row" { bdi { (who(&member.identity, locale.language)) } }
                td {
                    @match member.link {
                        Some(link) => {
                            (incident_words::proof(link.kind, locale.language)) " " (moment(link.at, locale))
                        }
                        None => (words.the_actor),
                    }
                }
                td.n { (number(member.events)) }
            }
        }
    };
    html! {
        table.stacked {
            (head(&[("who", words.who), ("why", words.proof), ("n", words.events)]))
            tbody { @for member in incident.members.iter().take(ROWS_MAX) { (row(member)) } }
        }
        (more(incident.members_count, incident.members.len().min(ROWS_MAX), locale.language))
    }
}

/// Returns the table of the steps in their order.
pub fn steps(incident: &Incident, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let first = format!("{} ({})", words.first, locale.zone_name());
    html! {
        table.stacked.steps {
            (head(&[
                ("first", &first), ("tactic", words.tactic), ("what", words.call), ("ended", words.outcome),
                ("n", words.calls), ("target", words.targets),
            ]))
            tbody { @for step in incident.steps.iter().take(ROWS_MAX) { (step_row(step, locale)) } }
        }
        (more(incident.steps_count, incident.steps.len().min(ROWS_MAX), locale.language))
    }
}

fn step_row(step: &Step, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let key = &step.key;
    let id = key.technique.as_deref().unwrap_or_default();
    html! {
        tr {
            td.first { (moment(step.first, locale)) }
            td.tactic {
                @if let Some(of) = key.tactic { (tactic(of, locale.language)) " " }
                @match links::technique(id) {
                    Some(address) => { a href=(address) { bdi { (id) } } }
                    None => { bdi { (sanitize(id, 16)) } }
                }
            }
            th.what scope="row" {
                bdi.call { (call(step)) } @if step.is_strong { " " strong { (words.strong) } }
            }
            td.ended { (outcome(key.outcome, locale.language)) }
            td.n { (number(step.count)) }
            td.target { (values(step.targets.iter(), words)) }
        }
    }
}

/// Returns the first values of a list, and the number of the others.
fn values<'v>(values: impl ExactSizeIterator<Item = &'v String>, words: &StoryWords) -> Markup {
    let more = values.len().saturating_sub(VALUES_MAX);
    html! {
        @for (at, value) in values.take(VALUES_MAX).enumerate() {
            @if at > 0 { (words.comma) } bdi { (sanitize(value, 128)) }
        }
        @if more > 0 { (fill(words.and_more, &[("count", number(more as u64))])) }
    }
}

/// Returns what stays behind: three lists, of which those without an object are left out.
pub fn left_behind(ledger: &Ledger, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let is_empty =
        ledger.stands.is_empty() && ledger.was_open.is_empty() && ledger.ways_in.is_empty();
    let more = |count, shown: usize| more(count, shown.min(ROWS_MAX), locale.language);
    html! {
        @if is_empty { p { (words.nothing) } }
        @if !ledger.stands.is_empty() {
            h4 { @if ledger.removals_seen { (words.stands) } @else { (words.made) } }
            ul.objects { @for made in ledger.stands.iter().take(ROWS_MAX) { (made_object(made, locale)) } }
            (more(ledger.stands_count, ledger.stands.len()))
        }
        @if !ledger.was_open.is_empty() {
            h4 { (words.was_open) }
            ul.objects { @for of in ledger.was_open.iter().take(ROWS_MAX) { (open_object(of, locale)) } }
            (more(ledger.was_open_count, ledger.was_open.len()))
        }
        @if !ledger.ways_in.is_empty() {
            h4 { (words.ways_in) }
            ul.objects { @for way in &ledger.ways_in { (way_in_object(way, locale)) } }
        }
    }
}

fn made_object(made: &Made, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let by = html! { bdi.call { (sanitize(&made.by, 128)) } };
    html! {
        li {
            bdi { (object(made, locale.language)) }
            @if let Some(region) = &made.region {
                (fill(words.in_region, &[("region", html! { bdi { (sanitize(region, 64)) } })]))
            }
            " " span.times { (fill(words.by, &[("at", moment(made.at, locale)), ("call", by)])) }
        }
    }
}

fn open_object(of: &WasOpen, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let by = html! { bdi.call { (sanitize(&of.by, 128)) } };
    html! {
        li {
            bdi { (opened(of, locale)) }
            " " span.times { (fill(words.ended_by, &[("at", moment(of.from, locale)), ("call", by)])) }
        }
    }
}

fn way_in_object(way: &WayIn, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    html! {
        li {
            bdi { (way_in(way, locale.language)) } " "
            span.times { (fill(words.last_used, &[("at", moment(way.last, locale))])) }
        }
    }
}

/// Returns what to do about an incident, as a numbered list with the commands.
pub fn what_to_do(incident: &Incident, locale: Locale) -> Markup {
    let language = locale.language;
    let item = |item: &AdviceItem| {
        html! {
            li {
                (language.pick(item.what.english, item.what.chinese)) " " bdi { (sanitize(&item.name, 128)) }
                @for command in &item.commands { div { code.copy { (command) } } }
            }
        }
    };
    let step = |step: &AdviceStep| {
        let count = step.items.len();
        html! {
            li {
                bdi { (step.text(language)) }
                @if count > 0 { ul.objects { @for of in &step.items { (item(of)) } } }
                (more(count + step.more, count, language))
            }
        }
    };
    html! { ol.todo { @for of in &advice(incident) { (step(of)) } } }
}

/// Returns the evidence by hour.
pub fn evidence(incident: &Incident, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    html! {
        @for window in &incident.windows {
            h4 {
                (fill(words.hour, &[("at", moment(window.from, locale)), ("score", html! { (window.score) })]))
            }
            table.stacked.evidence {
                (head(&[("what", words.evidence), ("n", words.count), ("points", words.points)]))
                tbody { @for evidence in &window.evidence { (evidence_row(*evidence, locale)) } }
            }
        }
        p.note { (fill(words.rule, &[("points", html! { (OPENS_AT) })])) }
    }
}

fn evidence_row(evidence: Evidence, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let points = plural(evidence.weight.into(), words.one_point, words.many_points);
    html! {
        tr {
            th.what scope="row" {
                (incident_words::evidence(evidence.kind, evidence.items, locale.language))
            }
            td.n { (number(evidence.items as u64)) }
            td.points { (points) @if evidence.opens { (words.alone) } }
        }
    }
}

/// Returns where the calls came from, as rows of an HTML description list.
pub fn sources(incident: &Incident, locale: Locale) -> Markup {
    let words = StoryWords::of(locale.language);
    let sources = &incident.sources;
    html! {
        @for (name, all) in [
            (words.addresses, &sources.addresses), (words.programs, &sources.user_agents),
            (words.regions, &sources.regions),
        ] {
            @if !all.is_empty() { dt { (name) } dd { (values(all.iter(), words)) } }
        }
    }
}
