//! The attributes of an event in Guance: what people filter by, and what joins the event with hosts, logs and metrics.
//!
//! The names of `DataKit` are used where it has one: `cloud_provider`, `service`, `region`, `env`, `host` and `instance_id`.
//! These are tags, because AWS or the settings wrote their values. All other attributes are fields, whose names begin with
//! `ct_`. Callers can influence those whose names contain `untrusted`.
//! Source: Guance documentation, "Collector host objects" and "Cloud metadata" (`cloud_provider`, `instance_id`, `region`), and
//! "Global tags" (`env`, `host`).

use clusters::Cluster;
use clusters::class::Class;
use clusters::facet::FacetKind as Facet;
use clusters::keys::{IamAnswer, masked};

use crate::cluster_hint;
use crate::facts::Facts;
use crate::guance::line_protocol::{Field, TAG_BYTES_MAX};
use crate::message::Message;
use crate::safe::{readable, token};
use crate::text::Texts;

/// The longest text of a field, in characters; of advice, and of an error message.
const CHARS_MAX: usize = 256;
const HINT_CHARS_MAX: usize = 1_536;
const TEMPLATE_CHARS_MAX: usize = 512;

/// The facets that are fields, with their names. The most frequent value of a facet is its value.
const FACETS: [(Facet, &str); 16] = [
    (Facet::Principal, "ct_untrusted_principal"),
    (Facet::PrincipalKind, "ct_principal_kind"),
    (Facet::CallerAccount, "ct_caller_account"),
    (Facet::Session, "ct_untrusted_session"),
    (Facet::AccessKey, "ct_access_key"),
    (Facet::Origin, "ct_origin"),
    (Facet::UserAgent, "ct_untrusted_user_agent"),
    (Facet::Network, "ct_network"),
    (Facet::SourceIp, "ct_source_ip"),
    (Facet::VpcEndpoint, "ct_vpc_endpoint"),
    (Facet::Resource, "ct_untrusted_resource"),
    (Facet::IamAction, "ct_iam_action"),
    (Facet::Layer, "ct_layer"),
    (Facet::Policy, "ct_untrusted_policy"),
    (Facet::Access, "ct_access"),
    (Facet::Mfa, "ct_mfa"),
];

/// Returns the attributes that are tags, as pairs of name and value. Values are short, and have only the characters of
/// [`token`]. Attributes without a value are left out.
pub fn tags(message: &Message) -> Vec<(&'static str, String)> {
    let mut tags = vec![("cloud_provider", "aws".to_owned())];
    match (&message.alert.facts, &message.cluster) {
        (_, Some(cluster)) => tags.extend(tags_of_cluster(cluster)),
        // The cluster of a sensitive call is no longer stored.
        (Facts::SensitiveCall(call), None) => tags.push(("service", written(&call.service))),
        _ => {}
    }
    let environment = message.environment.as_deref().map(written);
    tags.extend(environment.map(|name| ("env", name)));
    tags.retain(|(_, value)| !value.is_empty());
    tags
}

/// Returns the attributes of a cluster that are tags, as [`tags`] does.
pub fn tags_of_cluster(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let instance = most_frequent(cluster, Facet::Instance);
    let tags = [
        ("service", Some(cluster.facts.identity.service.as_str())),
        ("region", most_frequent(cluster, Facet::Region)),
        ("host", instance),
        ("instance_id", instance),
    ];
    let tags = tags.into_iter();
    tags.filter_map(|(name, value)| Some((name, written(value?))))
        .collect()
}

/// Returns a value as tags may have it.
fn written(value: &str) -> String {
    token(value, TAG_BYTES_MAX)
}

/// Returns the attributes that are fields, as pairs of name and value. Attributes without a value are left out.
pub fn fields(message: &Message, texts: &Texts) -> Vec<(&'static str, Field)> {
    let mut fields: Vec<(&'static str, Field)> = Vec::new();
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.push((name, value.as_str().into()));
        }
    };
    let name = message.account_name.as_deref();
    add(
        "ct_account_name",
        name.map(|name| readable(name, CHARS_MAX)),
    );
    add("ct_severity_reasons", reasons(message, texts));
    if let Some(cluster) = &message.cluster {
        for (name, value) in of_cluster(cluster) {
            add(name, Some(value));
        }
        if cluster.facts.identity.class != Class::Watch {
            let template = readable(&cluster.facts.template, TEMPLATE_CHARS_MAX);
            add("ct_untrusted_template", Some(template));
            let advice = cluster_hint::of_cluster(cluster, texts.locale.language);
            // Its placeholders are masked already; "the password: change it" is no secret.
            let advice = records::redact::sanitize(&advice, HINT_CHARS_MAX);
            add("ct_untrusted_hint", Some(advice));
        }
        let ids: Vec<String> = cluster.samples.iter().map(|of| of.id.to_string()).collect();
        add("ct_event_ids", Some(ids.join(",")));
    }
    let links = &texts.links;
    add("ct_link_dashboard", links.dashboard());
    add("ct_link_logs", message.logs_link(links));
    add_key(message, &mut fields);
    add_times(message, &mut fields);
    fields
}

