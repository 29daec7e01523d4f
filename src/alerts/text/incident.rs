//! Renders an incident for a person on call: who does what and whether it goes on, the steps in their order, what stays
//! behind, what to do now, and where to look.

use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::ledger::Standing;
use clusters::incident::step::Outcome;
use clusters::incident::technique::Tactic;
use clusters::short_name;
use clusters::summary::Excerpt;
use records::time::Timestamp;

use crate::facts::incident::{
    Growth, IncidentFacts, IncidentStage, MadeFacts, MemberFacts, OpenFacts, StepFacts, ToDoItem,
    WayInFacts,
};
use crate::hint::capitalized;
use crate::incident_words;
use crate::locale::Language;
use crate::message::Message;
use crate::safe::{readable, titled};
use crate::severity::Severity;
use crate::terms;
use crate::text::document::{Line, Piece, Pieces, Section, fill, joined};
use crate::text::words::Words;
use crate::text::{Texts, Writer, events, item, own};

/// The longest title, in characters, so that the screen of a locked phone shows it.
const TITLE_CHARS_MAX: usize = 100;

/// The fewest characters of an actor's name in a title.
const NAME_CHARS_MIN: usize = 12;

/// The longest target of a step, in characters.
const TARGET_CHARS_MAX: usize = 80;

/// The longest command, in characters.
const COMMAND_CHARS_MAX: usize = 400;

/// The largest number of shown keys. Those that last come first.
const KEYS_MAX: usize = 5;

/// The largest number of shown identities.
const MEMBERS_MAX: usize = 6;

impl Texts {
    /// Returns the title of a message about an incident: how severe it is, who does it, and what, in at most 100 characters.
    pub(super) fn titled_incident(&self, incident: &IncidentFacts, message: &Message) -> String {
        let words = Words::of(self.locale.language);
        let severity = terms::severity(message.level(), self.locale.language);
        let head = match incident.stage {
            IncidentStage::Opened => capitalized(severity),
            IncidentStage::Grew => words
                .title_grew
                .replace("{severity}", &capitalized(severity)),
            IncidentStage::Closed => words.title_over.to_owned(),
            IncidentStage::Merged => words.title_merged.to_owned(),
        };
        let account_id = message.alert.account_id();
        let account = match account_id {
            "" => String::new(),
            id => words.title_account.replace("{account}", &titled(id, 16)),
        };
        let steps = match incident.steps.total {
            0 | 1 => String::new(),
            count => words.title_steps.replace("{count}", &count.to_string()),
        };
        let did = incident_words::did(&incident.reason, self.locale.language).unwrap_or_default();
        let (form, tail) = match incident.stage {
            IncidentStage::Merged => (words.title_part, account),
            _ => (words.title_did, steps + &account),
        };
        let title = |actor: &str| {
            let said = form.replace("{actor}", actor.trim()).replace("{did}", did);
            format!("[{head}] {}{tail}", said.trim())
        };
        let others = title("").chars().count();
        let left = TITLE_CHARS_MAX.saturating_sub(others + 1);
        title(&self.titled_actor(incident, account_id, left.max(NAME_CHARS_MIN)))
    }

    /// Returns the actor in at most `chars_max` characters: of a person with a role, or of an identity provider, the person.
    fn titled_actor(&self, incident: &IncidentFacts, account_id: &str, chars_max: usize) -> String {
        let (name, person) = parts(incident.actor.kind, &incident.actor.name, account_id);
        let (form, shown) = match person {
            Some(person) => ("{name}", person),
            None => (
                incident_words::actor(incident.actor.kind, self.locale.language),
                name,
            ),
        };
        let of_form = |form: &str| form.replace("{name}", "").trim().chars().count() + 1;
        let is_short = of_form(form) + NAME_CHARS_MIN <= chars_max;
        // The name says more than the words around it.
        let form = if is_short { form } else { "{name}" };
        let left = chars_max.saturating_sub(of_form(form)).max(NAME_CHARS_MIN);
        form.replace("{name}", &titled(&readable(shown, left), left))
    }
}