/// Returns the attributes of a cluster that are facets: the most frequent value of each kind, as pairs of field name and value.
/// Values are readable and short; ids of access keys are masked.
pub fn of_cluster(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let facets = FACETS.iter();
    let values = facets.filter_map(|(kind, name)| {
        let value = most_frequent(cluster, *kind)?;
        let value = match kind {
            Facet::AccessKey => masked(value),
            _ => readable(value, CHARS_MAX),
        };
        Some((*name, value))
    });
    values.filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns all values by which people filter for a cluster, as pairs of name and value.
///
/// They are its ids, class, code and call, then its attributes. `code` is its error code as lists show it; `None` if it has
/// none.
pub fn all_of_cluster(cluster: &Cluster, code: Option<&str>) -> Vec<(&'static str, String)> {
    let identity = &cluster.facts.identity;
    let mut pairs = vec![
        ("account_id", identity.account_id.clone()),
        ("cluster_id", cluster.id.to_string()),
        ("ct_class", identity.class.name().to_owned()),
        ("ct_error_code", code.unwrap_or(&identity.code).to_owned()),
        ("ct_event_name", identity.action.clone()),
        ("ct_event_source", identity.event_source()),
    ];
    for (_, value) in &mut pairs {
        *value = readable(value, CHARS_MAX);
    }
    pairs.extend(tags_of_cluster(cluster));
    pairs.extend(of_cluster(cluster));
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

/// Returns pairs of name and value as one text each, such as `ct_class:denied`, to be copied into a search.
pub fn written_out<'p>(
    pairs: impl IntoIterator<Item = (&'p &'static str, &'p String)>,
) -> Vec<String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| format!("{name}:{value}"))
        .collect()
}

/// Returns the most frequent value of a facet of a cluster; `None` if no event has a value.
fn most_frequent(cluster: &Cluster, kind: Facet) -> Option<&str> {
    let values = cluster.facets.get(&kind)?;
    values.values.first().map(|value| value.value.as_str())
}

/// Returns the reasons of the severity, separated by semicolons.
fn reasons(message: &Message, texts: &Texts) -> Option<String> {
    let reasons = message.severity.reasons.iter();
    let language = texts.locale.language;
    let reasons: Vec<String> = reasons.map(|reason| reason.sentence(language)).collect();
    let separator = language.pick("; ", "；");
    (!reasons.is_empty()).then(|| readable(&reasons.join(separator), TEMPLATE_CHARS_MAX))
}

/// Adds the last use, age and status of the first access key of the message, if IAM gave them.
fn add_key(message: &Message, fields: &mut Vec<(&'static str, Field)>) {
    let Some(key) = message.keys.first() else {
        return;
    };
    // The key of an alert about a key; that of a cluster is among its facets already.
    if message.cluster.is_none() {
        fields.push(("ct_access_key", masked(&key.id).as_str().into()));
    }
    let oddities: Vec<&str> = key.anomalies.iter().map(|anomaly| anomaly.name()).collect();
    if !oddities.is_empty() {
        fields.push(("ct_key_anomalies", oddities.join(",").as_str().into()));
    }
    if let Some(entry) = key.entry {
        fields.push(("ct_key_status", entry.status().into()));
        if let Some(created) = entry.created() {
            fields.push(("ct_key_created", created.seconds().into()));
        }
        let age = message.alert.at.and_then(|at| entry.age_days(at));
        if let Some(days) = age {
            fields.push(("ct_key_age_days", days.into()));
        }
    }
    if let Some(IamAnswer::Used {
        at,
        service,
        region,
        ..
    }) = &key.answer
    {
        fields.push(("ct_key_last_used", at.seconds().into()));
        for (name, value) in [
            ("ct_key_last_service", service),
            ("ct_key_last_region", region),
        ] {
            if let Some(value) = value {
                fields.push((name, token(value, CHARS_MAX).as_str().into()));
            }
        }
    }
}

/// Adds the times of the first and the last event of the cluster, in seconds since 1970.
fn add_times(message: &Message, fields: &mut Vec<(&'static str, Field)>) {
    let span = message.cluster.as_ref().map(|cluster| cluster.span);
    let first = message.first_seen.or(span.and_then(|span| span.first_seen));
    let times = [
        ("ct_first_seen", first),
        ("ct_last_seen", span.and_then(|span| span.last_seen)),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            fields.push((name, time.seconds().into()));
        }
    }
}