/// Returns the name of an actor in short, and the person who uses a role or whom an identity provider names.
fn parts<'n>(kind: ActorKind, name: &'n str, account_id: &str) -> (&'n str, Option<&'n str>) {
    let (of, person) = match name.split_once(" as ") {
        Some((role, person)) if kind == ActorKind::Person => (role, Some(person)),
        // The name of a user alone does not say of which provider.
        Some((_, person)) if kind == ActorKind::ProviderUser => (name, Some(person)),
        _ => (name, None),
    };
    let short = match kind {
        ActorKind::Role | ActorKind::Person => {
            let short = short_name(of, account_id);
            short.strip_prefix("role/").unwrap_or(short)
        }
        _ => of,
    };
    (short, person)
}

impl Writer<'_> {
    /// Returns the sections of a message about an incident.
    pub(super) fn incident_sections(&self, incident: &IncidentFacts) -> Vec<Section> {
        let words = self.words;
        let section = |title, lines| Section { title, lines };
        let mut sections = vec![section(
            words.incident_what,
            self.incident_overview(incident),
        )];
        if incident.stage != IncidentStage::Merged {
            sections.push(section(words.incident_steps, self.steps(incident)));
            sections.push(section(words.incident_behind, self.ledger(incident)));
            if !incident.to_do.is_empty() {
                sections.push(section(words.incident_to_do, self.to_do(incident)));
            }
        }
        sections.push(section(
            words.incident_evidence,
            self.incident_evidence(incident),
        ));
        sections
    }

    /// Returns an actor, such as `user mila`.
    fn actor(&self, of: &Actor) -> Pieces {
        let form = incident_words::actor(of.kind, self.texts.locale.language);
        let (name, person) = parts(of.kind, &of.name, &of.account_id);
        let values = [
            ("name", vec![Piece::other(name)]),
            ("person", person.map(Piece::other).into_iter().collect()),
        ];
        fill(form, &values)
    }

    fn own_actor(&self, incident: &IncidentFacts) -> Pieces {
        self.actor(&Actor {
            account_id: self.message.alert.account_id().to_owned(),
            kind: incident.actor.kind,
            name: incident.actor.name.clone(),
        })
    }

    fn incident_overview(&self, incident: &IncidentFacts) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        let mut lines = vec![Line::Paragraph(self.incident_sentence(incident))];
        let severity = terms::severity(message.level(), self.texts.locale.language);
        let severity = vec![Piece::strong(severity)];
        lines.push(item(words.severity, &[("severity", severity)]));
        if incident.stage == IncidentStage::Merged {
            return lines;
        }
        lines.extend(incident.new.as_ref().and_then(|new| self.growth(new)));
        let lasted = incident.last.seconds_since(incident.began);
        let times = [
            ("from", self.time(incident.began)),
            ("last", self.time(incident.last)),
            ("lasted", self.lasted(lasted)),
            ("events", own(events(words, incident.events))),
        ];
        lines.push(match incident.stage {
            IncidentStage::Closed => item(words.incident_ended, &times),
            _ => item(words.incident_times, &times),
        });
        let steps = &incident.steps;
        let counts = [
            ("steps", vec![Piece::strong(steps.total)]),
            ("succeeded", vec![Piece::strong(steps.succeeded)]),
            ("refused", own(steps.refused)),
            ("not_found", own(steps.not_found)),
        ];
        lines.push(item(words.step_counts, &counts));
        let tactics = self.tactics(incident.tactics.iter().copied());
        lines.push(item(words.tactics, &[("tactics", tactics)]));
        let sources = &incident.sources;
        for (what, values) in [
            (words.networks, &sources.addresses),
            (words.agents, &sources.user_agents),
            (words.regions, &sources.regions),
        ] {
            lines.extend(self.sources(what, values));
        }
        lines.extend(self.members(incident));
        if incident.merged.total > 0 {
            let ids = incident.merged.shown.iter().map(|id| own(id.text()));
            let mut ids: Vec<Pieces> = ids.collect();
            ids.extend(self.more(incident.merged.total, ids.len()));
            let ids = joined(ids, words.comma);
            lines.push(item(words.merged, &[("incidents", ids)]));
        }
        if message.alert.is_late {
            lines.push(item(words.late, &[]));
        }
        lines.extend(self.zone());
        lines
    }

    /// Returns the first sentence: who does what, and whether it goes on.
    fn incident_sentence(&self, incident: &IncidentFacts) -> Pieces {
        let words = self.words;
        let sentence = match (incident.stage, incident.is_open) {
            (IncidentStage::Merged, _) => words.is_part,
            (IncidentStage::Closed, _) => words.is_over,
            (_, true) => words.goes_on,
            (_, false) => words.went_quiet,
        };
        let language = self.texts.locale.language;
        let what = match (incident_words::reason(&incident.reason, language), language) {
            (Some(reason), Language::En) => Piece::own(uncapitalized(reason)),
            (Some(reason), Language::Zh) => Piece::own(reason),
            (None, _) => Piece::other(&incident.reason),
        };
        let mut actor = self.own_actor(incident);
        if sentence.starts_with("{actor}") {
            capitalize(&mut actor);
        }
        let into = incident.merged_into.as_ref();
        let values = [
            ("actor", actor),
            ("account", self.account()),
            ("last", self.time(incident.last)),
            ("what", vec![what]),
            ("incident", into.map_or_else(Vec::new, |id| own(id.text()))),
        ];
        fill(sentence, &values)
    }

    /// Returns what is new since the alert before; `None` if nothing is.
    fn growth(&self, new: &Growth) -> Option<Line> {
        let words = self.words;
        let mut news = Vec::new();
        if new.steps > 0 {
            let count = vec![Piece::strong(new.steps)];
            news.push(fill(words.growth_steps, &[("count", count)]));
        }
        if !new.tactics.is_empty() {
            let tactics = self.tactics(new.tactics.iter().copied());
            news.push(fill(words.growth_tactics, &[("tactics", tactics)]));
        }
        let before = Severity::from(new.severity);
        if before < self.message.level() {
            let before = own(terms::severity(before, self.texts.locale.language));
            news.push(fill(words.growth_severity, &[("severity", before)]));
        }
        if news.is_empty() {
            return None;
        }
        let news = joined(news, words.semicolon);
        let values = [("since", self.time(new.since)), ("news", news)];
        Some(item(words.growth, &values))
    }

    fn tactics(&self, tactics: impl Iterator<Item = Tactic>) -> Pieces {
        let name = |tactic| own(incident_words::tactic(tactic, self.texts.locale.language));
        let names: Vec<Pieces> = tactics.map(name).collect();
        match names.is_empty() {
            true => own(self.words.no_tactic),
            false => joined(names, self.words.comma),
        }
    }

    fn sources(&self, what: &'static str, values: &Excerpt<String>) -> Option<Line> {
        let shown = values.shown.iter();
        let mut shown: Vec<Pieces> = shown.map(|value| vec![Piece::other(value)]).collect();
        if shown.is_empty() {
            return None;
        }
        shown.extend(self.more(values.total, shown.len()));
        let values = joined(shown, self.words.comma);
        Some(item(
            self.words.by,
            &[("what", own(what)), ("values", values)],
        ))
    }

    /// Returns a line for each identity that belongs to the actor, with the proof.
    fn members(&self, incident: &IncidentFacts) -> Vec<Line> {
        let words = self.words;
        let is_other = |of: &&MemberFacts| of.link.is_some();
        let others = incident.members.shown.iter().filter(is_other);
        let line = |of: &MemberFacts| {
            let member = self.actor(&Actor {
                account_id: self.message.alert.account_id().to_owned(),
                kind: of.kind,
                name: of.name.clone(),
            });
            let proof = of
                .link
                .map(|link| incident_words::proof(link, self.texts.locale.language));
            let at = of.linked.unwrap_or(of.first);
            let values = [
                ("member", member),
                ("proof", own(proof.unwrap_or_default())),
                ("at", own(self.moment(incident, at))),
                ("events", own(events(words, of.events))),
            ];
            item(words.acts_as, &values)
        };
        let mut lines: Vec<Line> = others.take(MEMBERS_MAX).map(line).collect();
        // The first identity is the actor itself.
        let total = incident.members.total.saturating_sub(1);
        lines.extend(self.more(total, lines.len()).map(Line::Item));
        lines
    }

    fn steps(&self, incident: &IncidentFacts) -> Vec<Line> {
        let words = self.words;
        let steps = &incident.steps;
        let locale = self.texts.locale;
        let day = [
            ("date", own(locale.date(incident.began))),
            ("zone", own(locale.zone_name())),
        ];
        let mut lines = vec![Line::Paragraph(fill(words.steps_of_day, &day))];
        lines.extend(steps.shown.iter().map(|step| self.step(incident, step)));
        let more = steps.total.saturating_sub(steps.shown.len() as u64);
        if more > 0 {
            lines.push(item(words.other_steps, &[("count", own(more))]));
        }
        lines
    }

    fn step(&self, incident: &IncidentFacts, step: &StepFacts) -> Line {
        let words = self.words;
        let tactic = step
            .tactic
            .map(|tactic| incident_words::tactic(tactic, self.texts.locale.language));
        let outcome = match step.outcome {
            Outcome::Succeeded => vec![Piece::strong(words.succeeded)],
            Outcome::Refused => own(words.refused),
            Outcome::NotFound => own(words.not_found),
        };
        let times = match step.count {
            1 => Pieces::new(),
            count => {
                let last = own(self.moment(incident, step.last));
                fill(words.step_times, &[("count", own(count)), ("last", last)])
            }
        };
        let new = match step.is_new {
            true => vec![Piece::strong(words.step_new), Piece::own(" ")],
            false => Pieces::new(),
        };
        let technique = step.technique.as_deref().map_or_else(Pieces::new, |id| {
            fill(
                words.step_technique,
                &[("technique", vec![Piece::other(id)])],
            )
        });
        let values = [
            ("new", new),
            ("at", own(self.moment(incident, step.first))),
            ("tactic", own(tactic.unwrap_or(words.no_tactic))),
            ("call", vec![Piece::other(&call(step))]),
            ("outcome", outcome),
            ("times", times),
            ("targets", self.targets(step)),
            ("technique", technique),
        ];
        item(words.step, &values)
    }

    fn targets(&self, step: &StepFacts) -> Pieces {
        let words = self.words;
        let account_id = self.message.alert.account_id();
        let short = |target: &String| {
            let short = short_target(target, account_id);
            vec![Piece::long(short, TARGET_CHARS_MAX)]
        };
        let mut targets: Vec<Pieces> = step.targets.iter().map(short).collect();
        if targets.is_empty() {
            return Pieces::new();
        }
        if step.more_targets > 0 {
            let count = own(step.more_targets);
            let more = match step.has_other_targets {
                true => words.step_many_targets,
                false => words.step_more_targets,
            };
            targets.push(fill(more, &[("count", count)]));
        }
        let targets = joined(targets, words.comma);
        fill(words.step_targets, &[("targets", targets)])
    }

    /// Returns what stays behind: what stands or, where removals are not seen, what was made; what was open for a time; and
    /// the ways in.
    fn ledger(&self, incident: &IncidentFacts) -> Vec<Line> {
        let words = self.words;
        let ledger = &incident.stays_behind;
        let count = |total: u64| [("count", vec![Piece::strong(total)])];
        let mut lines = Vec::new();
        let (title, nothing) = match ledger.removals_seen {
            true => (words.stands, words.nothing_stands),
            false => (words.made_unseen, words.nothing_unseen),
        };
        lines.push(Line::Paragraph(match ledger.stands.total {
            0 => own(nothing),
            total => fill(title, &count(total)),
        }));
        let stands = &ledger.stands;
        lines.extend(stands.shown.iter().map(|of| self.made(incident, of)));
        lines.extend(self.more_of(stands));
        let open = &ledger.was_open;
        if open.total > 0 {
            let title = fill(words.was_open, &count(open.total));
            lines.push(Line::Paragraph(title));
            lines.extend(open.shown.iter().map(|of| self.was_open(incident, of)));
            lines.extend(self.more_of(open));
        }
        let ways = &ledger.ways_in;
        if ways.total > 0 {
            lines.push(Line::Paragraph(fill(words.ways_in, &count(ways.total))));
            let shown = ways.shown.iter().take(KEYS_MAX);
            lines.extend(shown.map(|of| self.way_in(incident, of)));
            let more = self.more(ways.total, ways.shown.len().min(KEYS_MAX));
            lines.extend(more.map(Line::Item));
        }
        lines
    }

    fn more_of<T>(&self, list: &Excerpt<T>) -> Option<Line> {
        self.more(list.total, list.shown.len()).map(Line::Item)
    }

    fn made(&self, incident: &IncidentFacts, of: &MadeFacts) -> Line {
        let words = self.words;
        let region = of.region.as_deref().map_or_else(Pieces::new, |region| {
            fill(words.made_in, &[("region", vec![Piece::other(region)])])
        });
        let unsure = match of.standing {
            Standing::Unsure => own(words.made_unsure),
            Standing::Stands | Standing::NotSeen => Pieces::new(),
        };
        let values = [
            ("what", self.object(&of.kind)),
            ("name", vec![Piece::other(&of.name)]),
            ("at", own(self.moment(incident, of.at))),
            ("call", vec![Piece::other(&of.by)]),
            ("region", region),
            ("unsure", unsure),
        ];
        item(words.made, &values)
    }

    fn object(&self, kind: &str) -> Pieces {
        let known = incident_words::object(kind, self.texts.locale.language);
        vec![known.map_or_else(|| Piece::other(kind), Piece::own)]
    }

    fn was_open(&self, incident: &IncidentFacts, of: &OpenFacts) -> Line {
        let lasted = of.until.seconds_since(of.from);
        let values = [
            ("what", self.object(&of.kind)),
            ("name", vec![Piece::other(&of.name)]),
            ("until", own(self.moment(incident, of.until))),
            ("lasted", self.lasted(lasted)),
        ];
        item(self.words.was_open_of, &values)
    }

    fn way_in(&self, incident: &IncidentFacts, of: &WayInFacts) -> Line {
        let account_id = self.message.alert.account_id();
        let values = [
            ("key", vec![Piece::other(&of.key)]),
            ("of", vec![Piece::other(short_name(&of.of, account_id))]),
            ("last", own(self.moment(incident, of.last))),
        ];
        match of.lasts {
            true => item(self.words.way_in_lasts, &values),
            false => item(self.words.way_in_ends, &values),
        }
    }

    /// Returns what to do, each as a numbered paragraph with its objects and commands.
    fn to_do(&self, incident: &IncidentFacts) -> Vec<Line> {
        let words = self.words;
        let mut lines = Vec::new();
        for (number, of) in (1..).zip(&incident.to_do) {
            let sentence = self.in_language(&of.english, &of.chinese);
            let values = of.values.iter();
            let values: Vec<(&str, Pieces)> = values
                .map(|of| (of.word.as_str(), vec![Piece::other(&of.value)]))
                .collect();
            let mut pieces = fill(words.to_do_number, &[("number", own(number))]);
            pieces.extend(fill(sentence, &values));
            lines.push(Line::Paragraph(pieces));
            lines.extend(of.items.shown.iter().map(|item| self.to_do_item(item)));
            lines.extend(self.more_of(&of.items));
        }
        lines
    }

    fn to_do_item(&self, of: &ToDoItem) -> Line {
        let words = self.words;
        let what = self.in_language(&of.english, &of.chinese);
        let listed = of.commands.iter();
        let listed: Vec<Pieces> = listed
            .map(|command| vec![Piece::long(command, COMMAND_CHARS_MAX)])
            .collect();
        let mut commands = Pieces::new();
        if !listed.is_empty() {
            commands.push(Piece::own(words.colon));
            commands.extend(joined(listed, words.semicolon));
        }
        if of.name.is_empty() {
            return Line::Item([own(what), commands].concat());
        }
        let values = [
            ("name", vec![Piece::other(&of.name)]),
            ("what", own(what)),
            ("commands", commands),
        ];
        item(words.to_do_item, &values)
    }

    /// Returns a time in an incident: without the date on the day on which the incident began.
    fn moment(&self, incident: &IncidentFacts, at: Timestamp) -> String {
        let locale = self.texts.locale;
        match locale.date(at) == locale.date(incident.began) {
            true => locale.second(at).chars().skip(11).collect(),
            false => locale.stated(at),
        }
    }

    fn in_language<'t>(&self, english: &'t str, chinese: &'t str) -> &'t str {
        match self.texts.locale.language {
            Language::En => english,
            Language::Zh => chinese,
        }
    }

    fn incident_evidence(&self, incident: &IncidentFacts) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        let mut lines = Vec::new();
        if incident.stage != IncidentStage::Merged && !incident.evidence.is_empty() {
            let evidence = incident.evidence.iter().map(|of| {
                let reason =
                    incident_words::evidence(of.kind, of.items, self.texts.locale.language);
                let values = [("reason", own(reason)), ("count", own(of.items))];
                fill(words.evidence_items, &values)
            });
            let evidence = joined(evidence.collect(), words.semicolon);
            lines.push(item(words.evidence, &[("evidence", evidence)]));
        }
        let links = &self.texts.links;
        let mut found = self.links();
        let logs = message.logs_link(links);
        found.extend(logs.map(|url| Piece::Link {
            label: words.look_actor,
            url,
        }));
        lines.extend(found.into_iter().map(|link| Line::Item(vec![link])));
        if incident.stage != IncidentStage::Merged {
            let events = incident.telling_events().into_iter();
            lines.extend(events.filter_map(|step| self.event(incident, step)));
        }
        let ids = [
            ("incident", own(incident.incident.text())),
            ("alert", own(message.alert.id())),
        ];
        lines.push(item(words.incident_id, &ids));
        lines
    }

    /// Returns a line with the link to the event of a step.
    fn event(&self, incident: &IncidentFacts, step: &StepFacts) -> Option<Line> {
        let words = self.words;
        let url = step.event_link(&self.texts.links)?;
        let values = [
            ("at", own(self.moment(incident, step.first))),
            ("call", vec![Piece::other(&call(step))]),
        ];
        let mut pieces = fill(words.event_of_call, &values);
        let label = words.look_event;
        pieces.extend([Piece::own(words.comma), Piece::Link { label, url }]);
        Some(Line::Item(pieces))
    }
}

fn call(step: &StepFacts) -> String {
    format!("{}:{}", step.service, step.action)
}

/// Returns the target of a step without what every ARN of the account has.
fn short_target<'t>(target: &'t str, account_id: &str) -> &'t str {
    let mut parts = target.splitn(6, ':');
    match (parts.next(), parts.nth(3), parts.next()) {
        // What comes after `secret:` would be masked, as if it were one.
        (Some("arn"), Some(account), Some(name)) if account == account_id || account.is_empty() => {
            name.strip_prefix("secret:").unwrap_or(name)
        }
        _ => target,
    }
}

fn uncapitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Makes the first letter of pieces a capital, if it is one of the program.
fn capitalize(pieces: &mut Pieces) {
    if let Some(Piece::Own(text)) = pieces.first_mut() {
        *text = capitalized(text);
    }
}
